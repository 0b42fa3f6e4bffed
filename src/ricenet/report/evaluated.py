"""What the page shows of an evaluated cohort: the box on page one, plots, and further sections."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ricenet.report import result_figures, results, verdict
from ricenet.report.cohort import description
from ricenet.report.controls import controls
from ricenet.report.label_provenance import label_provenance
from ricenet.report.page import inputs_of
from ricenet.report.probabilities import headline, probabilities
from ricenet.report.results import Answered
from ricenet.report.shortcuts import shortcuts
from ricenet.report.test_openings import test_openings
from ricenet.report.verdict_contrasts import judged

Row = dict[str, str]
Tables = Mapping[str, Sequence[Row]]


def ordered(summary: dict[str, Any], metrics: Sequence[Row]) -> dict[str, Any]:
    """Return the ablations in the order of the table of metrics (JSON keys are sorted)."""
    names = dict.fromkeys([row["ablation"] for row in metrics])
    return {name: summary["ablations"][name] for name in names}


def coverage(metrics: Sequence[Row]) -> dict[str, Any]:
    """Return each text about the coverage of intervals, numbered, with its methods and sets."""
    found: dict[str, list[Row]] = {}
    for row in metrics:
        if text := row.get("coverage", ""):
            found.setdefault(text, []).append(row)
    rows_of = [
        {
            "number": i,
            "text": text,
            "methods": list(dict.fromkeys(row["method"] for row in rows if row["method"])),
            "sets": list(dict.fromkeys(row["set"] for row in rows)),
        }
        for i, (text, rows) in enumerate(found.items(), 1)
    ]
    return {"coverage": rows_of, "coverages": list(found)}


def without_published(ablations: Mapping[str, results.Row]) -> dict[str, results.Row]:
    """Return results without published figures: those are of persons, and no simulation is."""
    nothing = {"published": None}
    return {
        name: {
            **result,
            "validation": {**result["validation"], **nothing},
            "test": {**result["test"], **nothing},
        }
        for name, result in ablations.items()
    }


def contrasts_of(
    summary: Mapping[str, Any], ablations: Mapping[str, results.Row], few: Collection[str]
) -> list[dict[str, Any]]:
    """Return the contrasts as judged, with what speaks against showing their figures."""
    return [
        {**row, "same": results.same_call(row, ablations), "few": row["set"] in few}
        for row in judged(summary.get("contrasts", []), ablations)
    ]


def headline_words(summary: Mapping[str, Any], ablations: Mapping[str, Any], main: str) -> str:
    """Say why this input combination, threshold and ensemble stand to the fore."""
    if not main:
        return ""
    opened: Any = summary.get("test_set") or {}
    plan: Any = opened.get("plan") or {}
    named = (
        f"{inputs_of(main)} is the input combination of the headline, as the one of all channels"
    )
    if (plan.get("inputs") or [""])[0] == main:
        named += " and the first of the plan"
    ensemble = results.ensemble(ablations[main])
    why = "as planned" if plan else "as in the publication, as no plan names another"
    return (
        f"{named}; the program always takes that one. Threshold 0.5; test patients by "
        f"{ensemble}, {why}."
    )


def content(
    summary: dict[str, Any],
    metrics: Sequence[Row],
    tables: Tables,
    given: Answered | None,
    checks: Collection[Row],
    *,
    mapped: bool,
    synthetic: bool = False,
    trained: bool = False,
) -> dict[str, Any]:
    """Return the content of the sections about results, with one input combination to the fore.

    Parameters
    ----------
    summary, metrics : dict and sequence of dict
        Contents of ``metrics.json`` and ``metrics.tsv``; empty before an evaluation.
    tables : mapping of str to rows
        Further tables by kind of file; a kind that is not there was not made.
    given : Answered or None
        The predictions.
    checks : collection of dict
        Checks of the study's subjects.
    mapped : bool
        There are occlusion maps.
    synthetic : bool
        Patients are simulated.
    trained : bool
        There are records of trainings.
    """
    main = headline(summary.get("ablations", ()))
    ablations = results.with_ensemble({**summary, "ablations": ordered(summary, metrics)})
    ablations = without_published(ablations) if synthetic else ablations
    settings = summary.get("settings", {})
    few, sizes = results.too_few(ablations), results.sizes(ablations)
    pairs = contrasts_of(summary, ablations, few)
    said = [verdict.SYNTHETIC] if synthetic else []
    if main:
        whole = {**summary, "ablations": ablations}
        said += verdict.sentences(whole, metrics, tables, main, mapped=mapped, trained=trained)
    return {
        **coverage(metrics),
        "main": main,
        "ablations": ablations,
        "sets": list(sizes),
        "few": few,
        "settings": settings,
        "contrasts": pairs,
        "metrics": metrics,
        "verdict": verdict.box(said),
        "headline_words": headline_words(summary, ablations, main),
        "plots": result_figures.figures(
            ablations, pairs, tables.get("probes", ()), tables.get("thresholds", ()), given,
            main=main, confidence=settings.get("confidence", 0.95),
        ),
        "probabilities": probabilities(tables, main),
        "shortcuts": shortcuts(tables, main),
        "description": description(tables, main, checks, few, sizes),
        "label_provenance": label_provenance(tables),
        "controls": controls(tables),
        "test_openings": test_openings(summary),
    }  # fmt: skip
