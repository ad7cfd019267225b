"""The tree of errors as the house rules draw it: families, exit codes, what each one carries."""

from __future__ import annotations

import inspect

import pytest

from mvmdb import errors
from mvmdb.errors import MvmdbError

EVERY = [
    item for _, item in inspect.getmembers(errors, inspect.isclass) if item.__module__ == errors.__name__
]

FAMILIES = {
    errors.InputError: (
        2,
        {
            "NameFormatError",
            "UnknownObjectError",
            "SettingsError",
            "RegionError",
            "ParameterError",
            "SelectionError",
            "MissingPackageError",
            "OutputFileError",
            "TableError",
            "SchedulerError",
            "WorkerVersionError",
        },
    ),
    errors.ExposureError: (3, {"ExposureFileError", "MissingFileError", "HeaderError", "WcsError"}),
    errors.CatalogError: (
        4,
        {
            "CatalogUnreachableError",
            "SchemaVersionError",
            "RightsError",
            "ConflictError",
            "FrozenTessellationError",
        },
    ),
    errors.MosaicError: (
        5,
        {
            "EmptyLayerError",
            "GridMismatchError",
            "ContextOverflowError",
            "TooLargeError",
            "ProductFileError",
            "ChangedProductError",
        },
    ),
    errors.ProvenanceError: (6, set()),
    errors.StorageError: (7, set()),
}

BUILT_IN = {
    "NameFormatError": ValueError,
    "UnknownObjectError": LookupError,
    "RegionError": ValueError,
    "ParameterError": ValueError,
    "SelectionError": ValueError,
    "MissingPackageError": ImportError,
    "OutputFileError": OSError,
    "ExposureFileError": OSError,
    "ProductFileError": OSError,
    "ChangedProductError": OSError,
    "StorageError": OSError,
}


def test_tree() -> None:
    members = {name for family, (_, names) in FAMILIES.items() for name in (*names, family.__name__)}
    assert {item.__name__ for item in EVERY} == members | {"MvmdbError"}
    for family, (exit_code, names) in FAMILIES.items():
        below = {item.__name__ for item in EVERY if issubclass(item, family) and item is not family}
        assert below == names
        assert {item.exit_code for item in EVERY if issubclass(item, family)} == {exit_code}
    assert MvmdbError.exit_code == 1


def test_those_that_are_also_a_built_in_error() -> None:
    built_in = {item.__name__: item.__mro__ for item in EVERY}
    assert all(kind in built_in[name] for name, kind in BUILT_IN.items())


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_every_class_says_what_it_means(kind: type[MvmdbError]) -> None:
    assert (kind.__doc__ or "").strip().endswith(".")


def test_message_and_hint() -> None:
    error = errors.TooLargeError("1200 GB are needed", hint="choose fewer exposures")
    assert (str(error), error.hint) == ("1200 GB are needed", "choose fewer exposures")
    assert MvmdbError("no remedy").hint is None


def test_file_errors_name_their_file_and_keyword() -> None:
    header = errors.HeaderError("a_flt.fits", "EXPTIME", "is missing", hint="download it again")
    assert (str(header), header.keyword) == ("a_flt.fits: EXPTIME: is missing", "EXPTIME")
    assert (header.path, header.hint) == ("a_flt.fits", "download it again")
    wcs = errors.WcsError("a_flt.fits", "CD1_1", "the matrix is singular")
    assert (str(wcs), wcs.keyword, wcs.hint) == ("a_flt.fits: CD1_1: the matrix is singular", "CD1_1", None)
    file = errors.ExposureFileError("a_flt.fits", "is empty")
    assert (str(file), file.path, file.keyword) == ("a_flt.fits: is empty", "a_flt.fits", None)
    product = errors.ProductFileError("b_drz.fits", "is truncated", hint="build it again")
    assert (str(product), product.path, product.hint) == (
        "b_drz.fits: is truncated",
        "b_drz.fits",
        "build it again",
    )
    other = errors.ProvenanceError("b_drz.fits", "is of another build", hint="build it again")
    assert (str(other), other.path, other.hint) == (
        "b_drz.fits: is of another build",
        "b_drz.fits",
        "build it again",
    )


def test_table_errors_name_their_file() -> None:
    error = errors.TableError("a.csv", "has no column s_region", hint="name it so")
    assert (str(error), error.path, error.hint) == ("a.csv: has no column s_region", "a.csv", "name it so")


def test_missing_files_are_named() -> None:
    error = errors.MissingFileError("two have no file", ("ib6o03n9q", "ib6o03nbq"))
    assert (error.rootnames, error.hint) == (("ib6o03n9q", "ib6o03nbq"), None)


def test_conflict_keeps_both_sides() -> None:
    conflict = errors.FrozenTessellationError("other rings", {"n_rings": (46, 45)})
    assert conflict.differences == {"n_rings": (46, 45)}
    assert conflict.hint is None
