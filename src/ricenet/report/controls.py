"""What the report says of the controls: permuted labels, other seeds, fewer subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, str]
NOT_MADE = (
    "Not made: no control was asked for, or nobody has agreed to its trainings (settings "
    "controls). Whether permuted labels are predicted no better than by chance is not known."
)
NAMES = {"macro_f1": "macro F1, pooled", "auc": "AUC, within folds"}


def controls(tables: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """Return sentences and rows of the section; a leak is the first sentence.

    Parameters
    ----------
    tables : mapping of str to rows
        By kind of file; a kind that is not there was not made.
    """
    summary = list(tables.get("control_summary", ()))
    if not summary:
        return {"sentences": [NOT_MADE], "permuted": [], "others": [], "each": [], "leak": False}
    rows = [{**row, "words": NAMES[row["metric"]]} for row in summary]
    permuted = [row for row in rows if row["control"] == "permutation"]
    sentences = [_sentence(row) for row in permuted if row["metric"] == "auc"]
    if not permuted:
        sentences = ["Labels were not permuted: not made."]
    each = [row for row in tables.get("control_metrics", ()) if row["kind"] == "permutation"]
    leak = any(row["verdict"].startswith("a leak") for row in permuted)
    return {
        "sentences": sorted(sentences, key=lambda text: "leak:" not in text),
        "permuted": permuted,
        "others": [row for row in rows if row["control"] != "permutation"],
        "each": each,
        "leak": leak,
    }


def _sentence(row: Row) -> str:
    runs = int(row["runs"])
    p, smallest = float(row["p"]), float(row["smallest_p"])
    said = (
        f"{' + '.join(row['ablation'].split('-'))}: AUC {float(row['observed']):.2f} with the true "
        f"labels of {row['n']} patients; with permuted labels {float(row['lowest']):.2f} to "
        f"{float(row['highest']):.2f} in {runs} run{'s' if runs > 1 else ''} (by chance "
        f"{float(row['chance_low']):.2f} to {float(row['chance_high']):.2f}): {row['verdict']}. "
        f"p = {p:.2g} that the images say nothing of the labels"
    )
    few = f"; so few runs can give no less than {smallest:.2g}" if smallest > 0.05 else ""
    return f"{said}{few}."
