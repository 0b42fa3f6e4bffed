"""The sentence of the box about models of few features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ricenet.evaluate.added_value import MARGIN
from ricenet.report import shortcuts
from ricenet.report.results import best_probe
from ricenet.report.sentence import NOT_MADE, NOT_SHOWN, SHOWN, Sentence, mark
from ricenet.statistics import wording

Row = Mapping[str, Any]


def of_probes(tables: Mapping[str, Sequence[Row]], main: str) -> Sentence:
    """Say whether the network is better than each group of few features.

    Groups are counted, not models: both models of a group ask one question of the same features.
    The network is better than a group only if it is better than both.
    """
    groups = shortcuts.of_groups(shortcuts.besides(tables, main))
    best = best_probe(tables.get("probes", ()), "validation")
    if not groups or best is None:
        return Sentence("Whether a model of few features does as well: not made.", NOT_MADE)
    rows, n = list(groups.values()), int(best["n"])
    area = wording.estimate(best["auc"], best["low"], best["high"], n)
    of = f"{len(rows)} group{'s' if len(rows) > 1 else ''}"
    text = (
        f"The best model of {of} of few features ({shortcuts.described(best)}, {best['model']}) "
        f"has an AUC of {area}, the network {_network(rows[0])}."
    )
    method = (
        f"n = {n}; within folds, Newcombe; differences: DeLong, uncorrected; the best was picked "
        "afterwards, which flatters it"
    )
    better = sum(row["outcome"] == shortcuts.BETTER for row in rows)
    if better == len(rows):
        return Sentence(f"{text} The network is better than each.", SHOWN, method, mark(best))
    text += f" That the network is better is shown for {better} of {of}." + _against(rows)
    return Sentence(text, NOT_SHOWN, method, mark(best))


def _against(rows: Sequence[Row]) -> str:
    """Name the groups that are ahead, do as well, or are not shown to be worse."""
    said = ""
    for outcome, (words, _) in shortcuts.AGAINST.items():
        own = [row for row in rows if row["outcome"] == outcome]
        if not own:
            continue
        first, *others = (f"{row['words']} alone" for row in own)
        margin = f", all of it below {MARGIN:.2f}" if outcome == shortcuts.AS_WELL else ""
        said += f" A model of {first} {words} (difference {shortcuts.difference(own[0])}{margin})"
        for name, row in zip(others, own[1:], strict=True):
            said += f"; of {name} (difference {shortcuts.difference(row)}{margin})"
        said += "."
    known = [
        row["words"] for row in rows
        if row["kind"] == "confounder" and row["outcome"] in shortcuts.AGAINST
    ]  # fmt: skip
    return said + (f" Known without looking at the lesion: {', '.join(known)}." if known else "")


def _network(row: Row) -> str:
    """Return the area of the network, of a row of ``added-value.tsv``."""
    low, high = row["network_low"], row["network_high"]
    return wording.estimate(row["auc_network"], low, high, int(row["n"]))
