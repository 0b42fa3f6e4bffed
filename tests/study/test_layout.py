"""layout: what is written is read back, and no path means two things."""

import re

import pytest

from layout_names import NAMES
from ricenet.study import layout


@pytest.mark.parametrize("kind", layout.FILES)
def test_a_path_is_read_back(kind):
    path = layout.path(kind, **NAMES)
    used = set(re.findall(r"\{(\w+)\}", layout.FILES[kind]))
    assert layout.parse(path) == (kind, {name: NAMES[name] for name in used})


def test_no_path_means_two_things():
    paths = [layout.path(kind, **NAMES) for kind in layout.FILES]
    assert len(set(paths)) == len(paths)
    patterns = [p for below in layout._patterns().values() for p in below.values()]
    for path in paths:
        assert sum(bool(p.fullmatch(path)) for p in patterns) == 1


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


def test_names_of_a_file_without_its_folder():
    assert layout.record_name("subjects/P1/event_native.json") == "event_native"
    assert layout.short_name("subjects/P1/event_native.nii.gz") == "event_native"


def test_training_puts_its_resume_points_where_the_layout_says(tmp_path):
    """The step is given no such path: it must name its file as the table does."""
    from ricenet.train.checkpoint import resume_path

    model = layout.path("model", **NAMES)
    point = resume_path((tmp_path / model).parent, {"fold": 1})
    place = layout.parse(point.relative_to(tmp_path).as_posix())
    assert place and place.kind == "resume_point"
