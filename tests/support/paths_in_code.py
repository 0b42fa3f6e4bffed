"""Where Python code builds the path of a study's file, or takes one apart."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ricenet.study import layout

FOLDERS = "|".join(sorted({t.split("/")[0] for t in layout.FILES.values() if "/" in t}))
# subjects/..., and a folder of a study joined to a path
BELOW = re.compile(rf"(?:.*/)?(?:{FOLDERS})/.*", re.S)
FOLDER = re.compile(FOLDERS)
# names of files that say more than their ending: manifest.tsv, <moving>_to-<fixed>.json
NAMES = {
    name
    for template in layout.FILES.values()
    if re.match(r"[^.]*[a-z]", name := re.sub(r"\{\w+\}", "*", template.rpartition("/")[2]))
}
CUTTING = {"split", "rsplit", "partition", "rpartition", "removesuffix", "removeprefix"}
LISTING = {"glob", "rglob", "with_name", "with_suffix", "joinpath"}


def text_of(node: ast.AST) -> str:
    """A text, ``*`` for each value in it; empty for anything else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(v) if isinstance(v, ast.Constant) else "*" for v in node.values)
    return ""


def docstrings(tree: ast.AST) -> set[int]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    holders = [n for n in ast.walk(tree) if isinstance(n, documented)]
    return {id(n.body[0].value) for n in holders if ast.get_docstring(n) is not None}


def built(tree: ast.AST) -> Iterator[str]:
    """Texts that are paths of a study's files, or such a folder that is joined to one.

    What has a blank in it is a sentence.
    """
    within = {id(part) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for part in n.values}
    told = docstrings(tree) | within
    for node in ast.walk(tree):
        text = "" if id(node) in told else text_of(node)
        if not re.search(r"\s", text) and (BELOW.fullmatch(text) or text in NAMES):
            yield ast.unparse(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            sides = [node.left, node.right]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {
            "Path",
            *LISTING,
        }:
            sides = node.args
        else:
            continue
        yield from (ast.unparse(side) for side in sides if FOLDER.fullmatch(text_of(side)))


def cut(tree: ast.AST) -> Iterator[str]:
    """Expressions that take names out of a path, or list files by the form of their names."""
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in called:
            if node.attr in ("stem", "parts", "parents") or (
                node.attr == "name" and getattr(node.value, "attr", "") == "parent"
            ):
                yield ast.unparse(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            first = text_of(node.args[0])
            if (node.func.attr in CUTTING and re.match(r"[/._]", first)) or (
                node.func.attr in LISTING and first
            ):
                yield ast.unparse(node)
