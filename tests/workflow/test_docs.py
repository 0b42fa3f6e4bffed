"""What the documents say of the tests and the checks is so."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/input-checks.md").read_text()


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("path", sorted(set(re.findall(r"tests/[\w/]+\.py", DOCUMENT))))
def test_named_tests_exist(path):
    named = set(re.findall(rf"{path}::(\w+)", DOCUMENT))
    assert named - functions(ROOT / path) == set()


def test_named_checks_exist():
    named = set(re.findall(r"check `([a-z-]+)`", DOCUMENT))
    code = "".join(file.read_text() for file in (ROOT / "src/ricenet").rglob("*.py"))
    assert len(named) >= 10
    assert {check for check in named if f'"{check}"' not in code} == set()


def test_rows_are_numbered_without_gaps():
    for letter in "ABCMO":
        rows = [int(row) for row in re.findall(rf"^\| {letter}(\d+) \|", DOCUMENT, re.MULTILINE)]
        assert rows == list(range(1, len(rows) + 1)), letter
        assert rows
