"""layout: what is written is read back, and no path means two things."""

import re

import pytest

from ricenet.study import layout

NAMES = {
    "subject": "P-01", "cohort": "main-1", "channel": "event", "moving": "postop", "fixed": "event",
    "transform": "tfm", "ablation": "postop-event-dose", "fold": "3",
}  # fmt: skip


@pytest.mark.parametrize("kind", layout.FILES)
def test_a_path_is_read_back(kind):
    path = layout.path(kind, **NAMES)
    used = set(re.findall(r"\{(\w+)\}", layout.FILES[kind]))
    assert layout.parse(path) == (kind, {name: NAMES[name] for name in used})


def test_no_path_means_two_things():
    paths = [layout.path(kind, **NAMES) for kind in layout.FILES]
    assert len(set(paths)) == len(paths)
    for path in paths:
        assert sum(bool(p.fullmatch(path)) for p in layout._patterns().values()) == 1


def test_a_name_that_is_left_out_is_for_the_rules_to_fill_in():
    assert layout.path("native", channel="{mri}") == "subjects/{subject}/{mri}_native.nii.gz"
    with pytest.raises(KeyError):
        layout.path("no such kind")


@pytest.mark.parametrize(
    "path",
    [
        "subjects/P1/event_native.nii", "subjects/P1/x/event_native.nii.gz", "caches/P_1.npy",
        "cohorts/c/predictions/P1/event/occlusion/P2.png", "elsewhere/P1.npy", "",
    ],
)  # fmt: skip
def test_a_path_of_no_kind_says_nothing(path):
    assert layout.parse(path) is None


@pytest.mark.parametrize("kind", layout.FILES)
def test_files_of_a_subject_are_owned(kind):
    """With a kind of file that names a subject in its path, nobody can be forgotten."""
    from pathlib import Path

    path = Path(layout.path(kind, **NAMES))
    owned = layout.owner(path, {NAMES["cohort"]})
    assert owned == (NAMES["subject"] if "{subject}" in layout.FILES[kind] else "")
