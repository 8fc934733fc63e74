"""Files that are there whole or not at all."""

import pytest

from localqa.errors import ResourceError
from localqa.writing import check_writable, on_disk, whole


def test_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "a.json"
    with whole(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_there_stays_when_writing_fails(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"old")

    def half():
        yield b"half"
        raise OSError("full")

    with pytest.raises(OSError, match="full"), whole(path) as file:
        file.writelines(half())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_half_a_file_has_the_name_that_it_was_given(tmp_path):
    partial = tmp_path / "a.partial"
    with whole(tmp_path / "a", partial=partial):
        assert partial.exists()
    assert not partial.exists()


def test_folder_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), whole(tmp_path / "none" / "a"):
        pass


def test_files_and_folders_are_put_on_the_disk(tmp_path):
    (tmp_path / "a").write_text("a")
    on_disk(tmp_path / "a")
    on_disk(tmp_path)
    with pytest.raises(FileNotFoundError):
        on_disk(tmp_path / "none")


def test_trying_a_folder_leaves_nothing_behind(tmp_path):
    check_writable(tmp_path / "a" / "b")
    check_writable(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["file", "file/a", "a" * 300])
def test_folder_that_cannot_be_made_is_told(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(ResourceError, match="No file can be written"):
        check_writable(tmp_path / name)
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
