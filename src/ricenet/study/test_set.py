"""Whether a cohort's test set may be looked at: only with an analysis plan.

Without a plan the jobs that predict test subjects are not made. Predictions that an earlier version
made without a plan stay what they are: they are read, and neither made again nor removed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ricenet.cohort import openings
from ricenet.provenance import tsv

if TYPE_CHECKING:
    from ricenet.study.study import Study

# states
NONE = "no test patients"
PLANNED, LOCKED, AS_IT_IS = "planned", "locked", "opened without a plan"
SEEN = ("nothing", "validation", "test")  # in the order of what a plan can still decide


def as_source(path: str) -> str:
    """Rewrite a path so that it matches no rule's output: absolute for relative, or back."""
    return os.path.relpath(path) if Path(path).is_absolute() else str(Path(path).absolute())


class TestSet:
    """The test set of a study's cohort.

    Attributes
    ----------
    state : str
        :data:`NONE`, :data:`PLANNED`, :data:`LOCKED` or :data:`AS_IT_IS`.
    """

    __test__ = False  # no class of tests

    def __init__(self, study: Study) -> None:
        self.study = study
        self.state = self._state()

    def _state(self) -> str:
        if not self.study.test_subjects:
            return NONE
        if self.study.plan:
            return PLANNED
        return AS_IT_IS if self._predicted_before() else LOCKED

    @property
    def is_shown(self) -> bool:
        """Whether there are results of test subjects, or will be."""
        return self.state in (PLANNED, AS_IT_IS)

    def files(self, paths: list[str]) -> list[str]:
        """Return results of test subjects as the rules may ask for them.

        Those of an earlier version are sources: no rule makes them.
        """
        if self.state == AS_IT_IS:
            return [as_source(path) for path in paths] if all(map(_exists, paths)) else []
        return paths if self.state == PLANNED else []

    def require_open(self) -> None:
        """Raise ``ValueError`` where test subjects are to be predicted without an analysis plan."""
        if self.state != PLANNED:
            raise ValueError(f"the test set is locked: {WHAT_TO_DO.format(**self._names())}")

    def _predicted(self) -> list[Path]:
        at = self.study.at
        return [Path(at("test_predictions", ablation=a)) for a in self.study.ablations]

    def _predicted_before(self) -> bool:
        """Return whether all test predictions exist, of the current subjects, folds and labels."""
        study = self.study
        tested = study.cohort.loc[study.test_subjects, "label"]
        wanted = {(s, str(k), str(y)) for s, y in tested.items() for k in study.folds}
        for path in self._predicted():
            if not path.is_file():
                return False
            table = tsv.read(path)
            if not {"subject", "fold", "label"} <= set(table.columns):
                return False
            found = zip(table["subject"], table["fold"], table["label"], strict=True)
            if set(found) != wanted:
                return False
        return True

    def seen(self) -> str:
        """Return which results of the cohort exist, one of :data:`SEEN`."""
        if any(map(Path.exists, self._predicted())):
            return SEEN[2]
        return SEEN[1] if Path(self.study.at("metrics")).exists() else SEEN[0]

    def _first_seen(self) -> str:
        """Return the first file of results that exists."""
        files = [*self._predicted(), Path(self.study.at("metrics"))]
        return next(path.as_posix() for path in files if path.exists())

    def seen_at_first(self) -> str:
        """Return what had been seen when the first plan was written, by the ledger or the plan.

        A later plan changes nothing about what was there before the ledger.
        """
        try:
            lines = openings.read(Path(self.study.at("test_openings")))
        except ValueError:  # the next opening refuses it, and says so
            lines = []
        plan = self.study.plan
        return lines[0]["seen_before"] if lines else plan.seen_before if plan else SEEN[0]

    def require_honest(self) -> None:
        """Raise ``ValueError`` for an analysis plan that says less was seen than there is."""
        plan, seen = self.study.plan, self.seen()
        ledger = (self.study.at(kind) for kind in ("test_openings", "test_openings_record"))
        if any(map(_exists, ledger)):
            return  # it tells of later plans; if it is gone, its steps and the audit say so
        if plan and SEEN.index(plan.seen_before) < SEEN.index(seen):
            what = {"test": "test predictions", "validation": "results of the validation"}[seen]
            path, root = self.study.config.analysis_plan, self.study.root
            remedies = EITHER_OR.format(seen=seen, plan=path, root=root)
            raise ValueError(
                f"{path}: seen_before is {plan.seen_before!r}, but {what} of cohort "
                f"{self.study.cohort_name} exist already, made without a plan "
                f"({self._first_seen()}). {remedies}"
            )

    def notices(self) -> list[str]:
        """Return what to report about a test set without an analysis plan."""
        if self.state not in (LOCKED, AS_IT_IS):
            return []
        texts = {LOCKED: IS_LOCKED, AS_IT_IS: IS_AS_IT_IS}
        if self.state == AS_IT_IS and Path(self.study.at("test_openings")).exists():
            texts = {AS_IT_IS: LOST_ITS_PLAN}
        return [f"{texts[self.state]} {WHAT_TO_DO}".format(**self._names())]

    def _names(self) -> dict[str, Any]:
        return {"cohort": self.study.cohort_name, "n": len(self.study.test_subjects)}


def _exists(path: str) -> bool:
    return Path(path).exists()


EITHER_OR = (
    "Do one of two. To keep these results, write seen_before: {seen} into {plan}: the plan makes "
    "none of them again, and what it names is marked as after the fact. If nobody has used them (a "
    "trial, or the demo of an earlier version), move them away and run again: "
    "mv {root} {root}-without-plan"
)
IS_LOCKED = (
    "the {n} test patients of cohort {cohort} stay locked, as there is no analysis plan: nothing "
    "predicts them, and all results are of cross-validation."
)
IS_AS_IT_IS = (
    "the {n} test patients of cohort {cohort} were predicted without an analysis plan, by an "
    "earlier version: these results are shown as they are, after the fact, and are not made again."
)
LOST_ITS_PLAN = (
    "the {n} test patients of cohort {cohort} were opened with an analysis plan that the settings "
    "do not name any more: the results are shown as they are, after the fact, and are not made "
    "again. Name the analysis plan again, or:"
)
WHAT_TO_DO = (
    "Write an analysis plan before you look: ricenet new-plan --configfile FILE --out plan.yaml, "
    "correct it, and name it in the settings (analysis_plan: plan.yaml)"
)
