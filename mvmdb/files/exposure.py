"""Exposures: the facts in their headers, their outlines on the sky, and their pixels on demand."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from mvmdb.errors import ExposureFileError, NameFormatError, WcsError
from mvmdb.files.checks import Keywords, Scalar, image_shape
from mvmdb.files.chip_images import DqImage, ScienceImage, constant_image
from mvmdb.files.exclusion import CALIBRATED_FILE_TYPES, find_findings, is_serious
from mvmdb.files.instruments import (
    chip_bunit,
    chip_gain,
    filter_name,
    instrument_detector,
    photflam_per_electron,
    positive_or_none,
)
from mvmdb.files.mapped import map_fits
from mvmdb.files.opening import FitsContent, HeaderDataUnit, read_fits
from mvmdb.files.wcs import TABLE_NAMES, linear_scale_arcsec, pixel_to_sky, read_distortion
from mvmdb.names import parse_rootname
from mvmdb.records import ChipFacts, ExposureFacts
from mvmdb.sky.distortion import ChipDistortion
from mvmdb.sky.footprint import PixelToSky, SkyRing, outline, ring_area_sr

_WFPC2_EDGE_PIX = 60
_FIRST_MJD, _LAST_MJD = 47_000.0, 80_000.0
_LONGEST_EXPTIME_S = 1e6
_LARGEST_ERROR = 1e30
_LARGEST_DISTORTION = 1.25
_LARGEST_SCALE_RATIO = 1.5
"""IDCSCALE of ACS/SBC, 0.025 arcsec, is the furthest from its mean pixel side, 0.032."""
_ARCSEC_PER_RAD = 3600 * 180 / np.pi
_OTHER_FILE_TYPES = (
    "raw",
    "ima",
    "crj",
    "crc",
    "drz",
    "drc",
    "c1m",
    "d0m",
    "spt",
    "asn",
    "jit",
    "trl",
    "hlet",
)
_ANY_FILE_TYPE = re.compile(r"[a-z0-9]{1,16}")


@dataclass(frozen=True, eq=False)
class ChipPixels:
    """The pixels of one chip, to be read by rows and columns, and what places them on the sky."""

    science: ScienceImage
    """``(ny, nx)``, in the unit of BUNIT."""
    dq: DqImage
    """``(ny, nx)``, data quality bits; zero where the file has none."""
    header: dict[str, Scalar]
    """Scalar keywords of PRIMARY and the SCI extension, the latter first; cards that break the standard
    are left out."""
    pixel_to_sky: PixelToSky
    """Through the full distortion."""
    distortion: ChipDistortion
    """The same mapping as numbers."""
    error: ScienceImage | None = None
    """``(ny, nx)``, standard deviation of ``science`` in the same unit; None where it was not asked for."""


def read_exposure(path: str | os.PathLike[str]) -> ExposureFacts:
    """Return what the headers of an exposure say; its pixels are hashed, not kept.

    Parameters
    ----------
    path
        FITS file of ACS, WFC3 or WFPC2, plain or gzip.

    Returns
    -------
    ExposureFacts
        With one outline per SCI extension. An exposure with a serious finding has no chips where its WCS
        gives none; its other facts are complete. ``file_path`` is absolute, ``file_size_bytes`` uncompressed.

    Raises
    ------
    ExposureFileError
        The file cannot be read as FITS, or has no SCI extension.
    HeaderError
        A keyword is missing or holds an impossible value.
    WcsError
        The WCS keywords give no usable mapping to the sky.
    """
    name = os.fspath(path)
    content = read_fits(name, _is_lookup_table)
    primary = content.primary
    instrument, detector = instrument_detector(primary)
    file_type = _file_type(name, primary)
    findings = find_findings(primary.values, file_type, detector)
    chips = tuple(_read_chips(content, instrument, detector, may_fail=any(map(is_serious, findings))))
    start_mjd = primary.number("EXPSTART", _FIRST_MJD, _LAST_MJD)
    return ExposureFacts(
        rootname=_rootname(name, primary),
        file_path=os.path.abspath(name),
        file_sha256=content.sha256,
        file_size_bytes=content.size_bytes,
        file_type=file_type,
        instrument=instrument,
        detector=detector,
        filter=filter_name(primary, instrument),
        exptime_s=primary.number("EXPTIME", 0, _LONGEST_EXPTIME_S),
        start_mjd=start_mjd,
        end_mjd=primary.number("EXPEND", start_mjd, _LAST_MJD),
        target_name=primary.text("TARGNAME", default=""),
        proposal_id=_proposal_id(primary),
        wcsname=_wcsname(_sci_units(content)[0].keywords),
        findings=findings,
        chips=chips,
    )


@dataclass(frozen=True, eq=False)
class OpenExposure:
    """An exposure whose pixels are read as they are touched."""

    path: str
    content: FitsContent

    @property
    def sha256(self) -> str:
        """Hash of the file as it is; compare with what the catalogue knows."""
        return self.content.sha256

    def chip(self, hdu_index: int, *, with_error: bool = False) -> ChipPixels:
        """Return the pixels of one SCI extension, with its data quality and its mapping to the sky.

        Parameters
        ----------
        hdu_index
            0-based position of the SCI extension, as in :class:`ChipFacts`.
        with_error
            Give the ERR extension too.

        Raises
        ------
        ExposureFileError
            That HDU is no SCI extension, or its errors are wanted and absent.
        HeaderError
            SCI, DQ or ERR is no image, or they differ in shape or unit.
        WcsError
            The WCS keywords give no usable mapping to the sky.
        """
        content = self.content
        unit = next((unit for unit in _sci_units(content) if unit.keywords.hdu_index == hdu_index), None)
        if unit is None:
            raise ExposureFileError(self.path, f"HDU {hdu_index} is no SCI extension")
        science = ScienceImage(unit.image())
        distortion = read_distortion(unit.keywords, content.find)
        return ChipPixels(
            science=science,
            dq=_find_dq(content, unit, science.shape),
            header=dict(unit.keywords.over(content.primary).values),
            pixel_to_sky=pixel_to_sky(distortion),
            distortion=distortion,
            error=_find_error(content, unit, science.shape) if with_error else None,
        )


def open_exposure(path: str | os.PathLike[str]) -> OpenExposure:
    """Map an exposure to memory.

    Parameters
    ----------
    path
        FITS file of ACS, WFC3 or WFPC2, plain or gzip.

    Raises
    ------
    ExposureFileError
        The file cannot be read as FITS.
    HeaderError
        A keyword that tells the size of the data is missing or impossible.
    """
    name = os.fspath(path)
    return OpenExposure(name, map_fits(name))


def _is_lookup_table(keywords: Keywords) -> bool:
    return keywords.extension[0] in TABLE_NAMES


def _sci_units(content: FitsContent) -> list[HeaderDataUnit]:
    """Return the SCI extensions in the order of the file; at least one, each with its own EXTVER."""
    units = [unit for unit in content.units if unit.keywords.extension[0] == "SCI"]
    if not units:
        raise ExposureFileError(content.primary.path, "has no SCI extension")
    versions = [unit.keywords.extension[1] for unit in units]
    for unit, version in zip(units, versions, strict=True):
        if versions.count(version) > 1:
            raise unit.keywords.fault("EXTVER", f"{version} belongs to more than one SCI extension")
    return units


def _read_chips(
    content: FitsContent, instrument: str, detector: str, *, may_fail: bool
) -> Iterator[ChipFacts]:
    """Yield the chips; an exposure with a serious finding may lack any whose WCS or DQ is of no use."""
    for unit in _sci_units(content):
        try:
            if not may_fail:
                _require_dq(content, unit.keywords)
            yield _chip_facts(content, unit.keywords, instrument, detector)
        except WcsError:
            if not may_fail:
                raise


def _chip_facts(content: FitsContent, sci: Keywords, instrument: str, detector: str) -> ChipFacts:
    n_y_pix, n_x_pix = image_shape(sci)
    merged = sci.over(content.primary)
    bunit = chip_bunit(sci, instrument)
    gain_e_per_dn = chip_gain(merged, instrument, detector) if bunit.startswith("COUNTS") else 1.0
    linear_arcsec = linear_scale_arcsec(sci)
    return ChipFacts(
        chip=sci.extension[1],
        hdu_index=sci.hdu_index,
        n_x_pix=n_x_pix,
        n_y_pix=n_y_pix,
        footprint=_footprint(content, sci, n_x_pix, n_y_pix, linear_arcsec),
        pixel_scale_arcsec=sci.number(
            "IDCSCALE",
            linear_arcsec / _LARGEST_SCALE_RATIO,
            linear_arcsec * _LARGEST_SCALE_RATIO,
            default=linear_arcsec,
        ),
        bunit=bunit,
        gain_e_per_dn=gain_e_per_dn,
        photflam=photflam_per_electron(merged, instrument, gain_e_per_dn),
        photplam_angstrom=positive_or_none(merged, "PHOTPLAM"),
        wcsname=_wcsname(sci),
    )


def _footprint(
    content: FitsContent, sci: Keywords, n_x_pix: int, n_y_pix: int, linear_arcsec: float
) -> SkyRing:
    """Return the outline of a chip, if its area agrees with the CD matrix."""
    to_sky = pixel_to_sky(read_distortion(sci, content.find))
    try:
        ring = outline(to_sky, n_x_pix, n_y_pix)
    except ValueError as error:
        raise sci.for_wcs().fault("CD1_1", f"with the distortion: {error}") from error
    mean_arcsec = np.sqrt(ring_area_sr(ring) / (n_x_pix * n_y_pix)) * _ARCSEC_PER_RAD
    if not 1 / _LARGEST_DISTORTION <= mean_arcsec / linear_arcsec <= _LARGEST_DISTORTION:
        problem = (
            f"the CD matrix gives pixels of {linear_arcsec:.4g} arcsec, the distortion {mean_arcsec:.4g}"
        )
        raise sci.for_wcs().fault("CD1_1", problem)
    return ring


def _require_dq(content: FitsContent, sci: Keywords) -> None:
    """Refuse a chip without data quality, or with that of another; WFPC2 keeps it in a file of its own."""
    unit = content.find("DQ", sci.extension[1])
    if unit is None:
        if content.primary.text("INSTRUME").upper() != "WFPC2":
            hint = "without data quality bad pixels and cosmic rays cannot be told from the sky"
            raise sci.fault("EXTNAME", f"SCI,{sci.extension[1]} has no DQ extension beside it", hint=hint)
    elif unit.keywords.integer("NAXIS", 0, 7) != 0 and image_shape(unit.keywords) != image_shape(sci):
        shapes = f"DQ has {image_shape(unit.keywords)} rows and columns, SCI {image_shape(sci)}"
        raise unit.keywords.fault("NAXIS1", shapes)


def _find_dq(content: FitsContent, sci: HeaderDataUnit, shape: tuple[int, ...]) -> DqImage:
    """Return the DQ array that belongs to a SCI extension."""
    unit = content.find("DQ", sci.keywords.extension[1])
    if unit is None:
        is_wfpc2 = content.primary.text("INSTRUME").upper() == "WFPC2"
        return DqImage(constant_image(0, shape, np.int32), _WFPC2_EDGE_PIX if is_wfpc2 else 0)
    if unit.keywords.integer("NAXIS", 0, 7) == 0:  # HST writes a constant array as its value alone
        value = unit.keywords.integer("PIXVALUE", -(2**15), 2**16, default=0) & 0xFFFF
        return DqImage(constant_image(value, shape, np.int32))
    dq = unit.image()
    if dq.shape != shape or not dq.is_integer:
        raise unit.keywords.fault(
            "NAXIS1", f"DQ is {dq.stored.dtype.name} of shape {dq.shape}, not integers like SCI {shape}"
        )
    return DqImage(dq)


def _find_error(content: FitsContent, sci: HeaderDataUnit, shape: tuple[int, ...]) -> ScienceImage:
    """Return the ERR array that belongs to a SCI extension, in the same unit."""
    version = sci.keywords.extension[1]
    unit = content.find("ERR", version)
    if unit is None:
        raise ExposureFileError(
            content.primary.path,
            f"has no extension ERR,{version}, which the error layer needs",
            hint="build the layer without errors (--set error=false), or leave out this exposure",
        )
    if unit.keywords.integer("NAXIS", 0, 7) == 0:  # as with DQ
        value = unit.keywords.number("PIXVALUE", 0, _LARGEST_ERROR)
        return ScienceImage(constant_image(value, shape, np.float32))
    error = ScienceImage(unit.image())
    if error.shape != shape:
        raise unit.keywords.fault("NAXIS1", f"ERR has shape {error.shape}, SCI {shape}")
    science_bunit = sci.keywords.text("BUNIT", default="")
    bunit = unit.keywords.text("BUNIT", default=science_bunit)
    if bunit.upper() != science_bunit.upper():
        raise unit.keywords.fault("BUNIT", f"of ERR is {bunit!r}, of SCI {science_bunit!r}")
    return error


def _file_type(path: str, primary: Keywords) -> str:
    """Return the kind of file its name tells, else the name the header keeps, else its last word."""
    words = [*_words(path), *_words(primary.text("FILENAME", default=""))]
    last = PurePath(path).name.lower().split(".")[0].split("_")[-1]
    found = next((word for word in words if word in CALIBRATED_FILE_TYPES + _OTHER_FILE_TYPES), last)
    return found if _ANY_FILE_TYPE.fullmatch(found) else "unknown"


def _words(file_name: str) -> list[str]:
    """Return the parts of a file name from the last to the first."""
    return re.split(r"[_.]", PurePath(file_name).name.lower())[::-1]


def _rootname(path: str, primary: Keywords) -> str:
    """Return the root name from the header, else from the beginning of the file name."""
    given = primary.text("ROOTNAME", default="") or PurePath(path).name.split("_")[0]
    try:
        return parse_rootname(given)
    except NameFormatError as error:
        raise primary.fault("ROOTNAME", str(error), hint=error.hint) from error


def _proposal_id(primary: Keywords) -> int | None:
    """Return PROPOSID, which occurs as a number and as text; None where it is absent or 0."""
    value = primary.value("PROPOSID")
    if not isinstance(value, str):
        return primary.integer("PROPOSID", 0, 999_999, default=0) or None
    if not re.fullmatch(r"[0-9]{0,6}", value.strip()):
        raise primary.fault("PROPOSID", f"is {value!r}, not a proposal number")
    return int(value.strip() or 0) or None


def _wcsname(sci: Keywords) -> str | None:
    return sci.text("WCSNAME", default="") or None
