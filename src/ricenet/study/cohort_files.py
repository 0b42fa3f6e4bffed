"""Files of a cohort: manifest, models and predictions, as the rules ask for them.

Methods that take ``wildcards`` are input functions of rules.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ricenet.cohort import label_sources
from ricenet.study import board

if TYPE_CHECKING:
    from ricenet.study.study import Study


# tables about a cohort's results, which audit and report wait for besides the metrics
TABLES = (
    "calibration", "calibration_curve", "thresholds", "decision", "conformal", "selective",
    "probes", "added_value", "probe_predictions", "probe_decision",
    "subgroups", "failures", "missingness", "label_provenance", "near_duplicates",
)  # fmt: skip


class CohortFiles:
    """The study's cohort and what is trained on it."""

    def __init__(self, study: Study) -> None:
        self.study = study

    def manifest_rows(self) -> str:
        """Return the cohort with labels as JSON text.

        The manifest's content besides the digests.
        """
        rows = self.study.cohort[["subject", "split", "fold", "label"]].to_dict("records")
        return json.dumps(rows, separators=(",", ":"))

    def reported(self) -> list[str]:
        """Return the subjects that audit and report wait for.

        The cohort's, and others that did not fail.
        """
        study = self.study
        everyone = map(str, study.subjects.index)
        failed = board.failed_subjects(Path(study.root), everyone, study.accepted)
        return [s for s in study.subjects.index if s in study.cohort.index or s not in failed]

    def if_cohort(self, *files: str) -> list[str]:
        """Return the files, or none where the cohort has no rows yet."""
        return list(files) if len(self.study.cohort) else []

    def tables(self) -> list[str]:
        """Return the tables of :data:`TABLES`, or none where the cohort has no rows yet."""
        return self.if_cohort(*map(self.study.at, TABLES))

    def tabled(self) -> list[str]:
        """Return the kinds of :meth:`tables`, in their order."""
        return self.if_cohort(*TABLES)

    def require_rows(self) -> None:
        """Raise ``ValueError`` where the cohort has no rows: there is no subject to train on."""
        if not len(self.study.cohort):
            raise ValueError(
                f"fill the cohort file {self.study.config.cohort}, by ricenet freeze or by hand, "
                f"or name another in the settings: it has no rows, and nothing can be trained"
            )

    def caches(self, w: Any) -> list[str]:
        """Input function: the cache of each subject of the cohort."""
        self.require_rows()
        return [self.study.at("cache", subject=s) for s in self.study.cohort.index]

    def all_models(self, w: Any) -> list[str]:
        """Input function of a target: every model of a cohort that has rows."""
        self.require_rows()
        return self.models()

    def probe_features(self) -> list[str]:
        """Return the features of each subject of the cohort."""
        return [self.study.at("probe_features", subject=s) for s in self.study.cohort.index]

    def label_provenance(self) -> str:
        """Return how the labels of the cohort's subjects are known, as JSON text."""
        subjects = self.study.subjects.loc[self.study.cohort.index]
        return json.dumps(label_sources.by_subject(subjects), separators=(",", ":"))

    def reference_images(self) -> list[str]:
        """Return the cropped reference image of each subject of the cohort."""
        at, reference = self.study.at, self.study.config.reference
        return [at("cropped", subject=s, channel=reference) for s in self.study.cohort.index]

    def brains(self) -> list[str]:
        """Return the cropped brain mask of each subject of the cohort."""
        return [self.study.at("cropped_mask", subject=s) for s in self.study.cohort.index]

    def fold_models(self, w: Any) -> list[str]:
        """Return the models of one input combination, one a fold (input function)."""
        return [self.study.at("model", ablation=w.ablation, fold=k) for k in self.study.folds]

    def _all_folds(self, kind: str) -> list[str]:
        return [
            self.study.at(kind, ablation=ablation, fold=k)
            for ablation in self.study.ablations
            for k in self.study.folds
        ]

    def models(self) -> list[str]:
        """Return every model of the cohort."""
        return self._all_folds("model")

    def validation_predictions(self) -> list[str]:
        """Return every model's predictions for its validation fold."""
        return self._all_folds("validation_predictions")

    def tested(self) -> list[str]:
        """List input combinations with test predictions; none while the test set is locked."""
        return self.study.ablations if self.study.test_set.is_shown else []

    def test_predictions(self) -> list[str]:
        """Return every ensemble's predictions for the test subjects."""
        at = self.study.at
        return self.study.test_set.files(
            [at("test_predictions", ablation=a) for a in self.tested()]
        )

    def model_records(self) -> list[str]:
        """Return the record of every model of the cohort."""
        return self._all_folds("model_record")

    def opening(self) -> list[str]:
        """Return the record of the ledger of test openings; none without an analysis plan."""
        return self.if_cohort(self.study.at("test_openings_record")) if self.study.plan else []

    def plan_noted(self) -> list[str]:
        """Return the record that the current analysis plan is in the ledger; none without one."""
        return self.if_cohort(self.study.at("plan_record")) if self.study.plan else []

    def ledger(self) -> list[str]:
        """Return the ledger itself, which no rule may name as its output."""
        path = self.study.at("test_openings")
        return self.if_cohort(path) if self.study.plan or Path(path).exists() else []

    def before_a_test(self, w: Any) -> list[str]:
        """Input function: what has to be there before a test subject is predicted.

        With a plan that was written after the test predictions had been seen, there is nothing to
        be first: these predictions stay as they are.
        """
        self.study.test_set.require_open()
        return self.opening() if self.study.test_set.seen_at_first() != "test" else []
