"""Maps to look at: data in, figures out; no database, no files.

Needs matplotlib and astropy-healpix, which the extra ``maps`` installs.
"""

from importlib.util import find_spec

from mvmdb.errors import MissingPackageError

for _package in ("matplotlib", "astropy_healpix"):
    if find_spec(_package) is None:
        raise MissingPackageError(_package.replace("_", "-"), "maps")
