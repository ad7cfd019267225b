"""The exceptions of mvmdb: every expected mistake is one of these.

``str(error)`` says what is wrong, with value and unit; ``error.hint`` says what to do next;
``error.exit_code`` is what the command line returns.
"""

from __future__ import annotations


class MvmdbError(Exception):
    """Base of every expected error."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class InputError(MvmdbError):
    """What the user typed cannot be used."""

    exit_code = 2


class NameFormatError(InputError, ValueError):
    """A skycell, layer, product or root name is not well formed."""


class UnknownObjectError(InputError, LookupError):
    """A well-formed name stands for nothing known."""


class SettingsError(InputError):
    """A setting or environment variable has an unusable value."""


class ParameterError(InputError, ValueError):
    """A drizzle parameter is unknown, or has a value that it cannot have."""


class SelectionError(InputError, ValueError):
    """A selection asks for what cannot be, or is asked to change although it cannot."""


class RegionError(InputError, ValueError):
    """A text is no region of the sky, or one that cannot be used."""


class MissingPackageError(InputError, ImportError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs {package}", hint=f"install it with: pip install 'mvmdb[{extra}]'")


class OutputFileError(InputError, OSError):
    """A file that the user asked for cannot be written."""

    def __init__(self, path: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{path}: {message}", hint=hint)
        self.path = path


class TableError(InputError):
    """A table of footprints cannot be read, or lacks a necessary column."""

    def __init__(self, path: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{path}: {message}", hint=hint)
        self.path = path


class SchedulerError(InputError):
    """A Dask scheduler, or one of its workers, cannot be used."""


class WorkerVersionError(SchedulerError):
    """A worker has another mvmdb or engine than the one who gives the orders."""


class ExposureError(MvmdbError):
    """One exposure file cannot be used."""

    exit_code = 3


class ExposureFileError(ExposureError, OSError):
    """The file cannot be read as FITS."""

    def __init__(self, path: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{path}: {message}", hint=hint)
        self.path = path
        self.keyword: str | None = None


class MissingFileError(ExposureError):
    """Exposures are known by their footprints alone, and their pixels are needed."""

    def __init__(self, message: str, rootnames: tuple[str, ...], *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.rootnames = rootnames


class HeaderError(ExposureError):
    """A header keyword is missing or holds an impossible value."""

    def __init__(self, path: str, keyword: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{path}: {keyword}: {message}", hint=hint)
        self.path = path
        self.keyword: str | None = keyword


class WcsError(HeaderError):
    """The keywords are well formed, yet give no usable mapping to the sky."""


class CatalogError(MvmdbError):
    """The database refused, failed or disagrees."""

    exit_code = 4


class CatalogUnreachableError(CatalogError):
    """No connection to the database can be made."""


class SchemaVersionError(CatalogError):
    """The database holds a schema this version does not know."""


class RightsError(CatalogError):
    """The user of the database may not do this."""

    def __init__(self, message: str, role: str, *, hint: str | None = None) -> None:
        super().__init__(f"{message}: this needs {role}", hint=hint)
        self.role = role


class ConflictError(CatalogError):
    """Something different is already registered under this name."""

    def __init__(
        self, message: str, differences: dict[str, tuple[object, object]], *, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.differences = differences


class FrozenTessellationError(ConflictError):
    """The database was made for another tessellation, and a tessellation never changes."""


class MosaicError(MvmdbError):
    """The arrays of a layer cannot be built."""

    exit_code = 5


class EmptyLayerError(MosaicError):
    """No input reaches the output grid."""


class GridMismatchError(MosaicError):
    """Arrays that belong together have different shapes."""


class ContextOverflowError(MosaicError):
    """More inputs than the context planes can number."""


class TooLargeError(MosaicError):
    """The build needs more than the configured limit."""


class ProductFileError(MosaicError, OSError):
    """A product file cannot be written, or is not what mvmdb writes."""

    def __init__(self, path: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{path}: {message}", hint=hint)
        self.path = path


class ChangedProductError(ProductFileError):
    """A product is not the one that was published."""


class StorageError(MvmdbError, OSError):
    """An object store cannot be reached, or did not keep what it was given."""

    exit_code = 7

    def __init__(self, location: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{location}: {message}", hint=hint)
        self.location = location


class ProvenanceError(MvmdbError):
    """A product file and its row disagree."""

    exit_code = 6

    def __init__(self, path: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{path}: {message}", hint=hint)
        self.path = path
