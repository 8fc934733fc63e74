"""What is told to the libraries beneath, before any of them can be imported."""

import ast
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from localqa.demo.api import Api
from localqa.errors import NotReadyError
from localqa.privacy import hub_token, keep_to_this_machine
from tests.conftest import ROOT

GUARDED = {"openvino", "gradio", "ray", "huggingface_hub", "transformers", "datasets", "peft", "matplotlib"}
PROGRAMS = [*ROOT.glob("*.py"), *(ROOT / "scripts").glob("*.py"), *(ROOT / "benchmarks").glob("*.py")]


def told(code: str, **variables: str) -> str:
    """What a program prints that imports the project in an environment of its own."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nowhere"} | variables
    code = f"import localqa, os, sys; {code}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HF_HUB_DISABLE_TELEMETRY", "1"),
        ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"),
        ("GRADIO_ANALYTICS_ENABLED", "False"),
        ("RAY_USAGE_STATS_ENABLED", "0"),
        ("MPLCONFIGDIR", "/nowhere/.cache/localqa/matplotlib"),
    ],
)
def test_libraries_are_told_and_a_choice_stands(name, value):
    assert told(f"print(os.environ['{name}'])") == value
    assert told(f"print(os.environ['{name}'])", **{name: "mine"}) == "mine"


def test_caches_follow_the_cache_folder():
    assert told("print(os.environ['MPLCONFIGDIR'])", QA_CACHE_DIR="/mine") == "/mine/matplotlib"
    # A relative folder would be another one in each folder that a program is started from.
    assert told("print('MPLCONFIGDIR' in os.environ)", QA_CACHE_DIR="mine") == "False"


def test_folder_of_the_hub_stays_where_its_owner_has_it():
    assert told("import huggingface_hub.constants as c; print(c.HF_HOME)", HF_HOME="/models") == "/models"


def test_openvino_takes_its_stand_in_for_telemetry():
    code = "import openvino, openvino.tools.ovc.telemetry_utils as t, logging; "
    code += "print(t.tm.__name__, logging.getLogger().handlers)"
    assert told(code) == "openvino.tools.ovc.telemetry_stub []"


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_project_is_imported_before_what_it_guards_against(path):
    imports = [
        (node.lineno, name)
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names])
    ]
    own = min((line for line, name in imports if name.split(".")[0] in ("localqa", "bert_qa")), default=None)
    guarded = [line for line, name in imports if name.split(".")[0] in GUARDED]
    assert not guarded or (own is not None and own < min(guarded))


def test_token_for_the_hub_is_the_one_given(monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    assert hub_token() is None
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert hub_token() == "secret"


class _Proxy(BaseHTTPRequestHandler):
    asked: list[str] = []

    def do_GET(self):
        self.asked.append(self.path)
        self.send_error(502)

    def do_POST(self):
        self.do_GET()

    def log_message(self, format, *args):
        pass


@pytest.fixture
def proxy(monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_address[1]}")
        _Proxy.asked.clear()
        yield _Proxy
        server.shutdown()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_proxy_sees_what_is_asked_of_this_machine(proxy, host):
    keep_to_this_machine()
    with pytest.raises(NotReadyError):
        Api(f"http://{host}:9").ask("Who?", "Ada wrote it.", None, top_k=1)
    assert proxy.asked == []


def test_exceptions_of_the_proxy_stand(monkeypatch):
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "intranet.example, localhost")
    keep_to_this_machine()
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == "intranet.example,localhost,127.0.0.1,::1"
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    keep_to_this_machine()
    assert os.environ["no_proxy"] == "*"
