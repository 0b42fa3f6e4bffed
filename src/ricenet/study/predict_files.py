"""Files of a finished cohort that rules take as they are, and the subjects who arrive at it.

Inference must never trigger training: neither a changed setting nor a new subject may reach the
models through it. Its rules therefore name manifest and models by paths that no rule makes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ricenet.study import board, notices
from ricenet.study.cohort_files import CohortFiles
from ricenet.study.test_set import as_source

if TYPE_CHECKING:
    from ricenet.study.study import Study


class PredictFiles:
    """Files of the cohort that rules of predictions use.

    Parameters
    ----------
    study : Study
        Settings and tables.
    """

    def __init__(self, study: Study) -> None:
        self.study, self.cohort = study, CohortFiles(study)
        self.ablations = list(study.config.arrival.ablations) or [study.ablations[-1]]

    def file(self, kind: str) -> str:
        """Return one of the cohort's files as it is, whatever has changed since."""
        return as_source(self.study.at(kind))

    def models(self, w: Any) -> list[str]:
        """Return the models of one input combination as they are, one a fold (input function)."""
        return [as_source(path) for path in self.cohort.fold_models(w)]

    def other_predictions(self) -> list[str]:
        """Return test predictions of the cohorts that this one is compared with, as they are."""
        study = self.study
        return [
            as_source(study.at("test_predictions", cohort=cohort, ablation=ablation))
            for cohort in study.config.compare.cohorts
            for ablation in self.cohort.tested()
        ]

    def if_compared(self, *files: str) -> list[str]:
        """Return the files, or none where this cohort is compared with no other."""
        return list(files) if self.other_predictions() else []

    def tables(self, w: Any) -> list[str]:
        """Return the tables of each ensemble's predictions for one subject (input function)."""
        at = self.study.at
        return [at("arrival_predictions", subject=w.subject, ablation=a) for a in self.ablations]

    def out_of_fold(self) -> list[str]:
        """Return the validation predictions that conformal sets need, as they are; those there are.

        Nothing is trained for them: without them the sets are not made.
        """
        at, folds = self.study.at, self.study.folds
        paths = [
            at("validation_predictions", ablation=a, fold=k) for a in self.ablations for k in folds
        ]
        return [as_source(path) for path in paths if Path(path).is_file()]

    def subjects(self) -> list[str]:
        """Return the subjects without a label whose images are not held up.

        Those that ``predict`` is for.
        """
        failed = self._held_up()
        return [s for s in self._unlabelled() if s not in failed]

    def _unlabelled(self) -> list[str]:
        labels = self.study.subjects["label"]
        return [str(s) for s in labels.index[labels == ""]]

    def _held_up(self) -> set[str]:
        study = self.study
        return board.failed_subjects(Path(study.root), self._unlabelled(), study.accepted)

    def answers(self) -> list[str]:
        """Return the prediction of each of these subjects."""
        return [self.study.at("prediction", subject=s) for s in self.subjects()]

    def results(self) -> list[str]:
        """Return everything that the target ``predict`` makes; nothing where nobody has arrived."""
        table = [self.study.at("predictions")] if self.subjects() else []
        pictures = [
            self.study.at("arrival_occlusion_picture", subject=subject, ablation=ablation)
            for subject in (self.subjects() if self.study.config.arrival.occlusion else [])
            for ablation in self.ablations
        ]
        return [*table, *pictures]

    def asked(self, w: Any) -> list[str]:
        """Input function of the target ``predict``; subjects that are left out are reported."""
        if not self._unlabelled():
            table = self.study.config.subjects
            notices.say([f"nothing to predict: every subject of {table} has a label"])
        elif held_up := sorted(self._held_up()):
            names = ", ".join(held_up[:20]) + (", ..." if len(held_up) > 20 else "")
            notices.say([f"not predicted, failed or held until mended (see the board): {names}"])
        return self.results()
