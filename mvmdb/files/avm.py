"""Tags in a picture that say where on the sky it lies and what it shows: the AVM standard, as XMP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyavm import AVM

from mvmdb.sky.grid import TanGrid

XMP_KEYWORD = "XML:com.adobe.xmp"
"""Keyword of the PNG text chunk in which programs look for XMP."""

_ULTRAVIOLET_NM, _INFRARED_NM = 380.0, 800.0


@dataclass(frozen=True)
class Channel:
    """One layer in a picture."""

    instrument: str
    """Like ``WFC3/UVIS``."""
    filter: str
    wavelength_angstrom: float | None
    exptime_s: float
    colour: str
    """``Grayscale``, ``Red``, ``Green`` or ``Blue``."""


@dataclass(frozen=True)
class PictureTags:
    """What a picture shows."""

    title: str
    subject: str | None
    channels: tuple[Channel, ...]
    simulated: bool = False


def avm_packet(tags: PictureTags, grid: TanGrid) -> bytes:
    """Return the XMP packet of a picture.

    Parameters
    ----------
    tags
        What it shows.
    grid
        Its pixels, the lowest row first. AVM counts reference pixels from 1 at the lower left, as FITS does.
    """
    avm = AVM()
    avm.MetadataVersion = 1.2
    avm.Title = tags.title
    avm.Creator = "mvmdb"
    avm.Type = "Simulation" if tags.simulated else "Observation"
    if tags.subject:
        avm.Subject.Name = [tags.subject]
    avm.Facility = ["Hubble"] * len(tags.channels)
    avm.Instrument = [channel.instrument for channel in tags.channels]
    avm.Spectral.ColorAssignment = [channel.colour for channel in tags.channels]
    avm.Spectral.Bandpass = [channel.filter for channel in tags.channels]
    avm.Temporal.IntegrationTime = [channel.exptime_s for channel in tags.channels]
    _tag_wavelengths(avm, tags.channels)
    _tag_place(avm, grid)
    return bytes(avm.to_xmp())


def _tag_wavelengths(avm: AVM, channels: Sequence[Channel]) -> None:
    lengths_nm = [
        channel.wavelength_angstrom / 10 for channel in channels if channel.wavelength_angstrom is not None
    ]
    if len(lengths_nm) == len(channels):
        avm.Spectral.CentralWavelength = lengths_nm
        avm.Spectral.Band = [_band(length_nm) for length_nm in lengths_nm]


def _band(length_nm: float) -> str:
    if length_nm < _ULTRAVIOLET_NM:
        return "Ultraviolet"
    return "Optical" if length_nm < _INFRARED_NM else "Infrared"


def _tag_place(avm: AVM, grid: TanGrid) -> None:
    avm.Spatial.CoordinateFrame = "ICRS"
    avm.Spatial.Equinox = "2000"
    avm.Spatial.CoordsystemProjection = "TAN"
    avm.Spatial.ReferenceValue = [grid.crval_ra_deg, grid.crval_dec_deg]
    avm.Spatial.ReferenceDimension = [float(grid.n_x_pix), float(grid.n_y_pix)]
    avm.Spatial.ReferencePixel = [grid.crpix_x, grid.crpix_y]
    avm.Spatial.Scale = [-grid.cd_deg, grid.cd_deg]
    avm.Spatial.Rotation = 0.0
    avm.Spatial.Quality = "Full"
