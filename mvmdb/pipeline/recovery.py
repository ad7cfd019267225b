"""Recovery: what dead builds left is finished or removed, and late ones are left nothing to rename."""

from __future__ import annotations

from sqlalchemy import Engine

from mvmdb.catalog import builds
from mvmdb.catalog.engine import transaction
from mvmdb.catalog.leases import Lease, fenced, list_expired
from mvmdb.names import ProductName
from mvmdb.pipeline.lease import leased
from mvmdb.pipeline.product_files import file_state
from mvmdb.pipeline.revisions import current_revision, put_former_back, record_former, remove_replaced
from mvmdb.pipeline.storage import product_store
from mvmdb.settings import DEFAULT_LEASE_S


def recover(engine: Engine, *, lease_s: float = DEFAULT_LEASE_S) -> list[str]:
    """Finish or remove what dead builds left; return the identities of those that had not published.

    A build whose lease has run out is dead, or is treated so: it can publish nothing any more.
    """
    with transaction(engine) as connection:
        dead = [(item.skycell, item.layer, item.selection) for item in builds.list_dead(connection)]
        layers = dict.fromkeys([*dead, *list_expired(connection)])
    return [build_id for layer in layers for build_id in _recover_layer(engine, layer, lease_s)]


def _recover_layer(engine: Engine, layer: tuple[str, str, str], lease_s: float) -> list[str]:
    with leased(engine, *layer, duration_s=lease_s) as held:
        return settle(engine, held[0]) if held is not None else []


def settle(engine: Engine, lease: Lease) -> list[str]:
    """Finish or remove what earlier builds of a layer left, now that the lease is ours."""
    with transaction(engine) as connection:
        unfinished = builds.list_predecessors(connection, lease)
    for item in unfinished:
        _settle_one(engine, lease, item)
    remove_replaced(engine, lease)
    return [item.build_id for item in unfinished]


def _settle_one(engine: Engine, lease: Lease, dead: builds.UnfinishedBuild) -> None:
    """Take the staged file away first: from then on a late builder has nothing that it could rename.

    Only then it is certain whether the file is in place. If it is, with the hash of the staged rows, only
    the last step was missing, and with it the record of where the former file is kept; otherwise nothing of
    the build remains, and the former file has its own name only.
    """
    remove_leftovers(dead.directory, dead.build_id)
    done = dead.staged is not None and file_state(dead.staged, thorough=True) == "in_place"
    with fenced(engine, lease) as connection:
        former = current_revision(connection, lease)
        if done:
            record_former(connection, former)
            builds.publish_product(connection, dead.build_id)
        else:
            put_former_back(connection, former)
            builds.abandon_build(connection, dead.build_id)


def remove_leftovers(directory: str, build_id: str) -> None:
    """Remove what a build has left of a product that is not published."""
    store = product_store(directory)
    for ticket in store.list_tickets(directory):
        if build_id in ticket.rpartition("/")[2]:
            store.remove_ticket(ticket)


def remove_strays(directory: str, lease: Lease) -> None:
    """Remove files of a layer that a late builder wrote after it had been settled, and died."""
    store = product_store(directory)
    for ticket in store.list_tickets(directory):
        file_name = ticket.rpartition("/")[2]
        name = ProductName.parse(file_name.removeprefix(".").removesuffix(".part").rpartition(".")[0])
        if (str(name.skycell), str(name.layer), name.selection) == (
            lease.skycell,
            lease.layer,
            lease.selection,
        ):
            store.remove_ticket(ticket)
