"""The command line of mvmdb: parses, calls one pipeline function, prints."""
