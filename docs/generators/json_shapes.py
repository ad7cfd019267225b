"""What each command prints with ``--json``: the classes it prints, and objects put together from them.

A test runs every command and holds its output against these shapes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mvmdb.catalog.exclusions import ExclusionChange, ExclusionRow
from mvmdb.catalog.exposures import ExposureRow, FailureRow, RevisionRow
from mvmdb.catalog.footprints import OverlapRow
from mvmdb.catalog.history import BuildRow, ContributionRow, ProductRevisionRow
from mvmdb.catalog.layers import DeepLayerRow, LayerRow, SkycellRow
from mvmdb.catalog.leases import ReleasedLease
from mvmdb.catalog.parameters import LayerParameterRow, ParameterRuleRow, ParameterSetRow
from mvmdb.catalog.positions import CoverageRow, DepthRow, PositionDepthRow, SkycellHit
from mvmdb.catalog.products import ProductRow, ProvenanceRow
from mvmdb.catalog.publication import LinkRow
from mvmdb.catalog.retention import PinRow, PrunableRow, RetentionRuleRow
from mvmdb.catalog.rights import RoleRow
from mvmdb.catalog.selections import SelectionCostRow, SelectionExclusionRow, SelectionRow
from mvmdb.catalog.staleness import LayerStatusRow, SkycellStatusRow
from mvmdb.catalog.withdrawals import WithdrawalReport, WithdrawalRow
from mvmdb.cluster import ClusterStatus
from mvmdb.pipeline.build import BuildResult
from mvmdb.pipeline.difference import ProductDifference
from mvmdb.pipeline.ingest import IngestResult
from mvmdb.pipeline.maps import DepthFile, FilterCount, MocFile, SkycellMap, SkyMap
from mvmdb.pipeline.pixel import ProductPixel
from mvmdb.pipeline.preview import PictureFile
from mvmdb.pipeline.rebuild import RebuildReport
from mvmdb.pipeline.retention import PruneReport
from mvmdb.pipeline.selections import RemovedSelection, SelectionReport, SelectionShown, StoredEpoch
from mvmdb.pipeline.staleness import LayerExplanation, PricedSkycell, PricedStatus
from mvmdb.pipeline.verify import VerifyReport
from mvmdb.records import DrizzleParameters, ExcludedExposure, Forecast, LayerInput
from mvmdb.sky.grid import PixelBox
from mvmdb_cli.footprint import FootprintReport


@dataclass(frozen=True)
class PrivateDatabase(ClusterStatus):
    """The private cluster and the schema in it."""

    managed: bool
    """Always true: mvmdb made the cluster."""
    schema_current: bool
    """The schema is this version's; absent while the cluster is stopped."""
    products_dir: str
    """Where product files are published."""


@dataclass(frozen=True)
class OwnDatabase:
    """The server that MVMDB_DATABASE_URL names."""

    managed: bool
    """Always false: the server is yours."""
    running: bool
    """Always true; a server that cannot be reached is an error."""
    url: str
    """URL of the database, its password hidden."""
    schema_current: bool
    """The schema is this version's."""
    products_dir: str
    """Where product files are published."""


@dataclass(frozen=True)
class DatabaseAddress:
    """How to reach the database."""

    url: str
    """URL for psql and other clients; it holds the password, if there is one."""


@dataclass(frozen=True)
class Grid:
    """A north-up TAN grid as FITS keywords state it."""

    crval_deg: list[float]
    """CRVAL1 and CRVAL2, ICRS degrees."""
    crpix: list[float]
    """CRPIX1 and CRPIX2, FITS pixels (1-based)."""
    scale_arcsec: float
    """Side of a pixel at the tangent point."""
    naxis: list[int]
    """NAXIS1 and NAXIS2, pixels."""


@dataclass(frozen=True)
class SkycellShown:
    """A skycell with its layers."""

    skycell: str
    """Name of the skycell."""
    fine: Grid
    """The whole skycell at 0.04 arcsec/pixel."""
    coarse: Grid
    """The whole skycell at 0.12 arcsec/pixel."""
    extent: PixelBox | None
    """The common subarray in fine pixels of the skycell; null where no exposure reaches."""
    subarray: Grid | None
    """The common subarray as a grid of its own."""
    layers: list[LayerRow]
    """Its layers, by name."""


@dataclass(frozen=True)
class ExposureShown(ExposureRow):
    """An exposure with what follows from it."""

    revisions: list[RevisionRow]
    """Every content seen under this root name, oldest first."""
    skycells: list[str]
    """Skycells that it reaches."""
    products: list[str]
    """Current products that it went into."""


@dataclass(frozen=True)
class ProductShown(ProductRow):
    """A product with its inputs."""

    inputs: list[ProvenanceRow]
    """Chips that went into it, in context-bit order."""


@dataclass(frozen=True)
class PlannedLayer:
    """What a build of a layer would do."""

    skycell: str
    """Name of the skycell."""
    layer: str
    """Name of the layer."""
    selection: str
    """Rule of which exposures the layer takes; all = every one."""
    selection_cost: SelectionCostRow | None
    """What the selection loses against all exposures; null for all."""
    status: str
    """missing, stale or current."""
    reason: str
    """Why it is so, in words."""
    reasons: list[str]
    """Why it is stale, as in `mvm.layer_status`, but for the parameters that the plan is asked for."""
    road: str | None
    """What a build goes on from, and why; null where no exposure is left."""
    product: str
    """File name of the product."""
    writes: str | None
    """Path of the product; null where no exposure is left, so that a build retires the product."""
    extent: PixelBox
    """The common subarray in fine pixels of the skycell."""
    n_x_pix: int
    """Columns of the arrays, at the scale of the layer."""
    n_y_pix: int
    """Rows of the arrays, at the scale of the layer."""
    output_gb: float
    """Size of SCI, WHT and CTX, 10^9 bytes."""
    forecast: Forecast | None
    """What a build would take on this machine; null where no exposure is left."""
    refused: str | None
    """Why a build would be refused: what it takes, the limit, what raises it; null where it would not."""
    n_inputs: int
    """Number of chips."""
    excluded: list[ExcludedExposure]
    """Exposures that the layer is built without, in order of time."""
    exptime_s: float
    """Sum of the exposure times."""
    without_file: list[str]
    """Exposures that are known by their footprints alone, in drizzle order; to be ingested before a build."""
    parameters: DrizzleParameters
    """How the chips are combined."""
    parameter_set: str
    """Named set the parameters come from, and what was overridden."""
    recipe_sha256: str
    """SHA-256 of everything that determines the pixels."""
    inputs: list[LayerInput]
    """The chips in drizzle order."""


@dataclass(frozen=True)
class DemoShown:
    """What the demo did."""

    simulated: bool
    """Always true: no telescope took these exposures."""
    ingested: list[IngestResult]
    """One entry per simulated exposure."""
    built: list[BuildResult]
    """One entry per layer."""
    products: list[ProductRow]
    """The products of the demo's skycell."""
    pictures: list[str]
    """PNG files, the colour picture last."""


@dataclass(frozen=True)
class CoveredArea:
    """How much sky some exposures cover."""

    area_deg2: float
    """Area of the union of their footprints, square degrees."""


@dataclass(frozen=True)
class Output:
    """What a command prints in one case."""

    command: str
    shape: Any
    case: str = ""
    """When it prints this; always, if empty."""


OUTPUTS = (
    Output("ingest", list[IngestResult]),
    Output("footprint load", FootprintReport),
    Output("coverage", list[CoverageRow]),
    Output("coverage", list[DepthRow], "with --depth"),
    Output("coverage", list[PositionDepthRow], "with --positions"),
    Output("coverage", CoveredArea, "with --area"),
    Output("deep", list[DeepLayerRow]),
    Output("provenance", list[ProvenanceRow]),
    Output("pixel", list[ProductPixel]),
    Output("status", list[SkycellStatusRow], "without SKYCELL"),
    Output("verify", VerifyReport),
    Output("catalog rebuild", RebuildReport),
    Output("status", list[PricedSkycell], "without SKYCELL, with --cost"),
    Output("status", list[PricedStatus], "with SKYCELL"),
    Output("preview", list[PictureFile]),
    Output("demo", DemoShown),
    Output("db start", PrivateDatabase),
    Output("db stop", ClusterStatus),
    Output("db status", PrivateDatabase, "with the private cluster"),
    Output("db status", OwnDatabase, "with MVMDB_DATABASE_URL"),
    Output("db upgrade", PrivateDatabase, "with the private cluster"),
    Output("db upgrade", OwnDatabase, "with MVMDB_DATABASE_URL"),
    Output("db roles", list[RoleRow]),
    Output("db url", DatabaseAddress),
    Output("layer list", list[LayerRow], "with SKYCELL"),
    Output("layer list", list[SkycellRow], "without"),
    Output("layer plan", list[PlannedLayer]),
    Output("layer explain", LayerExplanation),
    Output("layer epochs", list[StoredEpoch]),
    Output("layer build", list[BuildResult]),
    Output("layer build", list[PlannedLayer], "with --dry-run"),
    Output("parameters list", list[ParameterSetRow]),
    Output("parameters show", list[ParameterRuleRow]),
    Output("parameters show", list[LayerParameterRow], "with SKYCELL and LAYER"),
    Output("skycell at", list[SkycellHit]),
    Output("skycell show", SkycellShown),
    Output("exclusion list", list[ExclusionRow]),
    Output("exclusion set", ExclusionChange),
    Output("selection list", list[SelectionRow]),
    Output("selection show", SelectionShown),
    Output("selection add", SelectionReport),
    Output("selection change", SelectionReport),
    Output("selection remove", RemovedSelection),
    Output("exposure list", list[ExposureRow]),
    Output("exposure list", list[FailureRow], "with --failed"),
    Output("exposure show", ExposureShown),
    Output("exposure overlaps", list[OverlapRow]),
    Output("exposure contributions", list[ContributionRow]),
    Output("exposure withdraw", WithdrawalReport),
    Output("exposure restore", WithdrawalReport),
    Output("exposure withdrawals", list[WithdrawalRow]),
    Output("map skycell", SkycellMap),
    Output("map sky", SkyMap),
    Output("map depth", DepthFile),
    Output("moc", MocFile),
    Output("product list", list[ProductRow]),
    Output("product list", list[ProductRevisionRow], "with --at"),
    Output("product history", list[ProductRevisionRow]),
    Output("product diff", ProductDifference),
    Output("product prune", PruneReport),
    Output("product pin", PinRow),
    Output("product unpin", PinRow),
    Output("retention list", list[RetentionRuleRow]),
    Output("retention set", RetentionRuleRow),
    Output("build list", list[BuildRow]),
    Output("build release", ReleasedLease),
    Output("product show", ProductShown),
    Output("product links", list[LinkRow]),
)

COLUMNS_OF: dict[type, tuple[str, ...]] = {
    BuildResult: ("product",),
    BuildRow: ("build_log",),
    ContributionRow: ("exposure_contribution",),
    CoverageRow: ("current_exposure",),
    DepthRow: ("layer_depth",),
    PositionDepthRow: ("layer_depth",),
    DeepLayerRow: ("layer_depth",),
    ExclusionChange: ("exclusion",),
    ExclusionRow: ("exclusion",),
    ExposureRow: ("current_exposure",),
    FailureRow: ("ingest_failure",),
    IngestResult: ("current_exposure", "ingest_failure"),
    LayerInput: ("exposure", "chip"),
    LayerRow: ("layer_depth", "product"),
    LayerExplanation: ("layer_status",),
    LayerStatusRow: ("layer_status",),
    PricedStatus: ("layer_status",),
    LayerParameterRow: ("parameter_rule",),
    ParameterRuleRow: ("parameter_rule",),
    ParameterSetRow: ("parameter_set",),
    ProductRevisionRow: ("product_history",),
    PinRow: ("product",),
    PrunableRow: ("prunable_product",),
    ProductRow: ("current_product",),
    ProvenanceRow: ("product_provenance",),
    RetentionRuleRow: ("retention_rule",),
    ReleasedLease: ("build",),
    RevisionRow: ("exposure",),
    SelectionExclusionRow: ("selection_exclusion",),
    SelectionRow: ("selection",),
    SkycellHit: ("skycell",),
    SkycellRow: ("layer_member",),
    WithdrawalRow: ("withdrawal",),
}
"""Tables and views whose column comments say what a field means, where the class itself does not."""

OTHER_MEANINGS: dict[tuple[type, str], str] = {
    (BuildResult, "n_inputs"): "Number of chips",
    (IngestResult, "file_path"): "File, absolute path",
    (BuildResult, "reason"): "Why it was built or left alone, or what failed",
    (BuildResult, "exit_code"): "Exit code of the error of a failed build, else 0",
    (ClusterStatus, "data_dir"): "Directory of the database",
    (ClusterStatus, "socket_dir"): "Directory of the server's unix socket",
    (ClusterStatus, "log_file"): "What the server writes",
    (OverlapRow, "exposure"): "Root name of the earlier exposure",
    (OverlapRow, "other"): "Root name of the later one",
    (OverlapRow, "filter"): "Filter of the earlier one",
    (OverlapRow, "other_filter"): "Filter of the later one",
    (OverlapRow, "area_pix"): "Sky they share within the skycell, fine pixels",
    (OverlapRow, "area_arcmin2"): "The same, square arcmin",
    (OverlapRow, "fraction"): "The same, as a fraction of the smaller of the two within the skycell",
    (SkycellMap, "skycell"): "Name of the skycell",
    (SkycellMap, "n_exposures"): "Number of exposures drawn",
    (SkycellMap, "n_chips"): "Number of their chips",
    (ExcludedExposure, "exposure"): "Root name of the exposure",
    (ExcludedExposure, "code"): "Finding that excludes it",
    (ExcludedExposure, "detail"): "Keyword and value behind it",
    (BuildResult, "n_excluded"): "Exposures that the layer was built without; `layer plan` names them",
    (FilterCount, "instrument"): "Instrument",
    (FilterCount, "detector"): "Detector",
    (FilterCount, "filter"): "Filter",
    (FilterCount, "n_exposures"): "Number of exposures",
    (FilterCount, "exptime_s"): "Sum of their exposure times, seconds",
    (SkyMap, "n_exposures"): "Number of exposures counted",
    (DepthFile, "skycell"): "Name of the skycell",
    (DepthFile, "n_x_bins"): "Columns of the map",
    (DepthFile, "n_y_bins"): "Rows of the map",
    (DepthFile, "n_exposures"): "Number of exposures counted",
    (DepthFile, "n_chips"): "Number of their chips",
    (PositionDepthRow, "position"): "Label of the position: its id, else the number of its line",
    (PositionDepthRow, "ra_deg"): "Right ascension, ICRS degrees",
    (PositionDepthRow, "dec_deg"): "Declination, ICRS degrees",
    (DrizzleParameters, "kernel"): "How a pixel is spread over the output: square, turbo or point",
    (DrizzleParameters, "pixfrac"): "Side of the shrunken pixel over the side of the pixel",
    (DrizzleParameters, "weighting"): "exptime: the weight of a good pixel is its exposure time",
    (PixelBox, "x0"): "First column, 0-based",
    (PixelBox, "y0"): "First row, 0-based",
    (PixelBox, "x1"): "Column after the last, 0-based",
    (PixelBox, "y1"): "Row after the last, 0-based",
    (SkycellHit, "x_pix"): "Column, 0-based fine pixels of the skycell, with fraction",
    (SkycellHit, "y_pix"): "Row, 0-based fine pixels of the skycell, with fraction",
    (SkycellHit, "offset_deg"): "Distance from the tangent point, degrees",
    (SkycellRow, "n_layers"): "Number of layers",
    (SkycellRow, "n_exposures"): "Number of exposures that reach it",
}
"""The meanings of fields that neither their class nor a column tells."""
