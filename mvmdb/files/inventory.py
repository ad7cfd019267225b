"""What lies in a directory of products: products, former revisions, half-written files."""

from __future__ import annotations

import re
from pathlib import Path

from mvmdb.errors import NameFormatError
from mvmdb.files.product import find_leftovers
from mvmdb.files.revisions import FOLDER
from mvmdb.names import ProductName

_KEPT = re.compile(r"(.*)_r\d{4,}\.fits")
_BUILD_ID = re.compile(r"\.([0-9a-f-]{36})\.part$")


def product_name_of(location: Path | str) -> ProductName | None:
    """Return the product whose file, current or former, bears this name; None for other files."""
    name = str(location).rpartition("/")[2]
    kept = _KEPT.fullmatch(name)
    try:
        return ProductName.parse(f"{kept[1]}.fits" if kept else name)
    except NameFormatError:
        return None


def find_products(directory: Path) -> list[Path]:
    """Return the files below a directory that are named like products or their former revisions, sorted."""
    return sorted(
        path
        for path in directory.rglob("*.fits")
        if product_name_of(path) is not None and path.is_file() and not path.is_symlink()
    )


def find_unfinished(directory: Path) -> list[Path]:
    """Return the half-written files in the directories below one."""
    places = [directory, *(path for path in directory.rglob("*") if path.is_dir() and path.name != FOLDER)]
    return [path for place in places for path in find_leftovers(place)]


def build_id_of(location: Path | str) -> str:
    """Return the build that a half-written file is of, told by its name."""
    match = _BUILD_ID.search(str(location))
    return match[1] if match else ""
