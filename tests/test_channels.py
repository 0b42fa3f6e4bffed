"""channels: the table of kinds, and which scans belong together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from ricenet import channels
from ricenet.channels import KINDS
from ricenet.config.explain import OcclusionMap
from ricenet.config.section import Channel
from ricenet.provenance.steps import STEPS
from ricenet.study import layout

GOLDEN = Path(__file__).with_name("golden_kinds.json")


def mri(name: str, visit: str = "", sequence: str = "") -> Channel:
    return Channel(name=name, kind="mri", visit=visit, sequence=sequence)


DOSE = Channel(name="dose", kind="dose")
TODAY = [mri("postop"), mri("event"), DOSE]
# two visits of four sequences and one of three, the later visit's T1ce last
MANY = [
    mri("a1", "a", "T1"), mri("a1c", "a", "T1ce"), mri("b1c", "b", "T1ce"), mri("b2", "b", "T2"),
    DOSE, mri("cf", "c", "FLAIR"), mri("c1", "c", "T1"), mri("c1c", "c", "T1ce"),
    mri("d2", "d", "T2"),
]  # fmt: skip


def test_rows_are_those_that_results_were_made_by():
    """No code digest counts them: a cell that changes needs another name for its column.

    Those that read the column then have another digest, and are run again. A new column or kind
    is written into the file.
    """
    table = {name: kind._asdict() for name, kind in KINDS.items()}
    assert json.loads(json.dumps(table)) == json.loads(GOLDEN.read_text())


def test_words_of_the_table_are_those_of_the_rooms_that_read_it():
    fields = Channel.model_fields
    assert set(get_args(fields["kind"].annotation)) == set(KINDS)
    assert set(get_args(fields["sequence"].annotation)) == {"", *channels.SEQUENCES}
    for kind in KINDS.values():
        assert set(kind.needed) <= set(kind.keys) <= set(fields)
        assert {f"{name}_record" for name in kind.checked} <= set(layout.FILES)
        if kind.is_input:
            assert kind.uncropped in layout.FILES and kind.fill in OcclusionMap.model_fields
    assert {f"ingest_{name}" for name in KINDS} <= set(STEPS)


def test_an_mri_of_before_is_t1_with_agent_of_a_visit_of_its_own():
    assert [(c.visit, c.sequence) for c in TODAY] == [
        ("postop", "T1ce"), ("event", "T1ce"), ("", ""),
    ]  # fmt: skip
    assert channels.registrations(TODAY, "event") == {"postop": "event"}
    assert channels.masked(TODAY, "event") == ["postop", "event"]
    assert channels.enhancement(TODAY) == ["postop", "event"]


def test_unlike_scans_go_by_way_of_their_visit():
    assert channels.visits(MANY) == ["a", "b", "c", "d"]
    assert channels.registrations(MANY, "b1c") == {
        "a1": "a1c", "a1c": "b1c", "b2": "b1c", "cf": "c1c", "c1": "c1c", "c1c": "b1c",
        "d2": "b1c",  # its visit has none: directly
    }  # fmt: skip
    assert channels.masked(MANY, "b1c") == ["a1c", "b1c", "c1c"]
    assert channels.masked(MANY, "cf") == ["cf"]


@pytest.mark.parametrize(
    ("given", "pair"),
    [
        (MANY, ["a1c", "c1c"]),
        (MANY[::-1], ["c1c", "a1c"]),  # visits are in the order in which they are named
        ([mri("x", "v", "T1ce"), mri("y", "v", "FLAIR"), mri("z", "w", "T2")], []),
        ([DOSE], []),
    ],
)
def test_new_enhancement_is_that_of_the_first_and_last_t1_with_agent(given, pair):
    assert channels.enhancement(given) == pair


def test_two_scans_of_one_sequence_and_visit_contradict_each_other():
    assert channels.faults(MANY) == []
    (found,) = channels.faults([*MANY, mri("again", "b", "T2")])
    assert found.startswith("b2 and again are both T2 of visit 'b'")
