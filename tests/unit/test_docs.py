"""The documentation agrees with the code: commands, generated files, names and links."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from docs.generators.json_shapes import OUTPUTS
from docs.generators.meanings import attribute_meanings
from mvmdb.catalog.models import metadata
from mvmdb_cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"```.*?```", re.DOTALL)


def command_names(application: typer.Typer = app, prefix: str = "") -> Iterator[str]:
    """Yield the names under which commands are registered, ``layer build`` and the like."""
    for command in application.registered_commands:
        yield prefix + str(command.name or command.callback.__name__)
    for group in application.registered_groups:
        yield from command_names(group.typer_instance, f"{prefix}{group.name} ")


COMMANDS = sorted(command_names())


def help_of(command: str) -> str:
    """Return what the command line prints for ``--help``."""
    result = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(app, [*command.split(), "--help"])
    assert result.exit_code == 0, result.output
    return result.stdout


def options_in(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - {"--help"}


def section_of(command: str) -> str:
    """Return what docs/cli.md says of a command."""
    text = (ROOT / "docs/cli.md").read_text()
    return text.partition(f"\n## mvmdb {command}\n")[2].partition("\n## ")[0]


def generate(*arguments: str, script: Path = ROOT / "docs/generate.py") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_all_commands_are_found() -> None:
    assert {"ingest", "layer build", "db url", "provenance"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_has_an_example(command: str) -> None:
    assert re.search(rf"Examples?:.*mvmdb {command}\b", help_of(command), re.DOTALL)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_is_in_the_reference(command: str) -> None:
    assert options_in(help_of(command)) == options_in(section_of(command).partition("Example")[0])
    assert "mvmdb" in section_of(command).partition("Example")[2]


def test_reference_holds_no_other_command() -> None:
    headings = re.findall(r"^## mvmdb (.*)$", (ROOT / "docs/cli.md").read_text(), re.MULTILINE)
    assert sorted(headings) == COMMANDS


def test_json_of_every_command_is_described() -> None:
    with_json = [command for command in COMMANDS if "--json" in options_in(help_of(command))]
    assert sorted({output.command for output in OUTPUTS}) == with_json


def test_generated_files_are_current() -> None:
    result = generate("--check")
    assert (result.returncode, result.stderr) == (0, "")


def test_check_names_what_is_out_of_date(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "sql", tmp_path / "sql")
    (tmp_path / "docs/schema.md").write_text("old")
    (tmp_path / "sql/tables/exposure.sql").unlink()
    (tmp_path / "sql/tables/no_such_table.sql").write_text("old")
    script = tmp_path / "docs/generate.py"
    result = generate("--check", script=script)
    assert result.returncode == 1
    named = {line.split()[0] for line in result.stderr.splitlines()}
    assert named == {"docs/schema.md", "sql/tables/exposure.sql", "sql/tables/no_such_table.sql"}
    assert generate(script=script).returncode == 0
    for name in ("docs/schema.md", "sql/tables/exposure.sql"):
        assert (tmp_path / name).read_text() == (ROOT / name).read_text()
    assert not (tmp_path / "sql/tables/no_such_table.sql").exists()


def test_meanings_of_attributes_are_read_from_docstrings() -> None:
    class Numpydoc:
        """A thing.

        Attributes
        ----------
        first, second
            Two of
            them.
        third
            Another.

        Notes
        -----
        fourth
            Not an attribute.
        """

    assert attribute_meanings(Numpydoc) == {
        "first": "Two of them.",
        "second": "Two of them.",
        "third": "Another.",
    }


def glossary_names() -> list[str]:
    lines = (ROOT / "docs/glossary.md").read_text().splitlines()
    rows = [line.split(" | ") for line in lines if line.startswith("| ") and line.count(" | ") == 2]
    return sorted({name for row in rows for name in re.findall(r"`([^`]+)`", row[-1])})


def sql_names() -> set[str]:
    """Return tables with their columns, views with their commented columns, functions."""
    tables = {f"mvm.{table.name}" for table in metadata.sorted_tables}
    columns = {
        f"mvm.{column.table.name}.{column.name}" for table in metadata.sorted_tables for column in table.c
    }
    text = "\n".join(path.read_text() for path in (ROOT / "sql").glob("[fv]*/*.sql"))
    created = set(re.findall(r"^create (?:view|function) ((?:mvm|ivoa)\.\w+)", text, re.MULTILINE))
    commented = set(re.findall(r"^comment on column ((?:mvm|ivoa)\.\w+\.\w+)", text, re.MULTILINE))
    return tables | columns | created | commented


def is_in_python(name: str) -> bool:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            annotations = getattr(found, "__annotations__", {})
            if not hasattr(found, part) and part not in annotations:
                return False
            found = getattr(found, part, None)
        return True
    return False


def test_glossary_is_read() -> None:
    assert len(glossary_names()) > 40


@pytest.mark.parametrize("name", glossary_names())
def test_names_of_the_glossary_exist(name: str) -> None:
    assert name in sql_names() if name.startswith(("mvm.", "ivoa.")) else is_in_python(name)


def links_of(page: Path) -> list[str]:
    """Return the targets of a page's links, pictures and code left out."""
    return LINK.findall(FENCED.sub("", page.read_text()))


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_resolve(page: Path) -> None:
    for link in links_of(page):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), link
        assert not anchor or anchor in anchors_of(target), link


def test_every_page_can_be_reached() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        links = (page.parent / link.partition("#")[0] for link in links_of(page))
        waiting += [path for link in links if (path := link.resolve()) in PAGES and path not in reached]
    assert sorted(reached) == PAGES
