"""Random histories: every step is done to a catalogue and told to the model; then the two are compared."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.exclusions import change_exclusion
from mvmdb.catalog.retention import set_retention_rule
from mvmdb.catalog.selections import SelectionExclusion, SelectionRule, add_selection, change_selection
from mvmdb.catalog.staleness import (
    list_all_layer_statuses,
    list_layer_changes,
    list_layer_statuses,
    list_product_files,
)
from mvmdb.catalog.withdrawals import list_withdrawals, restore_exposure, withdraw_exposure
from mvmdb.errors import ConflictError, EmptyLayerError, ExposureError, HeaderError, UnknownObjectError
from mvmdb.pipeline.plan import plan_layer
from mvmdb.pipeline.product_files import check_product_file
from mvmdb.pipeline.recovery import recover
from mvmdb.pipeline.selections import discard_selection
from mvmdb.pipeline.verify import Scope, verify
from tests.histories.model import Change, Content, Key, Model, Product, Recipe, Rule, Unfinished
from tests.histories.world import N_PIXELS, PHASES, SKYCELL, World, layer_of, register, small_product

NAMES = tuple(f"jtst000{number}q" for number in range(5))
FILTERS = ("f606w", "f814w")
KEYS: tuple[Key, ...] = tuple((name, selection) for selection in ("all", "deep") for name in FILTERS)
_SHOWN = "skycell = :skycell and layer = :layer and selection = :selection"

boxes = st.builds(
    lambda x, y, height: (x, y, x + 500, y + height),
    st.sampled_from([1000, 1000, 3000]),
    st.sampled_from([2000, 2000, 5000]),
    st.sampled_from([500, 700]),
)
chips = st.one_of(
    boxes.map(lambda box: (box,)),
    st.tuples(boxes, boxes),
    boxes.map(lambda box: (None, box)),
    boxes.map(lambda box: (box, None)),
)
contents = st.fixed_dictionaries(
    {
        "boxes": chips,
        "filter": st.sampled_from([FILTERS[0], *FILTERS]),
        "file_type": st.sampled_from(["flt", "flc"]),
        "exptime_s": st.sampled_from([300.0, 700.0, 1200.0]),
        "suspect": st.booleans(),
    }
)
names = st.sampled_from(NAMES)
firsts = st.lists(st.tuples(names, contents), min_size=1, max_size=3)
keys = st.sampled_from([KEYS[0], KEYS[0], *KEYS[:2], *KEYS])
phases = st.sampled_from([*PHASES, "renamed", "recording"])
rules = st.builds(Rule, st.sampled_from([0.0, 500.0, 1000.0]), st.frozensets(names, max_size=2))


def sha256_at(path: Path) -> str | None:
    """Return the hash of a file, or None where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


class History(RuleBasedStateMachine):
    """One catalogue from its first exposure on."""

    url: ClassVar[str]
    tally: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.url)
        self.model = Model()
        self.n_contents = 0
        self.touched: set[str] = set()
        """Hashes of files that have been removed or changed from outside."""
        self.kept: dict[str, bytes] = {}
        """What these files held, by hash."""
        self.moments: list[tuple[datetime, dict[Key, str]]] = []
        self.compared: dict[Key, list[Change]] = {}
        """Changes that were compared row by row when they were last other ones."""
        self.tally["histories"] += 1

    @initialize(
        keep_newest=st.sampled_from([1, 1, 2, 100]),
        first=st.lists(st.tuples(names, contents), min_size=1, max_size=3),
    )
    def begin(self, keep_newest: int, first: list[tuple[str, dict[str, Any]]]) -> None:
        with transaction(self.world.engine) as connection:
            set_retention_rule(connection, keep_newest=keep_newest, keep_days=0.0)
        for name, values in first:
            self._ingest(name, values)

    # What arrives, and what is decided

    @rule(name=names, values=contents)
    def ingest(self, name: str, values: dict[str, Any]) -> None:
        """A new exposure, or another content of one."""
        self._ingest(name, values)

    def _ingest(self, name: str, values: dict[str, Any]) -> None:
        self.n_contents += 1
        content = Content(name, hashlib.sha256(b"%d" % self.n_contents).hexdigest(), **values)
        with transaction(self.world.engine) as connection:
            register(connection, content)
        self.model.contents.setdefault(name, []).append(content)

    @precondition(lambda self: self.model.contents)
    @rule(data=st.data())
    def ingest_again(self, data: st.DataObject) -> None:
        """A content that is known changes nothing, be it of a former revision."""
        name = data.draw(st.sampled_from(sorted(self.model.contents)))
        with transaction(self.world.engine) as connection:
            register(connection, data.draw(st.sampled_from(self.model.contents[name])))

    @precondition(lambda self: self.model.contents)
    @rule(name=names, values=contents)
    def ingest_killed(self, name: str, values: dict[str, Any]) -> None:
        """What was not committed has not been."""
        with self.world.engine.connect() as connection:
            register(connection, Content(name, "never", **values))

    @precondition(lambda self: self.model.contents)
    @rule(data=st.data(), here=st.booleans())
    def withdraw_or_restore(self, data: st.DataObject, here: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.model.contents)))
        model = self.model
        mine, places = (model.withdrawn_here, [SKYCELL]) if here else (model.withdrawn, [])
        with transaction(self.world.engine) as connection:
            if name not in mine:
                withdraw_exposure(connection, name, reason="r", by="a", skycells=places)
                mine.add(name)
                model.withdrawals.append((name, here, False))
                return
            restore_exposure(connection, name, by="b", skycells=places)
        model.withdrawn_here.discard(name)
        model.withdrawn -= set() if here else {name}
        model.withdrawals = [
            (other, local, restored or (other == name and (local or not here)))
            for other, local, restored in model.withdrawals
        ]

    @rule()
    def change_exclusion(self) -> None:
        self.model.suspects_excluded = not self.model.suspects_excluded
        with transaction(self.world.engine) as connection:
            change_exclusion(connection, "coarse_guiding", excludes=self.model.suspects_excluded)

    @rule(asked=rules)
    def select(self, asked: Rule) -> None:
        """Make the selection, or give it another rule."""
        known = self.model.selections.get("deep")
        condition = SelectionRule(min_exptime_s=asked.min_exptime_s)
        before = known.without if known else frozenset()
        more = [SelectionExclusion(name, "r") for name in sorted(asked.without - before)]
        with transaction(self.world.engine) as connection:
            if known is None:
                add_selection(connection, "deep", condition, description="", by="a", without=more)
            else:
                fewer = sorted(before - asked.without)
                change_selection(connection, "deep", condition, by="a", without=more, with_again=fewer)
        self.model.selections["deep"] = asked

    @precondition(lambda self: self.model.selections and self._no_lease())
    @rule()
    def discard_selection(self) -> None:
        """Remove the selection with its products."""
        discard_selection(self.world.engine, "deep", force=True)
        for product in self.model.products:
            if product.state == "current" and product.recipe.key[1] == "deep":
                product.state = "retired"
        del self.model.selections["deep"]

    @rule(pixfrac=st.sampled_from([1.0, 1.0, 0.8]))
    def change_parameters(self, pixfrac: float) -> None:
        self.model.pixfrac = pixfrac
        changed = "update mvm.parameter_rule set value = :value where parameter = 'pixfrac'"
        self.world.execute(f"{changed} and parameter_set = 'mvmdb'", value=str(pixfrac))

    @rule()
    def change_engine(self) -> None:
        """Register another engine, or ours again."""
        former = Model().engine
        self.model.engine = former if self.model.engine != former else "another"
        self.world.set_engine(self.model.engine)

    # Builds

    @rule(key=keys)
    def build(self, key: Key) -> None:
        self._build(key)

    @rule()
    def build_all(self) -> None:
        """Build whatever the selection ``all`` has, as ``layer build --stale`` does."""
        for key in KEYS[:2]:
            if self.model.taken(key) or self.model.current(key):
                self._build(key)

    @rule(key=keys, name=names, values=contents)
    def build_while_one_arrives(self, key: Key, name: str, values: dict[str, Any]) -> None:
        """An exposure that arrives during a build is not in it."""

        def draw(*arguments: Any, **named: Any) -> Any:
            self._ingest(name, values)
            return small_product(*arguments, **named)

        self._build(key, draw)

    @rule(key=keys)
    def build_that_fails(self, key: Key) -> None:
        """A build that fails leaves everything as it was."""

        def draw(*_: Any, **__: Any) -> Any:
            raise HeaderError("none", "NONE", "made up")

        with suppress(ExposureError):
            self._build(key, draw)

    @rule(key=keys)
    def build_that_is_overtaken(self, key: Key) -> None:
        """A builder that was taken for dead publishes nothing; who took over has."""
        inner: list[str] = []

        def draw(*arguments: Any, **named: Any) -> Any:
            staged = small_product(*arguments, **named)
            self._expire()
            inner.append(self._build(key))
            return staged

        try:
            self._build(key, draw)
        except ConflictError:
            assert inner == ["published"]
        else:
            assert not inner

    @rule(key=keys, phase=phases, name=names, values=contents)
    def kill(self, key: Key, phase: str, name: str, values: dict[str, Any]) -> None:
        """A builder that had something to build dies; its lease stays until it runs out."""
        self._kill(key, phase, name, values)

    @rule(key=keys, phase=phases, name=names, values=contents)
    def kill_and_recover(self, key: Key, phase: str, name: str, values: dict[str, Any]) -> None:
        """A builder that had something to build dies, and is found."""
        self._build(key)
        self._kill(key, phase, name, values)
        self._expire()
        self.recover()

    def _kill(self, key: Key, phase: str, name: str, values: dict[str, Any]) -> None:
        if key in self.model.unfinished:
            self._expect_recovery()
            recover(self.world.engine)
        if self.model.outcome(key, "in_place") == "current":
            self._ingest(name, values | {"filter": key[0], "suspect": False})
        states = self._file_states(key)
        expected = {self.model.outcome(key, state) for state in states}
        if len(expected) > 1 or expected & {"unknown", "refused"}:
            return
        [outcome] = expected
        self._expect_recovery()
        recipe = self.model.recipe(key)
        died = self.world.kill(key, phase)
        assert died == (outcome == "published")
        self.tally[f"killed: {phase}"] += died
        if not died:
            self._told(key, outcome, recipe)
            return
        product = self.model.current(key)
        if product is not None:  # as its plan found it: the file may be another one by now
            [product.file_state] = states
        if phase == "published":
            self._publish(recipe)
            self.model.unfinished[key] = Unfinished(recipe, phase, None, is_published=True)
            return
        staged = self.world.rows(
            f"select file_sha256 from mvm.product where state = 'staged' and {_SHOWN}", **_named(key)
        )
        assert len(staged) == (phase in PHASES[3:])
        self.model.unfinished[key] = Unfinished(recipe, phase, staged[0][0] if staged else None)

    @precondition(lambda self: self.model.unfinished)
    @rule()
    def let_leases_run_out(self) -> None:
        self._expire()

    @precondition(lambda self: self.model.unfinished)
    @rule()
    def recover(self) -> None:
        self._expect_recovery()
        recover(self.world.engine)

    # Files

    @precondition(lambda self: self.model.products)
    @rule(data=st.data(), harm=st.sampled_from(["lose", "truncate", "flip"]))
    def harm(self, data: st.DataObject, harm: str) -> None:
        """Remove or change the file of a product, current or kept."""
        current = [product for product in self.model.products if product.state == "current"]
        product = data.draw(st.sampled_from(current or self.model.products))
        path = self._path(product)
        content = path.read_bytes() if path.is_file() else None
        if content is None:
            return
        sha256 = hashlib.sha256(content).hexdigest()
        self.touched.add(sha256)
        self.kept.setdefault(sha256, content)
        path.unlink()
        if harm == "truncate":
            path.write_bytes(content[:-1])
        elif harm == "flip":
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        self.tally[f"harm: {harm}"] += 1

    @precondition(lambda self: self.touched and not self.model.unfinished)
    @rule(data=st.data())
    def put_back(self, data: st.DataObject) -> None:
        """The file of a product comes back from a copy."""
        harmed = [p for p in self.model.products if p.sha256 in self.touched and p.sha256 in self.kept]
        if harmed:
            product = data.draw(st.sampled_from(harmed))
            if self._row(product)["file_state"] != "pruned" and product.state != "retired":
                path = self._path(product)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.kept[product.sha256])

    @rule(thorough=st.booleans())
    def check(self, thorough: bool) -> None:
        """``mvmdb status --check``."""
        for key in self.model.layers():
            product = self.model.current(key)
            assert product is not None
            product.file_state = self._seen(product, thorough=thorough or product.file_state != "in_place")
        with transaction(self.world.engine) as connection:
            for row in list_product_files(connection):
                check_product_file(connection, row, thorough=thorough)

    @rule(repair=st.booleans())
    def verify(self, repair: bool) -> None:
        """All rows then say what the files are; without repair nothing changes."""
        if repair:
            self._expect_recovery()
        verify(self.world.engine, Scope(self.world.products_dir, repair=repair))
        if repair:
            busy = {key for key, item in self.model.unfinished.items() if not item.is_published}
            for product in self.model.products:
                row = self._row(product)
                if row["file_state"] == "pruned" or product.recipe.key in busy:
                    product.file_state = (
                        row["file_state"] if product.state == "current" else product.file_state
                    )
                    continue
                product.file_state = self._seen(product, thorough=True)
                assert row["file_state"] == product.file_state

    # How the model is told what builds do

    def _build(self, key: Key, draw: Callable[..., Any] | None = None) -> str:
        states = self._file_states(key)
        self._expect_recovery()
        expected = {self.model.outcome(key, state) for state in states}
        recipe = self.model.recipe(key)
        try:
            outcome = self.world.build(key, draw).outcome
        except (EmptyLayerError, UnknownObjectError):
            outcome = "unknown"
        except ConflictError:
            if "refused" not in expected:
                raise
            outcome = "refused"
        except ExposureError:
            assert "published" in expected
            self._see_plan(key)
            raise
        assert outcome in expected, f"{key}: {outcome} and not {expected}"
        self._told(key, outcome, recipe)
        self.tally[f"build: {outcome}"] += 1
        return outcome

    def _told(self, key: Key, outcome: str, recipe: Recipe) -> None:
        if outcome in ("published", "current", "retired"):
            self.model.unfinished.pop(key, None)
        product = self.model.current(key)
        if outcome == "published":
            self._publish(recipe)
        elif outcome == "retired":
            assert product is not None
            product.state = "retired"
        elif outcome == "current":
            self._see_plan(key)

    def _publish(self, recipe: Recipe) -> None:
        """The new product is whatever bears the name now."""
        content = (self.world.products_dir / str(SKYCELL) / self._file_name(recipe)).read_bytes()
        self.model.publish(recipe, hashlib.sha256(content).hexdigest(), len(content))

    def _file_name(self, recipe: Recipe) -> str:
        return f"hst_skycell-p1889x07y19_acs_wfc_{'_'.join(recipe.key)}_{recipe.suffix}.fits"

    def _see_plan(self, key: Key) -> None:
        """A plan looks at the file of the product: at its size, and closer if it was found wrong before."""
        product = self.model.current(key)
        if product is not None:
            product.file_state = self._seen(product, thorough=product.file_state != "in_place")

    def _file_states(self, key: Key) -> set[str]:
        """Return as what a build may find the file of the product."""
        product = self.model.current(key)
        if product is None:
            return {"in_place"}
        state = self._seen(product, thorough=product.file_state != "in_place")
        if key in self.model.unfinished:  # it may be put back, or be replaced
            return {state, "in_place", product.file_state}
        return {state}

    def _expire(self) -> None:
        self.world.expire()
        for item in self.model.unfinished.values():
            item.expired = True

    def _no_lease(self) -> bool:
        return all(item.expired for item in self.model.unfinished.values())

    def _expect_recovery(self) -> None:
        """Of dead builds those are published whose file is whole and in place, the others are gone."""
        for key, item in list(self.model.unfinished.items()):
            if not item.expired:
                continue
            del self.model.unfinished[key]
            path = self.world.products_dir / str(SKYCELL) / self._file_name(item.recipe)
            if item.sha256 is not None and sha256_at(path) == item.sha256:
                self.model.publish(item.recipe, item.sha256, path.stat().st_size)

    # What is looked up

    def _row(self, product: Product) -> dict[str, Any]:
        query = "select file_path, file_state from mvm.product where file_sha256 = :sha256"
        [row] = self.world.rows(query, sha256=product.sha256)
        return dict(zip(("file_path", "file_state"), row, strict=True))

    def _path(self, product: Product) -> Path:
        return Path(self._row(product)["file_path"])

    def _seen(self, product: Product, *, thorough: bool) -> str:
        path = self._path(product)
        if not path.is_file():
            return "lost"
        if path.stat().st_size != product.size_bytes:
            return "damaged"
        return "damaged" if thorough and sha256_at(path) != product.sha256 else "in_place"

    # What must hold after every step

    @invariant()
    def statuses_agree(self) -> None:
        """Layers, their status and the rows behind every reason are those of the model."""
        self.tally["steps"] += 1
        model = self.model
        taken = {(content.filter, "all") for key in KEYS[:2] for content in model.taken(key)}
        with transaction(self.world.engine) as connection:
            fine = list_layer_statuses(connection, SKYCELL)
            rows = {
                (row.layer.split("_")[2], row.selection): row
                for row in fine
                if not row.layer.endswith("coarse")
            }
            assert set(rows) == taken | set(model.layers())
            for key, row in rows.items():
                product = model.current(key)
                assert row.n_exposures == len(model.taken(key))
                if product is None:
                    assert (row.status, row.reasons) == ("missing", [])
                    continue
                expected = model.changes(product)
                assert row.status == ("stale" if expected else "current"), (key, row.reasons, expected)
                assert row.reasons == sorted({reason for reason, *_ in expected}), (key, expected)
                assert row.n_changes == len(expected)
                if not expected or self.compared.get(key) == expected:
                    continue
                self.compared[key] = expected
                found = list_layer_changes(connection, SKYCELL, layer_of(key), key[1])
                assert sorted(((f.reason, f.exposure, f.chip) for f in found), key=str) == expected

    @invariant()
    def products_agree(self) -> None:
        """Every product ever published has its row and its state; what nobody harmed has its file."""
        query = "select file_sha256, file_size_bytes, state, file_state, file_path from mvm.product_history"
        rows = self.world.rows(query)
        assert {row[:3] for row in rows} == {(p.sha256, p.size_bytes, p.state) for p in self.model.products}
        assert len(rows) == len(self.model.products)
        busy = {self._product(row[0]).recipe.key for row in rows} & self.model.unfinished.keys()
        for sha256, _, state, file_state, path in rows:
            product = self._product(sha256)
            assert state != "current" or file_state == product.file_state
            if sha256 in self.touched or file_state == "pruned":
                assert file_state != "pruned" or state != "current"
                continue
            in_place = sha256_at(Path(path)) == sha256
            if product.recipe.key in busy:
                in_place = any(sha256_at(file) == sha256 for file in self.world.products_dir.rglob("*.fits"))
            assert in_place or state == "retired", f"{path} of {state} is gone, known as {file_state}"
        moment = self.world.moment()
        self.moments.append(
            (moment, {p.recipe.key: p.sha256 for p in self.model.products if p.state == "current"})
        )

    def _product(self, sha256: str) -> Product:
        return next(product for product in self.model.products if product.sha256 == sha256)

    def teardown(self) -> None:
        try:
            if self.moments:
                self.past_agrees()
                self.recipes_agree()
                self.nothing_is_left()
        finally:
            self.world.close()

    def nothing_is_left(self) -> None:
        """When dead builds are settled, every file is that of a row, unless somebody harmed one meanwhile."""
        self._expire()
        recover(self.world.engine)
        rows = self.world.rows("select file_path from mvm.product where file_state <> 'pruned'")
        files = {path for path in self.world.products_dir.rglob("*") if path.is_file()}
        unknown = files - {Path(path) for (path,) in rows}
        assert self.touched or not unknown

    def recipes_agree(self) -> None:
        """The hash of a recipe is another one just when something but the file or the engine has changed."""
        query = "select recipe_sha256 from mvm.product_history where file_sha256 = :sha256"
        for key in self.model.layers():
            product, now = self.model.current(key), self.model.recipe(key)
            if product is None or not now.chips:
                continue
            [(sha256,)] = self.world.rows(query, sha256=product.sha256)
            with transaction(self.world.engine) as connection:
                plan = plan_layer(connection, SKYCELL, layer_of(key), selection=key[1]).plan
            assert (plan.recipe_sha256() == sha256) == (product.recipe == now), key

    def past_agrees(self) -> None:
        """The view of all skycells, past moments, all inputs, withdrawals and revisions are still there."""
        with transaction(self.world.engine) as connection:
            here = [row for row in list_all_layer_statuses(connection) if row.skycell == str(SKYCELL)]
            assert here == list_layer_statuses(connection, SKYCELL)
        for moment, current in self.moments:
            rows = self.world.rows(
                "select layer, selection, file_sha256 from mvm.products_at(:moment)", moment=moment
            )
            assert {(layer.split("_")[2], selection): sha256 for layer, selection, sha256 in rows} == current
        query = (
            "select p.file_sha256, c.exposure, c.n_chips, c.n_pixels from mvm.exposure_contribution as c"
            " join mvm.product as p on p.product_id = c.product_id"
        )
        expected = [
            (product.sha256, name, n_chips, N_PIXELS * n_chips)
            for product in self.model.products
            for name, n_chips in Counter(name for name, _ in product.recipe.chips).items()
        ]
        assert sorted(self.world.rows(query)) == sorted(expected)
        inputs = self.world.rows(
            "select p.file_sha256, e.rootname, i.chip, e.file_sha256 from mvm.product_input as i"
            " join mvm.product as p on p.product_id = i.product_id and p.published_at is not null"
            " join mvm.exposure as e on e.exposure_id = i.exposure_id"
        )
        assert sorted(inputs) == sorted(
            (product.sha256, *chip, sha256)
            for product in self.model.products
            for chip, sha256 in product.recipe.chips.items()
        )
        with transaction(self.world.engine) as connection:
            kept = list_withdrawals(connection)
        assert [
            (row.rootname, row.skycell is not None, row.restored_at is not None) for row in kept
        ] == self.model.withdrawals
        revisions = self.world.rows("select rootname, revision, file_sha256 from mvm.exposure")
        assert sorted(revisions) == sorted(
            (name, number, content.sha256)
            for name, known in self.model.contents.items()
            for number, content in enumerate(known, start=1)
        )


def _named(key: Key) -> dict[str, str]:
    return {"skycell": str(SKYCELL), "layer": str(layer_of(key)), "selection": key[1]}
