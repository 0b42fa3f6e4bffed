"""What the report shows of the probabilities: rows of the tables of ``calibrate``, arranged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from ricenet.report import plots
from ricenet.report.page import inputs_of
from ricenet.report.results import best_probe
from ricenet.report.shortcuts import described

Row = Mapping[str, str]
Tables = Mapping[str, Sequence[Row]]
THRESHOLDS = tuple(f"0.{i}" for i in range(1, 10))  # of the decision curve, in the table


def headline(names: Iterable[str]) -> str:
    """Return the input combination with all channels; empty without any."""
    return max(names, key=lambda name: len(name.split("-")), default="")


def grouped(rows: Iterable[Row], *keys: str) -> dict[tuple[str, ...], list[Row]]:
    """Return rows by the values of some columns, in their order."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[key] for key in keys), []).append(row)
    return found


def probabilities(tables: Tables, main: str) -> dict[str, Any]:
    """Return the content of the section.

    Parameters
    ----------
    tables : mapping of str to rows
        By kind of file; a kind that is not there was not made.
    main : str
        Input combination that is drawn.
    """
    calibration = [r for r in tables.get("calibration", ()) if r["set"] == "validation"]
    thresholds = grouped(
        (r for r in tables.get("thresholds", ()) if not r["note"]),
        "ablation", "set", "rule", "threshold", "threshold_low", "threshold_high",
    )  # fmt: skip
    return {
        "main": main,
        "calibration": [
            {"ablation": a, "version": v, **{row["measure"]: row for row in rows}}
            for (a, v), rows in grouped(_made(calibration), "ablation", "version").items()
        ],
        "temperatures": [
            row for row in tables.get("calibration", ()) if row["measure"] == "temperature"
        ],
        "thresholds": [
            {"ablation": key[0], "set": key[1], "rule": key[2], "threshold": key[3],
             "low": key[4], "high": key[5], **{row["metric"]: row for row in rows}}
            for key, rows in thresholds.items()
        ],
        "decision": [
            {**row, "same": plots.same_call(row)} for row in _made(tables.get("decision", ()))
            if row["threshold"] in THRESHOLDS and row["ablation"] == main
        ],
        "probe_decision": [
            row for row in of_probe(tables) if row["threshold"] in THRESHOLDS
        ],
        "conformal": _made(tables.get("conformal", ())),
        "single": single_answers(tables, main),
        "selective": _made(tables.get("selective", ())),
        "surest": surest(tables, main),
        "missing": missing(tables),
        "plots": pictures(tables, main),
    }  # fmt: skip


def single_answers(tables: Tables, main: str) -> list[Row]:
    """Return how often answers of one class are right: the risk of that rule, turned round."""
    return [
        {**row, "right": str(int(row["answered"]) - int(row["errors"])), "n": row["answered"],
         "low": str(1 - float(row["high"])), "high": str(1 - float(row["low"]))}
        for row in tables.get("selective", ())
        if row["ablation"] == main and "class" in row["rule"] and row["low"] and not row["note"]
    ]  # fmt: skip


def surest(tables: Tables, main: str) -> str:
    """Say what few errors among the surest answers are compatible with, and how sure errors get."""
    rows = [
        row for row in tables.get("selective", ())
        if row["ablation"] == main and row["set"] == "validation" and row["measure"] == "risk"
        and "class" not in row["rule"] and not row["note"] and row["high"]
    ]  # fmt: skip
    if not rows:
        return ""
    first = min(rows, key=lambda row: int(float(row["answered"])))
    text = (
        f"{first['errors']} errors of {first['answered']} are compatible with "
        f"{100 * float(first['high']):.0f} % errors; the shares are set in the program, not "
        "registered."
    )
    wrong = [
        float(row["probability_rice"]) for row in tables.get("failures", ())
        if row["ablation"] == main and row["set"] == "validation"
    ]  # fmt: skip
    if not wrong:
        return text
    return (
        f"{text} Wrong answers, too, may be sure: their probabilities of RICE go from "
        f"{min(wrong):.2f} to {max(wrong):.2f}."
    )


def _made(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if not row["note"].startswith("not made") or row.get("value")]


def missing(tables: Tables) -> dict[str, list[str]]:
    """Return what was not made, with the reason, by kind of table."""
    found = {}
    for kind in ("calibration", "thresholds", "decision", "conformal", "selective"):
        rows = [r for r in tables.get(kind, ()) if r["note"].startswith("not made")]
        by_set = {f"{row['set']}: {row['note'].removeprefix('not made: ')}": None for row in rows}
        found[kind] = list(by_set) if kind in tables else ["this was not run"]
    return found


def of_probe(tables: Tables) -> list[Row]:
    """Return the decision curve of the best probe, with its words; it was picked afterwards."""
    best = best_probe(tables.get("probes", ()), "validation")
    if best is None:
        return []
    words = f"model of few features: {described(best).partition(' (')[0]}, {best['model']}"
    return [
        {**row, "same": plots.same_call(row), "words": words}
        for row in _made(tables.get("probe_decision", ()))
        if (row["group"], row["model"]) == (best["group"], best["model"])
    ]


def pictures(tables: Tables, main: str) -> dict[str, Markup]:
    """Return the plots of an input combination's validation predictions, those that there are."""

    def own(kind: str, **wanted: str) -> list[Row]:
        return [
            row for row in tables.get(kind, ())
            if row["ablation"] == main and all(row[k] == v for k, v in wanted.items())
        ]  # fmt: skip

    of = inputs_of(main)
    found = {}
    if curve := own("calibration_curve"):
        found["calibration"] = plots.calibration(curve, alt=f"Calibration curves of {of}")
    if rows := _made(own("decision", set="validation")):
        beside = [row for row in of_probe(tables) if row["set"] == "validation"]
        found["decision"] = plots.decision(rows, beside, alt=f"Decision curves of {of}")
    risk = [
        r for r in own("selective", set="validation", measure="risk") if "class" not in r["rule"]
    ]
    if risk:
        found["selective"] = plots.selective(risk, alt=f"Risk against coverage of {of}")
    return found
