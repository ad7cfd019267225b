"""Geometry of the sky: the tessellation, its pixel grids, spherical polygons. No database, no files."""
