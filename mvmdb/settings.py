"""Settings from ``MVMDB_*`` variables and ``mvmdb.toml``: the only reader of the environment."""

from __future__ import annotations

import os
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from mvmdb.errors import SettingsError

ENVIRONMENT_PREFIX = "MVMDB_"
FILE_NAME = "mvmdb.toml"

DEFAULT_LEASE_S = 120.0
"""How long a builder may be silent before another takes its place."""
_CONTAINER_MEMORY_FILE = Path("/sys/fs/cgroup/memory.max")
"""Where Linux tells what a container may use: a number of bytes, or max."""

_URL_SCHEMES = ("postgresql://", "postgres://", "postgresql+psycopg://")
_REMEDIES = {
    "home": "name a directory you can write to",
    "database_url": "write it like postgresql://user@host/database, or leave it out for the private cluster",
    "products_dir": "name a directory you can write to; products do not go to object stores",
    "cache_dir": "name a directory you can write to",
    "cache_gb": "give a number of gigabytes above 0",
    "workers": "give a whole number of processes, 1 or more",
    "compress": "say true or false",
    "lease_s": "give a number of seconds above 0",
    "max_build_memory_bytes": "give a number of bytes, like 4GiB",
    "max_build_output_bytes": "give a number of bytes, like 10GB",
    "max_build_seconds": "give a number of seconds above 0",
}


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path.expanduser()))


def _directory(path: Path) -> Path:
    absolute = _absolute(path)
    if absolute.exists() and not absolute.is_dir():
        raise ValueError(f"{absolute} is not a directory")
    return absolute


def _no_url(value: Path | str) -> Path | str:
    """Refuse what would become a directory named ``s3:``."""
    if "://" in str(value):
        raise ValueError(f"{value} is a URL, not a directory")
    return value


def _postgresql_url(url: str) -> str:
    if not url.startswith(_URL_SCHEMES):
        raise ValueError(f"the scheme is none of {', '.join(_URL_SCHEMES)}")
    return url


def default_home() -> Path:
    """Return ``/var/lib/mvmdb`` for root, else ``mvmdb`` in the XDG data directory.

    PostgreSQL never runs as root, and its own account cannot enter root's home directory.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/mvmdb")
    data_home = os.environ.get("XDG_DATA_HOME", "")
    # The XDG specification: a relative path is invalid and counts as unset.
    return (Path(data_home) if os.path.isabs(data_home) else Path.home() / ".local/share") / "mvmdb"


def usable_cpus() -> int:
    """Return how many CPUs this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):  # macOS has none
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_build_memory() -> ByteSize:
    """Return four fifths of the memory of this machine, or of its container, bytes."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    granted = _CONTAINER_MEMORY_FILE.read_text().strip() if _CONTAINER_MEMORY_FILE.is_file() else "max"
    return ByteSize((min(physical, int(granted)) if granted.isdigit() else physical) * 4 // 5)


class Settings(BaseSettings):
    """What the user can choose; environment variables win over ``mvmdb.toml``.

    Relative paths start at the current directory.

    Attributes
    ----------
    home
        Directory of everything mvmdb keeps: the private database cluster and, by default, the products.
    database_url
        The user's own PostgreSQL server; None means the private cluster under ``home``.
    products_dir
        Where product files are published.
    cache_dir
        Directory for copies of exposures that lie in object stores.
    cache_gb
        How much those copies may need, 10^9 bytes.
    workers
        Number of processes for a build.
    compress
        Whether the images of products are compressed, without loss.
    lease_s
        How long a builder may be silent before another takes its place, seconds.
    max_build_memory_bytes
        Own memory that one build may be expected to need, like 4GiB; four fifths of all if left out.
    max_build_output_bytes
        Size that a product may be expected to have, like 10GB; None means whatever the disk has free.
    max_build_seconds
        Time that one build may be expected to take; None means any.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, env_ignore_empty=True, extra="forbid", frozen=True
    )

    home: Annotated[Path, AfterValidator(_directory)] = Field(default_factory=default_home)
    database_url: Annotated[str, AfterValidator(_postgresql_url)] | None = None
    products_dir: Annotated[Path, BeforeValidator(_no_url), AfterValidator(_directory)] = Field(
        default_factory=lambda validated: Path(validated["home"]) / "products"
    )
    cache_dir: Annotated[Path, BeforeValidator(_no_url), AfterValidator(_directory)] = Field(
        default_factory=lambda validated: Path(validated["home"]) / "cache"
    )
    cache_gb: float = Field(default=100.0, gt=0, allow_inf_nan=False)
    workers: int = Field(default_factory=usable_cpus, ge=1)
    compress: bool = False
    lease_s: float = Field(default=DEFAULT_LEASE_S, gt=0, allow_inf_nan=False)
    max_build_memory_bytes: ByteSize = Field(default_factory=default_build_memory, gt=0)
    max_build_output_bytes: ByteSize | None = Field(default=None, gt=0)
    max_build_seconds: float | None = Field(default=None, gt=0)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - signature of the base class
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - signature of the base class
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources, strongest first."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, settings_file())


def settings_file() -> Path | None:
    """Return the ``mvmdb.toml`` in force: of the current directory, else of ``MVMDB_HOME``; None without."""
    home = os.environ.get(f"{ENVIRONMENT_PREFIX}HOME")
    places = (Path.cwd(), _absolute(Path(home)) if home else default_home())
    return next((file for place in places if (file := place / FILE_NAME).is_file()), None)


def load_settings() -> Settings:
    """Return the settings in force.

    Raises
    ------
    SettingsError
        A variable, or an entry of ``mvmdb.toml``, has an unusable value; the hint names it.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise _settings_error(error.errors()[0]) from error
    except TOMLDecodeError as error:
        raise SettingsError(f"{settings_file()}: {error}", hint="correct or remove the file") from error
    except RuntimeError as error:  # Path.home() of an account without a home directory
        raise SettingsError(str(error), hint="set MVMDB_HOME to a directory you can write to") from error


def _settings_error(problem: ErrorDetails) -> SettingsError:
    field = str(problem["loc"][0])
    variable = ENVIRONMENT_PREFIX + field.upper()
    origin = variable if variable in os.environ else f"{field} in {settings_file()}"
    if problem["type"] == "extra_forbidden":
        return SettingsError(f"{origin}: no such setting", hint=f"settings are {', '.join(_REMEDIES)}")
    value = "" if field == "database_url" else f"{problem['input']!r}: "  # a URL may hold a password
    message = f"{origin}: {value}{problem['msg'].removeprefix('Value error, ')}"
    return SettingsError(message, hint=f"{variable}: {_REMEDIES[field]}")


def search_path() -> str:
    """Return the directories where programs are looked for, joined as in ``PATH``; conda's come last."""
    conda = os.environ.get("CONDA_PREFIX")
    path = os.environ.get("PATH", os.defpath)
    return f"{path}{os.pathsep}{conda}/bin" if conda else path


def server_environment() -> dict[str, str]:
    """Return the environment for PostgreSQL's programs.

    Variables of the user's clients (``PG*``) and of a Python-side PROJ (``PROJ*``) must not steer the
    server, and its messages are read by this program, so they come in English.
    """
    foreign = ("PG", "PROJ", "LC_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | {"LC_ALL": "C"}
