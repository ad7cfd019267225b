"""Multi-visit Hubble mosaics, planned, built and explained by a PostGIS database."""

from importlib.metadata import version

__version__ = version("mvmdb")
