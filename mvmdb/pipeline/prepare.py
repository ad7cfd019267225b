"""Before drizzling: inputs read, their rates scaled to one sensitivity, their backgrounds made equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mvmdb.errors import ExposureFileError
from mvmdb.files.exposure import ChipPixels, read_chip
from mvmdb.files.hdrtab import ChipHeader
from mvmdb.mosaic.engine import EngineInput, Float32s
from mvmdb.mosaic.sky import SkyMatch, match_sky
from mvmdb.mosaic.sky_bins import SkyBins, bin_side_pix, measure_sky_bins
from mvmdb.mosaic.weights import exposure_time_weight, good_pixels, to_rate
from mvmdb.pipeline.storage import exposure_path
from mvmdb.records import InputStatistics, LayerInput, LayerPlan, Preparation
from mvmdb.sky.sphere import Floats

_LEVEL_DECIMALS = 6


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


def prepare_layer(plan: LayerPlan) -> PreparedLayer:
    """Return what has to be done to the inputs of a layer before they are drizzled.

    Reads the pixels of every input once, one chip at a time, if backgrounds are to be matched.

    Raises
    ------
    ExposureFileError
        An input has changed or gone since it was ingested.
    MosaicError
        The mapping of an input is undefined on a part of its chip.
    """
    scaled = _equalise(plan.inputs) if plan.parameters.equalise == "photflam" else _untouched(plan.inputs)
    return _match_sky(plan, scaled) if plan.parameters.sky == "match" else scaled


def read_input(
    plan: LayerPlan, item: LayerInput, adjustment: Adjustment, *, with_error: bool
) -> tuple[EngineInput, ChipHeader]:
    """Return a chip ready to drizzle, and its header.

    Raises
    ------
    ExposureFileError
        The file has changed or gone since it was ingested, or its errors are wanted and absent.
    """
    pixels = read_chip(exposure_path(item.file.path), item.file.hdu_index, with_error=with_error)
    if pixels.file_sha256 != item.file_sha256:
        raise ExposureFileError(
            item.file.path,
            f"has changed since {item.rootname} was ingested",
            hint=f"run `mvmdb ingest {item.file.path}`",
        )
    return _engine_input(plan, item, pixels, adjustment), pixels.header


def _engine_input(
    plan: LayerPlan, item: LayerInput, pixels: ChipPixels, adjustment: Adjustment
) -> EngineInput:
    rate = _scaled_rate(pixels.science, item, adjustment)
    if adjustment.sky_e_per_s_arcsec2 != 0:
        rate -= np.float32(adjustment.sky_e_per_s_arcsec2 * item.file.pixel_scale_arcsec**2)
    grid = plan.grid

    def to_output(x_pix: Floats, y_pix: Floats) -> tuple[Floats, Floats]:
        return grid.sky_to_pixel(*pixels.pixel_to_sky(x_pix, y_pix))

    return EngineInput(
        rate,
        exposure_time_weight(good_pixels(pixels.dq, plan.parameters.good_bits), item.exptime_s),
        to_output,
        area_ratio=(grid.scale_arcsec / item.file.pixel_scale_arcsec) ** 2,
        exptime_s=item.exptime_s,
        error=None if pixels.error is None else _scaled_rate(pixels.error, item, adjustment),
    )


def _scaled_rate(values: Float32s, item: LayerInput, adjustment: Adjustment) -> Float32s:
    rate = to_rate(
        values, bunit=item.file.bunit, gain_e_per_dn=item.file.gain_e_per_dn, exptime_s=item.exptime_s
    )
    if adjustment.flux_scale != 1:
        rate *= np.float32(adjustment.flux_scale)
    return rate


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


def _match_sky(plan: LayerPlan, scaled: PreparedLayer) -> PreparedLayer:
    exptimes_s = {item.exposure_id: item.exptime_s for item in plan.inputs}
    if len(exptimes_s) == 1:
        return _unmatched(scaled, "none: there is one exposure")
    order = {exposure_id: index for index, exposure_id in enumerate(exptimes_s)}
    exposure = [order[item.exposure_id] for item in plan.inputs]
    bins = [_measure(plan, *pair) for pair in zip(plan.inputs, scaled.adjustments, strict=True)]
    match = match_sky(bins, exposure, list(exptimes_s.values()), zero=plan.parameters.sky_zero)
    if not match.is_matched:
        return _unmatched(scaled, f"none: no two of the {len(exptimes_s)} exposures overlap enough")
    return _matched(plan, scaled, exposure, match)


def _measure(plan: LayerPlan, item: LayerInput, adjustment: Adjustment) -> SkyBins:
    chip, _ = read_input(plan, item, adjustment, with_error=False)
    return measure_sky_bins(chip, plan.box.shape, bin_pix=bin_side_pix(plan.grid.scale_arcsec))


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
