"""The written review names code and tests that exist."""

import ast
import re
from functools import cache
from itertools import pairwise

import pytest

from tests.house.test_code import REPOSITORY

PAGE = REPOSITORY / "docs" / "REVIEW.md"
CODE = re.compile(r"`([a-z_]+(?:\.[a-z_0-9]+)+):([A-Za-z_.0-9]+)`")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
ROOTS = {
    "cozysync": REPOSITORY,
    "cozysync_protocol": REPOSITORY / "protocol",
    "cozysync_conflict": REPOSITORY / "conflict",
}


def rows():
    """The rows of all tables, without their heads."""
    lines = PAGE.read_text().splitlines()
    for before, line in pairwise(lines):
        if line.startswith("|") and before.startswith("|") and not line.startswith("|---"):
            yield line


ROWS = list(rows())


@cache
def names_in(path):
    """The functions and classes of a file, with those of classes as `Class.name`."""
    return set(_names(ast.parse(path.read_text()), ""))


def _names(tree, prefix):
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from _names(node, f"{prefix}{node.name}.")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_every_row_names_code_and_tests_that_exist(row):
    code, tests = CODE.findall(row), TEST.findall(row)
    assert code, "which line of code prevents it?"
    assert tests, "which test would fail?"
    for module, name in code:
        path = ROOTS[module.partition(".")[0]].joinpath(*module.split(".")).with_suffix(".py")
        assert path.is_file(), module
        assert name in names_in(path), f"{module}:{name}"
    for file, name in tests:
        assert (REPOSITORY / file).is_file(), file
        assert name in names_in(REPOSITORY / file), f"{file}::{name}"


def test_the_tables_are_found():
    """All of them, and nothing in backquotes that looks like a name of code and is read as none."""
    assert len(ROWS) > 25
    found = {*CODE.findall(PAGE.read_text()), *TEST.findall(PAGE.read_text())}
    looks_so = re.findall(r"`[^` ]+:[^` ]+`", PAGE.read_text())
    assert len(set(looks_so) - {"`module:name`"}) == len(found)
