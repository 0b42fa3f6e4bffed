"""What settings and tables alone show before a run: what cannot succeed, and what is doubtful."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from ricenet.cohort import overrides
from ricenet.cohort.labels import LABELS
from ricenet.config import config
from ricenet.study import layout
from ricenet.study.control_files import ControlFiles
from ricenet.study.explain_methods import METHODS
from ricenet.study.preprocess_files import PreprocessFiles

if TYPE_CHECKING:
    from ricenet.study.study import Study


def require_possible(study: Study) -> None:
    """Raise ``ValueError`` for a study of which some job is certain to fail."""
    _check_ablations(study)
    _check_folds(study)
    _check_plan(study)
    _check_decisions(study)
    _check_masks(study)
    study.raw.require_apart(study.config.subjects)


def _check_ablations(study: Study) -> None:
    trainings = len(study.ablations) * len(study.folds)
    if trainings > study.config.max_trainings:
        raise ValueError(
            f"{len(study.ablations)} input combinations in {len(study.folds)} folds are "
            f"{trainings} trainings, more than max_trainings {study.config.max_trainings}: name "
            f"those that answer a question in input_combinations, or raise max_trainings"
        )
    c = study.config
    named = {
        **{f"{step}.ablations": getattr(c, step).ablations for step in METHODS},
        "arrival.ablations": c.arrival.ablations,
        "controls.ablations": c.controls.ablations,
        "evaluate.contrasts": [name for pair in c.evaluate.contrasts or () for name in pair],
    }
    for key, names in named.items():
        unknown = set() if names == "all" else set(names) - set(study.ablations)
        if unknown:
            raise ValueError(
                f"{key}: {sorted(unknown)} are not input combinations of this study; possible "
                f"are {study.ablations}"
            )


def _check_plan(study: Study) -> None:
    """Refuse an analysis plan of another study, or one that says less was seen than there is."""
    plan, path = study.plan, study.config.analysis_plan
    if not plan:
        return
    named = [*plan.inputs, *(name for pair in plan.contrasts for name in pair)]
    unknown = sorted(set(named) - set(study.ablations))
    if unknown:
        raise ValueError(
            f"{path}: {unknown} are not input combinations of this study; possible are "
            f"{study.ablations}"
        )
    seed = study.config.train_model.seed
    if plan.seed != seed:
        raise ValueError(
            f"{path}: the analysis plan names seed {plan.seed}, train_model.seed is {seed}; "
            "correct one"
        )
    study.test_set.require_honest()


def _check_masks(study: Study) -> None:
    """Refuse a row whose mask was drawn on an image that the study does not have."""
    for subject in study.raw.rows:
        for mask in study.raw.masks_of(subject):
            study.raw.drawn_on(subject, mask)


def _check_folds(study: Study) -> None:
    """Refuse a fold without one of the classes; ``ricenet freeze`` may still extend its cohort."""
    train = study.cohort[study.cohort["split"] == "train"]
    for name, label in LABELS.items():
        there = set(train.loc[train["label"] == label, "fold"])
        empty = [fold for fold in study.folds if fold not in there]
        if empty:
            raise ValueError(
                f"{study.config.cohort}: folds {empty} have no training subject with label {name} "
                f"that is not excluded; freeze a cohort in which each fold has both classes, "
                f"ricenet freeze NEW --extends {study.cohort_name}"
            )


def _check_decisions(study: Study) -> None:
    """Refuse a decision about a record that its subject cannot have: ``quality`` would fail."""
    files = PreprocessFiles(study)
    for subject in study.subjects.index.intersection(list(study.accepted)):
        paths = files.quality_records(SimpleNamespace(subject=subject))
        known = [*map(layout.record_name, paths), "quality"]
        for check in sorted(study.accepted[subject]):
            name = check.partition("/")[0]
            if name not in known:
                near = difflib.get_close_matches(name, known, n=4, cutoff=0.3)
                raise ValueError(
                    f"{study.config.overrides}: the row {subject}, {check[:60]!r}: correct what "
                    f"stands before the '/': this subject has no record of that name, but "
                    f"{', '.join(near or known[:4])}"
                )


def notices(study: Study) -> list[str]:
    """Return what should be known before a run and stops nothing."""
    return [
        *config.warnings(study.config),
        *study.test_set.notices(),
        *ControlFiles(study).notices(),
        *_empty_table(study),
        *_models_of_withdrawn(study),
        *_missing_raw_data(study),
    ]


def _empty_table(study: Study) -> Iterator[str]:
    if study.subjects.empty and not study.excluded:
        yield (
            f"{study.config.subjects} has no rows, so there is nothing to do: fill it, or name "
            f"the settings of a study, --configfile FILE (README, Your own patients)"
        )


def _missing_raw_data(study: Study) -> Iterator[str]:
    missing: dict[str, list[str]] = {}
    for subject, column in study.raw.missing():
        missing.setdefault(subject, []).append(repr(column))
    for subject, columns in missing.items():
        yield (
            f"subject {subject}: the path in column {', '.join(columns)} of "
            f"{study.config.subjects} does not exist; its jobs will fail, the others continue"
        )


def _models_of_withdrawn(study: Study) -> Iterator[str]:
    gone = overrides.withdrawn(study.overrides)
    manifest = Path(study.at("manifest"))
    if not gone or not manifest.is_file():
        return
    listed = {line.split("\t")[0] for line in manifest.read_text("utf-8").splitlines()}
    if listed.intersection(gone):
        yield (
            f"the models of cohort {study.cohort_name} were trained with "
            f"{sorted(listed.intersection(gone))}, who were withdrawn: the next run trains them "
            f"again without. To keep the old models as they are, continue with a cohort that "
            f"extends this one (ricenet freeze)"
        )
