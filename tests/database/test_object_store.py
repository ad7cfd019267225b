"""Exposures in and products out of a real S3 server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, text

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.layers import list_skycells_with_layers
from mvmdb.catalog.products import ProductRow, list_products
from mvmdb.catalog.staleness import list_layer_statuses
from mvmdb.errors import ExposureFileError, StorageError, UnknownObjectError
from mvmdb.files.product import read_product, verify_product
from mvmdb.files.storage import ObjectStorage
from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline.build import build_layer
from mvmdb.pipeline.ingest import find_exposure_files, ingest_files
from mvmdb.pipeline.pixel import find_pixels
from mvmdb.pipeline.preview import draw_pictures
from mvmdb.pipeline.staleness import check_products
from tests.support.exposures import SyntheticExposure
from tests.support.object_store import content, keys, object_store, put_file

LAYER = LayerName.parse("wfc3_ir_f160w_coarse")
PRODUCTS = "s3://archive/mosaics"


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """A bucket on an S3 server."""
    with object_store("archive") as made:
        yield made


@dataclass(frozen=True)
class Site:
    """A database, and a bucket with three exposures of one layer, one of them gzipped."""

    engine: Engine
    bucket: Any
    folder: Path

    @property
    def skycell(self) -> SkycellName:
        """The first that the exposures reach."""
        with transaction(self.engine) as connection:
            return SkycellName.parse(list_skycells_with_layers(connection)[0].skycell)

    def ingest(self, *locations: str) -> list[str]:
        """Ingest what locations name; return the outcomes."""
        return [item.outcome for item in ingest_files(self.engine, find_exposure_files(locations))]

    def build(self, products: Path | str = PRODUCTS, *, force: bool = False) -> str:
        """Build the layer; return the outcome."""
        return build_layer(self.engine, products, self.skycell, LAYER, force=force).outcome

    def product(self) -> ProductRow:
        """Return the current product."""
        with transaction(self.engine) as connection:
            [row] = list_products(connection)
        return row

    def mosaics(self) -> list[str]:
        """Return the URLs of everything where products go."""
        return [f"s3://archive/{key}" for key in keys(self.bucket) if key.startswith("mosaics/")]

    def outcomes(self) -> list[str]:
        """Return the outcomes of all builds, in order."""
        with transaction(self.engine) as connection:
            return list(
                connection.execute(text("select outcome from mvm.build order by started_at")).scalars()
            )

    def status(self) -> tuple[str, list[str]]:
        """Return status of the layer, and why, after a look at the hash of its product."""
        check_products(self.engine, thorough=True)
        with transaction(self.engine) as connection:
            rows = list_layer_statuses(connection, self.skycell)
        return next((row.status, row.reasons) for row in rows if row.layer == str(LAYER))


@pytest.fixture
def site(engine: Engine, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The exposures are ingested, nothing is built."""
    monkeypatch.setenv("MVMDB_CACHE_DIR", str(tmp_path / "cache"))
    made = Site(engine, server, tmp_path / "exposures")
    made.folder.mkdir()
    for number in range(3):
        exposure = SyntheticExposure(
            rootname=f"b6o23{number:02d}q", ra_deg=150 + number / 36000, level=number
        )
        name = f"{exposure.full_rootname}_flt.fits" + (".gz" if number == 2 else "")
        put_file(server, exposure.write(made.folder, name), f"exposures/deep/{name}")
    server.put_object(Key="exposures/deep/ib6o2309q_drz.fits", Body=b"a product")
    assert made.ingest("s3://archive/exposures/") == ["new"] * 3
    yield made
    server.objects.all().delete()


def staged_files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "cache" / "staged").rglob("*") if path.is_file()]


def test_catalogue_keeps_the_urls(site: Site) -> None:
    with transaction(site.engine) as connection:
        paths = connection.execute(text("select file_path from mvm.current_exposure order by 1")).scalars()
        names = ("ib6o2300q_flt.fits", "ib6o2301q_flt.fits", "ib6o2302q_flt.fits.gz")
        assert list(paths) == [f"s3://archive/exposures/deep/{name}" for name in names]
    assert (
        site.ingest("s3://archive/exposures/*/*.fits*", "s3://archive/exposures/deep/") == ["unchanged"] * 3
    )
    assert site.ingest(str(site.folder)) == ["unchanged"] * 3


def test_product_is_one_object_with_the_pixels_of_a_build_on_disk(site: Site, tmp_path: Path) -> None:
    assert site.build() == "published"
    row = site.product()
    assert row.file_path == f"{PRODUCTS}/{site.skycell}/{row.product}"
    assert site.mosaics() == [row.file_path]
    assert staged_files(tmp_path) == []
    stored = tmp_path / row.product
    stored.write_bytes(content(site.bucket, row.file_path))
    assert hashlib.sha256(stored.read_bytes()).hexdigest() == row.file_sha256
    assert verify_product(stored) == []
    assert site.build() == "current"
    assert site.status() == ("current", [])

    assert site.ingest(str(site.folder)) == ["unchanged"] * 3
    assert site.build(tmp_path / "products", force=True) == "published"
    there, here = read_product(stored), read_product(Path(site.product().file_path))
    assert there.header.keywords["MVMRECIP"] == here.header.keywords["MVMRECIP"]
    assert here.weight.sum() > 0
    for name in ("science", "weight", "context"):
        assert np.array_equal(getattr(there, name), getattr(here, name), equal_nan=True)
    assert site.mosaics() == []  # the former product went, as it does on disk


def test_questions_reach_the_store(site: Site, tmp_path: Path) -> None:
    site.build()
    row = site.product()
    with transaction(site.engine) as connection:
        [pixel] = find_pixels(connection, 150.0003, 2.0, skycell=site.skycell, layer=LAYER)
        url = connection.execute(text("select mvm.file_url(:path)"), {"path": row.file_path}).scalar()
    assert {item.exposure_path.rpartition("/")[0] for item in pixel.inputs} == {"s3://archive/exposures/deep"}
    assert url == row.file_path
    [picture] = draw_pictures([row], tmp_path / "pictures")
    assert Path(picture.path).is_file()


def test_lost_and_damaged_objects_are_found_and_built_again(site: Site) -> None:
    site.build()
    url = site.product().file_path
    key = url.removeprefix("s3://archive/")
    octets = bytearray(content(site.bucket, url))
    octets[-1] ^= 1
    site.bucket.put_object(Key=key, Body=bytes(octets))
    assert site.status() == ("stale", ["product_damaged"])
    assert site.build() == "published"
    site.bucket.Object(key).delete()
    assert site.status() == ("stale", ["product_lost"])
    assert site.build() == "published"
    assert site.status() == ("current", [])


def test_input_that_was_replaced_in_the_store_is_not_used(site: Site, tmp_path: Path) -> None:
    """The copy of the former content is no longer good: what the store has now counts."""
    site.build()
    other = SyntheticExposure(rootname="b6o2300q", ra_deg=150, level=77)
    url = put_file(site.bucket, other.write(tmp_path), "exposures/deep/ib6o2300q_flt.fits")
    with pytest.raises(ExposureFileError, match="has changed since ib6o2300q was ingested"):
        site.build(force=True)
    assert site.ingest(url) == ["revised"]
    assert site.build() == "published"
    site.bucket.Object("exposures/deep/ib6o2300q_flt.fits").delete()
    with pytest.raises(ExposureFileError, match="does not exist"):
        site.build(force=True)


@pytest.mark.parametrize("operation", ["put", "copy"])
def test_builder_that_dies_at_the_store_leaves_nothing(
    site: Site, operation: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever it had uploaded goes; the product in place stays until another is complete."""
    site.build()
    before = content(site.bucket, site.product().file_path)
    genuine = getattr(ObjectStorage, operation)

    def die(self: ObjectStorage, source: Any, target: str) -> None:
        if operation == "put":
            genuine(self, source, target)
        raise StorageError(target, "the line is cut")

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStorage, operation, die)
        with pytest.raises(StorageError, match="the line is cut"):
            site.build(force=True)
    assert content(site.bucket, site.product().file_path) == before
    assert site.build(force=True) == "published"
    assert site.outcomes() == ["published", "failed" if operation == "put" else "abandoned", "published"]
    assert site.mosaics() == [site.product().file_path]
    assert staged_files(tmp_path) == []


def test_what_arrives_damaged_is_not_published(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = ObjectStorage.put

    def damage(self: ObjectStorage, source: Path, target: str) -> None:
        octets = bytearray(source.read_bytes())
        octets[len(octets) // 2] ^= 1
        source.with_suffix(".damaged").write_bytes(octets)
        genuine(self, source.with_suffix(".damaged"), target)

    monkeypatch.setattr(ObjectStorage, "put", damage)
    with pytest.raises(StorageError, match="has arrived with the hash"):
        site.build()
    assert site.mosaics() == []
    assert site.outcomes() == ["failed"]


def test_what_is_not_there_is_said(site: Site) -> None:
    with pytest.raises(UnknownObjectError, match="s3://archive/nothing/: no such object"):
        find_exposure_files(["s3://archive/nothing/"])
    with pytest.raises(StorageError, match="bucket does not exist"):
        find_exposure_files(["s3://elsewhere/"])
