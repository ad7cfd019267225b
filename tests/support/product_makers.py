"""Plans, arrays and headers of small products, from seeds."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mvmdb.files.hdrtab import ChipHeader
from mvmdb.files.product import BuildStamp
from mvmdb.names import LayerName, ProductName, SkycellName
from mvmdb.records import (
    DrizzleParameters,
    InputStatistics,
    LayerArrays,
    LayerImage,
    LayerInput,
    LayerPlan,
    LayerStatistics,
)
from mvmdb.sky.grid import PixelBox

BUILD_ID = "0c1e63a4-6a0f-4d5e-9f3c-3f3d1d2b7a10"
DOCUMENT_EXTENT = PixelBox(2132, 10281, 12972, 21953)
"""The subarray of p1889x07y19 in multivisit_products.rst."""


def make_stamp(**changes: Any) -> BuildStamp:
    values: dict[str, Any] = {
        "build_id": BUILD_ID,
        "revision": 3,
        "created_utc": "2026-11-22T18:30:05.5+00:00",
        "versions": {"mvmdb": "0.1.0", "drizzle": "3.0.0"},
    }
    return BuildStamp(**values | changes)


def make_input(index: int, **changes: Any) -> LayerInput:
    """One chip; two chips make an exposure of 100, 110, 120 ... seconds, a day apart."""
    exposure = index // 2
    rootname = f"jtst{exposure:02d}{chr(ord('a') + exposure % 26)}aq"
    values: dict[str, Any] = {
        "context_index": index,
        "exposure_id": 500 + exposure,
        "rootname": rootname,
        "revision": 1,
        "chip": index % 2 + 1,
        "hdu_index": 3 * (index % 2) + 1,
        "file_path": f"/archive/{rootname}_flc.fits",
        "file_sha256": f"{index:064x}",
        "exptime_s": 100.0 + 10.0 * exposure,
        "start_mjd": 53000.25 + exposure,
        "end_mjd": 53000.25 + exposure + 0.01,
        "wcsname": "IDC_one-FIT_REL_GAIAeDR3",
        "pixel_scale_arcsec": 0.05,
        "bunit": "ELECTRONS",
        "gain_e_per_dn": 1.0,
        "photflam": 7.9e-20,
    }
    return LayerInput(**values | changes)


def make_plan(
    n_inputs: int = 4,
    *,
    layer: str = "acs_wfc_f606w",
    extent: PixelBox | None = None,
    inputs: tuple[LayerInput, ...] | None = None,
) -> LayerPlan:
    skycell, name = SkycellName(1889, 7, 19), LayerName.parse(layer)
    return LayerPlan(
        skycell=skycell,
        layer=name,
        selection="all",
        product_name=ProductName(skycell, name, "all", "drc"),
        extent=extent or PixelBox(2132, 10281, 2132 + 61, 10281 + 47),
        inputs=inputs or tuple(make_input(index) for index in range(n_inputs)),
        parameters=DrizzleParameters(good_bits=80),
        parameter_set="mvmdb",
        engine="mvmdb 0.1.0, drizzle 3.0.0",
    )


def make_chip_headers(plan: LayerPlan) -> list[ChipHeader]:
    return [
        {
            "SIMPLE": True,
            "TELESCOP": "HST",
            "ROOTNAME": chip.rootname,
            "PROPOSID": 10775,
            "TARGNAME": "NGC104",
            "EXPTIME": chip.exptime_s,
            "FILTER1": "F606W",
            "FILTER2": "CLEAR2L",
            "ASN_ID": "JTST01010",
            "DATE-OBS": "2003-12-27",
            "EXTVER": chip.chip,
            "CRVAL1": 180.0 + 0.001 * chip.context_index,
            "A_ORDER": 4,
            "A_0_2": 1e-6,
            "PHOTMODE": f"ACS WFC{chip.chip} F606W MJD#{chip.start_mjd:.4f}",
            "PHOTFLAM": 7.9e-20 * (1 + 0.01 * chip.context_index),
            "PHOTPLAM": 5921.0,
        }
        for chip in plan.inputs
    ]


def make_image(plan: LayerPlan, seed: int = 1) -> LayerImage:
    """Return arrays in which every input covers a random two thirds of the pixels that are observed."""
    random = np.random.default_rng(seed)
    shape = plan.grid.shape
    hit = random.random((len(plan.inputs), *shape)) < 2 / 3
    hit[:, : shape[0] // 4] = False
    weight = sum_of(hit, [0.9 * chip.exptime_s for chip in plan.inputs])
    science = np.where(weight > 0, random.normal(1.0, 0.3, shape), np.nan).astype(np.float32)
    context = np.zeros((plan.n_context_planes, *shape), dtype=np.uint32)
    for index, pixels in enumerate(hit):
        context[index // 32] |= pixels.astype(np.uint32) << np.uint32(index % 32)
    exptime = sum_of(hit, [chip.exptime_s for chip in plan.inputs])
    return LayerImage(
        LayerArrays(science, weight.astype(np.float32), context.view(np.int32)),
        _statistics(plan, hit.sum(axis=0), exptime, weight),
        tuple(InputStatistics(index, int(pixels.sum())) for index, pixels in enumerate(hit)),
    )


def sum_of(hit: NDArray[np.bool_], values: list[float]) -> NDArray[np.float64]:
    return np.tensordot(np.array(values), hit, axes=1)


def _statistics(
    plan: LayerPlan, n_inputs: NDArray[np.int64], exptime: NDArray[np.float64], weight: NDArray[np.float64]
) -> LayerStatistics:
    seen = n_inputs > 0
    side = 21954 if plan.layer.scale == "fine" else 7318
    return LayerStatistics(
        n_pixels_observed=int(seen.sum()),
        coverage_fraction=float(seen.sum() / side**2),
        mean_exptime_s=float(exptime[seen].mean()),
        median_exptime_s=float(np.median(exptime[seen])),
        mean_n_exposures=float(n_inputs[seen].mean()),
        median_n_exposures=float(np.median(n_inputs[seen])),
        mean_weight=float(weight[seen].mean()),
        median_weight=float(np.median(weight[seen])),
    )


def with_input(plan: LayerPlan, index: int, **changes: Any) -> LayerPlan:
    """Return the plan with one input changed."""
    inputs = list(plan.inputs)
    inputs[index] = dataclasses.replace(inputs[index], **changes)
    return dataclasses.replace(plan, inputs=tuple(inputs))
