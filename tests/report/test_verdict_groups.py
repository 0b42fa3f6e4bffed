"""verdict_groups: groups of patients in which one answer does as well as the network."""

from __future__ import annotations

from ricenet.report import sentence, verdict_groups

GROUP = {
    "ablation": "event-dose", "set": "validation", "by": "dose_hottest_gy", "note": "",
    "group": "45 to 62 Gy", "n": "52", "rice": "10", "errors": "11",
}  # fmt: skip


def test_groups_in_which_one_answer_does_as_well_stand_on_page_one() -> None:
    hot = {**GROUP, "group": "more than 62 Gy", "n": "28", "rice": "22", "errors": "9"}
    (said,) = verdict_groups.of_groups({"subgroups": [GROUP, hot]}, "event-dose")
    assert said.tone == sentence.NOT_SHOWN and "64 of 80, the network in 60" in said.text
    assert "41 of 52, and 42 by one" in said.text and "19 of 28, and 22 by one" in said.text
    assert "dose near-maximum" in said.text and "not tested" in said.text
    for better in (
        [{**GROUP, "errors": "3"}, {**hot, "errors": "3"}],  # the network has more right
        [GROUP, {**hot, "rice": "5"}],  # the groups' answers do not differ
        [{**GROUP, "set": "test"}, {**hot, "set": "test"}],
    ):
        assert verdict_groups.of_groups({"subgroups": better}, "event-dose") == []
