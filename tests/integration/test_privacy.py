"""Nothing leaves this machine, and nothing is written beside the project: every program with a fresh home."""

import json
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import requests
from playwright.sync_api import sync_playwright

from tests.conftest import ROOT, TEXTS
from tests.demo.test_page import BROWSER, FLAGS, needs_browser, page_of
from tests.documents import made
from tests.server import free_port, running
from tests.watched import Watch, can_trace, python

pytestmark = pytest.mark.integration

ASKED = {"question": "Who wrote it?", "context": "Ada wrote it in 1843."}


@pytest.fixture
def watch() -> Iterator[Watch]:
    # Not pytest's own, whose names are too long for Ray's sockets.
    with TemporaryDirectory() as folder:
        yield Watch(Path(folder).resolve())


@pytest.fixture
def rows(tmp_path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(ASKED | {"question": f"{text}?"}) + "\n" for text in TEXTS))
    return path


def expect_silence(watch: Watch) -> None:
    assert watch.asked() == []
    assert watch.written() == []


@pytest.mark.skipif(
    not can_trace(), reason="strace is not here, or may not trace: only what Python itself does was watched"
)
def test_every_system_call_is_watched(watch):
    """The watcher itself: what a program that is none of Python asks and writes is seen."""
    with watch.started("bash", "-c", "exec 3<>/dev/udp/192.0.2.1/9; echo > ~/note; mkdir ~/more") as process:
        assert process.wait(timeout=30) == 0
    assert len(watch.asked()) == 1
    assert "192.0.2.1" in watch.asked()[0]
    assert watch.written() == [str(watch.home / "more"), str(watch.home / "note")]


def test_what_python_does_is_watched(watch):
    """The watcher that needs no strace: children are heard, too."""
    code = (
        "import os, pathlib, socket, subprocess, sys\n"
        "if len(sys.argv) == 1: sys.exit(subprocess.call([sys.executable, *sys.orig_argv[1:], 'child']))\n"
        "pathlib.Path.home().joinpath('note').write_text('x')\n"
        "socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 9))\n"
        "try: socket.getaddrinfo('nobody.invalid', 80)\n"
        "except OSError: pass\n"
    )
    watch.run(*python("-c", code))
    assert any("192.0.2.1" in one for one in watch.asked())
    assert any("nobody.invalid" in one for one in watch.asked())
    assert str(watch.home / "note") in watch.written()


@pytest.mark.parametrize(
    "command", [("-m", "gunicorn", "-c", "docker/gunicorn.conf.py", "app:create_app()"), ("app.py",)]
)
def test_server(watch, command):
    port = free_port()
    with watch.started(*python(*command), PORT=str(port)) as process:
        url = f"http://127.0.0.1:{port}"
        until_answers(f"{url}/readyz", process)
        assert requests.post(f"{url}/api/qa", json=ASKED, timeout=60).json()["answer"] == "Ada"
        for path in ("/api/health", "/api/tags", "/api/model/info", "/docs", "/openapi.json", "/metrics"):
            assert requests.get(url + path, timeout=60).ok
        embedded = requests.post(
            f"{url}/api/embed", json={"model": "all-minilm-l6-v2", "input": "Ada"}, timeout=60
        )
        assert embedded.ok
    expect_silence(watch)
    lines = (watch.folder / "printed").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if "path=/api/qa" in line]) == 1


def test_page(watch):
    port = free_port()
    with watch.started(*python("demo.py", "--port", str(port))) as process:
        url = f"http://127.0.0.1:{port}"
        until_answers(url, process)
    expect_silence(watch)


@needs_browser
@pytest.mark.parametrize(("what", "shown"), [("documentation", ".opblock"), ("page", "#state")])
def test_browser_is_sent_nowhere_else(tmp_path, what, shown):
    """Neither requests nor connections opened ahead of them, which are none."""
    with running(tmp_path) as (api, _), page_of(api) as demo, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda one: asked.append(one.url))
        page.goto(f"{api}/docs" if what == "documentation" else demo)
        page.locator(shown).first.wait_for()
        links = "link[rel~=preconnect], link[rel~=dns-prefetch]"
        asked += page.eval_on_selector_all(links, "links => links.map(link => link.href)")
        browser.close()
    assert len(asked) > 3
    assert [url for url in asked if not url.startswith(("http://127.0.0.1:", "data:", "blob:"))] == []


def test_one_question(watch):
    printed = watch.run(*python("bert_qa.py", ASKED["question"], "--context", ASKED["context"]))
    assert "Ada" in printed
    expect_silence(watch)


def test_documents_are_added(watch, tmp_path):
    """Libraries that read files fetch nothing that these name."""
    remote = "http://192.0.2.1/x"
    (tmp_path / "a.html").write_text(
        f"<p>Ada wrote it.</p><img src='{remote}'><script src='{remote}'></script>"
    )
    (tmp_path / "b.md").write_text(f"# Top\n\n![picture]({remote})\n\nWords.")
    (tmp_path / "c.docx").write_bytes(made.docx(made.word_paragraph("Words of the document.")))
    (tmp_path / "d.pdf").write_bytes(made.pdf([[(72, 700, 10, "Words of a page.")]]))
    (tmp_path / "e.eml").write_text(f"Subject: x\nContent-Type: text/html\n\n<p>Mail</p><img src='{remote}'>")
    library = ("--library", watch.temporary / "library.sqlite")
    printed = watch.run(*python("-m", "localqa", "documents", "add", tmp_path, *library))
    assert "5 added" in printed
    expect_silence(watch)


def test_list_of_adapters(watch):
    assert "squad2" in watch.run(*python("-m", "localqa", "adapters", "list"))
    expect_silence(watch)


@pytest.mark.parametrize("more", [["--help"], ["--dry_run"], ["--max_steps", "1"]], ids=" ".join)
def test_training(watch, more):
    data = ROOT / "data" / "sample_qa_data.json"
    watch.run(
        *python("fine_tune.py", "--train_data", data, "--output_dir", watch.temporary / "adapter", *more)
    )
    assert (watch.temporary / "adapter" / "curve.png").exists() == ("--max_steps" in more)
    expect_silence(watch)


def test_merging(watch):
    watch.run(*python("-m", "localqa", "adapters", "merge", "squad", "--output", watch.temporary / "whole"))
    expect_silence(watch)


def test_evaluation(watch):
    data = ROOT / "data" / "sample_qa_data.json"
    watch.run(*python("scripts/evaluate.py", "--data", data, "--output", watch.temporary / "results"))
    expect_silence(watch)


@pytest.mark.parametrize(
    "more",
    [
        [],
        pytest.param(
            ["--ray"], marks=pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
        ),
    ],
    ids=["here", "ray"],
)
def test_answers_of_a_file(watch, rows, more):
    output = watch.folder / "tmp" / "answers.jsonl"
    watch.run(*python("scripts/answer_file.py", rows, output, *more))
    assert len(output.read_text().splitlines()) == len(TEXTS)
    expect_silence(watch)


def test_rates_of_the_processor(watch):
    """A benchmark's part that imports OpenVINO by itself."""
    code = "import sys; sys.path.append('benchmarks'); import rates, logging"
    watch.run(*python("-c", f"{code}; assert not logging.getLogger().handlers"))
    expect_silence(watch)


def until_answers(url, process):
    ends = time.monotonic() + 120
    while True:
        assert process.poll() is None
        assert time.monotonic() < ends
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)


def test_cache_folder_is_obeyed(watch):
    """Whoever names a cache folder finds everything there."""
    cache = watch.temporary / "mine"
    data = ROOT / "data" / "sample_qa_data.json"
    command = python("scripts/evaluate.py", "--data", data, "--output", watch.temporary / "results")
    watch.run(*command, QA_CACHE_DIR=str(cache))
    expect_silence(watch)
    assert (cache / "matplotlib").is_dir()
    assert list(watch.home.iterdir()) == []
