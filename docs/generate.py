"""Print docs/cli.md, docs/schema.md, docs/json.md and sql/tables/*.sql from the code.

``python docs/generate.py`` writes them; with ``--check`` it writes nothing, names on stderr what is out of
date and exits with 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from generators.cli_page import cli_page
from generators.json_page import json_page
from generators.schema_page import schema_page
from generators.table_files import table_files

ROOT = Path(__file__).resolve().parent.parent


def generated_files() -> dict[Path, str]:
    """Return the text of every generated file by its path."""
    pages = {"cli.md": cli_page(), "schema.md": schema_page(), "json.md": json_page()}
    tables = {f"{name}.sql": text for name, text in table_files().items()}
    return {ROOT / "docs" / name: text for name, text in pages.items()} | {
        ROOT / "sql" / "tables" / name: text for name, text in tables.items()
    }


def main() -> int:
    """Write what is out of date, or name it; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when something is stale")
    only_check = parser.parse_args().check
    wanted = generated_files()
    changed = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    foreign = [path for path in (ROOT / "sql" / "tables").glob("*.sql") if path not in wanted]
    for path in [*changed, *foreign]:
        if only_check:
            sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: run `make docs`\n")
        elif path in wanted:
            path.write_text(wanted[path])
        else:
            path.unlink()
    return int(only_check and bool(changed or foreign))


if __name__ == "__main__":
    sys.exit(main())
