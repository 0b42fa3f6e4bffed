"""The code of a module without what cannot change a result, for ``code_digest``."""

from __future__ import annotations

import ast
import re

SPOKEN = {"say", "print", "warn"}  # calls whose words are for people
ADVICE = {"advice", "description", "reason"}  # keywords, likewise
NOT_MADE = {"not_checked", "not_made"}  # calls whose second argument is a reason
# A sentence: four words or more and a comma, colon or the like, or four words that are returned.
# Lists of words, patterns, seeds and texts that are compared or taken apart are none.
SENTENCE = re.compile(r"[\w'()/%°²]+(?:[\s,;:.-]+[\w'()/%°²]+){3,}", re.ASCII)
PUNCTUATION = re.compile(r"[,;:.] |[,;:.]$")
TAKEN_APART = {
    "compile", "derive_seed", "findall", "fullmatch", "match", "search", "split", "startswith",
    "sub",
}  # fmt: skip


class Names(ast.NodeTransformer):
    """Replaces names of modules and of what they hold.

    Parameters
    ----------
    names : dict of str to str
        What stands for them.
    """

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Replace a name."""
        node.id = self.names.get(node.id, node.id)
        return node


class Reduced(Names):
    """Takes out of a module what cannot change a result."""

    def __init__(self, names: dict[str, str]) -> None:
        super().__init__(names)
        self.returning = False

    def visit_Import(self, node: ast.Import) -> None:
        """Drop an import: it was collected."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Drop an import: it was collected."""

    def visit_If(self, node: ast.If) -> ast.AST | None:
        """Drop what only a type checker sees."""
        return None if for_type_checker(node) else self.generic_visit(node)

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
        if name in NOT_MADE:
            node.args = node.args[:1]
        if name in TAKEN_APART:
            return Names(self.names).visit(node)
        node.keywords = [word for word in node.keywords if word.arg not in ADVICE]
        return self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Keep texts that are compared."""
        return Names(self.names).visit(node)

    def visit_Return(self, node: ast.Return) -> ast.AST:
        """Drop sentences that are returned, whatever their punctuation."""
        self.returning, before = True, self.returning
        found = self.generic_visit(node)
        self.returning = before
        return found

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """Drop a sentence."""
        if isinstance(node.value, str) and self._is_sentence(node.value):
            node.value = ""
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        """Drop the words of a sentence with values in it, keep the values."""
        parts = [n.value if isinstance(n, ast.Constant) else "0" for n in node.values]
        if self._is_sentence("".join(map(str, parts))):
            node.values = [n for n in node.values if not isinstance(n, ast.Constant)]
        return self.generic_visit(node)

    def _is_sentence(self, text: str) -> bool:
        told = self.returning or PUNCTUATION.search(text)
        return bool(told and SENTENCE.search(text))

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Drop the type of an argument."""
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Drop the type of what is returned."""
        node.returns = None
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


def for_type_checker(node: ast.If) -> bool:
    """Return whether only a type checker sees a branch."""
    return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
