"""What a product file says of its making, read back from its header and HDRTAB."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mvmdb.errors import NameFormatError, ProductFileError
from mvmdb.files.checks import Scalar
from mvmdb.files.hdrtab import read_hdrtab
from mvmdb.files.product import open_product
from mvmdb.files.rows import ROWS_KEYWORD
from mvmdb.files.storage import StoredObject
from mvmdb.names import ProductName
from mvmdb.records import (
    ExcludedExposure,
    FootprintStatistics,
    InputRecord,
    InputStatistics,
    LayerStatistics,
    Preparation,
    ProductRecord,
)


def read_record(path: Path | StoredObject) -> ProductRecord:
    """Read what a product says of its making.

    Raises
    ------
    ProductFileError
        The file cannot be read, lacks a keyword of provenance, or contradicts its own recipe.
    """
    with open_product(path) as hdus:
        header, rows = hdus["PRIMARY"].header, read_hdrtab(hdus["HDRTAB"])
        shape = hdus["SCI"].shape
    try:
        record = _record(header, json.loads(header[ROWS_KEYWORD]), rows, shape)
    except (KeyError, TypeError, ValueError, NameFormatError) as error:
        raise ProductFileError(
            str(path),
            f"has no usable provenance: {type(error).__name__} {error}",
            hint=f"products of this mvmdb have MVMBUILD, MVMREV, {ROWS_KEYWORD} and HDRTAB; build it again",
        ) from error
    if not record.recipe_sha256.startswith(str(header.get("MVMRECIP", "-"))):
        raise ProductFileError(str(path), "HDRTAB and recipe do not agree with MVMRECIP")
    return record


def _record(
    header: Mapping[str, Any],
    stated: Mapping[str, Any],
    rows: Sequence[Mapping[str, Scalar | None]],
    shape: tuple[int, int],
) -> ProductRecord:
    inputs = tuple(_input(row) for row in rows)
    recipe = {**stated["recipe"], "inputs": [[i.rootname, i.chip, i.file_sha256] for i in inputs]}
    footprints = stated["footprints"]
    return ProductRecord(
        product_name=ProductName.parse(header["FILENAME"]),
        revision=int(header["MVMREV"]),
        build_id=str(header["MVMBUILD"]),
        created_at=_moment(stated["created_utc"]),
        host=stated["host"],
        process_id=stated["process_id"],
        versions=stated["versions"],
        recipe=recipe,
        parameter_set=stated["parameter_set"],
        parameter_overrides=stated["parameter_overrides"],
        n_x_pix=shape[1],
        n_y_pix=shape[0],
        statistics=LayerStatistics(**stated["statistics"]),
        footprints=FootprintStatistics(**footprints) if footprints is not None else None,
        preparation=Preparation(**stated["preparation"]),
        inputs=inputs,
        withdrawn=tuple(ExcludedExposure(**item) for item in stated["withdrawn"]),
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _input(row: Mapping[str, Any]) -> InputRecord:
    statistics = InputStatistics(
        context_index=32 * row["CTXPLANE"] + row["CTXBIT"],
        n_pixels_contributed=row["NPIXCONT"],
        sky_e_per_s_arcsec2=row["SKYRATE"],
        sky_group=row["SKYGROUP"],
        flux_scale=row["FLUXSCAL"],
    )
    return InputRecord(row["ROOTNAME"], row["EXTVER"], row["SHA256"], statistics)
