"""``mvmdb coverage``: what lights a position, many positions or a region, how deep, how much sky."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from mvmdb.catalog.positions import (
    ExposureFilter,
    Place,
    find_union_area_deg2,
    list_coverage,
    list_depth,
    list_depth_at_positions,
)
from mvmdb.errors import InputError
from mvmdb.sky.region import parse_region
from mvmdb_cli.output import Form, Format, Json, print_json, print_rows
from mvmdb_cli.positions import parse_position
from mvmdb_cli.session import asking

Ra = Annotated[str | None, typer.Argument(metavar="RA", help="53.1625 (degrees), 03:32:39 or 3h32m39s.")]
Dec = Annotated[str | None, typer.Argument(metavar="DEC", help="-27.7914 (degrees) or -27:47:29.")]

EXPOSURE_COLUMNS = {
    "exposure": "exposure",
    "instrument": "instrument",
    "detector": "detector",
    "filter": "filter",
    "exptime_s:.1f": "exptime/s",
    "start_mjd:.3f": "start/MJD",
    "proposal_id": "proposal",
    "target_name": "target",
    "wcsname": "wcsname",
    "exclusion": "excluded",
}
_DEPTH_COLUMNS = {
    "instrument": "instrument",
    "detector": "detector",
    "filter": "filter",
    "n_exposures": "exposures",
    "exptime_s:.0f": "exptime/s",
}


def coverage(
    ra: Ra = None,
    dec: Dec = None,
    radius_arcsec: Annotated[
        float, typer.Option("--radius", min=0, help="Also within this many arcsec.")
    ] = 0.0,
    region: Annotated[
        str | None, typer.Option(help="Inside this polygon, circle or box, in STC-S or as ds9 writes it.")
    ] = None,
    positions: Annotated[
        Path | None, typer.Option(help="CSV of positions (ra, dec, perhaps id): the depth of each, at once.")
    ] = None,
    filters: Annotated[
        list[str] | None, typer.Option("--filter", help="Only this filter; may be repeated.")
    ] = None,
    instruments: Annotated[
        list[str] | None, typer.Option("--instrument", help="Only this instrument; may be repeated.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Only exposures started at this UTC time or later.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(help="Only exposures started before this UTC time.")
    ] = None,
    min_exptime_s: Annotated[
        float, typer.Option("--min-exptime", help="Only exposures of so many seconds.")
    ] = 0.0,
    excluded: Annotated[bool, typer.Option("--excluded", help="Also exposures that enter no layer.")] = False,
    depth: Annotated[bool, typer.Option("--depth", help="Sum up by detector and filter.")] = False,
    area: Annotated[
        bool, typer.Option("--area", help="The sky they cover together, square degrees.")
    ] = False,
    as_json: Json = False,
    form: Form = Format.TABLE,
) -> None:
    """List the exposures that light a position, or how deep it is.

    Example: `mvmdb coverage 03:32:10 -27:43:00 --radius 5 --filter F160W --since 2009-01-01`
    """
    only = ExposureFilter(
        tuple(instruments or ()), tuple(filters or ()), _utc(since), _utc(until), min_exptime_s, excluded
    )
    if positions is not None:
        _depth_of_positions(positions, as_json=as_json, form=form)
        return
    place = Place(polygons=parse_region(region)) if region else _place(ra, dec, radius_arcsec)
    with asking() as connection:
        if area:
            _print_area(find_union_area_deg2(connection, place, only), as_json=as_json)
        elif depth:
            rows = list_depth(connection, place, only)
            dates = {"first_date": "first", "last_date": "last"}
            print_rows(rows, {**_DEPTH_COLUMNS, **dates}, form=form, as_json=as_json)
        else:
            drawn = form not in (Format.TABLE, Format.JSON, Format.CSV)
            exposures = list_coverage(connection, place, only, with_footprints=drawn)
            print_rows(exposures, EXPOSURE_COLUMNS, form=form, as_json=as_json)


def _place(ra: str | None, dec: str | None, radius_arcsec: float) -> Place:
    if ra is None or dec is None:
        raise InputError("no place given", hint="give RA and DEC, --region TEXT or --positions FILE")
    return Place(*parse_position(ra, dec), radius_arcsec)


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _print_area(area_deg2: float, *, as_json: bool) -> None:
    if as_json:
        print_json({"area_deg2": area_deg2})
    else:
        typer.echo(f"{area_deg2:.8f} square degrees")


def _depth_of_positions(path: Path, *, as_json: bool, form: Format) -> None:
    with asking() as connection:
        rows = list_depth_at_positions(connection, _read_positions(path))
    place = {"position": "position", "ra_deg:.5f": "ra/deg", "dec_deg:.5f": "dec/deg"}
    print_rows(rows, {**place, **_DEPTH_COLUMNS}, form=form, as_json=as_json)


def _read_positions(path: Path) -> Iterator[tuple[str, float, float]]:
    """Yield label and position of each line of a CSV file with columns ra, dec and perhaps id."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            names = {name.strip().lower(): name for name in reader.fieldnames or ()}
            if not {"ra", "dec"} <= set(names):
                raise InputError(
                    f"{path}: no columns ra and dec", hint="the first line names the columns: id,ra,dec"
                )
            for number, row in enumerate(reader, start=1):
                label = row[names["id"]] if "id" in names else str(number)
                try:
                    yield label, *parse_position(row[names["ra"]], row[names["dec"]])
                except InputError as error:
                    raise InputError(f"{path}, line {number + 1}: {error}", hint=error.hint) from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
