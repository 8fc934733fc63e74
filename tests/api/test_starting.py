"""Starting the server: what can go wrong is told in words, not as a stack trace."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware

import localqa.api.development as app_module
from app import create_app, main
from localqa.api.listening import ensure_can_listen
from localqa.api.spec import Api
from localqa.config import Settings
from localqa.errors import BaseModelError, ConfigError
from tests.api.fake_reader import FakeReader
from tests.server import free_port, serving

ROOT = Path(__file__).resolve().parents[2]
BROKEN_APP = """
from localqa.errors import BaseModelError

def create_app():
    raise BaseModelError("No base here.", remedy="Install one.")
"""


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_a_taken_port_is_told_with_a_remedy(taken_port: int) -> None:
    with pytest.raises(ConfigError, match=f"Port {taken_port} .* already in use") as raised:
        ensure_can_listen("127.0.0.1", taken_port)
    assert f"PORT={taken_port + 1} make serve" in raised.value.remedy


def test_a_free_port_is_left_free() -> None:
    port = free_port()
    ensure_can_listen("127.0.0.1", port)
    ensure_can_listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["203.0.113.7", "no such host", "a" * 300])
def test_a_foreign_host_is_told(host: str) -> None:
    with pytest.raises(ConfigError, match="not an address of this machine"):
        ensure_can_listen(host, 5000)


def test_python_app_ends_with_the_message_of_a_taken_port(
    taken_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--port", str(taken_port)])
    assert ended.value.code == 2
    assert "already in use" in capsys.readouterr().err


def test_python_app_ends_with_the_message_of_a_failed_load(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(settings: Settings) -> Api:
        raise BaseModelError("No base here.", remedy="Install one.")

    monkeypatch.setattr(app_module, "create_app", fail)
    with pytest.raises(SystemExit) as ended:
        main(["--port", str(free_port())])
    assert ended.value.code == 2
    assert "No base here." in (err := capsys.readouterr().err)
    assert "Install one." in err


def test_flags_override_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}
    monkeypatch.setenv("QA_ADAPTER", "law")
    monkeypatch.setenv("QA_BASE", "other/base")

    class Server:
        def __init__(self, host: str, port: int, app: Api, **_: object) -> None:
            seen.update(port=port)

        def serve_forever(self) -> None:
            seen.update(served=True)

    monkeypatch.setattr(app_module, "make_server", Server)
    monkeypatch.setattr(app_module, "create_app", lambda settings: seen.update(settings=settings))
    port = free_port()
    main(["--port", str(port), "--adapter", "squad"])
    assert seen["port"] == port
    assert seen["served"]
    assert (seen["settings"].adapter, seen["settings"].base) == ("squad", "other/base")


def test_help_shows_the_flags(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(flag in shown for flag in ("--host", "--port", "--adapter", "--base"))


def test_a_misspelt_variable_is_warned_about(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, reader: FakeReader
) -> None:
    monkeypatch.setenv("QA_ADPTER", "law")
    create_app(Settings.load(), reader)
    assert "QA_ADPTER" in caplog.text


def gunicorn(folder: Path, *, port: int, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", ROOT / "docker" / "gunicorn.conf.py", "broken:create_app()"],
        cwd=folder,
        env={
            **os.environ,
            "PORT": str(port),
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.mark.integration
def test_gunicorn_ends_when_the_app_cannot_load(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN_APP)
    ended = gunicorn(tmp_path, port=free_port())
    assert ended.returncode == 4
    assert "No base here." in ended.stderr
    assert "Install one." in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stderr.count("Booting worker") == 1


@pytest.mark.integration
def test_gunicorn_tells_of_a_taken_port(tmp_path: Path, taken_port: int) -> None:
    ended = gunicorn(tmp_path, port=taken_port)
    assert ended.returncode == 2
    assert "make serve" in ended.stderr


@pytest.mark.integration
@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"QA_HOST": "0.0.0.0"}, "there are no API keys"),
        ({"QA_ADAPTER": "nosuch"}, 'no adapter "nosuch"'),
        ({"QA_SUMMARY_ADAPTER": "nosuch"}, 'no adapter "nosuch"'),
        ({"QA_HOST": "nosuchhost.invalid", "QA_ALLOW_OPEN": "true"}, "is not an address of this machine"),
    ],
)
def test_what_keeps_serve_from_serving_is_all_that_it_says(variables: dict[str, str], told: str) -> None:
    for words in (["serve", "--port", str(free_port())], ["doctor"]):
        command = [sys.executable, "-m", "localqa", *words]
        ended = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "QA_OLLAMA": "off", **variables},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert told in ended.stdout + ended.stderr
        assert "failed to load" not in ended.stderr
        assert ended.returncode == (2 if words[0] == "serve" else 1)


@pytest.mark.integration
def test_gunicorn_tells_of_a_bad_setting(tmp_path: Path) -> None:
    ended = gunicorn(tmp_path, port=free_port(), QA_MAX_BATCH="many")
    assert ended.returncode == 2
    assert "QA_MAX_BATCH" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.fixture
def server(app: Api) -> Iterator[str]:
    with serving(app) as address:
        yield address


def check_script(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, ROOT / "scripts" / "test_api.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.integration
def test_the_check_script_tells_failures_apart(server: str) -> None:
    """The fake reader knows nothing, so the checks of meaning fail; those of the HTTP layer all hold."""
    ended = check_script(server)
    assert ended.returncode == 1
    failed = [line for line in ended.stdout.splitlines() if line.startswith("FAIL")]
    assert all("refuses" not in line for line in failed), failed
    assert len(failed) == 4, failed


@pytest.mark.integration
def test_the_check_script_brings_a_key_and_stays_below_the_path_of_a_proxy() -> None:
    below = create_app(Settings.load(api_keys="s3cret-ключ"), FakeReader())
    with serving(DispatcherMiddleware(NotFound(), {"/qa": below})) as address:
        for words in ((), ("--key", "wrong")):
            ended = check_script(f"{address.removeprefix('http://')}/qa/", *words)
            assert ended.returncode == 2
            assert "--key" in ended.stderr
        ended = check_script(f"{address}/qa", "--key", "s3cret-ключ")
    assert ended.returncode == 1
    assert "FAIL" in ended.stdout
    assert not [line for line in ended.stdout.splitlines() if line.startswith("FAIL") and "refuses" in line]


@pytest.mark.integration
def test_the_check_script_without_a_server() -> None:
    ended = check_script(f"http://127.0.0.1:{free_port()}")
    assert ended.returncode == 2
    assert "make serve" in ended.stderr
