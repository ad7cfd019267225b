"""Products in an object store through the command line: built, kept, compared, damaged, lost, found again."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from astropy.io import fits

from tests.support.command_line import CommandLine, command_line
from tests.support.exposures import SyntheticExposure
from tests.support.object_store import object_store, put_file

LAYER = "wfc3_ir_f160w_coarse"
PLAIN = ("--set", "sky=none")
PRODUCTS = "s3://archive/mosaics/deep"
LEASE_S = 3


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    """An S3 bucket."""
    with object_store("archive") as made:
        yield made


@pytest.fixture(scope="module")
def mvmdb(bucket: Any) -> Iterator[CommandLine]:
    """The command line; products go to the bucket, and a builder that died is waited for shortly."""
    settings = {"MVMDB_PRODUCTS_DIR": PRODUCTS, "MVMDB_LEASE_S": str(LEASE_S)}
    with command_line() as made:
        yield replace(made, settings=settings)


@pytest.fixture(scope="module")
def skycell(bucket: Any, mvmdb: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The skycell of two exposures, which lie in the bucket as well; its layer is built."""
    folder = tmp_path_factory.mktemp("exposures")
    for number in (0, 1):
        put_exposure(bucket, folder, number)
    assert len(mvmdb.json("ingest", "s3://archive/exposures/")) == 2
    name = str(mvmdb.json("status")[0]["skycell"])
    assert build(mvmdb, name)["file_path"] == location_of(name)
    return name


@pytest.fixture(scope="module")
def database(mvmdb: CommandLine, skycell: str) -> Iterator[psycopg.Connection]:
    """A connection as a SQL user would open it."""
    with psycopg.connect(mvmdb.run("db", "url").stdout.strip(), autocommit=True) as connection:
        yield connection


def put_exposure(bucket: Any, folder: Path, number: int) -> str:
    """Store a tiny exposure, each an hour later than the one before and a little aside."""
    start_mjd = 55107.0 + number / 24
    primary = {"EXPSTART": start_mjd, "EXPEND": start_mjd + 0.005}
    exposure = SyntheticExposure(
        rootname=f"b6o23{number:02d}q", ra_deg=150 + number / 36000, level=1 + number, primary=primary
    )
    return put_file(bucket, exposure.write(folder), f"exposures/{exposure.full_rootname}_flt.fits")


def file_name(skycell: str) -> str:
    return f"hst_skycell-{skycell}_wfc3_ir_f160w_coarse-all_drz.fits"


def location_of(skycell: str, revision: int | None = None) -> str:
    if revision is None:
        return f"{PRODUCTS}/{skycell}/{file_name(skycell)}"
    return f"{PRODUCTS}/{skycell}/revisions/{Path(file_name(skycell)).stem}_r{revision:04d}.fits"


def build(mvmdb: CommandLine, skycell: str, *options: str, outcome: str = "published") -> dict[str, Any]:
    [result] = mvmdb.json("layer", "build", skycell, LAYER, *PLAIN, *options)
    assert result["outcome"] == outcome
    return dict(result)


def content(bucket: Any, location: str) -> bytes:
    """Return an object, by another road than fsspec."""
    return bytes(bucket.Object(key_of(location)).get()["Body"].read())


def key_of(location: str) -> str:
    return location.removeprefix("s3://archive/")


def rows(database: psycopg.Connection, query: str) -> list[tuple[Any, ...]]:
    return database.execute(query.encode()).fetchall()


def history(database: psycopg.Connection) -> list[tuple[Any, ...]]:
    return rows(database, "select revision, state, file_state from mvm.product order by product_id")


def assert_sound(mvmdb: CommandLine, database: psycopg.Connection, bucket: Any) -> None:
    """Require that rows and objects agree one to one, by their bytes, and that nothing else is there."""
    files = rows(
        database,
        "select file_path, file_sha256 from mvm.product"
        " where state in ('current', 'superseded') and file_state = 'in_place'",
    )
    hashes = [(path, hashlib.sha256(content(bucket, path)).hexdigest()) for path, _ in files]
    assert hashes == files
    found = [f"s3://archive/{item.key}" for item in bucket.objects.filter(Prefix=key_of(PRODUCTS))]
    assert sorted(found) == sorted(path for path, _ in files)
    assert list(bucket.multipart_uploads.all()) == []
    assert list((mvmdb.home / "cache" / "drafts").rglob("*.part")) == []
    assert rows(database, "select 1 from mvm.build where outcome = 'running'") == []


def findings(mvmdb: CommandLine, *options: str, expect: int = 0) -> list[tuple[str, str, str]]:
    report = mvmdb.json("verify", *options, expect=expect)
    return [(item["problem"], item["outcome"], item["file_path"]) for item in report["findings"]]


def test_product_is_an_object_and_is_read_there(
    mvmdb: CommandLine, database: psycopg.Connection, bucket: Any, skycell: str, tmp_path: Path
) -> None:
    assert_sound(mvmdb, database, bucket)
    build(mvmdb, skycell, outcome="current")
    access = "select access_url from ivoa.obscore where access_url like '%mosaics%'"
    assert rows(database, access) == [(location_of(skycell),)]
    [pixel] = mvmdb.json("pixel", "150.0002", "2.0", "--layer", LAYER, "--skycell", skycell)
    (tmp_path / "product.fits").write_bytes(content(bucket, location_of(skycell)))
    with fits.open(tmp_path / "product.fits") as hdus:
        assert pixel["weight_s"] == hdus["WHT"].data[pixel["y_pix"], pixel["x_pix"]] > 0
        assert pixel["science_e_per_s"] == hdus["SCI"].data[pixel["y_pix"], pixel["x_pix"]]
    assert {item["exposure"] for item in pixel["inputs"]} == {"ib6o2300q", "ib6o2301q"}
    assert [path for path in (mvmdb.home / "cache" / "copies").glob("*/*") if "drz" in path.name] == []
    [picture] = mvmdb.json("preview", skycell, LAYER, "--output", tmp_path / "pictures")
    assert Path(picture["path"]).stat().st_size > 0
    [link, *_] = mvmdb.json("product", "links", file_name(skycell))
    assert link["access_url"] == location_of(skycell)


def test_former_revision_is_kept_and_compared(
    mvmdb: CommandLine, database: psycopg.Connection, bucket: Any, skycell: str
) -> None:
    first = content(bucket, location_of(skycell))
    mvmdb.run("exposure", "withdraw", "ib6o2301q", "--reason", "trailed")
    build(mvmdb, skycell)
    assert content(bucket, location_of(skycell, 1)) == first
    assert history(database) == [(1, "superseded", "in_place"), (2, "current", "in_place")]
    assert_sound(mvmdb, database, bucket)
    by_name = mvmdb.json("product", "diff", file_name(skycell))
    assert [(item["change"], item["exposure"]) for item in by_name["inputs"]] == [("removed", "ib6o2301q")]
    assert by_name["pixels"]["n_differing"] > 0
    by_url = mvmdb.json("product", "diff", location_of(skycell, 1), file_name(skycell))
    assert (by_url["inputs"], by_url["pixels"]) == (by_name["inputs"], by_name["pixels"])
    mvmdb.run("exposure", "restore", "ib6o2301q")
    build(mvmdb, skycell)
    assert [row[2] for row in history(database)] == ["pruned", "in_place", "in_place"]
    assert_sound(mvmdb, database, bucket)


def test_build_goes_on_from_the_object(
    mvmdb: CommandLine, database: psycopg.Connection, bucket: Any, skycell: str, tmp_path: Path
) -> None:
    mvmdb.run("ingest", put_exposure(bucket, tmp_path, 2))
    [plan] = mvmdb.json("layer", "build", skycell, LAYER, *PLAIN, "--dry-run")
    assert "holds the first 2 of 3 inputs" in plan["road"]
    assert plan["writes"] == location_of(skycell)
    pixels = []
    for options in ([], ["--force", "--full"]):
        path = tmp_path / "product.fits"
        path.write_bytes(content(bucket, build(mvmdb, skycell, *options)["file_path"]))
        with fits.open(path) as hdus:
            pixels.append([hdus[name].data.tobytes() for name in ("SCI", "WHT", "CTX")])
    assert pixels[0] == pixels[1]
    assert_sound(mvmdb, database, bucket)


_DYING = """
import os, sys
from mvmdb.pipeline import build
def die(*_, **__):
    os._exit(9)
{what_dies}
from mvmdb_cli.app import main
sys.argv = ["mvmdb", *{arguments!r}]
main()
"""
_DEATHS = {
    "before publication": "build.publish = die",
    "after publication": "build.record_former = die",
}


@pytest.mark.parametrize("death", list(_DEATHS))
def test_killed_builder_is_finished_or_cleared_away(
    mvmdb: CommandLine, database: psycopg.Connection, bucket: Any, skycell: str, death: str
) -> None:
    """A process dies between upload and publication, or between publication and the rows that tell it."""
    [newest, *_], was_published = history(database)[-1], death == "after publication"
    arguments = ["layer", "build", skycell, LAYER, *PLAIN, "--force"]
    program = _DYING.format(what_dies=_DEATHS[death], arguments=arguments)
    died = subprocess.run(
        [sys.executable, "-c", program], env=mvmdb.environment(), check=False, capture_output=True, text=True
    )
    assert died.returncode == 9, died.stderr
    assert len(list(bucket.multipart_uploads.all())) == (0 if was_published else 1)
    time.sleep(LEASE_S)
    build(mvmdb, skycell, outcome="current")
    assert history(database)[-1] == (newest + was_published, "current", "in_place")
    assert findings(mvmdb) == []
    assert_sound(mvmdb, database, bucket)


def test_workers_build_to_the_bucket(
    mvmdb: CommandLine, database: psycopg.Connection, bucket: Any, skycell: str
) -> None:
    built = mvmdb.json("layer", "build", skycell, "--all", *PLAIN, "--force", "--workers", 2)
    assert [item["outcome"] for item in built] == ["published"] * 2
    assert all(item["file_path"].startswith(f"{PRODUCTS}/{skycell}/") for item in built)
    assert_sound(mvmdb, database, bucket)


def test_catalogue_is_rebuilt_from_the_bucket(
    mvmdb: CommandLine, database: psycopg.Connection, skycell: str
) -> None:
    query = (
        "select product, revision, state, file_path, file_sha256, mean_exptime_s from mvm.product"
        " where file_state = 'in_place' order by product, revision"
    )
    before = rows(database, query)
    assert len(before) == 3
    with command_line() as empty:
        other = replace(empty, settings=mvmdb.settings)
        other.run("ingest", "s3://archive/exposures/")
        refused = other.run("layer", "build", skycell, LAYER, *PLAIN, expect=5).stderr
        assert f"mvmdb catalog rebuild {PRODUCTS}/{skycell}`" in "".join(refused.split("\n"))
        report = other.json("catalog", "rebuild", PRODUCTS, expect=6)
        assert {item["kind"] for item in report["not_restored"]} == {"revision"}
        assert other.sql(query) == before
        build(other, skycell, outcome="current")


def test_damaged_and_lost_objects_are_found_and_built_again(
    mvmdb: CommandLine, database: psycopg.Connection, bucket: Any, skycell: str
) -> None:
    location, product = location_of(skycell), bucket.Object(key_of(location_of(skycell)))
    damaged = bytearray(content(bucket, location))
    damaged[len(damaged) // 2] ^= 1
    product.put(Body=bytes(damaged))
    assert findings(mvmdb, "--quick") == []
    assert findings(mvmdb, "--repair", expect=6) == [("damaged", "recorded", location)]
    build(mvmdb, skycell)
    product.delete()
    assert findings(mvmdb, "--quick", "--repair", expect=6) == [("lost", "recorded", location)]
    mvmdb.run("pixel", "150.0002", "2.0", "--layer", LAYER, expect=6)
    build(mvmdb, skycell)
    moved = f"{PRODUCTS}/elsewhere/{file_name(skycell)}"
    bucket.Object(key_of(moved)).copy({"Bucket": bucket.name, "Key": product.key})
    product.delete()
    assert findings(mvmdb, "--repair") == [("moved", "repaired", location)]
    assert rows(database, "select file_path from mvm.current_product where layer like '%coarse'") == [
        (moved,)
    ]


def test_store_that_does_not_answer_is_said(
    mvmdb: CommandLine, database: psycopg.Connection, skycell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is recorded as lost."""
    before = history(database)
    silent = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    command = replace(mvmdb, settings={**mvmdb.settings, **silent})
    assert "cannot be reached" in command.run("verify", "--repair", expect=7).stderr
    assert history(database) == before
