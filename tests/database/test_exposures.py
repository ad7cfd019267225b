"""Registration by content: new, unchanged, moved, revised, outranked, excluded, refused; and questions."""

from __future__ import annotations

import dataclasses
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.exposures import (
    FailureRow,
    Registration,
    find_exposure,
    list_exposures,
    list_failures,
    list_revisions,
    list_skycells,
    record_failure,
    register_exposure,
)
from mvmdb.catalog.positions import ExposureFilter, Place, list_coverage
from mvmdb.errors import CatalogError, UnknownObjectError
from mvmdb.records import ExposureFacts, Finding
from tests.support.facts import make_facts, ring_at_pixels, ring_of_pixels
from tests.support.vectors import sky_of_skycell_pixels

SKYCELL = "p1889x11y11"
NAME = "itst0000q"
MIDDLE = sky_of_skycell_pixels(SKYCELL, 1450, 1450)
NEW, UNCHANGED, MOVED, REVISED, OUTRANKED = Registration


def facts(name: str = NAME, corner: int = 1000, **changes: Any) -> ExposureFacts:
    """Return an exposure on 900 x 900 pixels in the middle of a projection cell."""
    return make_facts(
        name, [ring_of_pixels(SKYCELL, (corner, corner, corner + 900, corner + 900))], **changes
    )


def content(label: str, **changes: Any) -> ExposureFacts:
    """Return the same exposure with another content."""
    return facts(file_sha256=label, file_path=f"/archive/{label}.fits", **changes)


def register(connection: Connection, *contents: ExposureFacts, gone: str = "") -> list[Registration]:
    """Register one after another; files whose path holds ``gone`` no longer exist."""
    return [
        register_exposure(connection, item, exists=lambda path: not (gone and gone in path))
        for item in contents
    ]


def contents(connection: Connection, name: str = NAME) -> list[tuple[int, str, bool]]:
    rows = list_revisions(connection, name)
    return [(row.revision, row.file_sha256, row.is_current) for row in rows]


def count(connection: Connection, table: str) -> int:
    return int(connection.execute(text(f"select count(*) from mvm.{table}")).scalar_one())


def fingerprint(connection: Connection) -> list[str]:
    """Return every stored row of exposures, chips and placements."""
    return [
        str(row)
        for table in ("exposure", "chip", "placement", "ingest_failure")
        for row in connection.execute(text(f"select t::text from mvm.{table} as t order by 1")).scalars()
    ]


def test_what_is_kept(connection: Connection) -> None:
    given = facts(proposal_id=None, wcsname=None, target_name="M-31 'north'", exptime_s=1234.5)
    assert register(connection, given) == [NEW]
    row = connection.execute(text("select * from mvm.exposure")).mappings().one()
    for field in dataclasses.fields(given):
        if field.name not in ("chips", "findings"):
            assert row[field.name] == getattr(given, field.name)
    assert (row["revision"], row["is_current"], row["visit"]) == (1, True, "itst00")
    assert (row["findings"], row["exclusion"], row["exclusion_detail"]) == ([], None, None)
    chip = connection.execute(text("select * from mvm.chip")).mappings().one()
    for field in dataclasses.fields(given.chips[0]):
        if field.name != "footprint":
            assert chip[field.name] == getattr(given.chips[0], field.name)


def test_chips_keep_their_order_and_their_polygons(connection: Connection) -> None:
    rings = [ring_of_pixels(SKYCELL, (x, 0, x + 10, 10)) for x in (500, 100, 300)]
    three = make_facts("utst0000m", rings)
    chips = tuple(
        dataclasses.replace(chip, chip=number) for chip, number in zip(three.chips, (4, 2, 3), strict=True)
    )
    register(connection, dataclasses.replace(three, chips=chips))
    rows = connection.execute(
        text("""
            select c.chip, round(ST_XMin(ST_GeometryN(p.shape, c.part)) - 10 * 21442 + 0.5) as x
            from mvm.chip as c join mvm.placement as p using (exposure_id) order by c.part""")
    ).all()
    assert [tuple(row) for row in rows] == [(4, 500), (2, 100), (3, 300)]


def test_same_again_changes_nothing(connection: Connection) -> None:
    register(connection, facts())
    before = fingerprint(connection)
    assert register(connection, facts(), facts()) == [UNCHANGED, UNCHANGED]
    assert fingerprint(connection) == before


def test_same_content_elsewhere(connection: Connection) -> None:
    """While the known file exists, a copy changes nothing; when it is gone, the path follows."""
    register(connection, facts(file_path="/old/a_flt.fits"))
    copy = facts(file_path="/new/a_flt.fits")
    assert register(connection, copy) == [UNCHANGED]
    assert find_exposure(connection, NAME).file_path == "/old/a_flt.fits"
    assert register(connection, copy, gone="/old/") == [MOVED]
    assert find_exposure(connection, NAME).file_path == "/new/a_flt.fits"
    assert contents(connection) == [(1, "sha256 of itst0000q", True)]
    assert list_skycells(connection, NAME) == [SKYCELL]


def test_new_content_is_a_new_revision(connection: Connection) -> None:
    assert register(connection, content("a"), content("b"), content("c")) == [NEW, REVISED, REVISED]
    assert contents(connection) == [(1, "a", False), (2, "b", False), (3, "c", True)]
    assert find_exposure(connection, NAME).revision == 3
    assert count(connection, "chip") == 3
    assert count(connection, "placement") == 1


@pytest.mark.parametrize("older", ["a", "b"])
def test_older_content_again_changes_nothing(connection: Connection, older: str) -> None:
    register(connection, content("a"), content("b"), content("c"))
    before = fingerprint(connection)
    assert register(connection, content(older)) == [UNCHANGED]
    assert fingerprint(connection) == before


def test_older_content_comes_back_where_the_current_file_was(connection: Connection) -> None:
    """A file that is replaced by a newer one, and put back: what lies there counts."""
    a, b = (dataclasses.replace(content(label), file_path="/one/place_flt.fits") for label in "ab")
    assert register(connection, a, b, a) == [NEW, REVISED, REVISED]
    assert contents(connection) == [(1, "a", True), (2, "b", False)]
    assert register(connection, a, b) == [UNCHANGED, REVISED]
    assert contents(connection) == [(1, "a", False), (2, "b", True)]
    assert count(connection, "placement") == 1


def test_revision_moves_the_placement(connection: Connection) -> None:
    register(connection, content("a", corner=1000), content("b", corner=9000))
    inside_new = sky_of_skycell_pixels(SKYCELL, 9450, 9450)
    assert [row.exposure for row in list_coverage(connection, Place(*map(float, inside_new)))] == [NAME]
    assert list_coverage(connection, Place(*map(float, MIDDLE))) == []
    box = connection.execute(text("select x0, y0, x1, y1 from mvm.skycell_extent(:s)"), {"s": SKYCELL}).one()
    assert tuple(box) == (9000, 9000, 9900, 9900)


FLT, FLC = {"file_type": "flt"}, {"file_type": "flc"}


@pytest.mark.parametrize(
    ("order", "outcomes", "current"),
    [
        ([("t", FLT), ("c", FLC)], [NEW, REVISED], "c"),
        ([("c", FLC), ("t", FLT)], [NEW, OUTRANKED], "c"),
        ([("c", FLC), ("t", FLT), ("t2", FLT)], [NEW, OUTRANKED, OUTRANKED], "c"),
        ([("c", FLC), ("t", FLT), ("c2", FLC)], [NEW, OUTRANKED, REVISED], "c2"),
        ([("t", FLT), ("c", FLC), ("t", FLT), ("c", FLC)], [NEW, REVISED, UNCHANGED, UNCHANGED], "c"),
        ([("m", {"file_type": "c0m"}), ("t", FLT)], [NEW, REVISED], "t"),
    ],
)
def test_flc_outranks_flt(
    connection: Connection,
    order: list[tuple[str, dict[str, str]]],
    outcomes: list[Registration],
    current: str,
) -> None:
    assert register(connection, *(content(label, **kind) for label, kind in order)) == outcomes
    assert [label for _, label, is_current in contents(connection) if is_current] == [current]
    assert [number for number, _, _ in contents(connection)] == list(range(1, len({o[0] for o in order}) + 1))
    placed = connection.execute(
        text("select e.file_sha256 from mvm.placement as p join mvm.exposure as e using (exposure_id)")
    ).scalars()
    assert list(placed) == [current]


def test_excluded_exposures_are_kept_and_enter_nothing(connection: Connection) -> None:
    grism = facts("itst000xq", findings=(Finding("grism", "FILTER = G141"),))
    register(connection, grism, facts())
    assert count(connection, "placement") == 1
    assert list_skycells(connection, "itst000xq") == []
    found = find_exposure(connection, "itst000xq")
    assert (found.exclusion, found.exclusion_detail) == ("grism", "FILTER = G141")
    assert [row.exposure for row in list_exposures(connection, excluded=True)] == ["itst000xq"]
    assert [row.exposure for row in list_exposures(connection, excluded=False)] == [NAME]
    assert {row.exposure for row in list_exposures(connection)} == {NAME, "itst000xq"}
    members = connection.execute(text("select distinct exposure from mvm.layer_members(:s)"), {"s": SKYCELL})
    assert list(members.scalars()) == [NAME]

    position = tuple(map(float, MIDDLE))
    assert [row.exposure for row in list_coverage(connection, Place(*position))] == [NAME]
    everything = list_coverage(connection, Place(*position), ExposureFilter(with_excluded=True))
    assert {row.exposure: row.exclusion for row in everything} == {NAME: None, "itst000xq": "grism"}


def test_exclusion_that_comes_and_goes(connection: Connection) -> None:
    lost_lock = Finding("guiding", "QUALITY = GSFAIL")
    register(connection, content("a"), content("b", findings=(lost_lock,)))
    assert count(connection, "placement") == 0
    register(connection, content("c"))
    assert count(connection, "placement") == 1


FAILURE = FailureRow("/archive/bad_flt.fits", "HeaderError", "EXPTIME", "bad_flt.fits: EXPTIME: is missing")


def test_same_failure_again_changes_nothing(engine: Engine) -> None:
    found = []
    for _ in range(2):  # in transactions of their own, which have different times
        with transaction(engine) as connection:
            record_failure(connection, FAILURE)
            found.append(fingerprint(connection))
    assert found[0] == found[1]


def test_failures_are_listed_by_path_with_their_last_reason(connection: Connection) -> None:
    record_failure(connection, FAILURE)
    empty = FailureRow(FAILURE.file_path, "ExposureFileError", None, "bad_flt.fits: is empty")
    record_failure(connection, empty)
    assert list_failures(connection) == [empty]
    other = dataclasses.replace(FAILURE, file_path="/archive/a_flt.fits")
    record_failure(connection, other)
    assert list_failures(connection) == [other, empty]


def test_failure_goes_when_its_file_is_ingested(connection: Connection) -> None:
    for path in ("/archive/a_flt.fits", "/archive/b_flt.fits"):
        record_failure(connection, FailureRow(path, "HeaderError", "EXPTIME", "is missing"))
    register(connection, facts(file_path="/archive/a_flt.fits"))
    assert [row.file_path for row in list_failures(connection)] == ["/archive/b_flt.fits"]


def test_exposure_nobody_knows(connection: Connection) -> None:
    with pytest.raises(UnknownObjectError, match="no exposure itst0000q") as caught:
        find_exposure(connection, NAME)
    assert caught.value.hint
    assert list_revisions(connection, NAME) == []
    assert list_skycells(connection, NAME) == []


def test_lists_are_in_order_of_time(connection: Connection) -> None:
    times = {"itst0003q": 55000.2, "itst0001q": 55000.3, "itst0002q": 55000.1, "itst0000q": 55000.3}
    for name, start_mjd in times.items():
        register(connection, facts(name, start_mjd=start_mjd, end_mjd=start_mjd + 0.01))
    expected = ["itst0002q", "itst0003q", "itst0000q", "itst0001q"]
    assert [row.exposure for row in list_exposures(connection)] == expected
    assert [row.exposure for row in list_exposures(connection, skycell=SKYCELL)] == expected
    assert list_exposures(connection, skycell="p1889x01y01") == []
    assert [row.exposure for row in list_coverage(connection, Place(*map(float, MIDDLE)))] == expected


@pytest.mark.parametrize(
    ("condition", "n_expected"),
    [
        ("filter = 'F160W'", 1),
        ("filter = 'f160w'", 1),
        ("'F160W' = filter", 1),
        ("filter in ('F160W', 'F606W')", 2),
        ("filter like 'F1%'", 1),
        ("filter like 'f606w-%'", 0),
        ("filter ~ '^F6'", 1),
        ("filter <> 'F160W'", 1),
        ("instrument = 'WFC3' and detector = 'IR'", 1),
        ("instrument = 'ACS'", 1),
        ("filter = 'F160'", 0),
    ],
)
@pytest.mark.parametrize(
    ("relation", "name"),
    [
        ("mvm.exposure", "rootname"),
        ("mvm.current_exposure", "exposure"),
        ("mvm.layer_members('p1889x11y11')", "exposure"),
        ("mvm.coverage(:ra_deg, :dec_deg)", "exposure"),
    ],
)
def test_filters_compare_without_regard_to_case(
    connection: Connection, relation: str, name: str, condition: str, n_expected: int
) -> None:
    register(connection, facts(), facts("jtst0000q", instrument="acs", detector="wfc", filter="f606w"))
    query = text(f"select distinct {name} from {relation} where {condition}")
    position = dict(zip(("ra_deg", "dec_deg"), map(float, MIDDLE), strict=True))
    rows = connection.execute(query, position if ":ra_deg" in relation else {}).all()
    assert len(rows) == n_expected


def test_times_are_calendar_times(connection: Connection) -> None:
    """MJD 51544.5 is 2000 January 1, 12:00."""
    register(connection, facts(start_mjd=51544.5, end_mjd=51544.51))
    found = connection.execute(text("select start_utc from mvm.current_exposure")).scalar_one()
    assert found == datetime(2000, 1, 1, 12, tzinfo=UTC)


def test_refused_statement_becomes_our_error(engine: Engine) -> None:
    with (
        pytest.raises(CatalogError, match="exposure_ends_after_start_check") as caught,
        transaction(engine) as connection,
    ):
        register(connection, facts(start_mjd=55000.0, end_mjd=54999.0))
    assert caught.value.__cause__ is not None
    with transaction(engine) as connection:
        assert count(connection, "exposure") == 0


def register_and_commit(engine: Engine, item: ExposureFacts) -> Registration:
    with transaction(engine) as connection:
        return register_exposure(connection, item, exists=lambda _: True)


def test_one_exposure_from_several_threads_is_one_row(engine: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(register_and_commit, [engine] * 16, [facts()] * 16))
    assert Counter(outcomes) == {NEW: 1, UNCHANGED: 15}
    with transaction(engine) as connection:
        assert contents(connection) == [(1, "sha256 of itst0000q", True)]
        assert (count(connection, "chip"), count(connection, "placement")) == (1, 1)


def test_several_contents_from_several_threads_have_one_current(engine: Engine) -> None:
    offered = [content(f"{number}", file_type="flc" if number == 5 else "flt") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(pool.map(register_and_commit, [engine] * 16, offered * 2))
    assert outcomes[NEW] == 1
    assert outcomes[UNCHANGED] == 8
    with transaction(engine) as connection:
        rows = contents(connection)
        assert [number for number, _, _ in rows] == list(range(1, 9))
        assert [label for _, label, is_current in rows if is_current] == ["5"]
        assert count(connection, "placement") == 1


@pytest.mark.parametrize("order", [("raw", "flt"), ("flt", "raw")])
def test_a_raw_file_never_replaces_a_calibrated_one(connection: Connection, order: tuple[str, str]) -> None:
    """MAST delivers both under one root name."""
    footprint = ring_at_pixels("p1889x07y19", [[100, 100], [1100, 100], [1100, 1100], [100, 1100]])
    for kind in order:
        facts = make_facts(NAME, [footprint], file_type=kind, file_sha256=f"sha256 of the {kind}")
        register_exposure(connection, facts)
    assert find_exposure(connection, NAME).file_type == "flt"
