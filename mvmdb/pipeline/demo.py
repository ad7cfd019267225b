"""The demo: a simulated field taken down the whole road, then looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.exposures import list_exposures
from mvmdb.catalog.layers import LayerRow, list_layers
from mvmdb.catalog.products import ProductRow, list_products
from mvmdb.errors import ConflictError
from mvmdb.names import SkycellName
from mvmdb.pipeline import preview
from mvmdb.simulate.exposure import simulate_programme
from mvmdb.simulate.field import DEMO_SKYCELL, demo_centre_deg, demo_programme, demo_scene


@dataclass(frozen=True)
class DemoSetting:
    """Where the demo works and how large it is."""

    directory: Path
    """Exposures and pictures go below it."""
    small: bool = False
    """A few tiny exposures instead of the whole programme, for tests."""

    @property
    def exposures_dir(self) -> Path:
        """Where the simulated files go."""
        return self.directory / "exposures"

    @property
    def pictures_dir(self) -> Path:
        """Where the PNG files go."""
        return self.directory / "pictures"


def demo_files(setting: DemoSetting) -> list[Path]:
    """Return the files of the demo's exposures, whether they exist or not, in the order of time."""
    return [setting.exposures_dir / planned.file_name for planned in demo_programme(small=setting.small)]


def simulate_field(setting: DemoSetting, *, workers: int, on_done: Callable[[Path], None]) -> None:
    """Simulate the exposures that do not exist yet; tell of each file as it is written."""
    programme = demo_programme(small=setting.small)
    directory = setting.exposures_dir
    directory.mkdir(parents=True, exist_ok=True)
    missing = [planned for planned in programme if not (directory / planned.file_name).exists()]
    simulate_programme(missing, demo_scene(programme), directory, n_workers=workers, on_done=on_done)


def refuse_real_data(engine: Engine) -> None:
    """Refuse to mix simulated exposures with others in the demo's skycell.

    Raises
    ------
    ConflictError
        Exposures that are not the demo's reach its skycell.
    """
    ours = {planned.rootname for planned in demo_programme()}
    with transaction(engine) as connection:
        others = [
            row.exposure
            for row in list_exposures(connection, skycell=str(DEMO_SKYCELL))
            if row.exposure not in ours
        ]
    if others:
        raise ConflictError(
            f"skycell {DEMO_SKYCELL} holds exposures that are not the demo's, {others[0]} the first of "
            f"{len(others)}: simulated and real ones would mix",
            {},
            hint="run the demo in a database of its own: MVMDB_HOME=/tmp/mvmdb-demo mvmdb demo",
        )


def demo_skycell() -> SkycellName:
    """Return the skycell that the demo builds, the one of the document's example."""
    return DEMO_SKYCELL


def demo_layers(engine: Engine) -> tuple[list[LayerRow], list[ProductRow]]:
    """Return the layers of the demo's skycell and their products."""
    with transaction(engine) as connection:
        return list_layers(connection, DEMO_SKYCELL), list_products(connection, skycell=str(DEMO_SKYCELL))


def demo_position_deg() -> tuple[float, float]:
    """Return a position in the middle of the demo's field, ICRS degrees."""
    return demo_centre_deg()


def draw_pictures(products: Sequence[ProductRow], setting: DemoSetting) -> Iterator[Path]:
    """Write a PNG of every product and one in colour; yield each; pictures newer than their product stay."""
    for picture in preview.draw_pictures(products, setting.pictures_dir, keep_newer=True):
        yield Path(picture.path)
