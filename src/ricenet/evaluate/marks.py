"""Which figures were planned, and which are after the fact.

A figure is planned if the analysis plan names it and was written before the results that it is
about had been seen, and if nothing was changed since the test set was first opened.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ricenet.config import analysis_plan
from ricenet.config.analysis_plan import ENSEMBLES, AnalysisPlan

PLANNED, AFTER = "planned", "after the fact"
NO_PLAN = "there is no analysis plan"
AREAS = ("auc", "auc_delong")
PREDICTIVE = ("ppv", "npv")


class Standing(NamedTuple):
    """Why nothing of a set can be planned; empty where it can."""

    validation: str
    test: str

    def of(self, name: str) -> str:
        """Return the reason for a set."""
        return self.test if name == "test" else self.validation


def standing(
    plan: AnalysisPlan | None, canonical: str, openings: Sequence[Mapping[str, str]]
) -> Standing:
    """Return whether figures can be planned, from the plan and the ledger.

    Parameters
    ----------
    canonical : str
        Text of the plan, whose digest the ledger holds.
    openings : sequence of dict
        Lines of the ledger, the present one last.
    """
    if plan is None:
        return Standing(NO_PLAN, NO_PLAN)
    if not openings:
        why = "the ledger has no line about it"
        return Standing(why, why)
    first, last = openings[0], openings[-1]
    if first["plan"] != analysis_plan.digest(canonical):
        why = "the plan was changed after the results had been seen"
        return Standing(why, why)
    validation = "" if plan.seen_before == "nothing" else _late("results of the validation")
    test = _late("test predictions") if plan.seen_before == "test" else ""
    others = [line["also_seen_in"] for line in openings if line["also_seen_in"] != "none"]
    if others:
        test = test or f"these patients had been test patients of cohort {others[0]} before"
    if any(line[key] != first[key] for line in openings for key in ("manifest", "models")):
        again = "models were trained again after the test set had been opened"
        test, validation = test or again, validation or again
    if any(line["plan"] != first["plan"] for line in openings):
        test = test or "another plan was tried in between"
    return Standing(validation, test if int(last["patients"]) else "there are no test patients")


def _late(what: str) -> str:
    return f"the plan was written after {what} had been seen"


def of_figure(row: Mapping[Any, Any], plan: AnalysisPlan | None, why: Standing) -> str:
    """Return the mark of a row of the long table of metrics.

    Of the validation the last epoch counts, pooled, an area within folds.
    """
    if plan is None or why.of(row["set"]) or row["ablation"] not in plan.inputs:
        return AFTER
    metric, prevalence = row["metric"], row.get("prevalence", math.nan)
    area = metric in AREAS
    if metric not in (plan.primary_metric, *plan.secondary_metrics):
        return AFTER
    if metric in PREDICTIVE and not _named(prevalence, plan.prevalences):
        return AFTER
    if plan.threshold != "0.5" and not area:
        return AFTER  # those at another threshold are in thresholds.tsv
    wanted = ENSEMBLES[plan.ensemble]
    if row["set"] == "validation":
        wanted = "within folds" if area else "pooled"
    return PLANNED if row["aggregate"] == wanted and row["which"] == "last" else AFTER


def _named(prevalence: float | None, prevalences: Sequence[float]) -> bool:
    return any(prevalence is not None and math.isclose(prevalence, one) for one in prevalences)


def of_contrast(row: Mapping[Any, Any], plan: AnalysisPlan | None, why: Standing) -> str:
    """Return the mark of a row of the table of contrasts."""
    if plan is None or why.of(row["set"]) or plan.threshold != "0.5":
        return AFTER  # answers that are compared are those at 0.5
    return PLANNED if (row["first"], row["second"]) in plan.pairs else AFTER


def of_tables(plan: AnalysisPlan | None, why: Standing) -> dict[str, str]:
    """Return the mark of each further table that the plan names, of all its sets together."""
    late = plan is None or why.validation or why.test
    names = [*plan.tables, *(["thresholds"] if plan.threshold != "0.5" else [])] if plan else []
    return dict.fromkeys(names, AFTER if late else PLANNED)


def summary(
    plan: AnalysisPlan | None, why: Standing, openings: Sequence[Mapping[str, str]], state: str
) -> dict[str, Any]:
    """Return what the report says of the plan and of the test set.

    Parameters
    ----------
    state : str
        Of the test set: planned, locked, opened without a plan, no test patients.
    """
    shown = ("line", "when", "plan", "seen_before", "patients", "inputs", "models", "also_seen_in")
    return {
        "state": state,
        "plan": plan.model_dump(mode="json") if plan else None,
        "why_after_the_fact": why._asdict(),
        "tables": of_tables(plan, why),
        "openings": [{key: line[key] for key in shown} for line in openings],
    }
