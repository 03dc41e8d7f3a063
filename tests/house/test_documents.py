"""What the documents say is so."""

import re
import tomllib
from pathlib import Path

import pytest
import typer

from cozysync.cli.main import app
from cozysync.daemon.config_keys import KEYS
from cozysync.vault.errors import ExitCode

REPOSITORY = Path(__file__).parents[2]
PAGES = [
    path
    for path in REPOSITORY.rglob("*.md")
    if not any(part.startswith(".") for part in path.relative_to(REPOSITORY).parts)
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_inside_the_repository_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_command_is_documented():
    page = (REPOSITORY / "docs" / "CLI.md").read_text()
    for name, command in typer.main.get_command(app).commands.items():
        assert f"`{name}" in page
        for inner in getattr(command, "commands", {}):
            assert inner in page, f"{name} {inner}"


def test_every_exit_code_is_documented():
    page = (REPOSITORY / "docs" / "CLI.md").read_text()
    for code in ExitCode:
        assert f"| {code.value} | `{code.name}` |" in page


def test_every_configuration_key_is_documented():
    page = (REPOSITORY / "docs" / "CONFIG.md").read_text()
    for key in KEYS:
        assert f"| `{key.name}` |" in page
        assert key.meaning in page


def test_every_dependency_is_pinned():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(each for extra in extras for each in extra)]
    constraints = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pinned = {_plain(line.partition("==")[0]) for line in constraints if "==" in line}
    assert {_plain(re.match(r"[\w.-]+", each).group()) for each in wanted} <= pinned


def _plain(name):
    return name.lower().replace("_", "-")


def test_every_decision_has_a_number_of_its_own():
    numbers = [page.name[:4] for page in (REPOSITORY / "docs" / "decisions").glob("*.md")]
    assert sorted(numbers) == [f"{n:04}" for n in range(1, len(numbers) + 1)]


def rows_of_attacks():
    """Number → what stands in the table of attacks as the tests that try it."""
    table = (REPOSITORY / "docs" / "THREATS.md").read_text().partition("## What is attacked")[2]
    rows = re.findall(r"^\| (\d+) \|[^|]*\|([^|]*)\|", table, re.MULTILINE)
    return {int(number): re.findall(r"`([\w/*]+)`", tests) for number, tests in rows}


def files_named(name):
    tests = REPOSITORY / "tests"
    return [*tests.glob(f"attacks/{name}.py"), *tests.glob(f"{name}.py")]


def test_every_attack_of_the_design_is_tried_by_a_test_that_is_there():
    rows = rows_of_attacks()
    assert sorted(rows) == list(range(1, 25))
    for number, names in rows.items():
        assert names, f"row {number} is tried by nothing"
        for name in names:
            files = files_named(name)
            assert files, f"row {number}: there is no {name}"
            assert all("def test_" in file.read_text() for file in files), name


def test_every_test_of_one_attack_stands_in_its_row():
    rows = rows_of_attacks()
    for path in (REPOSITORY / "tests" / "attacks").glob("test_[0-9][0-9]_*.py"):
        assert path.stem in rows[int(path.stem[5:7])], path.name
