"""What the report shows of the probes: whether something simpler does as well as a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from ricenet.report import plots
from ricenet.statistics import wording

Row = Mapping[str, str]
Tables = Mapping[str, Sequence[Row]]
WORDS = {
    "dose_max": "dose maximum and scheme", "dose_volume": "dose-volume figures",
    "dose_in_lesion": "dose in the outline", "lesion": "size and place of the outline",
    "shape": "shape of the outline", "first_order": "first-order features in the outline",
    "brain": "brain volume and asymmetry", "mask_only": "box around the brain",
    "time": "times", "scanner": "scanner and sequence", "quality": "quality of registration",
    "missing": "what is missing", "all": "all together", "id": "drawn from the id",
}  # fmt: skip
NOT_RUN = "this was not run"
AS_WELL = "does as well"  # of a verdict


def shortcuts(tables: Tables, main: str) -> dict[str, Any]:
    """Return the content of the section, and the sentences for page one.

    Parameters
    ----------
    tables : mapping of str to rows
        By kind of file; a kind that is not there was not made.
    main : str
        Input combination whose network is put beside the probes.
    """
    rows = [
        {**row, "words": WORDS.get(row["group"], row["group"])} for row in tables.get("probes", ())
    ]
    made = [row for row in rows if not row["note"]]
    beyond = [
        {**row, "words": WORDS.get(row["group"], row["group"])}
        for row in tables.get("added_value", ())
        if row["ablation"] == main
    ]
    return {
        "main": main,
        "probes": made,
        "added": beyond,
        "missing": _missing(rows, "probes" in tables),
        "sentences": sentences(beyond, main),
        "plot": plot(made, beyond),
    }


def _missing(rows: Sequence[Row], was_run: bool) -> dict[str, str]:
    """Return why which probes were not made: reason to groups."""
    if not was_run:
        return {NOT_RUN: ""}
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["note"]:
            groups = found.setdefault(row["note"].removeprefix("not made: "), [])
            groups += [row["words"]] * (row["words"] not in groups)
    return {why: ", ".join(groups) for why, groups in found.items()}


def sentences(beyond: Sequence[Row], main: str) -> list[str]:
    """Return one sentence for each probe that does as well as the network, the better model of two.

    Parameters
    ----------
    beyond : sequence of dict
        Rows of ``added-value.tsv`` of one network.
    """
    best: dict[str, Row] = {}
    for row in beyond:
        known = best.get(row["group"])
        if AS_WELL in row["verdict"] and (
            not known or float(row["auc_probe"]) > float(known["auc_probe"])
        ):
            best[row["group"]] = row
    inputs = " + ".join(main.split("-"))
    return [
        f"{row['verdict'][:1].upper()}{row['verdict'][1:]} as the network with {inputs}: AUC "
        f"within folds {_estimate(row, 'auc_probe', 'probe')}, network "
        f"{_estimate(row, 'auc_network', 'network')}, {row['n']} patients"
        + (
            " (a confounder: it is known without looking at the lesion)."
            if row["kind"] == "confounder"
            else "."
        )
        for row in best.values()
    ]


def _estimate(row: Row, value: str, of: str) -> str:
    return wording.estimate(row[value], row[f"{of}_low"], row[f"{of}_high"], int(row["n"]))


def plot(made: Sequence[Row], beyond: Sequence[Row]) -> Markup | str:
    """Draw the areas of the probes on validation subjects, chance and the network as lines."""
    own = [row for row in made if row["set"] == "validation"]
    if not own:
        return ""
    order = {kind: place for place, kind in enumerate(dict.fromkeys(r["kind"] for r in own))}
    rows = [
        {"name": f"{row['words']}, {row['model']} ({row['kind']})", "value": row["auc"],
         "low": row["low"], "high": row["high"], "n": row["n"],
         "says": f"; by chance {row['null_low'][:4]} to {row['null_high'][:4]}"}
        for row in sorted(own, key=lambda r: order[r["kind"]])
    ]  # fmt: skip
    lines = [("chance", 0.5)]
    if beyond:
        first = beyond[0]
        lines.append(("the network", float(first["auc_network"])))
        rows.insert(0, {
            "name": f"network, {' + '.join(first['ablation'].split('-'))}", "n": first["n"],
            "value": first["auc_network"], "low": first["network_low"],
            "high": first["network_high"], "colour": plots.ORANGE,
        })  # fmt: skip
    return plots.forest(
        rows, lines, label=f"AUC within folds, Newcombe (n = {own[0]['n']})", name="probes",
        alt="Areas under the curve of models of few features with intervals; as in the table below",
    )  # fmt: skip
