"""Files that mean harm, and a process that reads them: each is refused, and the next one is read."""

import io
import os
import signal
import subprocess
import sys
import zipfile

import pytest

from localqa.documents.document import DocumentError
from localqa.documents.limits import Limits
from localqa.documents.pictures import page_picture
from localqa.documents.process import ReadingProcess
from localqa.documents.reading import read_bytes, read_file
from tests.documents import made

GOOD = b"A good text."


def refused(data, name, limits, process=None):
    with pytest.raises(DocumentError) as told:
        read_bytes(data, name, limits=limits, process=process)
    return told.value.reason


def test_a_bomb_in_an_archive_is_refused_unopened():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * 20_000_000)
    assert len(stream.getvalue()) < 30_000
    assert refused(stream.getvalue(), "bomb.docx", Limits(unpacked_bytes=10_000_000)) == "too_large"


def test_an_archive_that_lies_of_its_size_hits_the_limit_of_memory():
    data = bytearray(made.odt("<text:p>" + "x" * 300_000_000 + "</text:p>"))
    at = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    data[at + 24 : at + 28] = (1000).to_bytes(4, "little")
    assert refused(bytes(data), "lie.odt", Limits(memory_bytes=400_000_000)) in (
        "corrupted",
        "memory",
        "empty",
    )


def test_entities_are_not_expanded_and_no_file_is_read():
    laughs = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9))
    content = (
        f'<!DOCTYPE x [<!ENTITY e0 "ha"><!ENTITY file SYSTEM "file:///etc/passwd">{laughs}]>'
        '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:text>'
        "<text:p>before &e8; &file; after</text:p></office:text></office:body></office:document-content>"
    )
    assert refused(made.archive({"content.xml": content}), "e.odt", Limits(seconds=20)) == "corrupted"


def test_chapters_outside_of_the_archive_are_not_read():
    chapters = {"../../../../etc/passwd": "<p>inside the archive</p>", "a.xhtml": "<p>Chapter.</p>"}
    assert "root:" not in read_bytes(made.epub(chapters), "out.epub").text


def test_deep_nesting_is_read_as_far_as_pages_are_nested():
    def nested(levels):
        return ("<div>" * levels + "bottom" + "</div>" * levels).encode()

    assert read_bytes(nested(150), "deep.html").text == "bottom"
    assert refused(nested(50_000), "deep.html", Limits(seconds=60)) == "empty"


def test_too_many_characters_and_too_large_a_file():
    assert refused(b"word " * 100, "a.txt", Limits(characters=100)) == "too_large"
    assert refused(b"word " * 100, "a.txt", Limits(bytes=100)) == "too_large"


def test_a_process_that_hangs_is_ended_and_the_next_file_is_read(monkeypatch):
    monkeypatch.setattr("localqa.documents.process._MODULE", "tests.documents.hanging")
    with ReadingProcess(Limits(seconds=1.5)) as process:
        assert refused(b"hang", "a.txt", Limits(), process) == "timeout"
        assert read_bytes(GOOD, "b.txt", process=process).text == "A good text."


def test_a_process_that_is_killed_is_started_anew():
    with ReadingProcess(Limits()) as process:
        read_bytes(GOOD, "a.txt", process=process)
        os.kill(process.pid, signal.SIGKILL)
        assert refused(GOOD, "b.txt", Limits(), process) == "corrupted"
        assert read_bytes(GOOD, "c.txt", process=process).text == "A good text."


def test_the_process_opens_no_connection_and_writes_no_file(tmp_path):
    code = (
        "import socket\nfrom localqa.documents import child\nfrom localqa.documents.limits import Limits\n"
        "child.limit(Limits()); child.close_the_door()\n"
        "try:\n    socket.create_connection(('127.0.0.1', 9))\nexcept OSError as e:\n    print(e)\n"
        f"open({str(tmp_path / 'x')!r}, 'w').write('x' * 10)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "no connection is made" in told.stdout
    assert not (tmp_path / "x").exists() or (tmp_path / "x").stat().st_size == 0


def test_a_file_that_may_not_be_read_is_told(tmp_path):
    with pytest.raises(DocumentError) as told:
        read_file(tmp_path / "gone.txt")
    assert told.value.reason == "unreadable"


def test_pictures_of_pages():
    data = made.pdf([[(72, 700, 20, "Hello")], [(72, 700, 20, "World")]])
    assert page_picture(data, 2).startswith(b"\x89PNG")
    with pytest.raises(DocumentError, match="no page 3"):
        page_picture(data, 3)
