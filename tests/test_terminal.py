"""Names and texts come from strangers: a terminal shows their control characters and obeys none of them."""

import json
import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from localqa.terminal import printable
from tests.conftest import ROOT

TITLE = "\x1b]0;owned\x07"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"a{TITLE}b", "a\\x1b]0;owned\\x07b"),
        ("one\r\x9b2J\x7f", "one\\x0d\\x9b2J\\x7f"),
        ("Zürich\t日本\nnext", "Zürich\t日本\nnext"),
    ],
)
def test_control_characters_are_shown_and_all_else_is_as_it_was(text, told):
    assert printable(text) == told


def on_a_terminal(*words):
    """What a verb sends to a terminal."""
    ours, its = pty.openpty()
    command = [sys.executable, "-m", "localqa", *map(str, words)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=its, stderr=its) as process:
        os.close(its)
        sent = b""
        try:
            while part := os.read(ours, 65536):
                sent += part
        except OSError:  # how Linux tells that the other end is closed
            pass
        process.wait()
    os.close(ours)
    return sent.decode()


@pytest.fixture
def doubtful(tmp_path):
    """A data file with an example that is told, whose id is a stranger's."""
    answers = {"text": ["Bob"], "answer_start": [0]}
    example = {"id": TITLE, "question": "Who?", "context": "Ada wrote it.", "answers": answers}
    file = tmp_path / "data.jsonl"
    file.write_text(json.dumps(example) + "\n")
    return file


def test_what_is_found_in_a_file_is_shown_on_a_terminal(doubtful):
    sent = on_a_terminal("check", doubtful)
    assert "\\x1b]0;owned\\x07" in sent
    assert "\x1b" not in sent


def test_what_is_piped_is_as_it_was(doubtful):
    command = [sys.executable, "-m", "localqa", "check", doubtful]
    assert TITLE in subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout


def test_an_error_shows_the_name_that_was_given():
    sent = on_a_terminal("ask", "Who?", "--file", f"{TITLE}.txt")
    assert "\\x1b]0;owned\\x07.txt" in sent
    assert "\x1b" not in sent


def ended(*words, **streams):
    """A verb that has run to its end, or to an interrupt."""
    command = [sys.executable, "-m", "localqa", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output="stdout" not in streams, timeout=60, **streams)


def test_interrupted_is_ended_and_no_fault():
    command = [sys.executable, "-m", "localqa", "ask", "Who?", "--file", "-"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        # What it is asked about never comes; by then it has started to read.
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        said, told = process.communicate(timeout=30)
    assert (process.returncode, said, told) == (130, b"", b"Ended.\n")


def test_letters_that_a_stream_does_not_have_are_told():
    latin = os.environ | {"PYTHONIOENCODING": "latin-1"}
    said = ended("ask", "Who?", "--context", "“Ada” 日本 wrote it.", "--no-abstain", "--json", env=latin)
    assert said.returncode == 0
    assert "Ada" in said.stdout.decode("latin-1")
    assert said.stderr == b""


def test_closed_streams_end_nothing(doubtful):
    closed = f"{sys.executable} -m localqa check {doubtful} >&- 2>&-"
    assert subprocess.run(closed, cwd=ROOT, shell=True, timeout=60).returncode == 1
    closed = f"{sys.executable} -m localqa ask Who? --file - <&-"
    said = subprocess.run(closed, cwd=ROOT, shell=True, capture_output=True, text=True, timeout=60)
    assert said.returncode == 2
    assert said.stderr.startswith("error: ")
