"""Simulated HST exposures of one field: they look and measure like calibrated FLT and FLC files.

Nothing here is an observation, and every file written says so (``SIMULATE = T``).
"""
