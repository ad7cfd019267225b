"""The catalogue under test: a real database, a directory, and builds that draw a small file."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from astropy.io import fits
from sqlalchemy import Connection, Engine, event, text

from mvmdb.catalog.engine import connect, transaction
from mvmdb.catalog.exposures import register_exposure
from mvmdb.files.header import BuildStamp
from mvmdb.files.product import StagedProduct, temporary_path
from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline import build as building
from mvmdb.pipeline.build import BuildResult, build_layer
from mvmdb.records import (
    ChipOutline,
    Finding,
    InputStatistics,
    LayerArrays,
    LayerImage,
    LayerPlan,
    LayerStatistics,
)
from tests.histories.model import Content, Key
from tests.support.facts import make_facts, ring_at_box

SKYCELL = SkycellName(1889, 7, 19)
N_PIXELS = 9
"""Pixels that each chip is said to give."""

PHASES = (
    "begun",
    "half a file",
    "file written",
    "rows staged",
    "former kept",
    "renamed",
    "recording",
    "published",
)
"""Where a build may be killed."""

KILLED = 9
_FAR: tuple[float, float, float, float] = (9e5, 9e5, 9e5 + 100, 9e5 + 100)
_TABLES = "mvm.exposure, mvm.build, mvm.lease, mvm.withdrawal, mvm.extent_revision, mvm.ingest_failure"
_CLEAN = (
    f"truncate {_TABLES} restart identity cascade",
    "delete from mvm.selection where selection <> 'all'",
    "update mvm.parameter_rule set value = '1.0' where parameter = 'pixfrac' and parameter_set = 'mvmdb'",
    "update mvm.exclusion_rule set excludes = false where code = 'coarse_guiding' and excludes",
)


def layer_of(key: Key) -> LayerName:
    """Return the layer of a filter."""
    return LayerName("acs", "wfc", key[0])


class World:
    """An empty catalogue, and a directory of products."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = quick_engine(url)
        self.products_dir = Path(tempfile.mkdtemp(prefix="mvmdb-histories-", dir=_quick_directory()))
        with transaction(self.engine) as connection:
            for statement in _CLEAN:
                connection.execute(text(statement))
        self.set_engine(building_engine())

    def close(self) -> None:
        """Remove the directory; the catalogue stays until the next history."""
        shutil.rmtree(self.products_dir, ignore_errors=True)

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with transaction(self.engine) as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def execute(self, statement: str, **values: Any) -> None:
        """Carry out a statement."""
        with transaction(self.engine) as connection:
            connection.execute(text(statement), values)

    def moment(self) -> datetime:
        """Return the time of the database."""
        [(moment,)] = self.rows("select clock_timestamp()")
        assert isinstance(moment, datetime)
        return moment

    def set_engine(self, engine: str) -> None:
        """Register another engine."""
        self.execute("update mvm.engine set engine = :engine where engine <> :engine", engine=engine)

    def expire(self) -> None:
        """Let all leases run out."""
        self.execute("update mvm.lease set expires_at = clock_timestamp() - interval '1 second'")

    def build(self, key: Key, draw: Callable[..., Any] | None = None) -> BuildResult:
        """Build a layer as it is always built, but for the pixels."""
        with mock.patch.object(building, "draw_product", draw or small_product):
            return build_layer(
                self.engine, self.products_dir, SKYCELL, layer_of(key), selection=key[1], lease_s=600.0
            )

    def kill(self, key: Key, phase: str) -> bool:
        """Build a layer in a process that dies in a phase; return whether it came so far."""
        child = os.fork()
        if child == 0:
            self._die(key, phase)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        assert code in (0, KILLED), f"the builder ended with {code}"
        return code == KILLED

    def _die(self, key: Key, phase: str) -> None:
        try:
            other = World.__new__(World)
            other.engine, other.products_dir = connect(self.url), self.products_dir
            with dying(phase):
                other.build(key)
            os._exit(0)
        finally:
            os._exit(1)


@cache
def quick_engine(url: str) -> Engine:
    """Return one engine for all histories, whose statements are planned once: planning is slow."""
    engine = connect(url)

    @event.listens_for(engine, "connect")
    def plan_once(connection: Any, _: object) -> None:
        connection.prepare_threshold = 0
        connection.autocommit = True
        connection.execute("set plan_cache_mode = force_generic_plan")
        connection.autocommit = False

    return engine


def building_engine() -> str:
    """Return the engine that builds are made with."""
    from mvmdb.records import ENGINE

    return ENGINE


def _quick_directory() -> str:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()


@contextmanager
def dying(phase: str) -> Iterator[None]:
    """Let this process die when a build reaches a phase."""

    def die(*_: object, **__: object) -> Any:
        os._exit(KILLED)

    def after(function: Callable[..., Any]) -> Callable[..., Any]:
        def then_die(*arguments: Any, **named: Any) -> None:
            function(*arguments, **named)
            die()

        return then_die

    def half(directory: Path, plan: LayerPlan, stamp: BuildStamp, *_: Any, **__: Any) -> None:
        directory.mkdir(exist_ok=True)
        temporary_path(directory / str(plan.product_name), stamp.build_id).write_bytes(b"half")
        die()

    replaced: dict[str, tuple[str, Callable[..., Any]]] = {
        "begun": ("small_product", die),
        "half a file": ("small_product", half),
        "file written": ("small_product", after(small_product)),
        "rows staged": ("_put_in_place", die),
        "former kept": ("keep_former", after(building.keep_former)),
        "renamed": ("publish", after(building.publish)),
        "recording": ("record_former", after(building.record_former)),
        "published": ("remove_replaced", die),
    }
    name, function = replaced[phase]
    if name == "small_product":
        with mock.patch(f"{__name__}.small_product", function):
            yield
    else:
        with mock.patch.object(building, name, function):
            yield


def register(connection: Connection, content: Content) -> None:
    """Register a content of an exposure."""
    rings = [ring_at_box(str(SKYCELL), box or _FAR) for box in content.boxes]
    facts = make_facts(
        content.name,
        rings,
        file_path=f"/archive/{content.sha256}_{content.file_type}.fits",
        file_sha256=content.sha256,
        file_type=content.file_type,
        instrument="acs",
        detector="wfc",
        filter=content.filter,
        exptime_s=content.exptime_s,
        findings=(Finding("coarse_guiding", "FGSLOCK = 'COARSE'"),) if content.suspect else (),
    )
    register_exposure(connection, facts, exists=lambda _: True)


def small_product(
    directory: Path, plan: LayerPlan, stamp: BuildStamp, outlines: Sequence[ChipOutline], **_: Any
) -> tuple[StagedProduct, LayerImage]:
    """Write a product of one pixel under its temporary name; what is said of its pixels is made up."""
    content = _product_bytes(plan, stamp)
    final_path = directory / str(plan.product_name)
    directory.mkdir(exist_ok=True)
    temporary = temporary_path(final_path, stamp.build_id)
    temporary.write_bytes(content)
    nothing = np.zeros((1, 1), dtype=np.float32)
    image = LayerImage(
        LayerArrays(nothing, nothing, np.zeros((1, 1, 1), dtype=np.int32)),
        LayerStatistics(N_PIXELS, 0.1, 100.0, 100.0, 1.0, 1.0, 100.0, 100.0),
        tuple(InputStatistics(item.context_index, N_PIXELS) for item in plan.inputs),
    )
    return StagedProduct(temporary, final_path, hashlib.sha256(content).hexdigest(), len(content)), image


def _product_bytes(plan: LayerPlan, stamp: BuildStamp) -> bytes:
    values: dict[str, Any] = {
        "MVMBUILD": stamp.build_id,
        "MVMREV": stamp.revision,
        "MVMRECIP": plan.recipe_sha256()[:16],
        "SCELLID": str(plan.skycell),
        "FILENAME": str(plan.product_name),
    }
    header, rest = _blank()
    cards = "".join(fits.Card(name, value).image for name, value in values.items())
    return (header + cards + "END".ljust(80)).ljust(2880).encode() + rest


def _blank() -> tuple[str, bytes]:
    """Return the mandatory cards of a product's first header, and all that follows that header."""
    if not _BLANK:
        pixel = np.zeros((1, 1), dtype=np.float32)
        hdus = fits.HDUList(
            [fits.PrimaryHDU(), fits.ImageHDU(pixel, name="SCI"), fits.ImageHDU(pixel, name="WHT")]
        )
        hdus.append(fits.ImageHDU(pixel.astype(np.int32), name="CTX"))
        hdus.append(fits.BinTableHDU.from_columns([fits.Column("ROOTNAME", "9A")], nrows=1, name="HDRTAB"))
        stream = io.BytesIO()
        hdus.writeto(stream)
        whole = stream.getvalue()
        _BLANK.append((whole[:2880].decode().rpartition("END")[0].rstrip(), whole[2880:]))
        cards = _BLANK[0][0]
        _BLANK[0] = (cards.ljust(-(-len(cards) // 80) * 80), whole[2880:])
    return _BLANK[0]


_BLANK: list[tuple[str, bytes]] = []
"""Made once: it is the same for all."""
