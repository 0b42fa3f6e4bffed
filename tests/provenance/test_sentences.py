"""Sentences for people in counted code: each is a word that runs steps again when it is mended.

``reduced_code`` knows them by their form and leaves the shorter ones standing. Their number may
fall and not rise: give a new message to ``raise``, ``say``, ``advice``, ``reason`` or ``return``,
which are not counted, or keep it in a module of texts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ricenet.provenance import code_digest
from ricenet.provenance.steps import CHOICE, NETWORKS, STEPS

# what a cache or a model follows from: a word there runs whole studies again
DEAR = (
    "timeline", "ingest_mri", "ingest_dose", "resample", "brain_mask", "register", "align",
    "zscore", "total_dose", "crop", "quality", "cache", "manifest", "train_model",
)  # fmt: skip
CHEAP = ("audit", "report")  # their texts are their purpose, and they follow every run
AT_MOST, AT_MOST_DEAR = 138, 79
SMALL = {  # which lists of words, names and patterns have none of
    "a", "an", "and", "are", "at", "by", "did", "for", "from", "has", "have", "in", "is", "it",
    "its", "no", "not", "of", "on", "or", "out", "than", "that", "the", "this", "to", "up", "was",
    "were", "with", "without",
}  # fmt: skip


def counted(steps) -> list[str]:
    """The modules that some steps count, with all networks."""
    seen: set[str] = set()
    for name in steps:
        list(code_digest._counted(STEPS[name].module, {CHOICE: tuple(NETWORKS.values())}, seen))
    names = {module.removeprefix(f"{code_digest.PACKAGE}.") for module in seen}
    return sorted(names - code_digest.CARRIERS)


def sentences(module: str) -> Iterator[str]:
    """Texts of four words and more in what counts of a module, ``*`` for a value."""
    tree = ast.parse(code_digest._reduced(f"{code_digest.PACKAGE}.{module}")[1])
    within = {id(p) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for p in n.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            texts = [p.value if isinstance(p, ast.Constant) else "*" for p in node.values]
        elif isinstance(node, ast.Constant) and id(node) not in within:
            texts = [node.value]
        else:
            continue
        text = "".join(map(str, texts))
        words = text.split()
        if 4 <= len(words) < 40 and SMALL.intersection(words):
            yield f"{module}: {' '.join(words)}"


def listed(steps) -> list[str]:
    return [text for module in counted(steps) for text in sentences(module)]


def test_their_number_does_not_rise() -> None:
    everywhere, dear = listed(s for s in STEPS if s not in CHEAP), listed(DEAR)
    assert len(dear) <= AT_MOST_DEAR, "\n".join(dear)
    assert len(everywhere) <= AT_MOST, "\n".join(everywhere)


def test_a_sentence_that_is_not_counted_is_not_in_it() -> None:
    found = " ".join(listed(DEAR))
    assert "look at both images" not in found  # advice of a gate
    assert "the headers hold no date of one of the two" in found
