"""What the report says of the analysis plan and of the test set: locked, or opened how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

PLANNED, LOCKED, AS_IT_IS, NONE = (
    "planned", "locked", "opened without a plan", "no test patients",
)  # fmt: skip
NOT_MADE = (
    "there is no analysis plan, so the test set is locked and nobody has predicted its "
    "patients. Write a plan before looking (ricenet new-plan), name it in the settings "
    "(analysis_plan), and run again."
)
BEFORE = (
    "The test patients were predicted without an analysis plan, by an earlier version. How often "
    "is not known; every figure of theirs is after the fact. A plan that says seen_before: test "
    "declares so and keeps them as they are."
)
LOST = (
    "The settings name no analysis plan now, but the ledger tells of {} opening(s) with one. Every "
    "figure of the test patients is after the fact until the plan is named again."
)
NOT_EVALUATED = "no plan, no opening and no figure of the test set on record."
USED = (
    "The test set has been used, as its figures on this page show; when, how often and after which "
    "choices is not on record. It cannot be taken as untouched."
)


class Said(NamedTuple):
    """A sentence about plan or test set.

    Attributes
    ----------
    text : str
        Without "not made" or "test set", which the page sets before what was not made.
    made : bool
        False where there is nothing to tell of but a reason.
    """

    text: str
    made: bool = True

    def after(self, words: str) -> str:
        """Return the sentence, with words before the reason that something was not made."""
        return self.text if self.made else f"{words}: {self.text}"


def test_openings(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of the section about plan and test set.

    Parameters
    ----------
    summary : mapping
        Of the evaluation (``metrics.json``); empty where there is none.

    Returns
    -------
    dict
        state; sentences (Said), the first one for the top of the page; as_planned (True if the
        test set was opened once, as planned); openings (rows); plan; tables (name to mark).
    """
    found = summary.get("test_set")
    if not found:
        used = any(sizes_of_test(one) for one in summary.get("ablations", {}).values())
        said = Said(USED) if used else Said(NOT_EVALUATED, made=False)
        return {
            "state": AS_IT_IS if used else "not made", "sentences": [said],
            "as_planned": False, "openings": [], "plan": None, "tables": {},
        }  # fmt: skip
    openings = [row for row in found["openings"] if int(row["patients"])]
    why = found["why_after_the_fact"]["test"]
    sentences = _sentences(found["state"], openings, why)
    if found["plan"]:
        sentences.append(Said(_of_validation(found["why_after_the_fact"]["validation"])))
    return {
        "state": found["state"],
        "sentences": sentences,
        "as_planned": found["state"] == PLANNED and len(openings) == 1 and not why,
        "openings": [{**row, "plan": row["plan"][:12], "models": row["models"][:12]}
                     for row in openings],
        "plan": found["plan"],
        "tables": found["tables"],
    }  # fmt: skip


test_openings.__test__ = False  # type: ignore[attr-defined]  # no test


def sizes_of_test(result: Mapping[str, Any]) -> int:
    """Return how many test patients a result is of."""
    return sum((result.get("test", {}).get("majority_vote", {}).get("confusion") or {}).values())


def _sentences(state: str, openings: Sequence[Mapping[str, Any]], why: str) -> list[Said]:
    if state == NONE:
        return [Said("This cohort has no test patients.")]
    if state == LOCKED:
        return [Said(NOT_MADE, made=False)]
    if state == AS_IT_IS:
        return [Said(LOST.format(len(openings)) if openings else BEFORE)]
    return [Said(_of_openings(openings, why))]


def _of_openings(openings: Sequence[Mapping[str, Any]], why: str) -> str:
    """Say how often a test set was opened with a plan, and what that makes of its figures."""
    if len(openings) == 1 and not why:
        return "The test set was opened once, as planned."
    times = "once" if len(openings) == 1 else f"{len(openings)} times"
    plans = len({row["plan"] for row in openings})
    models = len({row["models"] for row in openings})
    text = f"The test set was opened {times}"
    if len(openings) > 1:
        text += f", with {_counted(plans, 'plan')} and {_counted(models, 'set')} of models"
    if why:
        return f"{text}. Every test figure is after the fact: {why}."
    return f"{text}; plan and models are those of the first time."


def _of_validation(why: str) -> str:
    if why:
        return f"Figures of the cross-validation are after the fact: {why}."
    return (
        "Figures of the cross-validation that the plan names were planned before they were "
        "computed."
    )


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'s' if number > 1 else ''}"
