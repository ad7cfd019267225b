"""Files that the user names: whole, or as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from mvmdb.errors import OutputFileError
from mvmdb.files.writing import require_suffix, write_whole


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
