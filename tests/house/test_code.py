"""How the code is kept."""

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LONGEST = 400
CODE = sorted(
    path
    for part in ("cozysync", "protocol", "conflict", "bench")
    for path in (REPOSITORY / part).rglob("*.py")
)


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_file_holds_one_idea(path):
    assert len(path.read_text().splitlines()) <= LONGEST, "find the noun that is hidden in it"


def test_every_bound_of_the_protocol_has_its_reason():
    limits = REPOSITORY / "protocol" / "cozysync_protocol" / "limits.py"
    body = ast.parse(limits.read_text()).body[1:]
    for value, reason in zip(body[::2], body[1::2], strict=True):
        assert isinstance(value, ast.Assign)
        assert isinstance(reason.value, ast.Constant), ast.unparse(value)


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_nothing_is_taken_on_trust_from_the_environment(path):
    """No shell, no eval, no pickle: what comes from outside is never run."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            assert name not in {"eval", "exec", "os.system", "pickle.loads", "pickle.load"}
            assert not any(
                each.arg == "shell" and ast.unparse(each.value) != "False" for each in node.keywords
            )
