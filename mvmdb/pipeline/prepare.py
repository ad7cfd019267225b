"""Before drizzling: inputs read, their rates scaled to one sensitivity, their backgrounds made equal."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from mvmdb.errors import ExposureFileError
from mvmdb.files.chip_images import DqImage, ScienceImage
from mvmdb.files.exposure import ChipPixels, OpenExposure, open_exposure
from mvmdb.mosaic.inputs import EngineInput, Float32s, StoredPixels
from mvmdb.mosaic.sky import SkyMatch, match_sky
from mvmdb.mosaic.sky_bins import bin_side_pix, measure_sky_bins
from mvmdb.mosaic.weights import exposure_time_weight, good_pixels, rate_factor, to_rate
from mvmdb.pipeline.storage import exposure_path
from mvmdb.records import InputStatistics, LayerInput, LayerPlan, Preparation
from mvmdb.sky.grid import skycell_grid
from mvmdb.sky.tan_mapping import TanToTan

_LEVEL_DECIMALS = 6
_ALL_BITS = 0xFFFF


@dataclass(frozen=True)
class Adjustment:
    """What is done to the rate of one input: first it is scaled, then the sky is subtracted."""

    flux_scale: float = 1.0
    sky_e_per_s_arcsec2: float = 0.0
    sky_group: int = 0
    """From 1; 0 where nothing was matched."""

    def recorded_in(self, statistics: InputStatistics) -> InputStatistics:
        """Return the statistics of the input with what was done to it."""
        return replace(statistics, **vars(self))


@dataclass(frozen=True)
class PreparedLayer:
    """What is done to every input of a layer, in context order, and how header and database call it."""

    adjustments: tuple[Adjustment, ...]
    preparation: Preparation


def open_inputs(plan: LayerPlan, *, n_trusted: int = 0, n_threads: int = 1) -> tuple[ChipPixels, ...]:
    """Return the chips of a layer, in context order, each file opened and hashed once.

    Parameters
    ----------
    n_trusted
        Of so many first inputs only headers will be needed: their files are not hashed.

    Raises
    ------
    ExposureFileError
        A file has changed or gone since it was ingested, or its errors are wanted and absent.
    """
    known = {item.file.path: item for item in plan.inputs}  # the last chip of each file tells
    with ThreadPoolExecutor(n_threads) as pool:
        opened = pool.map(lambda item: _open(item, hashed=item.context_index >= n_trusted), known.values())
        exposures = dict(zip(known, opened, strict=True))
    return tuple(
        exposures[item.file.path].chip(item.file.hdu_index, with_error=plan.parameters.error)
        for item in plan.inputs
    )


def _open(item: LayerInput, *, hashed: bool) -> OpenExposure:
    exposure = open_exposure(exposure_path(item.file.path), hashed=hashed)
    if hashed and exposure.sha256 != item.file_sha256:
        raise ExposureFileError(
            item.file.path,
            f"has changed since {item.rootname} was ingested",
            hint=f"run `mvmdb ingest {item.file.path}`",
        )
    return exposure


def prepare_layer(plan: LayerPlan, chips: Sequence[ChipPixels]) -> PreparedLayer:
    """Return what has to be done to the inputs of a layer before they are drizzled.

    Reads some of the pixels of every input, one chip at a time, if backgrounds are to be matched.

    Raises
    ------
    MosaicError
        The mapping of an input is undefined on a part of its chip.
    """
    scaled = _equalise(plan.inputs) if plan.parameters.equalise == "photflam" else _untouched(plan.inputs)
    return _match_sky(plan, chips, scaled) if plan.parameters.sky == "match" else scaled


def engine_inputs(
    plan: LayerPlan, chips: Sequence[ChipPixels], adjustments: Sequence[Adjustment]
) -> list[EngineInput]:
    """Return the chips of a layer ready to drizzle, in context order; their pixels are read on demand."""
    given = zip(plan.inputs, chips, adjustments, strict=True)
    return [_engine_input(plan, item, chip, adjustment) for item, chip, adjustment in given]


def _engine_input(plan: LayerPlan, item: LayerInput, chip: ChipPixels, adjustment: Adjustment) -> EngineInput:
    # Of the whole skycell, so that no pixel depends on how large the subarray is.
    grid = skycell_grid(plan.skycell, plan.layer.scale)
    sky_e_per_s = adjustment.sky_e_per_s_arcsec2 * item.file.pixel_scale_arcsec**2
    return EngineInput(
        _Rate(chip.science, item, adjustment.flux_scale, sky_e_per_s),
        _Weight(chip.dq, plan.parameters.good_bits, item.exptime_s),
        TanToTan.onto(grid, chip.distortion),
        area_ratio=(grid.scale_arcsec / item.file.pixel_scale_arcsec) ** 2,
        exptime_s=item.exptime_s,
        stored=_stored(plan, item, chip, adjustment.flux_scale, sky_e_per_s),
        error=None if chip.error is None else _Rate(chip.error, item, adjustment.flux_scale, 0.0),
    )


def _stored(
    plan: LayerPlan, item: LayerInput, chip: ChipPixels, flux_scale: float, sky_e_per_s: float
) -> StoredPixels | None:
    """Return what the kernel can read by itself of a chip that is stored as nearly all are, else None."""
    science, dq, file = chip.science.image, chip.dq.image, item.file
    if not (science.is_plain(">f4") and dq.is_plain(">i2") and not chip.dq.shadow_pix):
        return None
    return StoredPixels(
        science.stored,
        dq.stored,
        factor=rate_factor(file.bunit, gain_e_per_dn=file.gain_e_per_dn, exptime_s=item.exptime_s),
        flux_scale=flux_scale,
        sky_e_per_s=sky_e_per_s,
        rejecting_bits=_ALL_BITS & ~plan.parameters.good_bits,
        exptime_s=item.exptime_s,
    )


@dataclass(frozen=True, eq=False)
class _Rate:
    """Electrons per second of a chip, scaled and without its sky, for the pixels that are asked for."""

    image: ScienceImage
    item: LayerInput
    flux_scale: float
    sky_e_per_s: float

    @property
    def shape(self) -> tuple[int, ...]:
        return self.image.shape

    def __getitem__(self, slices: tuple[slice, slice]) -> Float32s:
        file = self.item.file
        rate = to_rate(
            self.image[slices],
            bunit=file.bunit,
            gain_e_per_dn=file.gain_e_per_dn,
            exptime_s=self.item.exptime_s,
        )
        if self.flux_scale != 1:
            rate *= np.float32(self.flux_scale)
        if self.sky_e_per_s != 0:
            rate -= np.float32(self.sky_e_per_s)
        return rate


@dataclass(frozen=True, eq=False)
class _Weight:
    """Weights of a chip, computed for the pixels that are asked for."""

    dq: DqImage
    good_bits: int
    exptime_s: float

    @property
    def shape(self) -> tuple[int, ...]:
        return self.dq.shape

    def __getitem__(self, slices: tuple[slice, slice]) -> Float32s:
        return exposure_time_weight(good_pixels(self.dq[slices], self.good_bits), self.exptime_s)


def _untouched(inputs: Sequence[LayerInput], equalisation: str = "none") -> PreparedLayer:
    return PreparedLayer((Adjustment(),) * len(inputs), Preparation(equalisation=equalisation))


def _equalise(inputs: Sequence[LayerInput]) -> PreparedLayer:
    """Scale every input to the mean sensitivity, or none where that of any is unknown."""
    known = [item.photflam for item in inputs if item.photflam is not None]
    if len(known) < len(inputs):
        return _untouched(inputs, f"none: {len(inputs) - len(known)} inputs lack PHOTFLAM")
    times_s = [item.exptime_s for item in inputs]
    # where all are equal, so must be their mean, to the last bit: the factor is 1 then
    photflam = known[0] if len(set(known)) == 1 else float(np.average(known, weights=times_s))
    return PreparedLayer(
        tuple(Adjustment(flux_scale=one / photflam) for one in known),
        Preparation(equalisation="photflam", photflam=photflam),
    )


def _match_sky(plan: LayerPlan, chips: Sequence[ChipPixels], scaled: PreparedLayer) -> PreparedLayer:
    exptimes_s = {item.exposure_id: item.exptime_s for item in plan.inputs}
    if len(exptimes_s) == 1:
        return _unmatched(scaled, "none: there is one exposure")
    order = {exposure_id: index for index, exposure_id in enumerate(exptimes_s)}
    exposure = [order[item.exposure_id] for item in plan.inputs]
    side_pix = bin_side_pix(plan.grid.scale_arcsec)
    inputs = engine_inputs(plan, chips, scaled.adjustments)
    bins = [measure_sky_bins(item, plan.box, bin_pix=side_pix) for item in inputs]
    match = match_sky(bins, exposure, list(exptimes_s.values()), zero=plan.parameters.sky_zero)
    if not match.is_matched:
        return _unmatched(scaled, f"none: no two of the {len(exptimes_s)} exposures overlap enough")
    return _matched(plan, scaled, exposure, match)


def _unmatched(scaled: PreparedLayer, reason: str) -> PreparedLayer:
    return replace(scaled, preparation=replace(scaled.preparation, sky=reason))


def _matched(
    plan: LayerPlan, scaled: PreparedLayer, exposure: Sequence[int], match: SkyMatch
) -> PreparedLayer:
    # far below their errors, and above what linear algebra may round differently on another machine
    level_e_per_s_arcsec2 = np.round(match.level / plan.grid.scale_arcsec**2, _LEVEL_DECIMALS)
    return PreparedLayer(
        tuple(
            replace(
                one,
                sky_e_per_s_arcsec2=float(level_e_per_s_arcsec2[index]),
                sky_group=int(match.group[index]),
            )
            for one, index in zip(scaled.adjustments, exposure, strict=True)
        ),
        replace(scaled.preparation, sky=f"match to {plan.parameters.sky_zero}", n_sky_groups=match.n_groups),
    )
