"""A product file while it is drawn: laid out at full size first, its arrays mapped from it, sealed at last.

So a layer needs no memory of its own besides the rows that are being drawn, and its pixels are written once.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
from astropy.io import fits

from mvmdb.errors import EmptyLayerError
from mvmdb.files.cards import make_header, n_records
from mvmdb.files.checksum import folded, seal
from mvmdb.files.compressed import compress_product
from mvmdb.files.extension_headers import context_header, error_header, science_cards, weight_header
from mvmdb.files.hdrtab import ChipHeader, write_hdrtab
from mvmdb.files.header import BuildStamp, primary_content
from mvmdb.files.piece_file import piece_file
from mvmdb.files.piece_reader import tree_sha256
from mvmdb.files.pixel_file import PixelFile
from mvmdb.files.product import StagedProduct, file_errors, temporary_path
from mvmdb.records import (
    FootprintStatistics,
    InputStatistics,
    LayerArrays,
    LayerImage,
    LayerPlan,
    LayerStatistics,
    Preparation,
)

_BLOCK_BYTES = 2880
_SPARE_BLOCKS = 3
"""Room for an S_REGION of some 300 vertices; if it is longer, the pixels are moved once."""
_CARD_BYTES = 80
_LAYOUT_CARDS = 10
"""XTENSION to GCOUNT, both checksums and END; PRIMARY has fewer."""
_MOVED_BYTES = 1 << 24


@dataclass(frozen=True, eq=False)
class ProductDraft:
    """A file under a temporary name in its final directory, with room for everything but HDRTAB."""

    temporary_path: Path
    final_path: Path
    pixels: PixelFile
    """Where rows are written to."""
    arrays: LayerArrays
    """The same, mapped from the file to be read, in the byte order of FITS."""
    data_start: int
    """Byte at which the pixels of SCI begin; PRIMARY and the header of SCI go before."""


@contextmanager
def product_draft(
    directory: Path, plan: LayerPlan, chip_headers: Sequence[ChipHeader], stamp: BuildStamp
) -> Iterator[ProductDraft]:
    """Give a file to draw on. If the block is left by an exception, nothing of the file stays.

    Parameters
    ----------
    directory
        Where the product will be published; made if it does not exist.
    plan, stamp
        What is to be built, and by which build.
    chip_headers
        Header of each input of the plan, in its order.

    Raises
    ------
    EmptyLayerError
        The plan has no input.
    TooLargeError
        The headers have more keywords than a FITS table has columns.
    ProductFileError
        The disk is full or the directory cannot be written; nothing is left behind.
    """
    if not plan.inputs:
        raise EmptyLayerError(f"{plan.product_name} has no inputs")
    if [chip.context_index for chip in plan.inputs] != list(range(len(chip_headers))):
        raise ValueError("one chip header for each input is needed, in the order of the context bits")
    final_path = directory / str(plan.product_name)
    path = temporary_path(final_path, stamp.build_id)
    data_start = _foreseen_front_bytes(plan, chip_headers, stamp) + _SPARE_BLOCKS * _BLOCK_BYTES
    sections = _image_sections(plan, _image_headers(plan, fits.Header(), stamp), 0, data_start)
    with (
        file_errors(path, "cannot be written", "free disk space or choose another directory"),
        ExitStack() as undo,
    ):
        directory.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            undo.callback(path.unlink, missing_ok=True)
            # All of it now: a full disk shows here, and not when a mapped page finds no room.
            os.posix_fallocate(file.fileno(), 0, sections[-1].data_end)
        starts = {name: section.data_start for name, section in zip(_shapes(plan), sections, strict=True)}
        with piece_file(path) as pieces:
            pixels = PixelFile(pieces, starts, 4 * plan.grid.box.n_pixels)
            yield ProductDraft(path, final_path, pixels, _mapped(path, plan, sections), data_start)
        undo.pop_all()


def finish_product(
    draft: ProductDraft,
    plan: LayerPlan,
    image: LayerImage,
    chip_headers: Sequence[ChipHeader],
    stamp: BuildStamp,
    *,
    compress: bool = False,
    n_threads: int = 1,
) -> StagedProduct:
    """Write headers, checksums and HDRTAB of a drawn file, and sync it to disk.

    Parameters
    ----------
    draft
        Whose arrays are those of the image, every row of them written once.
    plan, image, chip_headers, stamp
        What was built, and by which build; equal arguments give equal bytes.
    compress
        Put the same pixels into a compressed file of the same name.
    n_threads
        Tiles that are compressed at a time.

    Raises
    ------
    TooLargeError
        The headers have more keywords than a FITS table has columns.
    ProductFileError
        The disk is full.
    """
    headers = _headers(plan, image, chip_headers, stamp)
    path, sums = draft.temporary_path, draft.pixels.sums
    data_start = max(draft.data_start, _front_bytes(headers))
    sections = _sections(plan, headers, data_start)
    texts = [
        (section.start, _header_bytes(section, folded(sums.get(section.header.get("EXTNAME"), 0)), stamp))
        for section in sections
    ]
    texts.append((sections[-1].data_end, _table_bytes(plan, image, chip_headers, stamp)))
    with file_errors(path, "cannot be written", "free disk space or choose another directory"):
        if data_start == draft.data_start and not compress:
            sha256 = _finished(draft, texts)
        else:
            _rewrite(draft, data_start - draft.data_start, texts)
            if compress:
                compress_product(path, stamp.date, n_threads=n_threads)
            sha256 = _synced(path)
        return StagedProduct(path, draft.final_path, sha256, path.stat().st_size)


def _finished(draft: ProductDraft, texts: Sequence[tuple[int, bytes]]) -> str:
    """Complete a drawn file with what stands before and behind its images; return its hash."""
    for start, text in texts:
        draft.pixels.write_bytes(start, text)
    last, text = texts[-1]
    return draft.pixels.pieces.finish(last + len(text))


def _rewrite(draft: ProductDraft, n_moved_bytes: int, texts: Iterable[tuple[int, bytes]]) -> None:
    """Do the same to a file that is hashed later, with its images moved up."""
    draft.pixels.pieces.finish(draft.temporary_path.stat().st_size)
    with draft.temporary_path.open("r+b") as file:
        _make_room(file, draft.data_start, n_moved_bytes)
        for start, text in texts:
            file.seek(start)
            file.write(text)


def _synced(path: Path) -> str:
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return tree_sha256(path)


@dataclass(frozen=True, eq=False)
class _Section:
    """One HDU in the file."""

    header: fits.Header
    start: int
    data_start: int
    n_data_bytes: int

    @property
    def data_end(self) -> int:
        """Where the next HDU begins."""
        return self.data_start + _whole_blocks(self.n_data_bytes)


def _sections(plan: LayerPlan, headers: Mapping[str, fits.Header], data_start: int) -> list[_Section]:
    """Return where everything goes, PRIMARY first, when the pixels of SCI begin at a byte."""
    primary = headers["PRIMARY"]
    end = len(primary.tostring())
    return [_Section(primary, 0, end, 0), *_image_sections(plan, headers, end, data_start)]


def _image_sections(
    plan: LayerPlan, headers: Mapping[str, fits.Header], end: int, data_start: int
) -> list[_Section]:
    """Return the same of the images; PRIMARY ends at a byte."""
    sections = []
    for name, shape in _shapes(plan).items():
        header = headers[name]
        first = data_start if name == "SCI" else end + len(header.tostring())
        sections.append(_Section(header, end, first, 4 * prod(shape)))
        end = sections[-1].data_end
    return sections


def _mapped(path: Path, plan: LayerPlan, sections: Sequence[_Section]) -> LayerArrays:
    science, weight, *error, context = (
        np.memmap(path, _dtype(name), "r", section.data_start, shape)
        for section, (name, shape) in zip(sections, _shapes(plan).items(), strict=True)
    )
    planes = context.reshape(plan.n_context_planes, *plan.grid.shape)
    return LayerArrays(science, weight, planes, error[0] if error else None)


def _shapes(plan: LayerPlan) -> dict[str, tuple[int, ...]]:
    """Return the shape of each image, in the order of the file; one plane of CTX has no third axis."""
    shape = plan.grid.shape
    planes = () if plan.n_context_planes == 1 else (plan.n_context_planes,)
    error = {"ERR": shape} if plan.parameters.error else {}
    return {"SCI": shape, "WHT": shape, **error, "CTX": (*planes, *shape)}


def _dtype(name: str) -> str:
    return ">i4" if name == "CTX" else ">f4"


def _headers(
    plan: LayerPlan, image: LayerImage, chip_headers: Sequence[ChipHeader], stamp: BuildStamp
) -> dict[str, fits.Header]:
    """Return the headers by EXTNAME, complete but for their checksums."""
    cards = science_cards(plan, image, chip_headers)
    primary = fits.PrimaryHDU(header=primary_content(plan, image, chip_headers, stamp, cards).header())
    fits.HDUList([primary, fits.ImageHDU()]).update_extend()  # where readers expect EXTEND
    seal(primary.header, 0, stamp.date)
    return {"PRIMARY": primary.header, **_image_headers(plan, make_header(cards), stamp)}


def _image_headers(plan: LayerPlan, science: fits.Header, stamp: BuildStamp) -> dict[str, fits.Header]:
    """Return the headers of the images, complete but for their checksums."""
    given = {
        "SCI": science,
        "WHT": weight_header(plan),
        "ERR": error_header(plan),
        "CTX": context_header(plan),
    }
    headers = {}
    for name, shape in _shapes(plan).items():
        pixels = np.broadcast_to(np.zeros((), _dtype(name)), shape)
        headers[name] = fits.ImageHDU(pixels, given[name]).header
        seal(headers[name], 0, stamp.date)
    return headers


def _foreseen_front_bytes(plan: LayerPlan, chip_headers: Sequence[ChipHeader], stamp: BuildStamp) -> int:
    """Return about how long what goes before the pixels of SCI will be."""
    image = _placeholder(plan)
    science = science_cards(plan, image, chip_headers)
    primary = primary_content(plan, image, chip_headers, stamp, science)
    return sum(
        _whole_blocks((n + _LAYOUT_CARDS) * _CARD_BYTES) for n in (primary.n_records(), n_records(science))
    )


def _placeholder(plan: LayerPlan) -> LayerImage:
    """Return an image with a value for every keyword, to see how long the headers will be."""
    nothing = np.zeros((1, 1), dtype=np.float32)
    return LayerImage(
        LayerArrays(nothing, nothing, np.zeros((1, 1, 1), dtype=np.int32)),
        LayerStatistics(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        tuple(InputStatistics(item.context_index, 0) for item in plan.inputs),
        Preparation(photflam=0.0),
        FootprintStatistics(0, 0.0, 0.0, 0.0, 0.0, 0.0),
    )


def _front_bytes(headers: Mapping[str, fits.Header]) -> int:
    """Return the length of what goes before the pixels of SCI."""
    return sum(len(headers[name].tostring()) for name in ("PRIMARY", "SCI"))


def _make_room(file: BinaryIO, data_start: int, n_bytes: int) -> None:
    """Move the images up: the headers are longer than foreseen."""
    end = file.seek(0, os.SEEK_END)
    for stop in range(end, data_start, -_MOVED_BYTES):
        start = max(data_start, stop - _MOVED_BYTES)
        file.seek(start)
        block = file.read(stop - start)
        file.seek(start + n_bytes)
        file.write(block)


def _header_bytes(section: _Section, data_sum: int, stamp: BuildStamp) -> bytes:
    """Return a header with its checksums, blank cards before the pixels where there is room."""
    header = section.header
    for _ in range((section.data_start - section.start - len(header.tostring())) // _CARD_BYTES):
        header.append("", end=True)
    seal(header, data_sum, stamp.date)
    text: str = header.tostring()
    return text.encode("ascii")


def _table_bytes(
    plan: LayerPlan, image: LayerImage, chip_headers: Sequence[ChipHeader], stamp: BuildStamp
) -> bytes:
    """Return HDRTAB as it stands in the file."""
    table = write_hdrtab(plan.inputs, image, chip_headers)
    # The comment is the time of the build, not of this moment, so that equal builds give equal files.
    table.add_checksum(when=stamp.date)
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(stream, output_verify="exception")
    return stream.getvalue()[_BLOCK_BYTES:]


def _whole_blocks(n_bytes: int) -> int:
    return -(-n_bytes // _BLOCK_BYTES) * _BLOCK_BYTES
