"""Provenance of a product as a W3C PROV document in the vocabulary of IVOA's Provenance Data Model 1.0.

Needs the package prov, which the extra ``prov`` installs.
"""

from __future__ import annotations

from urllib.parse import quote

from mvmdb.errors import MissingPackageError
from mvmdb.records import Generation, ProductProvenance, Usage, WithdrawnInput

try:
    from prov.model import Namespace, ProvDocument
except ModuleNotFoundError as error:
    raise MissingPackageError("prov", "prov") from error

FORMATS = ("json", "xml", "provn")
VOPROV = Namespace("voprov", "http://www.ivoa.net/documents/ProvenanceDM/index.html#")
"""The namespace that the reference implementation of the model writes."""

_DESCRIPTION = "description/build"


def provenance_text(provenance: ProductProvenance, form: str) -> str:
    """Return the document in one of ``FORMATS``."""
    document = provenance_document(provenance)
    if form == "provn":
        return f"{document.get_provn()}\n"
    text = document.serialize(format="json", indent=2) if form == "json" else document.serialize(format=form)
    return f"{str(text).rstrip()}\n"


def provenance_document(provenance: ProductProvenance) -> ProvDocument:
    """Return entities, activities and agents of one revision of a product, and how they relate.

    Notes
    -----
    The identifier of product and exposures is their IVOA identifier, the one in ``ivoa.obscore``. What the
    model has and PROV lacks (descriptions, configuration) is written as entities and influences whose
    ``prov:type`` is the class of the model.
    """
    document, generation = ProvDocument(), provenance.generation
    document.add_namespace("mvmdb", generation.dataset_id.partition("?")[0] + "?")
    document.add_namespace(VOPROV)
    _add_build(document, generation)
    _add_description(document, generation)
    _add_configuration(document, generation)
    _add_product(document, generation)
    for usage in provenance.usages:
        _add_usage(document, generation, usage)
    for item in provenance.withdrawals:
        _add_withdrawal(document, generation, item)
    return document


def _name(dataset_id: str) -> str:
    """Return the qualified name whose URI is the identifier."""
    return f"mvmdb:{dataset_id.partition('?')[2]}"


def _build(generation: Generation) -> str:
    return f"mvmdb:build/{generation.build_id}"


def _add_build(document: ProvDocument, generation: Generation) -> None:
    """Add the activity, the software that carried it out, and the recipe that it followed."""
    name, version = "mvmdb", generation.versions.get("mvmdb", "unknown")
    document.activity(
        _build(generation),
        generation.started_at,
        generation.finished_at,
        [
            ("prov:label", f"build of {generation.product}"),
            ("voprov:name", "layer build"),
            ("mvmdb:host", generation.host),
            ("mvmdb:process_id", generation.process_id),
            *(("mvmdb:software", f"{item} {number}") for item, number in sorted(generation.versions.items())),
        ],
    )
    agent = document.agent(
        f"mvmdb:software/{name}/{version}",
        {
            "prov:type": document.valid_qualified_name("prov:SoftwareAgent"),
            "voprov:name": f"{name} {version}",
        },
    )
    recipe = document.entity(
        f"mvmdb:recipe/{generation.recipe_sha256}",
        {
            "prov:type": document.valid_qualified_name("prov:Plan"),
            "prov:label": f"recipe of {generation.layer} of {generation.skycell}",
            "mvmdb:sha256": generation.recipe_sha256,
            "mvmdb:engine": generation.engine,
            "mvmdb:parameter_set": generation.parameter_set,
        },
    )
    document.wasAssociatedWith(
        _build(generation), agent, plan=recipe, other_attributes={"prov:role": "operator"}
    )


def _add_description(document: ProvDocument, generation: Generation) -> None:
    """Add what all builds have in common: the description of the activity, of what it uses and generates."""
    described: dict[str, tuple[str, dict[str, str]]] = {
        _DESCRIPTION: (
            "ActivityDescription",
            {
                "voprov:name": "layer build",
                "voprov:version": generation.versions.get("mvmdb", "unknown"),
                "voprov:type": "Reduction",
                "voprov:description": "Exposures of one layer of a skycell drizzled into a mosaic",
            },
        ),
        f"{_DESCRIPTION}/exposure": (
            "UsageDescription",
            {"voprov:role": "exposure", "voprov:multiplicity": "*"},
        ),
        f"{_DESCRIPTION}/product": (
            "GenerationDescription",
            {"voprov:role": "product", "voprov:multiplicity": "1"},
        ),
    }
    for name, (kind, attributes) in described.items():
        document.entity(f"mvmdb:{name}", [("prov:type", VOPROV[kind]), *attributes.items()])
    _influence(document, _build(generation), f"mvmdb:{_DESCRIPTION}", "isDescribedBy")
    for role in ("exposure", "product"):
        _influence(document, f"mvmdb:{_DESCRIPTION}/{role}", f"mvmdb:{_DESCRIPTION}", "isDescribedBy")


def _add_configuration(document: ProvDocument, generation: Generation) -> None:
    """Add the parameters with their values."""
    for name, value in sorted(generation.parameters.items()):
        parameter = f"mvmdb:parameter/{generation.recipe_sha256}/{name}"
        document.entity(
            parameter, {"prov:type": VOPROV["Parameter"], "voprov:name": name, "prov:value": value}
        )
        _influence(document, _build(generation), parameter, "WasConfiguredBy")


def _influence(document: ProvDocument, what: str, by: str, kind: str) -> None:
    document.wasInfluencedBy(what, by, other_attributes={"prov:type": VOPROV[kind]})


def _add_product(document: ProvDocument, generation: Generation) -> None:
    """Add the product, its generation, and the revision before it."""
    product = document.entity(
        _name(generation.dataset_id),
        {
            "prov:type": VOPROV["DatasetEntity"],
            "prov:label": generation.product,
            "prov:location": generation.file_path,
            "voprov:name": generation.product,
            "mvmdb:revision": generation.revision,
            "mvmdb:sha256": generation.file_sha256,
            "mvmdb:size_bytes": generation.file_size_bytes,
            "mvmdb:selection": generation.selection,
        },
    )
    document.wasGeneratedBy(
        product, _build(generation), generation.published_at, other_attributes={"prov:role": "product"}
    )
    if generation.former_dataset_id is not None:
        former = document.entity(_name(generation.former_dataset_id), {"prov:type": VOPROV["DatasetEntity"]})
        document.wasRevisionOf(product, former)


def _add_usage(document: ProvDocument, generation: Generation, usage: Usage) -> None:
    """Add an exposure that was used."""
    exposure = document.entity(
        _name(usage.dataset_id),
        {
            "prov:type": VOPROV["DatasetEntity"],
            "prov:label": usage.exposure,
            "prov:location": usage.file_path,
            "voprov:name": usage.exposure,
            "mvmdb:revision": usage.exposure_revision,
            "mvmdb:sha256": usage.file_sha256,
        },
    )
    document.used(
        _build(generation),
        exposure,
        other_attributes={
            "prov:role": "exposure",
            "mvmdb:n_chips": usage.n_chips,
            "mvmdb:n_pixels_contributed": usage.n_pixels_contributed,
        },
    )
    document.wasDerivedFrom(_name(generation.dataset_id), exposure, _build(generation))


def _add_withdrawal(document: ProvDocument, generation: Generation, item: WithdrawnInput) -> None:
    """Add a decision that took an exposure out, and who took it."""
    decision = document.activity(
        f"mvmdb:withdrawal/{item.withdrawal_id}",
        item.withdrawn_at,
        item.withdrawn_at,
        {
            "prov:label": f"withdrawal of {item.exposure}",
            "voprov:name": "withdrawal",
            "voprov:comment": item.reason,
        },
    )
    person = document.agent(
        f"mvmdb:person/{quote(item.withdrawn_by, safe='')}",
        {"prov:type": document.valid_qualified_name("prov:Person"), "voprov:name": item.withdrawn_by},
    )
    exposure = document.entity(
        _name(item.dataset_id), {"prov:type": VOPROV["DatasetEntity"], "prov:label": item.exposure}
    )
    document.used(decision, exposure)
    document.wasAssociatedWith(decision, person)
    document.wasInformedBy(_build(generation), decision)
