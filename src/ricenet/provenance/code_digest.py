"""Digest of the code that can change a step's result, and of nothing that merely carries it.

Snakemake runs a step again when this digest changes, so a word in a message must not count. From
each module that a step imports, directly or not, the code counts without

- docstrings, comments, layout, and the order and the places of this package's modules,
- texts for people: what is raised, said or warned, the advice of a check or the reason why it was
  not made, and other sentences,
- type annotations of functions, imports for type checkers,

and modules that only carry a result do not count at all (:data:`CARRIERS`), though what they
import does. Nothing numerical may stand in those. Standard library only: the Snakefile calls this
while it is parsed.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from ricenet.provenance.reduced_code import Reduced, for_type_checker

SOURCE = Path(__file__).parents[1]
PACKAGE = "ricenet"
# What carries a result: arguments, staging, leases, limits, logs, records; settings' models, whose
# effect stands in the settings text; texts and names for people; the tables of kinds of
# channels and of normalisations, whose rows tests/test_channels.py and tests/test_normalisations.py
# hold: a new one trains no model of the others again.
CARRIERS = frozenset(
    {
        "channels",
        "cohort.labels",
        "config.cohort", "config.config", "config.evaluate", "config.explain", "config.ingest",
        "config.introduced", "config.predict", "config.preprocess", "config.report",
        "config.section", "config.settings_files", "config.train", "config.yaml_limits",
        "ingest.explain_dose",
        "networks.verdicts",
        "normalisations",
        "provenance.atomic", "provenance.code_digest", "provenance.planned", "provenance.record",
        "provenance.reduced_code", "provenance.software", "provenance.steps",
        "statistics.published",
        "step", "step.arguments", "step.check", "step.failure", "step.job", "step.lease",
        "step.lines", "step.program", "step.sandbox", "step.staging",
    }
)  # fmt: skip


@cache
def code_hash(module: str, *, chosen: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> str:
    """Return the digest of a module's code and of all of this package that it imports.

    Parameters
    ----------
    module : str
        Dotted name, for example ``ricenet.zscore``.
    chosen : tuple of (str, tuple of str)
        A module that loads others by a name in the settings, and those that count with it.
    """
    return _digest("\n".join(sorted(_counted(module, dict(chosen), set()))))


def _counted(module: str, chosen: Mapping[str, Sequence[str]], seen: set[str]) -> Iterator[str]:
    """Yield the texts that count, of a module and of those that it leads to."""
    if module in seen:
        return
    seen.add(module)
    text, imported = _code(module)
    if text and module.removeprefix(f"{PACKAGE}.") not in CARRIERS:
        yield text
    for name in (*imported, *chosen.get(module, ())):
        yield from _counted(name, chosen, seen)


@cache  # most modules are imported by every step
def _code(module: str) -> tuple[str, tuple[str, ...]]:
    """Return the code of one module that counts, and the modules of this package that it imports.

    A name that stands for a module of this package, or for something in one, is replaced by a
    digest of that module's own code: what it is counts, not where it lies or how it is called.
    """
    imports, reduced = _reduced(module)
    own = [*imports.bound.items(), *imports.parts.items()]
    stands = [
        _stand_in(of) if isinstance(of, str) else f"{of[1]}_{_stand_in(of[0])}" for _, of in own
    ]
    text = "\n".join([*sorted(imports.foreign), _with(reduced, stands)]).strip()
    return text, tuple(dict.fromkeys(imports.own))


@cache
def _stand_in(module: str) -> str:
    """Return what stands for a module: a digest of its own code, whatever it imports is called."""
    if module.removeprefix(f"{PACKAGE}.") in CARRIERS:
        return "carrier"
    imports, reduced = _reduced(module)
    stands = ["module"] * len(imports.bound) + [own for _, own in imports.parts.values()]
    return f"module_{_digest(_with(reduced, stands))}"


@cache
def _reduced(module: str) -> tuple[_Imports, str]:
    """Return the imports of a module, and its code with a number for each name of this package."""
    tree = ast.parse(_source_file(module).read_text(encoding="utf-8"))
    imports = _Imports()
    imports.visit(tree)
    names = {name: f"_own{n}_" for n, name in enumerate([*imports.bound, *imports.parts])}
    return imports, ast.unparse(Reduced(names).visit(tree))


def _with(reduced: str, stands: Sequence[str]) -> str:
    return re.sub(r"\b_own(\d+)_\b", lambda found: stands[int(found[1])], reduced)


class _Imports(ast.NodeVisitor):
    """Collects the imports of a module.

    Attributes
    ----------
    own : list of str
        Modules of this package.
    bound : dict of str to str
        Names in the code that stand for such modules.
    parts : dict of str to (str, str)
        Names in the code that stand for something in such a module: the module, its name there.
    foreign : list of str
        Imports of other packages, as code.
    """

    def __init__(self) -> None:
        self.own: list[str] = []
        self.bound: dict[str, str] = {}
        self.parts: dict[str, tuple[str, str]] = {}
        self.foreign: list[str] = []

    def generic_visit(self, node: ast.AST) -> None:
        """Look at statements only: no expression holds an import."""
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.expr):
                self.visit(child)

    def visit_If(self, node: ast.If) -> None:
        """Leave out what only a type checker sees."""
        if not for_type_checker(node):
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
            elif parent != PACKAGE and _source_file(parent).exists():
                self.parts[alias.asname or alias.name] = parent, alias.name

    def _follow(self, module: str) -> None:
        if module != PACKAGE and _source_file(module).exists():
            self.own.append(module)


def _is_own(module: str) -> bool:
    return module.split(".")[0] == PACKAGE


def _source_file(module: str) -> Path:
    base = SOURCE.joinpath(*module.split(".")[1:])
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
