"""Exposures in and products out of a real S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, text

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.layers import list_skycells_with_layers
from mvmdb.errors import ExposureFileError, StorageError, UnknownObjectError
from mvmdb.files.product import read_product
from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline.build import build_layer
from mvmdb.pipeline.ingest import find_exposure_files, ingest_files
from mvmdb.pipeline.pixel import find_pixels
from mvmdb.pipeline.verify import Scope, verify
from tests.support.exposures import SyntheticExposure
from tests.support.object_store import object_store, put_file

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

    def build(self, *, force: bool = False) -> Path:
        """Build the layer; return the product."""
        products = self.folder.parent / "products"
        result = build_layer(self.engine, products, self.skycell, LAYER, force=force)
        assert result.outcome == "published"
        return Path(str(result.file_path))

    def found(self) -> list[str]:
        """Return the problems of the files of exposures."""
        report = verify(self.engine, Scope(self.folder.parent / "products", inputs=True))
        return [finding.problem for finding in report.findings]

    def copies(self) -> list[str]:
        """Return the names of the copies on disk, sorted."""
        return sorted(path.name for path in (self.folder.parent / "cache" / "copies").glob("*/*"))


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


def test_catalogue_keeps_the_urls(site: Site) -> None:
    with transaction(site.engine) as connection:
        paths = connection.execute(text("select file_path from mvm.current_exposure order by 1")).scalars()
        names = ("ib6o2300q_flt.fits", "ib6o2301q_flt.fits", "ib6o2302q_flt.fits.gz")
        assert list(paths) == [f"s3://archive/exposures/deep/{name}" for name in names]
    assert (
        site.ingest("s3://archive/exposures/*/*.fits*", "s3://archive/exposures/deep/") == ["unchanged"] * 3
    )
    assert site.ingest(str(site.folder)) == ["unchanged"] * 3


def test_pixels_are_those_of_a_build_from_disk(site: Site) -> None:
    from_store = read_product(site.build())
    assert site.copies() == ["ib6o2300q_flt.fits", "ib6o2301q_flt.fits", "ib6o2302q_flt.fits.gz"]
    assert from_store.weight.sum() > 0
    pixels = {name: getattr(from_store, name).copy() for name in ("science", "weight", "context")}
    recipe = from_store.header.keywords["MVMRECIP"]
    with transaction(site.engine) as connection:
        moved = text("update mvm.exposure set file_path = replace(file_path, :url, :folder)")
        url = "s3://archive/exposures/deep"
        connection.execute(moved, {"url": url, "folder": str(site.folder)})
    site.bucket.objects.all().delete()
    from_disk = read_product(site.build(force=True))
    assert from_disk.header.keywords["MVMRECIP"] == recipe
    for name, expected in pixels.items():
        assert np.array_equal(getattr(from_disk, name), expected, equal_nan=True)


def test_questions_name_the_objects(site: Site) -> None:
    site.build()
    with transaction(site.engine) as connection:
        [pixel] = find_pixels(connection, 150.0003, 2.0, skycell=site.skycell, layer=LAYER)
    assert {item.exposure_path.rpartition("/")[0] for item in pixel.inputs} == {"s3://archive/exposures/deep"}


def test_input_that_was_replaced_in_the_store_is_not_used(site: Site, tmp_path: Path) -> None:
    """The copy of the former content is no longer good: what the store has now counts."""
    site.build()
    other = SyntheticExposure(rootname="b6o2300q", ra_deg=150, level=77)
    url = put_file(site.bucket, other.write(tmp_path), "exposures/deep/ib6o2300q_flt.fits")
    assert site.found() == ["input_changed"]
    with pytest.raises(ExposureFileError, match="has changed since ib6o2300q was ingested"):
        site.build(force=True)
    assert site.ingest(url) == ["revised"]
    site.build()
    assert site.found() == []
    site.bucket.Object("exposures/deep/ib6o2300q_flt.fits").delete()
    assert site.found() == ["input_lost"]
    with pytest.raises(ExposureFileError, match="does not exist"):
        site.build(force=True)


def test_what_is_not_there_is_said(site: Site) -> None:
    with pytest.raises(UnknownObjectError, match="s3://archive/nothing/: no such object"):
        find_exposure_files(["s3://archive/nothing/"])
    with pytest.raises(StorageError, match="bucket does not exist"):
        find_exposure_files(["s3://elsewhere/"])
