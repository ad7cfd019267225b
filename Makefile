.PHONY: help setup demo test check bench bench-engine docs peer clean

help:
	@echo "make demo    set up, then build the layers of a simulated skycell"
	@echo "make test    set up, then run every test"
	@echo "make check   style, types, direction of imports, generated files, unit and database tests"
	@echo "make bench   a million synthetic exposures: how fast and how exact; make bench N=50000 for fewer"
	@echo "make bench-engine   layers by mvmdb beside AstroDrizzle and others: seconds, memory (20 GB of disk)"
	@echo "make docs    write the generated pages and table files again"
	@echo "make peer    compare layers with AstroDrizzle, in an environment of its own (optional, minutes)"
	@echo "make setup   only the set-up: .venv, PostgreSQL with PostGIS"
	@echo "make clean   remove caches and build products (not .venv, not the catalogue)"

setup:
	@.ci/setup

demo: setup
	@.venv/bin/mvmdb demo

test: setup
	@.venv/bin/python -m pytest -n 2 --dist loadfile

check:
	@.ci/setup dev
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python docs/generate.py --check
	.venv/bin/python -m pytest -n 2 --dist loadfile tests/unit tests/database

peer: setup
	.venv/bin/python -m tests.peer

bench-engine: setup
	.venv/bin/python -m tests.benchmark.engine

bench: setup
	.venv/bin/python -m tests.benchmark --exposures $(or $(N),1000000)

docs: setup
	.venv/bin/python docs/generate.py

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +
