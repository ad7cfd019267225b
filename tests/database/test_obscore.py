"""ivoa.obscore against the tables of the standard (ObsCore 1.1), and against the sky by another route."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from sqlalchemy import Connection, Engine, text

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.schema import upgrade
from mvmdb.names import LayerName, SkycellName
from mvmdb.sky.grid import skycell_grid
from tests.database.test_status import INSIDE, LAYER, SKYCELL, publish, register
from tests.support.shared_data import shared_data
from tests.support.vectors import angle_deg, unit_vectors

# ObsCore 1.1 (REC 2017-05-09 with errata), appendix C, mandatory columns: name, datatype, unit, utype, UCD.
MANDATORY = """
dataproduct_type VARCHAR - ObsDataset.dataProductType meta.code.class
calib_level INTEGER - ObsDataset.calibLevel meta.code;obs.calib
obs_collection VARCHAR - DataID.collection meta.id
obs_id VARCHAR - DataID.observationID meta.id
obs_publisher_did VARCHAR - Curation.publisherDID meta.ref.ivoid
access_url CLOB - Access.reference meta.ref.url
access_format VARCHAR - Access.format meta.code.mime
access_estsize BIGINT kbyte Access.size phys.size;meta.file
target_name VARCHAR - Target.name meta.id;src
s_ra DOUBLE deg Char.SpatialAxis.Coverage.Location.Coord.Position2D.Value2.C1 pos.eq.ra
s_dec DOUBLE deg Char.SpatialAxis.Coverage.Location.Coord.Position2D.Value2.C2 pos.eq.dec
s_fov DOUBLE deg Char.SpatialAxis.Coverage.Bounds.Extent.diameter phys.angSize;instr.fov
s_region REGION - Char.SpatialAxis.Coverage.Support.Area pos.outline;obs.field
s_resolution DOUBLE arcsec Char.SpatialAxis.Resolution.Refval.value pos.angResolution
s_xel1 BIGINT - Char.SpatialAxis.numBins1 meta.number
s_xel2 BIGINT - Char.SpatialAxis.numBins2 meta.number
t_min DOUBLE d Char.TimeAxis.Coverage.Bounds.Limits.StartTime time.start;obs.exposure
t_max DOUBLE d Char.TimeAxis.Coverage.Bounds.Limits.StopTime time.end;obs.exposure
t_exptime DOUBLE s Char.TimeAxis.Coverage.Support.Extent time.duration;obs.exposure
t_resolution DOUBLE s Char.TimeAxis.Resolution.Refval.value time.resolution
t_xel BIGINT - Char.TimeAxis.numBins meta.number
em_min DOUBLE m Char.SpectralAxis.Coverage.Bounds.Limits.LoLimit em.wl;stat.min
em_max DOUBLE m Char.SpectralAxis.Coverage.Bounds.Limits.HiLimit em.wl;stat.max
em_res_power DOUBLE - Char.SpectralAxis.Resolution.ResolPower.refVal spect.resolution
em_xel BIGINT - Char.SpectralAxis.numBins meta.number
o_ucd VARCHAR - Char.ObservableAxis.ucd meta.ucd
pol_states VARCHAR - Char.PolarizationAxis.stateList meta.code;phys.polarization
pol_xel BIGINT - Char.PolarizationAxis.numBins meta.number
facility_name VARCHAR - Provenance.ObsConfig.Facility.name meta.id;instr.tel
instrument_name VARCHAR - Provenance.ObsConfig.Instrument.name meta.id;instr
"""
POSTGRESQL = {
    "VARCHAR": "text",
    "CLOB": "text",
    "REGION": "text",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "DOUBLE": "double precision",
}
POLE, MERIDIAN = SkycellName(2643, 11, 11), SkycellName(0, 1, 1)


def obscore(connection: Connection, condition: str = "true") -> list[dict[str, Any]]:
    query = f"select * from ivoa.obscore where {condition} order by obs_id"
    return [dict(row) for row in connection.execute(text(query)).mappings()]


def outline(connection: Connection, skycell: SkycellName, box: tuple[int, int, int, int]) -> dict[str, Any]:
    query = text(
        "select mvm.tap_region(o) as s_region, mvm.centre_ra_deg(o) as s_ra,"
        " ST_Y(ST_Centroid(o)::geometry) as s_dec, mvm.diameter_deg(o) as s_fov"
        " from mvm.extent_outline(:skycell, :x0, :y0, :x1, :y1) as o"
    )
    values = dict(zip(("x0", "y0", "x1", "y1"), box, strict=True))
    return dict(connection.execute(query, {"skycell": str(skycell), **values}).mappings().one())


def vertices(region: str) -> tuple[np.ndarray, np.ndarray]:
    """Return right ascension and declination of the vertices of one polygon."""
    assert region.startswith("POLYGON ICRS ")
    numbers = np.array(region.removeprefix("POLYGON ICRS ").split(), dtype=float)
    return numbers[0::2], numbers[1::2]


def test_mandatory_columns_are_those_of_the_standard(connection: Connection) -> None:
    query = text("""
        select a.attname, format_type(a.atttypid, a.atttypmod), col_description(a.attrelid, a.attnum)
        from pg_attribute as a
        where a.attrelid = 'ivoa.obscore'::regclass and a.attnum > 0 order by a.attnum""")
    found = connection.execute(query).all()
    mandatory = [line.split() for line in MANDATORY.strip().splitlines()]
    assert len(mandatory) == 30
    for (name, kind, comment), (wanted, datatype, unit, utype, ucd) in zip(found, mandatory, strict=False):
        assert (name, kind) == (wanted, POSTGRESQL[datatype])
        stated = re.search(r"(?:; unit (\w+))? \(ucd (\S+), utype obscore:(\S+)\)$", comment)
        assert stated is not None
        assert stated.groups() == (None if unit == "-" else unit, ucd, utype)
    assert all(" (ucd " in comment for _, _, comment in found)


def test_row_of_a_product_and_of_its_exposures(connection: Connection, tmp_path: Path) -> None:
    register(connection, "itst0001q", INSIDE, exptime_s=100.0, start_mjd=55000.0, end_mjd=55000.1)
    register(connection, "itst0002q", INSIDE, INSIDE, exptime_s=250.0, start_mjd=55001.0, end_mjd=55001.5)
    register(connection, "itst0003q", INSIDE, filter="f125w")
    publish(connection, tmp_path)
    first, second, other, product = sorted(obscore(connection), key=lambda row: row["calib_level"])
    assert [row["calib_level"] for row in (first, second, other, product)] == [2, 2, 2, 3]
    stem = f"hst_skycell-{SKYCELL}_{LAYER}_all"
    assert product["obs_id"] == stem
    assert product["obs_publisher_did"] == f"ivo://example.org/mvmdb?product/{stem}_drz.fits/1"
    assert product["access_url"] == f"file://{tmp_path}/{stem}_drz.fits"
    assert product["access_estsize"] == math.ceil((tmp_path / f"{stem}_drz.fits").stat().st_size / 1000)
    assert (product["t_min"], product["t_max"], product["s_xel1"]) == (55000.0, 55001.5, 1001)
    assert (product["obs_collection"], product["facility_name"]) == ("HST-MVM", "HST")
    assert (product["instrument_name"], product["pol_states"], product["pol_xel"]) == ("WFC3/IR", None, 0)
    assert (first["obs_id"], first["t_exptime"]) == ("itst0001q", 100.0)
    assert first["s_region"].startswith("POLYGON ICRS ")
    assert re.fullmatch(r"UNION ICRS \(POLYGON [-\d. ]+ POLYGON [-\d. ]+\)", second["s_region"])
    # The handbook's F160W: pivot 1536.9 nm, from about 1400 to 1700 nm.
    assert product["em_min"] == pytest.approx(1.4e-6, abs=0.02e-6)
    assert product["em_max"] == pytest.approx(1.69e-6, abs=0.02e-6)
    assert product["em_res_power"] == pytest.approx(1.54 / 0.288, rel=0.01)
    assert product["s_resolution"] == pytest.approx(0.151, rel=0.25)  # handbook: FWHM at 1600 nm, arcsec


def test_excluded_planned_and_retired_exposures_are_left_out(connection: Connection) -> None:
    register(connection, "itst0001q", INSIDE)
    register(connection, "itst0001q", INSIDE, exptime_s=5.0)
    register(connection, "itst0002q", INSIDE, file_type="footprint", file_path=None, file_size_bytes=None)
    connection.execute(
        text("insert into mvm.withdrawal (rootname, reason, withdrawn_by) values ('itst0004q', 'r', 'me')")
    )
    register(connection, "itst0004q", INSIDE)
    [row] = obscore(connection)
    assert (row["obs_id"], row["obs_publisher_did"][-2:], row["t_exptime"]) == ("itst0001q", "/2", 5.0)


@pytest.mark.parametrize("skycell", [SKYCELL, POLE, MERIDIAN, SkycellName(1889, 21, 1)], ids=str)
def test_region_of_a_subarray_on_the_sphere(connection: Connection, skycell: SkycellName) -> None:
    box = (2000, 3000, 20000, 9000)
    found = outline(connection, skycell, box)
    ra_deg, dec_deg = vertices(found["s_region"])
    assert ((ra_deg >= 0) & (ra_deg < 360)).all()
    x = np.array([2000, 20000, 20000, 2000]) - 0.5
    y = np.array([3000, 3000, 9000, 9000]) - 0.5
    expected = unit_vectors(*skycell_grid(skycell).pixel_to_sky(x, y))  # counter-clockwise in the picture
    vectors = unit_vectors(ra_deg, dec_deg)
    start = int(np.argmin(angle_deg(vectors, expected[0])))
    assert (angle_deg(np.roll(vectors, -start, axis=0), expected) * 3600 < 1e-4).all()
    centre = unit_vectors([found["s_ra"]], [found["s_dec"]])[0]
    middle = unit_vectors(*skycell_grid(skycell).pixel_to_sky([10999.5], [5999.5]))[0]
    assert float(angle_deg(centre, middle)) * 3600 < 2
    assert 0 <= found["s_ra"] < 360
    assert found["s_fov"] == pytest.approx(2 * float(angle_deg(expected, middle).max()), rel=2e-4)


def test_region_around_the_pole(connection: Connection) -> None:
    """The pole lies where the tangent point of the last cell does: inside its middle skycell."""
    x, y = (float(v) for v in skycell_grid(POLE).sky_to_pixel(0.0, 90.0))
    box = (int(x) - 500, int(y) - 500, int(x) + 501, int(y) + 501)
    found = outline(connection, POLE, box)
    assert found["s_dec"] > 89.999
    ra_deg, _ = vertices(found["s_region"])
    steps = np.diff(np.unwrap(np.append(ra_deg, ra_deg[0]), period=360))
    assert abs(steps.sum()) == pytest.approx(360)


def test_small_polygon_is_written_counter_clockwise_either_way_round(connection: Connection) -> None:
    query = text("select mvm.tap_region(mvm.sky_polygon(cast(:ring as float8[])))")
    there = [359.9, -0.1, 0.1, -0.1, 0.1, 0.1, 359.9, 0.1]
    back = [359.9, 0.1, 0.1, 0.1, 0.1, -0.1, 359.9, -0.1]
    for ring in (there, back):
        ra_deg, dec_deg = vertices(connection.execute(query, {"ring": ring}).scalar_one())
        east = (ra_deg + 180) % 360 - 180
        area = sum(
            a * d - b * c
            for a, b, c, d in zip(east, dec_deg, np.roll(east, -1), np.roll(dec_deg, -1), strict=True)
        )
        assert area < 0  # east is left: what runs counter-clockwise on the sky is clockwise over (RA, Dec)


@pytest.mark.parametrize(
    ("path", "prefixes", "url"),
    [
        ("/data/a b%ü.fits", (None, None), "file:///data/a%20b%25%C3%BC.fits"),
        ("/data/x/y.fits", ("/data/", "https://archive.org/d/"), "https://archive.org/d/x/y.fits"),
        ("s3://bucket/a b/y.fits", (None, None), "s3://bucket/a%20b/y.fits"),
        ("s3://bucket/y.fits", ("s3://bucket/", "https://archive.org/d/"), "https://archive.org/d/y.fits"),
        ("/other/y.fits", ("/data/", "https://archive.org/d/"), "file:///other/y.fits"),
    ],
)
def test_urls(connection: Connection, path: str, prefixes: tuple[str | None, ...], url: str) -> None:
    connection.execute(
        text("update mvm.publisher set path_prefix = :path, url_prefix = :url"),
        {"path": prefixes[0], "url": prefixes[1]},
    )
    assert connection.execute(text("select mvm.file_url(:path)"), {"path": path}).scalar() == url


def test_limits_of_crossed_and_unknown_filters(connection: Connection) -> None:
    query = text("select min_m, max_m from mvm.filter_limits(:instrument, :detector, :filter)")

    def limits(*names: str) -> tuple[float | None, float | None]:
        values = dict(zip(("instrument", "detector", "filter"), names, strict=True))
        return tuple(connection.execute(query, values).one())  # type: ignore[return-value]

    alone, other = limits("acs", "wfc", "f606w"), limits("acs", "wfc", "f555w")
    assert limits("acs", "wfc", "F606W-POL0V".lower()) == alone
    assert limits("acs", "wfc", "f606w-f555w") == (max(alone[0], other[0]), min(alone[1], other[1]))  # type: ignore[type-var]
    assert limits("acs", "wfc", "f606w-fr656n") == limits("acs", "wfc", "clear") == (None, None)
    assert limits("wfpc2", "pc", "f1042m") == (None, None)


def test_bands_hold_the_pivot_wavelengths_of_real_headers(connection: Connection) -> None:
    files = {
        "exposures/wfc3_ir_goodss/ib6o03n9q_flt.fits.gz": ("wfc3", "ir", "f125w"),
        "exposures/wfc3_ir_goodss/ib6o23rtq_flt.fits.gz": ("wfc3", "ir", "f140w"),
        "exposures/acs_wfc_47tuc_zero_pixels/j94f05bgq_flt.fits.gz": ("acs", "wfc", "f606w"),
        "exposures/wfpc2_omegacen/u40x010hm_c0m.fits.gz": ("wfpc2", "pc", "f555w"),
    }
    query = text(
        "select min_angstrom, max_angstrom from mvm.filter_band"
        " where instrument = :i and detector = :d and filter = :f"
    )
    for name, (instrument, detector, filter_name) in files.items():
        with fits.open(shared_data(name)) as hdus:
            header = hdus[0].header + hdus[1].header
        values = {"i": instrument, "d": detector, "f": filter_name}
        shortest, longest = connection.execute(query, values).one()
        # PHOTBW is the rms width: a Gaussian is 2.35 of it wide at half maximum, a box 3.46.
        assert (shortest + longest) / 2 == pytest.approx(header["PHOTPLAM"], rel=0.01)
        assert 2.2 < (longest - shortest) / header["PHOTBW"] < 3.6


def test_an_upgrade_keeps_the_publisher_and_bands_of_the_user(engine: Engine) -> None:
    changes = (
        "update mvm.publisher set authority = 'stsci.edu'",
        "update mvm.filter_band set min_angstrom = 1 where filter = 'f160w'",
        "insert into mvm.filter_band values ('wfpc2', 'pc', 'f1042m', 10000, 10500, 'mine')",
        "delete from mvm.sql_object where identity = 'ivoa.obscore'",  # so that the schema is not current
        "drop view ivoa.obscore",
    )
    with transaction(engine) as connection:
        for change in changes:
            connection.execute(text(change))
    upgrade(engine)
    with transaction(engine) as connection:
        assert connection.execute(text("select authority from mvm.publisher")).scalars().all() == [
            "stsci.edu"
        ]
        query = text("select max_m from mvm.filter_limits('wfpc2', 'pc', 'f1042m')")
        assert connection.execute(query).scalar() == pytest.approx(1.05e-6)
        shipped = text("select min_m from mvm.filter_limits('wfc3', 'ir', 'f160w')")
        assert connection.execute(shipped).scalar() == pytest.approx(1.4e-6, rel=0.01)
        assert obscore(connection) == []


def test_every_layer_name_has_its_filter_in_the_third_place() -> None:
    """The view splits the names of layers at the underscore."""
    for name in ("wfc3_ir_f160w_coarse", "acs_wfc_f606w-pol0v", "wfpc2_pc_f555w"):
        layer = LayerName.parse(name)
        assert name.split("_")[:3] == [layer.instrument, layer.detector, layer.filter]
