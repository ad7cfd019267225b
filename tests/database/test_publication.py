"""DataLink and provenance of products, against the rows of product_input read by plain SQL."""

from __future__ import annotations

import io
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from astropy.io import votable
from prov.constants import PROV, PROV_TYPE
from prov.model import (
    ProvAssociation,
    ProvCommunication,
    ProvDerivation,
    ProvDocument,
    ProvGeneration,
    ProvUsage,
)
from sqlalchemy import Connection, text

from mvmdb.catalog.publication import find_provenance, list_links
from mvmdb.catalog.withdrawals import restore_exposure, withdraw_exposure
from mvmdb.errors import UnknownObjectError
from mvmdb.files.datalink import links_votable
from mvmdb.names import LayerName
from mvmdb.pipeline.publication import list_product_links, product_provenance, write_provenance
from tests.database.test_status import INSIDE, LAYER, SKYCELL, publish, register

PRODUCT = f"hst_skycell-{SKYCELL}_{LAYER}_all_drz.fits"
COARSE = LayerName("wfc3", "ir", "f160w", "coarse")
DATASET = "ivo://example.org/mvmdb?{}/{}/{}"

# http://www.ivoa.net/rdf/datalink/core, without its preliminary terms.
CORE_TERMS = frozenset(
    (
        *("this", "progenitor", "derivation", "auxiliary", "weight", "error", "noise"),
        *("calibration", "bias", "dark", "flat", "preview", "preview-image", "preview-plot"),
        *("proc", "cutout", "documentation", "detached-header", "coderived", "counterpart"),
    )
)


@pytest.fixture
def rebuilt(connection: Connection, tmp_path: Path) -> Connection:
    """Connection to a layer of three exposures, one withdrawn before its second revision was built."""
    register(connection, "itst0001q", INSIDE)
    register(connection, "itst0002q", INSIDE, INSIDE)
    register(connection, "itst0003q", INSIDE)
    publish(connection, tmp_path)
    publish(connection, tmp_path, COARSE)
    withdraw_exposure(connection, "itst0002q", reason="trailed", by="E. Hubble")
    register(connection, "itst0003q", INSIDE, exptime_s=77.0)
    publish(connection, tmp_path)
    return connection


def inputs_by_sql(connection: Connection, revision: int) -> set[str]:
    """Return the identifiers of the exposures behind a revision, from the tables alone."""
    query = text("""
        select distinct 'ivo://example.org/mvmdb?exposure/' || e.rootname || '/' || e.revision
        from mvm.product as p
        join mvm.product_input as i using (product_id)
        join mvm.exposure as e using (exposure_id)
        where p.product = :product and p.revision = :revision""")
    return set(connection.execute(query, {"product": PRODUCT, "revision": revision}).scalars())


def semantics(connection: Connection, *dataset: object) -> Counter[str]:
    return Counter(row.semantics for row in list_links(connection, DATASET.format(*dataset)))


def test_links_of_the_current_revision(rebuilt: Connection, tmp_path: Path) -> None:
    links = list_links(rebuilt, DATASET.format("product", PRODUCT, 2))
    assert [link.semantics for link in links] == ["#this", "#progenitor", "#progenitor", "#coderived"]
    assert {link.semantics.removeprefix("#") for link in links} <= CORE_TERMS
    this, first, _, coarse = links
    assert (this.access_url, this.content_length) == (f"file://{tmp_path}/{PRODUCT}", 36)
    assert (this.content_type, this.service_def, this.error_message) == ("application/fits", None, None)
    assert "itst0001q" in str(first.description)
    assert str(coarse.access_url).endswith("_coarse-all_drz.fits")


def test_progenitors_are_the_inputs(rebuilt: Connection) -> None:
    query = text("""
        select distinct 'file://' || e.file_path
        from mvm.product as p
        join mvm.product_input as i using (product_id)
        join mvm.exposure as e using (exposure_id)
        where p.product = :product and p.revision = :revision""")
    for revision in (1, 2):
        links = list_links(rebuilt, DATASET.format("product", PRODUCT, revision))
        paths = rebuilt.execute(query, {"product": PRODUCT, "revision": revision}).scalars().all()
        urls = {str(link.access_url) for link in links if link.semantics == "#progenitor"}
        assert urls == set(paths)


def test_a_revision_whose_file_was_replaced_has_an_error_and_its_progenitors(rebuilt: Connection) -> None:
    this, *others = list_links(rebuilt, DATASET.format("product", PRODUCT, 1))
    assert this.semantics == "#this"
    assert this.error_message == "NotFoundFault: the file of this revision is replaced, lost or damaged"
    assert (this.access_url, this.description, this.content_type, this.content_length) == (None,) * 4
    assert Counter(link.semantics for link in others) == {"#progenitor": 3, "#coderived": 2}


def test_an_earlier_revision_whose_file_is_kept_is_coderived(rebuilt: Connection) -> None:
    assert semantics(rebuilt, "product", PRODUCT, 2)["#coderived"] == 1
    rebuilt.execute(
        text("update mvm.product set file_path = '/kept/1.fits' where product = :p and revision = 1"),
        {"p": PRODUCT},
    )
    assert semantics(rebuilt, "product", PRODUCT, 2)["#coderived"] == 2
    assert list_links(rebuilt, DATASET.format("product", PRODUCT, 1))[0].access_url == "file:///kept/1.fits"
    rebuilt.execute(text("update mvm.product set file_state = 'lost' where file_path = '/kept/1.fits'"))
    assert semantics(rebuilt, "product", PRODUCT, 2)["#coderived"] == 1


def test_links_of_an_exposure(rebuilt: Connection) -> None:
    assert semantics(rebuilt, "exposure", "itst0001q", 1) == {"#this": 1, "#derivation": 2}
    assert semantics(rebuilt, "exposure", "itst0003q", 2) == {"#this": 1, "#derivation": 1}


@pytest.mark.parametrize(
    ("identifier", "error"),
    [
        (DATASET.format("product", PRODUCT, 9), "NotFoundFault: "),
        (DATASET.format("product", "no.fits", 1), "NotFoundFault: "),
        (DATASET.format("exposure", "itst0009q", 1), "NotFoundFault: "),
        (DATASET.format("product", PRODUCT, 2).replace("example.org", "other.org"), "NotFoundFault: "),
        (DATASET.format("product", PRODUCT, "02"), "NotFoundFault: "),
        (PRODUCT, "UsageFault: "),
        ("", "UsageFault: "),
    ],
)
def test_unknown_identifiers_give_one_error(rebuilt: Connection, identifier: str, error: str) -> None:
    [row] = list_links(rebuilt, identifier)
    assert (row.ID, row.semantics, row.access_url, row.description) == (identifier, "#this", None, None)
    assert str(row.error_message).startswith(error)


def test_every_obs_publisher_did_has_links(rebuilt: Connection) -> None:
    rebuilt.execute(text("update mvm.publisher set authority = 'stsci.edu'"))
    query = text("""
        select o.obs_publisher_did, l.access_url, o.access_url
        from ivoa.obscore as o
        cross join lateral ivoa.datalink(o.obs_publisher_did) as l
        where l.semantics = '#this'""")
    rows = rebuilt.execute(query).all()
    assert len(rows) == 4  # two products, two exposures that are not withdrawn
    assert all(did.startswith("ivo://stsci.edu/mvmdb?") and url == same for did, url, same in rows)


def test_votable_of_links(rebuilt: Connection) -> None:
    rows = [vars(row) for row in list_links(rebuilt, DATASET.format("product", PRODUCT, 1))]
    parsed = votable.parse(io.BytesIO(links_votable(rows)), verify="exception")
    [resource] = parsed.resources
    assert resource.type == "results"
    infos = {info.name: info.value for info in resource.infos}
    assert infos == {"standardID": "ivo://ivoa.net/std/DataLink#links-1.1", "QUERY_STATUS": "OK"}
    table = resource.tables[0].to_table()
    assert table.colnames == list(rows[0])
    length = resource.tables[0].get_field_by_id_or_name("content_length")
    assert (length.datatype, str(length.unit)) == ("long", "byte")
    assert [str(value) for value in table["semantics"]] == [row["semantics"] for row in rows]
    assert [bool(masked) for masked in table["content_length"].mask] == [
        row["content_length"] is None for row in rows
    ]
    assert [str(value) if value else None for value in table["access_url"].filled("")] == [
        row["access_url"] for row in rows
    ]


def test_a_preview_beside_the_product_is_linked(rebuilt: Connection, tmp_path: Path) -> None:
    assert "#preview" not in {link.semantics for link in list_product_links(rebuilt, PRODUCT)}
    picture = (tmp_path / PRODUCT).with_suffix(".png")
    picture.write_bytes(b"picture")
    preview = list_product_links(rebuilt, PRODUCT)[-1]
    assert (preview.semantics, preview.access_url) == ("#preview", picture.as_uri())
    assert (preview.content_type, preview.content_length) == ("image/png", 7)
    assert "#preview" not in {link.semantics for link in list_product_links(rebuilt, PRODUCT, 1)}
    os.utime(picture, ns=(0, 0))  # drawn of an earlier revision
    assert "#preview" not in {link.semantics for link in list_product_links(rebuilt, PRODUCT)}


def parsed_provenance(connection: Connection, revision: int | None = None) -> ProvDocument:
    return ProvDocument.deserialize(content=product_provenance(connection, PRODUCT, revision, "json"))


def ends(document: ProvDocument, kind: type[Any], *, revisions: bool = False) -> set[tuple[str, str]]:
    """Return the URIs that the relations of a kind join."""
    return {
        (str(relation.args[0].uri), str(relation.args[1].uri))
        for relation in document.get_records(kind)
        if (PROV["Revision"] in relation.get_attribute(PROV_TYPE)) == revisions
    }


@pytest.mark.parametrize("revision", [1, 2])
def test_derivations_are_the_inputs(rebuilt: Connection, revision: int) -> None:
    document = parsed_provenance(rebuilt, revision)
    product = DATASET.format("product", PRODUCT, revision)
    derivations = ends(document, ProvDerivation)
    assert {from_ for from_, _ in derivations} == {product}
    assert {to for _, to in derivations} == inputs_by_sql(rebuilt, revision)
    [build_id] = rebuilt.execute(
        text("select build_id::text from mvm.product where product = :p and revision = :r"),
        {"p": PRODUCT, "r": revision},
    ).scalars()
    build = f"ivo://example.org/mvmdb?build/{build_id}"
    assert ends(document, ProvGeneration) == {(product, build)}
    assert {to for from_, to in ends(document, ProvUsage) if from_ == build} == inputs_by_sql(
        rebuilt, revision
    )


@pytest.mark.parametrize("form", ["json", "xml"])
def test_document_is_equal_when_read_again(rebuilt: Connection, form: Any) -> None:
    from mvmdb.files.provenance import provenance_document

    written = provenance_document(find_provenance(rebuilt, PRODUCT))
    text_of_it = product_provenance(rebuilt, PRODUCT, None, form)
    assert ProvDocument.deserialize(content=text_of_it, format=form) == written
    assert len(written.get_records()) > 20


def test_revision_and_the_decision_behind_it(rebuilt: Connection) -> None:
    document = parsed_provenance(rebuilt)
    now, before = (DATASET.format("product", PRODUCT, revision) for revision in (2, 1))
    assert ends(document, ProvDerivation, revisions=True) == {(now, before)}
    [(_, decision)] = ends(document, ProvCommunication)
    assert "?withdrawal/" in decision
    people = {to for from_, to in ends(document, ProvAssociation) if from_ == decision}
    assert people == {"ivo://example.org/mvmdb?person/E.%20Hubble"}
    withdrawn = {to for from_, to in ends(document, ProvUsage) if from_ == decision}
    assert withdrawn == {DATASET.format("exposure", "itst0002q", 1)}
    first = parsed_provenance(rebuilt, 1)
    assert ends(first, ProvDerivation, revisions=True) == ends(first, ProvCommunication) == set()


def test_a_withdrawal_that_ended_before_the_build_is_no_part_of_it(
    connection: Connection, tmp_path: Path
) -> None:
    for name in ("itst0001q", "itst0002q"):
        register(connection, name, INSIDE)
    publish(connection, tmp_path)
    withdraw_exposure(connection, "itst0002q", reason="trailed", by="somebody")
    restore_exposure(connection, "itst0002q", by="somebody")
    publish(connection, tmp_path)
    assert find_provenance(connection, PRODUCT).withdrawals == ()


def test_parameters_software_and_times(rebuilt: Connection) -> None:
    query = text("""
        select b.recipe, b.started_at, b.finished_at
        from mvm.build as b join mvm.product as p using (build_id)
        where p.product = :p and p.revision = 2""")
    recipe, started_at, finished_at = rebuilt.execute(query, {"p": PRODUCT}).one()
    document = json.loads(product_provenance(rebuilt, PRODUCT, 2, "json"))
    parameters = {
        item["voprov:name"]: item["prov:value"]
        for item in document["entity"].values()
        if "prov:value" in item
    }
    assert set(parameters) == set(recipe["parameters"])
    assert parameters["kernel"] == recipe["parameters"]["kernel"]
    [activity] = [value for name, value in document["activity"].items() if name.startswith("mvmdb:build/")]
    assert activity["prov:startTime"] == started_at.isoformat()
    assert activity["prov:endTime"] == finished_at.isoformat()
    types = json.dumps(document)
    for kind in (
        "ActivityDescription",
        "UsageDescription",
        "GenerationDescription",
        "Parameter",
        "WasConfiguredBy",
    ):
        assert f"voprov:{kind}" in types


def test_provn_and_file(rebuilt: Connection, tmp_path: Path) -> None:
    written = product_provenance(rebuilt, PRODUCT, None, "provn")
    assert written.startswith("document\n")
    assert f"wasDerivedFrom(mvmdb:product/{PRODUCT}/2, mvmdb:exposure/itst0001q/1, mvmdb:build/" in written
    write_provenance(tmp_path / "out.provn", written)
    assert (tmp_path / "out.provn").read_text() == written


def test_unknown_revisions(rebuilt: Connection) -> None:
    with pytest.raises(UnknownObjectError, match=f"no revision 3 of a product {PRODUCT}"):
        list_product_links(rebuilt, PRODUCT, 3)
    with pytest.raises(UnknownObjectError, match="no product nothing"):
        find_provenance(rebuilt, "nothing")
