"""ownership: every file that names a subject in its path is that subject's, and leaves with it."""

import os
from pathlib import Path

import pytest

from layout_names import NAMES
from ricenet.step import lease, staging
from ricenet.study import layout, ownership
from ricenet.study.explain_methods import METHODS

COHORTS = {NAMES["cohort"]}


@pytest.mark.parametrize("kind", layout.FILES)
def test_files_of_a_subject_are_owned(kind):
    """With a kind of file that names a subject in its path, nobody can be forgotten."""
    path = Path(layout.path(kind, **NAMES))
    whose = NAMES["subject"] if "{subject}" in layout.FILES[kind] else ""
    assert ownership.owner(path, COHORTS) == whose
    # and what a killed job leaves of it
    for left in (
        staging.temporary(path),
        lease.path_of(path),
        path.with_name(f".{os.getpid()}.{path.name}.tmp"),
        path.with_name(f".{path.name}.{os.getpid()}.tmp"),
    ):
        assert ownership.owner(left, COHORTS) == whose, left


@pytest.mark.parametrize(
    ("path", "whose"),
    [
        ("subjects/P1/of-another-version.nii.gz", "P1"),
        ("subjects/main-1/crop.json", "main-1"),  # a subject with the name of a cohort
        ("logs/main-1/crop.log", "main-1"),
        ("logs/main-1/manifest.log", ""),
        ("logs/P1/of_another_rule.log", "P1"),
        ("logs/main-1/event_P1_of_another_rule.log", ""),  # see subjects_in
        ("caches/P1.npz", "P1"), ("caches/.1.json.lease", "1"), ("caches/.77.P1.npz", "P1"),
        ("cohorts/main-1/event/occlusion/P1_other.png", "P1"),
        ("cohorts/main-1/event/fold-0/P1.png", ""),
        ("cohorts/main-1/predictions/P1/other.tsv", "P1"),
        ("cohorts/main-1/predictions/other.tsv", ""),
        ("audit/P1.tsv", ""), ("elsewhere", ""),
    ],
)  # fmt: skip
def test_files_of_no_kind_are_owned_by_their_folder(path, whose):
    assert ownership.owner(Path(path), COHORTS) == whose


def test_subjects_in_the_name_of_a_log_of_no_kind():
    log = Path("logs/main-1/event_P1_of_another_rule.log")
    assert ownership.subjects_in(log, ("P1", "P10", "event-1")) == {"P1"}
    assert ownership.subjects_in(Path("cohorts/main-1/event_P1.tsv"), ("P1",)) == set()


def test_folders_of_maps_are_read_off_the_table():
    assert {method.folder for method in METHODS.values()} == ownership.MAP_FOLDERS
    assert {
        "arrival", "arrival_record", "arrival_predictions", "arrival_predictions_record",
        "prediction", "vote_record",
    } == ownership.ARRIVALS  # fmt: skip


def test_records_belong_to_a_subject_or_a_cohort():
    of = {"subjects/P1/crop.json": ("P1", ""), "caches/P1.json": ("P1", ""),
          "subjects/P1/of-another-version.json": ("P1", ""),
          "cohorts/c/postop/occlusion/P1_picture.json": ("P1", "c"),
          "cohorts/c/predictions/P1/vote.json": ("", "c"),
          "cohorts/c/manifest.json": ("", "c"), "audit/audit.json": ("", "")}  # fmt: skip
    for record, (subject, cohort) in of.items():
        assert (ownership.subject_of(record), ownership.cohort_of(record)) == (subject, cohort)
