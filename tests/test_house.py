"""The house: nothing is so long that a reader loses the thread, and texts name files that exist."""

import ast
import os
import re
from pathlib import Path

import pytest

from ricenet.channels import KINDS
from ricenet.provenance.steps import STEPS

SOURCE = Path(__file__).parents[1] / "src" / "ricenet"
MODULES = sorted(SOURCE.rglob("*.py"))
MODULE_LINES, FUNCTION_LINES = 250, 45


def lines_of(function: ast.FunctionDef) -> int:
    """Lines of a function without its docstring."""
    first = function.body[0]
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def test_a_docstring_is_not_counted():
    (function,) = ast.parse('def f():\n    """One.\n\n    Two.\n    """\n    return 1\n').body
    assert isinstance(function, ast.FunctionDef) and lines_of(function) == 2


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_a_module_is_read_at_a_sitting(path):
    text = path.read_text()
    assert text.count("\n") <= MODULE_LINES
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
    assert {f.name: n for f in functions if (n := lines_of(f)) > FUNCTION_LINES} == {}


def kinds_compared(tree: ast.AST) -> list[int]:
    """Lines on which something is compared with the name of a kind of channel."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            operands = [node.value]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {"count", "index"}:
            operands = list(node.args)
        else:
            continue
        several = (ast.Tuple, ast.List, ast.Set)
        parts = [p for o in operands for p in (o.elts if isinstance(o, several) else [o])]
        values = {part.value for part in parts if isinstance(part, ast.Constant)}
        found += [node.lineno] if values & set(KINDS) else []
    return found


def test_a_comparison_with_a_kind_is_seen():
    for text in ("k == 'mri'", "kinds[i] in ('mri', 'mask')", "'dose' != c.kind", "k.count('mri')"):
        assert kinds_compared(ast.parse(text)) == [1]
    assert kinds_compared(ast.parse("KINDS['mri'].fill == 'mri_fill'")) == []


def test_what_a_kind_of_channel_means_stands_in_one_table():
    """The audit has formulas of its own on purpose; ``dose`` is also a column of the table."""
    apart = {"audit/invariants.py", "audit/measure.py", "scan/propose.py"}
    found = {
        path.relative_to(SOURCE).as_posix(): lines
        for path in MODULES
        if (lines := kinds_compared(ast.parse(path.read_text())))
    }
    assert set(found) <= apart, found


def takes_a_job(tree: ast.AST) -> bool:
    """Whether a function of a module has an argument that is annotated as a step's Job."""
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    given = [a for f in functions for a in (*f.args.posonlyargs, *f.args.args, *f.args.kwonlyargs)]
    return any(a.annotation and ast.unparse(a.annotation).endswith("Job") for a in given)


def test_only_steps_know_of_jobs():
    """What a step calls gets values and returns checks: it is tested without a Job."""
    steps_ = {step.module for step in STEPS.values()}
    for path in MODULES:
        name = ".".join(("ricenet", *path.relative_to(SOURCE).with_suffix("").parts))
        if name not in steps_ and path.parent.name != "step":
            assert not takes_a_job(ast.parse(path.read_text())), name


PATHS = re.compile(
    r"(?<![\w/-])(?:tests|src|workflow|benchmarks|docs|envs)/[\w./-]+\.(?:py|sh|smk|md|yaml|tsv|lock)"
)
ROOT = SOURCE.parents[1]
TEXTS = [
    *(path for path in ROOT.glob("*.md") if path.name != "CHANGELOG.md"),
    *ROOT.glob("docs/*.md"), *ROOT.glob("config/*.md"), ROOT / "Makefile",
    *ROOT.glob("benchmarks/*.sh"), ROOT / ".ci" / "run", *ROOT.glob("tests/**/*_study.py"),
]  # fmt: skip


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_that_a_text_names_are_there(path):
    named = set(PATHS.findall(path.read_text(encoding="utf-8")))
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_slurms_script_lies_where_its_study_looks():
    """Nothing else runs it but ``make test-slurm``, which needs root."""
    folder = Path(__file__).parent / "workflow"
    names = re.findall(r'with_name\("(\w+\.sh)"\)', (folder / "slurm_study.py").read_text())
    assert names and all(os.access(folder / name, os.X_OK) for name in names)


def test_make_test_looks_for_what_needs_the_whole_machine_where_it_is():
    """It collects that folder alone, which spares reading all other tests a second time."""
    tests = Path(__file__).parent
    mark = f"mark.{'whole'}_machine"
    marked = {p.parent.name for p in tests.rglob("test_*.py") if mark in p.read_text()}
    assert marked == {"workflow"}
    assert "pytest tests/workflow -m" in (ROOT / "Makefile").read_text()
