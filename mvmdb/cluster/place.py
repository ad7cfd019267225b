"""Where the cluster of a home is: in ``home/cluster``, unless ``home/cluster.json`` says otherwise."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

PORT = 5432  # no network port: only a part of the socket's name
SOCKET_NAME = f".s.PGSQL.{PORT}"


@dataclass(frozen=True)
class Place:
    """The directories of one cluster."""

    cluster_dir: Path
    socket_dir: Path

    @property
    def data_dir(self) -> Path:
        return self.cluster_dir / "data"

    @property
    def log_file(self) -> Path:
        return self.cluster_dir / "server.log"


def locate(home: Path) -> Place:
    """Return where the cluster of ``home`` is, or by the rule would be."""
    try:
        kept = json.loads((home / "cluster.json").read_text())
    except FileNotFoundError:
        kept = {}
    cluster_dir = Path(kept.get("cluster_dir", home / "cluster"))
    return Place(cluster_dir, Path(kept.get("socket_dir", cluster_dir)))


def remember(home: Path, place: Place) -> None:
    """Keep what differs from the rule, so that every later process finds it."""
    kept: dict[str, str] = {}
    if place.cluster_dir != home / "cluster":
        kept["cluster_dir"] = str(place.cluster_dir)
    if place.socket_dir != place.cluster_dir:
        kept["socket_dir"] = str(place.socket_dir)
    unfinished = home / "cluster.json.new"
    unfinished.write_text(json.dumps(kept))
    unfinished.replace(home / "cluster.json")
