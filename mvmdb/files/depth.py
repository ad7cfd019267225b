"""Depth maps as FITS: exposure time and number of chips in square bins of a skycell."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from mvmdb.files.writing import write_whole
from mvmdb.records import DepthMap

_HISTORY = (
    "Made from the footprints of the exposures alone; no pixel was read.",
    "A bin holds the mean over its area, or over its part in the skycell:",
    "a chip that covers half of a bin adds half of its exposure time.",
    "Bad pixels and cosmic rays are not taken off.",
)


def write_depth(path: Path, depth: DepthMap, *, origin: str) -> None:
    """Write a depth map: images EXPTIME and NCHIPS with their WCS, and a table of what was counted.

    Parameters
    ----------
    path
        File to write; an older one is replaced.
    depth
        The maps.
    origin
        Name and version of the software, for the header.

    Raises
    ------
    OutputFileError
        The file cannot be written.
    """
    hdus = fits.HDUList(
        [
            fits.PrimaryHDU(header=_primary_header(depth, origin)),
            _image(depth, "EXPTIME", depth.exptime_s, ("BUNIT", "s", "mean exposure time over a bin")),
            _image(depth, "NCHIPS", depth.n_chips, ("BUNIT", "", "mean number of chips over a bin")),
            _exposures(depth),
        ]
    )
    for hdu in hdus:
        hdu.add_checksum()
    stream = io.BytesIO()
    hdus.writeto(stream, output_verify="exception")
    write_whole(path, stream.getvalue())


def _primary_header(depth: DepthMap, origin: str) -> fits.Header:
    exposures = depth.exposures
    header = fits.Header(
        [
            ("DATE", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "time of writing, UTC"),
            ("ORIGIN", origin, "software that made this file"),
            ("SKYCELL", str(depth.skycell), "skycell"),
            ("LAYER", str(depth.layer or "ALL"), "layer whose exposures were counted"),
            ("BINPIX", depth.bin_pix, "[pixel] side of a bin in fine pixels"),
            ("SAMPLING", "AREA", "a footprint counts by the area it covers"),
            ("NEXP", len(exposures), "number of exposures"),
            ("NCHIPS", len(depth.outlines), "number of chips"),
            ("TEXPTIME", sum(item.exptime_s for item in exposures), "[s] sum of their exposure times"),
            ("MAXDEPTH", float(depth.exptime_s.max(initial=0.0)), "[s] exposure time of the deepest bin"),
        ]
    )
    for line in _HISTORY:
        header.add_history(line)
    return header


def _image(
    depth: DepthMap, name: str, values: NDArray[np.float64], unit: tuple[str, str, str]
) -> fits.ImageHDU:
    cards = [("INHERIT", True, "inherit the primary header"), unit, *_wcs_cards(depth)]
    return fits.ImageHDU(values.astype(np.float32), fits.Header(cards), name=name)


def _wcs_cards(depth: DepthMap) -> list[tuple[str, Any, str]]:
    """Return the WCS; LTV and LTM give the pixels of the skycell (ds9 shows them as physical)."""
    grid, box, bin_pix = depth.grid, depth.box, depth.bin_pix
    return [
        ("WCSAXES", 2, "number of coordinate axes"),
        ("CTYPE1", "RA---TAN", "right ascension, tangent plane"),
        ("CTYPE2", "DEC--TAN", "declination, tangent plane"),
        ("CUNIT1", "deg", "unit of CRVAL1"),
        ("CUNIT2", "deg", "unit of CRVAL2"),
        ("CRVAL1", grid.crval_ra_deg, "[deg] tangent point, right ascension"),
        ("CRVAL2", grid.crval_dec_deg, "[deg] tangent point, declination"),
        ("CRPIX1", grid.crpix_x, "bin of the tangent point, x from 1"),
        ("CRPIX2", grid.crpix_y, "bin of the tangent point, y from 1"),
        ("CD1_1", -grid.cd_deg, "[deg] per bin: x grows to the west"),
        ("CD1_2", 0.0, ""),
        ("CD2_1", 0.0, ""),
        ("CD2_2", grid.cd_deg, "[deg] per bin: y grows to the north"),
        ("RADESYS", "ICRS", "reference frame"),
        ("LTV1", 0.5 - (box.x0 + 0.5) / bin_pix, "x here = LTM1_1 * x in the fine skycell + LTV1"),
        ("LTV2", 0.5 - (box.y0 + 0.5) / bin_pix, "y here = LTM2_2 * y in the fine skycell + LTV2"),
        ("LTM1_1", 1 / bin_pix, "bins per fine pixel"),
        ("LTM2_2", 1 / bin_pix, "bins per fine pixel"),
    ]


def _exposures(depth: DepthMap) -> fits.BinTableHDU:
    """Return the table of the exposures that were counted, in order of time."""
    exposures = depth.exposures
    n_chips = {item.exposure: 0 for item in exposures}
    for outline in depth.outlines:
        n_chips[outline.exposure] += 1
    columns = [
        _text_column("EXPOSURE", [item.exposure for item in exposures]),
        _text_column("INSTRUME", [item.instrument.upper() for item in exposures]),
        _text_column("DETECTOR", [item.detector.upper() for item in exposures]),
        _text_column("FILTER", [item.filter.upper() for item in exposures]),
        fits.Column("EXPTIME", "D", unit="s", array=[item.exptime_s for item in exposures]),
        fits.Column("START", "D", unit="d", array=[item.start_mjd for item in exposures]),
        fits.Column("NCHIPS", "J", array=list(n_chips.values())),
    ]
    return fits.BinTableHDU.from_columns(columns, name="EXPOSURES")


def _text_column(name: str, values: Sequence[str]) -> fits.Column:
    return fits.Column(name, f"{max(map(len, values), default=1)}A", array=list(values))
