"""Files that the user names: whole, or as they were."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mvmdb.errors import OutputFileError, TableError
from mvmdb.files.writing import csv_written_whole, require_suffix, write_whole


def test_file_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "map.png"
    write_whole(path, b"first")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [path]


def test_failure_leaves_the_former_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "map.png"
    write_whole(path, b"first")

    def full_disk(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OutputFileError, match=r"map\.png: cannot be written: No space left") as caught:
        write_whole(path, b"second")
    assert isinstance(caught.value.__cause__, OSError)
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "map.png").mkdir()
    with pytest.raises(OutputFileError, match="cannot be written") as caught:
        write_whole(tmp_path / "map.png", b"any")
    assert caught.value.hint == "free disk space or name another directory"
    assert [path.name for path in tmp_path.iterdir()] == ["map.png"]


def test_endings(tmp_path: Path) -> None:
    assert require_suffix(tmp_path / "a.b.SVG", (".png", ".svg")) == ".svg"
    assert require_suffix(Path("a.png"), [".png"]) == ".png"
    with pytest.raises(OutputFileError, match=r"x\.gif: cannot be written as \.gif") as caught:
        require_suffix(tmp_path / "x.gif", (".png", ".svg"))
    assert caught.value.hint == "name a file that ends in .png or .svg"
    with pytest.raises(OutputFileError, match="cannot be written as a file without an ending"):
        require_suffix(tmp_path / "x", (".png", ".svg"))
    with pytest.raises(OutputFileError, match="there is no directory") as caught:
        require_suffix(tmp_path / "none" / "x.png", (".png",))
    assert caught.value.hint == f"make it: mkdir -p {tmp_path / 'none'}"


def test_rows_take_their_name_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "refused.csv"
    path.write_text("older\n")
    with csv_written_whole(path, ["line", "reason"]) as write:
        write([7, 'a "b", c'])
        assert path.read_text() == "older\n"
    assert path.read_text() == 'line,reason\n7,"a ""b"", c"\n'
    assert list(tmp_path.iterdir()) == [path]


def write_lines(path: Path, n_lines: int, *, broken: bool = False) -> None:
    """Write lines and, if broken, end as a run ends whose table is."""
    with csv_written_whole(path, ["line"]) as write:
        for line in range(n_lines):
            write([line])
        if broken:
            raise TableError("a.csv", "is cut off")


def test_rows_of_a_run_that_failed_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "refused.csv"
    path.write_text("older\n")
    with pytest.raises(TableError, match="cut off"):
        write_lines(path, 3, broken=True)
    assert path.read_text() == "older\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("n_lines", [1, 100_000])
def test_rows_on_a_full_disk(tmp_path: Path, n_lines: int) -> None:
    path = tmp_path / "refused.csv"
    path.with_name(f".{path.name}.{os.getpid()}.part").symlink_to("/dev/full")
    with pytest.raises(OutputFileError, match="No space left"):
        write_lines(path, n_lines)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "no/refused.csv"])
def test_rows_need_a_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputFileError, match=r"no regular file|cannot be written"):
        write_lines(tmp_path / name, 1)
    assert list(tmp_path.iterdir()) == []
