"""What a catalogue should say, in plain Python: exposures, decisions, products, reasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mvmdb.records import ENGINE

Box = tuple[int, int, int, int]
"""Least x, least y, greatest x, greatest y of a chip, fine pixels of the skycell."""

Key = tuple[str, str]
"""Filter and selection: a layer."""

Chips = dict[tuple[str, int], str]
"""Content of each chip, by root name and number."""

Change = tuple[str, str | None, int | None]
"""Reason, root name, chip."""


@dataclass(frozen=True)
class Content:
    """One content that the file of an exposure has had."""

    name: str
    sha256: str
    boxes: tuple[Box | None, ...]
    """One per chip; None for a chip that misses the skycell."""
    filter: str
    file_type: str
    exptime_s: float
    suspect: bool


@dataclass(frozen=True)
class Rule:
    """A selection: the least exposure time, and the exposures that it does without."""

    min_exptime_s: float
    without: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Recipe:
    """What a product is made of."""

    key: Key
    chips: Chips
    extent: Box | None
    pixfrac: float
    rule: Rule | None
    suffix: str


@dataclass
class Product:
    """A published file."""

    recipe: Recipe
    sha256: str
    size_bytes: int
    state: str = "current"
    file_state: str = "in_place"


@dataclass
class Unfinished:
    """A build whose process was killed."""

    recipe: Recipe
    phase: str
    sha256: str | None
    """Of the file whose rows it had staged."""
    is_published: bool = False
    """Only its lease is left."""
    expired: bool = False


@dataclass
class Model:
    """Everything that has happened."""

    contents: dict[str, list[Content]] = field(default_factory=dict)
    suspects_excluded: bool = False
    withdrawn: set[str] = field(default_factory=set)
    withdrawn_here: set[str] = field(default_factory=set)
    withdrawals: list[tuple[str, bool, bool]] = field(default_factory=list)
    """Root name, whether from this skycell only, whether restored."""
    selections: dict[str, Rule] = field(default_factory=dict)
    pixfrac: float = 1.0
    engine: str = ENGINE
    products: list[Product] = field(default_factory=list)
    unfinished: dict[Key, Unfinished] = field(default_factory=dict)

    def standing(self) -> Iterator[Content]:
        """Yield the content in force of every exposure that some rule does not keep out everywhere."""
        for name, contents in self.contents.items():
            kept_out = name in self.withdrawn
            newest = max(enumerate(contents), key=lambda item: (item[1].file_type == "flc", item[0]))[1]
            if not kept_out and not (newest.suspect and self.suspects_excluded):
                yield newest

    def extent(self) -> Box | None:
        """Return the box around all chips that stand, half-open."""
        boxes = [box for content in self.standing() for box in content.boxes if box]
        if not boxes:
            return None
        x0, y0, x1, y1 = zip(*boxes, strict=True)
        return min(x0), min(y0), max(x1) + 1, max(y1) + 1

    def taken(self, key: Key) -> list[Content]:
        """Return the exposures that a layer takes."""
        name, selection = key
        rule = None if selection == "all" else self.selections.get(selection)
        if selection != "all" and rule is None:
            return []
        return [
            content
            for content in self.standing()
            if content.filter == name
            and content.name not in self.withdrawn_here
            and (rule is None or content.exptime_s >= rule.min_exptime_s)
            and (rule is None or content.name not in rule.without)
        ]

    def recipe(self, key: Key) -> Recipe:
        """Return what a build would do now."""
        taken = self.taken(key)
        chips = {
            (content.name, number): content.sha256
            for content in taken
            for number, box in enumerate(content.boxes, start=1)
            if box
        }
        suffix = "drc" if any(content.file_type == "flc" for content in taken) else "drz"
        return Recipe(key, chips, self.extent(), self.pixfrac, self.selections.get(key[1]), suffix)

    def current(self, key: Key) -> Product | None:
        """Return the product of a layer."""
        return next((p for p in self.products if p.recipe.key == key and p.state == "current"), None)

    def layers(self) -> list[Key]:
        """Return the layers with a current product."""
        return sorted(product.recipe.key for product in self.products if product.state == "current")

    def changes(self, product: Product, *, engine: str | None = None) -> list[Change]:
        """Return what makes a product stale."""
        made, now = product.recipe, self.recipe(product.recipe.key)
        found: list[Change] = []
        for chip in made.chips.keys() | now.chips.keys():
            before, after = made.chips.get(chip), now.chips.get(chip)
            if before != after:
                word = "added" if before is None else "removed" if after is None else "revised"
                found.append((f"input_{word}", *chip))
        found += [("layer_empty", None, None)] * (not now.chips)
        found += [("extent_changed", None, None)] * (made.extent != now.extent)
        found += [("parameters_changed", None, None)] * (made.pixfrac != now.pixfrac)
        found += [("engine_changed", None, None)] * ((engine or self.engine) != ENGINE)
        found += [("selection_changed", None, None)] * _n_differences(made.rule, now.rule)
        if product.file_state != "in_place":
            found.append((f"product_{product.file_state}", None, None))
        return sorted(found, key=str)

    def outcome(self, key: Key, file_state: str) -> str:
        """Return what a build of a layer would come to, with its product's file as it is found then."""
        product = self.current(key)
        unfinished = self.unfinished.get(key)
        if unfinished and not unfinished.expired:
            return "refused"
        if not self.recipe(key).chips:
            return "retired" if product else "unknown"
        if product is None:
            return "published"
        return "published" if self.changes(_with(product, file_state), engine=ENGINE) else "current"

    def publish(self, recipe: Recipe, sha256: str, size_bytes: int) -> None:
        """Make a product current."""
        former = self.current(recipe.key)
        if former is not None:
            former.state = "superseded"
        self.products.append(Product(recipe, sha256, size_bytes))


def _with(product: Product, file_state: str) -> Product:
    return Product(product.recipe, product.sha256, product.size_bytes, product.state, file_state)


def _n_differences(made: Rule | None, now: Rule | None) -> int:
    """Return in how many conditions two rules differ; the rule that asks for nothing is that of ``all``."""
    if made is None or now is None:
        return int(made != now)
    return (made.min_exptime_s != now.min_exptime_s) + (made.without != now.without)
