"""What the report shows of the occlusion maps and of other doses: rows of tables, arranged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ricenet.cohort.labels import EVERYONE, NAMES

Row = Mapping[str, str]
TRAINED, NOT_JUDGED = "trained", "not judged"  # as the table says it
AGREEMENT = {"spearman": "rank correlation", "icc": "intraclass correlation"}
WORDS = {
    "isodose-95": "inside the 95 % isodose",
    "enhancement": "inside the new enhancement",
    "elsewhere": "elsewhere in the brain",
}


def explanations(
    importance: Sequence[Row], doses: Sequence[Row], statistics: Sequence[Row] = ()
) -> list[dict[str, Any]]:
    """Return the content of the section, one entry an ablation.

    Parameters
    ----------
    importance, doses : sequence of dict
        Rows of the tables of ``occlusion_summary`` and ``dose_counterfactual``.
    statistics : sequence of dict
        Those of ``occlusion_statistics``.
    """
    names = dict.fromkeys(row["ablation"] for row in (*statistics, *importance, *doses))
    found = []
    for name in names:
        own = [row for row in importance if row["ablation"] == name]
        other = [row for row in doses if row["ablation"] == name]
        cohort = [row for row in own if row["subject"] == EVERYONE]
        found.append(
            {
                "ablation": name,
                **beside_controls([row for row in statistics if row["ablation"] == name]),
                "cohort": [{**row, "words": words(row)} for row in cohort],
                "subjects": by_subject(row for row in own if row["subject"] != EVERYONE),
                "doses": [dose_answers(rows) for rows in by_subject(other).values()],
            }
        )
    return found


def beside_controls(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the rows over all subjects: trained networks, their points, what controls were made.

    Without rows nothing was made, and nothing is judged.
    """
    everyone = [row for row in rows if row["subject"] == EVERYONE]
    trained = [row for row in everyone if row["networks"] == TRAINED]
    points: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row["networks"] == TRAINED and row["subject"] != EVERYONE and row["value"]:
            points.setdefault((row["measure"], row["of"]), []).append(row["value"])
    return {
        "statistics": [
            {**row, "words": words(row), "points": points.get((row["measure"], row["of"]), [])}
            for row in trained
        ],
        "controls": [row for row in everyone if row["networks"] != TRAINED],
        "judged": any(row["verdict"] not in ("", NOT_JUDGED) for row in trained),
    }


def words(row: Row) -> str:
    """Describe in words what a row measures."""
    return {
        "share": f"importance {WORDS.get(row['of'], row['of'])}",
        "channel share": f"importance of {row['of']} hidden alone",
        "rank correlation": f"rank correlation of importance and {row['of']}",
        "largest change": f"largest change of the {row['of'] or 'probability'}",
        "against": "importance that speaks against the predicted class",
        "agreement": f"agreement of the folds' models, {AGREEMENT.get(row['of'], row['of'])}",
    }.get(row["measure"], row["measure"])


def by_subject(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return the rows of each subject, in their order."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["subject"], []).append(row)
    return found


def dose_answers(rows: Sequence[Row]) -> dict[str, Any]:
    """Return one subject's probabilities of RICE under other doses."""
    each = {
        kind: {r["amount"]: float(r["probability_rice"]) for r in rows if r["change"] == kind}
        for kind in ("scaled", "shifted", "swapped")
    }
    labels = {str(label): name for label, name in NAMES.items()}
    label = labels.get(rows[0]["label"], "")
    return {"subject": rows[0]["subject"], "label": label, **each}
