"""`localqa doctor`: what it finds, and when it says that nothing could be served."""

import socket

import pytest

from localqa.cli import doctor, main
from localqa.model import bases


@pytest.fixture(autouse=True)
def no_ollama(monkeypatch, tmp_path):
    monkeypatch.setenv("QA_OLLAMA", "off")
    monkeypatch.chdir(tmp_path)


def test_it_says_what_would_serve(capsys):
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for text in (
        "squad",
        "openvino",
        "all-MiniLM-L6-v2",
        "sha256",
        "precision",
        "the processor",
        "off, as set",
    ):
        assert text in said
    assert "FAIL" not in said


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("QA_ADAPTER", "nope", "nope"),
        ("QA_BASE", "./nowhere", "nowhere"),
        ("QA_PORT", "0", "QA_PORT"),
        ("QA_ENV_FILE", "/nowhere/.env", "/nowhere/.env"),
    ],
)
def test_what_keeps_it_from_serving_is_told_with_a_remedy(capsys, monkeypatch, variable, value, told):
    monkeypatch.setenv(variable, value)
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert told in said
    assert "FAIL" in said
    assert "what to do: " in said


def test_a_base_in_parts_is_told_and_not_unpacked(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("QA_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("QA_ADAPTER", "squad2-large")
    found = bases._module_folder
    parts = bases.PINS[bases.LARGER_BASE].modules
    monkeypatch.setattr(bases, "_module_folder", lambda name: tmp_path if name in parts else found(name))
    assert main(["doctor"]) == 0
    assert "unpacked when it is used for the first time" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_a_port_that_is_taken_is_a_note(capsys, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("QA_PORT", str(taken.getsockname()[1]))
        assert main(["doctor"]) == 0
    assert "already in use" in capsys.readouterr().out


def test_a_folder_is_no_library(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("QA_LIBRARY", str(tmp_path))
    assert main(["doctor"]) == 0
    assert "is a folder, and a library is a file" in capsys.readouterr().out


def test_a_misspelt_setting_is_a_note(capsys, monkeypatch):
    monkeypatch.setenv("QA_ADPATER", "squad")
    assert main(["doctor"]) == 0
    assert "QA_ADPATER is no setting" in capsys.readouterr().out


def test_a_package_that_serving_needs_and_is_not_there_stops_it(monkeypatch):
    monkeypatch.setattr(doctor, "_version", lambda package: None if package == "gunicorn" else "1")
    (serve,) = [found for found in doctor.findings() if found.about == "serve"]
    assert serve.stops
    assert "gunicorn" in serve.found
    assert "pip install localqa" in serve.remedy
