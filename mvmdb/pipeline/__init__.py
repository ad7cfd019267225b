"""The use cases: the only place where catalogue, files and mosaic meet."""
