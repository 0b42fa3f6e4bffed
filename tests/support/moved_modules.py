"""Move a module of a source tree as a person would: the file, and the imports of the others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "ricenet"


def move(source: Path, old: str, new: str) -> None:
    """Move a module.

    Parameters
    ----------
    source : path
        Folder of the package.
    old, new : str
        Dotted names without the package; the last part may be another one.
    """
    target = _file(source, new)
    if not target.parent.exists():
        target.parent.mkdir()
        (target.parent / "__init__.py").write_text('"""A room."""\n')
    _file(source, old).rename(target)
    for path in source.rglob("*.py"):
        text = path.read_text()
        changed = _with_imports(text, f"{PACKAGE}.{old}", f"{PACKAGE}.{new}")
        # tables of modules name them in quotes
        path.write_text(changed.replace(f'"{PACKAGE}.{old}"', f'"{PACKAGE}.{new}"'))
    for path in source.parents[1].rglob("*.smk"):
        text = path.read_text()
        path.write_text(
            text.replace(f"from {PACKAGE}.{old} import", f"from {PACKAGE}.{new} import")
        )


def _file(source: Path, module: str) -> Path:
    return source.joinpath(*module.split(".")).with_suffix(".py")


def _with_imports(text: str, old: str, new: str) -> str:
    lines = text.splitlines()
    for node in reversed([n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ImportFrom)]):
        found = list(_imports(node, old, new))
        if found:
            space = " " * node.col_offset
            lines[node.lineno - 1 : node.end_lineno] = [space + line for line in found]
    return "\n".join(lines) + "\n"


def _imports(node: ast.ImportFrom, old: str, new: str) -> Iterator[str]:
    """Lines that replace an import which names the module; none where it does not."""
    parent, _, name = old.rpartition(".")
    if node.module == old:
        yield f"from {new} import {', '.join(map(ast.unparse, node.names))}"
    if node.module != parent or name not in (alias.name for alias in node.names):
        return
    others = [ast.unparse(alias) for alias in node.names if alias.name != name]
    if others:
        yield f"from {parent} import {', '.join(others)}"
    room, _, leaf = new.rpartition(".")
    (bound,) = {alias.asname or alias.name for alias in node.names if alias.name == name}
    yield f"from {room} import {leaf}" + ("" if leaf == bound else f" as {bound}")
