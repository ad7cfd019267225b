"""The engine: rates, weights and mappings in, a layer's arrays out. No database, no files, no WCS classes."""
