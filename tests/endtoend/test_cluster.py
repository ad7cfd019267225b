"""Many layers at once through the command line: workers elsewhere, exposures in an object store, Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.command_line import CommandLine, command_line
from tests.support.dask_cluster import dask_cluster
from tests.support.exposures import SyntheticExposure
from tests.support.object_store import object_store, put_file

N_EXPOSURES = 5


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    """An S3 bucket with a few exposures."""
    with object_store("archive") as made:
        yield made


@pytest.fixture(scope="module")
def mvmdb(bucket: Any) -> Iterator[CommandLine]:
    """The command line; a builder that died is waited for a few seconds."""
    with command_line() as made:
        yield replace(made, settings={"MVMDB_LEASE_S": "5"})


@pytest.fixture(scope="module")
def skycells(bucket: Any, mvmdb: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Names of the skycells that the exposures reach; nothing is built."""
    folder = tmp_path_factory.mktemp("exposures")
    for number in range(N_EXPOSURES):
        exposure = SyntheticExposure(
            rootname=f"b6o23{number:02d}q", ra_deg=150 + number / 36000, n_x_pix=1000, n_y_pix=1000
        )
        put_file(bucket, exposure.write(folder), f"exposures/{exposure.full_rootname}_flt.fits")
    assert len(mvmdb.json("ingest", "s3://archive/exposures/")) == N_EXPOSURES
    return [str(row["skycell"]) for row in mvmdb.json("status")]


def test_interrupted_run_ends_at_once_and_leaves_no_process(mvmdb: CommandLine, skycells: list[str]) -> None:
    """Ctrl-C goes to the whole group of processes, as from a terminal."""
    command = [sys.executable, "-m", "mvmdb_cli.app", "layer", "build", *skycells, "--all", "--workers", "2"]
    started = "select count(*) from mvm.build"
    with subprocess.Popen(
        command, env=mvmdb.environment(), start_new_session=True, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline_s = time.monotonic() + 60
        while mvmdb.sql(started) == [(0,)]:
            assert process.poll() is None
            assert time.monotonic() < deadline_s
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode not in (0, None)
    assert "Traceback" not in errors
    deadline_s = time.monotonic() + 10  # those that were killed may take a moment
    while living_processes(process.pid):
        assert time.monotonic() < deadline_s
        time.sleep(0.1)


def living_processes(group_id: int) -> list[int]:
    """Return the processes of a group; those that are dead and only wait to be counted are left out."""
    found = [item for item in psutil.process_iter(["status"]) if item.info["status"] != psutil.STATUS_ZOMBIE]
    return [item.pid for item in found if process_group(item.pid) == group_id]


def process_group(process_id: int) -> int | None:
    try:
        return os.getpgid(process_id)
    except ProcessLookupError:
        return None


def test_scheduler_builds_all_layers_of_several_skycells(
    mvmdb: CommandLine, skycells: list[str], tmp_path: Path
) -> None:
    """Also those that the interrupted run left; the workers have a cache of their own."""
    cache = {"MVMDB_CACHE_DIR": str(tmp_path / "cache")}
    with dask_cluster(tmp_path, {**mvmdb.environment(), **cache}, n_workers=2) as address:
        built = mvmdb.json("layer", "build", *skycells, "--all", "--scheduler", address)
    assert len(built) == 2 * len(skycells)
    assert {item["outcome"] for item in built} <= {"published", "current"}
    assert len({item["file_path"] for item in built}) == len(built)
    assert all(Path(item["file_path"]).is_file() for item in built)
    assert mvmdb.sql("select count(*) from mvm.build where outcome = 'running'") == [(0,)]
    copies = list((tmp_path / "cache" / "copies").glob("*/*.fits"))
    # what the interrupted run had built is current, and nothing is fetched for it
    assert len(copies) == (N_EXPOSURES if "published" in {item["outcome"] for item in built} else 0)


def test_what_does_not_go_together_is_refused(mvmdb: CommandLine, skycells: list[str]) -> None:
    refused = mvmdb.run("layer", "build", "p1889x07y19", "p1889x08y19", "p1889x09y19", expect=2).stderr
    assert "--all" in refused
    refused = mvmdb.run(
        "layer", "build", *skycells, "--all", "--scheduler", "tcp://h:1", "--workers", 2, expect=2
    )
    assert "--workers" in refused.stderr
