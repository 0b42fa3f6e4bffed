"""Digest of the code that can change a step's result, and of nothing that merely carries it.

Snakemake runs a step again when this digest changes, so a word in a message must not count. From
each module that a step imports, directly or not, the code counts without

- docstrings, comments, layout, and the order and the places of this package's modules,
- texts for people: what is raised, said or warned, and the advice of a check,
- imports for type checkers,

and modules that only carry a result do not count at all (:data:`CARRIERS`), though what they
import does. Nothing numerical may stand in those. Standard library only: the Snakefile calls this
while it is parsed.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parents[1]
PACKAGE = "ricenet"
# What carries a result: arguments, staging, leases, limits, logs, records; settings' models, whose
# effect stands in the settings text; texts and names for people.
CARRIERS = frozenset(
    {
        "cohort.labels",
        "config.cohort", "config.config", "config.evaluate", "config.explain", "config.ingest",
        "config.introduced", "config.predict", "config.preprocess", "config.report",
        "config.section", "config.settings_files", "config.train", "config.yaml_limits",
        "ingest.explain_dose",
        "networks.verdicts",
        "provenance.atomic", "provenance.code_digest", "provenance.planned", "provenance.record",
        "provenance.software", "provenance.steps",
        "statistics.published",
        "step", "step.arguments", "step.failure", "step.job", "step.lease", "step.program",
        "step.sandbox", "step.staging",
    }
)  # fmt: skip
SPOKEN = {"say", "print", "warn"}  # calls whose words are for people
ADVICE = {"advice", "description"}  # keywords, likewise


@cache
def code_hash(module: str) -> str:
    """Return the digest of a module's code and of all of this package that it imports.

    Parameters
    ----------
    module : str
        Dotted name, for example ``ricenet.zscore``.
    """
    return _digest("\n".join(sorted(_counted(module, set()))))


def _counted(module: str, seen: set[str]) -> Iterator[str]:
    """Yield the texts that count, of a module and of those that it leads to."""
    if module in seen:
        return
    seen.add(module)
    text, imported = _code(module)
    if text and module.removeprefix(f"{PACKAGE}.") not in CARRIERS:
        yield text
    for name in imported:
        yield from _counted(name, seen)


@cache  # most modules are imported by every step
def _code(module: str) -> tuple[str, tuple[str, ...]]:
    """Return the code of one module that counts, and the modules of this package that it imports.

    A name that stands for a module of this package is replaced by a digest of that module's own
    code: what it is counts, not where it lies or how it is called.
    """
    tree = ast.parse(_source_file(module).read_text(encoding="utf-8"))
    imports = _Imports()
    imports.visit(tree)
    names = {name: _stand_in(own) for name, own in imports.bound.items()}
    reduced = ast.unparse(_Reduced(names).visit(tree))
    text = "\n".join([*sorted(imports.foreign), reduced]).strip()
    return text, tuple(dict.fromkeys(imports.own))


def _stand_in(module: str) -> str:
    if module.removeprefix(f"{PACKAGE}.") in CARRIERS:
        return "carrier"
    return f"module_{_digest(_code(module)[0])}"


class _Imports(ast.NodeVisitor):
    """Collects the imports of a module.

    Attributes
    ----------
    own : list of str
        Modules of this package.
    bound : dict of str to str
        Names in the code that stand for such modules.
    foreign : list of str
        Imports of other packages, as code.
    """

    def __init__(self) -> None:
        self.own: list[str] = []
        self.bound: dict[str, str] = {}
        self.foreign: list[str] = []

    def visit_If(self, node: ast.If) -> None:
        """Leave out what only a type checker sees."""
        if not _for_type_checker(node):
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        """Note the modules of an import."""
        for alias in node.names:
            if _is_own(alias.name):
                self._follow(alias.name)
            else:
                self.foreign.append(f"import {alias.name} as {alias.asname}")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Note the modules of an import, or the modules that hold what is imported."""
        parent = node.module or ""
        for alias in node.names:
            if not _is_own(parent):
                self.foreign.append(f"from {parent} import {alias.name} as {alias.asname}")
                continue
            self._follow(parent)
            child = f"{parent}.{alias.name}"
            if _source_file(child).exists():
                self._follow(child)
                self.bound[alias.asname or alias.name] = child

    def _follow(self, module: str) -> None:
        if module != PACKAGE and _source_file(module).exists():
            self.own.append(module)


class _Reduced(ast.NodeTransformer):
    """Takes out of a module what cannot change a result.

    Parameters
    ----------
    names : dict of str to str
        What stands for the names of modules.
    """

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Import(self, node: ast.Import) -> None:
        """Drop an import: it was collected."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Drop an import: it was collected."""

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Replace the name of a module."""
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        """Drop what only a type checker sees."""
        return None if _for_type_checker(node) else self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        """Keep the kind of an error, drop its words."""
        if isinstance(node.exc, ast.Call):
            node.exc.args, node.exc.keywords = [], []
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Drop words for people from a call."""
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in SPOKEN:
            node.args, node.keywords = [], []
        node.keywords = [word for word in node.keywords if word.arg not in ADVICE]
        return self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Drop docstrings, and leave no empty body."""
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
        super().generic_visit(node)
        if getattr(node, "body", None) == [] and not isinstance(node, ast.Module):
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
        return node


def _for_type_checker(node: ast.If) -> bool:
    return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _is_own(module: str) -> bool:
    return module.split(".")[0] == PACKAGE


def _source_file(module: str) -> Path:
    base = SOURCE.joinpath(*module.split(".")[1:])
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
