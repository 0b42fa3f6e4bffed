"""Which stored dose of a plan counts, and whether it is a total."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dicom_phantoms import (
    SCALING,
    SMALL,
    STORED,
    dose,
    ledger_of,
    plan,
    read_dose,
    write,
)


def beam(number: int, **more):
    return dose("BEAM", number=10 + number, group=1, beams=(number,), **more)


def test_beams_are_added_once(tmp_path: Path) -> None:
    volume, facts = read_dose(write(tmp_path, beam(1), beam(2), plan(setup=(9,))))
    np.testing.assert_allclose(volume.data, 2 * SCALING * STORED.transpose(2, 1, 0))
    assert facts["ledger"]["rule"] == "sum of 2 BEAM"
    assert facts["ledger"]["fractions"] == 30 and facts["ledger"]["factor"] == 1


def test_plan_beside_its_beams_is_not_added(tmp_path: Path) -> None:
    whole = dose(stored=2 * STORED)
    volume, facts = read_dose(write(tmp_path, beam(1), beam(2), whole, plan()))
    assert volume.data.max() == 2 * SCALING * 120
    assert facts["ledger"]["plan_minus_beams_gy"] == 0
    assert facts["ledger"]["objects"] and facts["ledger"]["rule"] == "PLAN"
    facts = read_dose(write(tmp_path, beam(1), beam(2), dose(), plan()))[1]
    assert any("differs from the sum" in w for w in facts["ledger"]["warnings"])


def test_beams_that_overlap_or_lack_one_are_refused(tmp_path: Path) -> None:
    for name, objects, message in [
        ("a", (beam(1), plan()), "1 of the plan's 2 beams"),
        ("b", (beam(1), beam(3), plan()), "1 unknown to it"),
        ("c", (dose("BEAM", number=2), plan()), "do not say what they cover"),
        ("d", (beam(1), dose("BEAM", number=2, group=1, beams=(1, 2)), plan()), "overlap"),
        ("e", (beam(1), beam(2, offsets=(0, 2, 4, 6)), plan()), "different grids"),
    ]:
        with pytest.raises(ValueError, match=message):
            read_dose(write(tmp_path / name, *objects))


def test_fraction_is_a_fraction_group(tmp_path: Path) -> None:
    groups = [dose("FRACTION", number=g, group=g) for g in (1, 2)]
    volume, facts = read_dose(write(tmp_path / "a", *groups, plan(planned=(20, 10))))
    assert volume.data.max() == 2 * SCALING * 120
    ledger = facts["ledger"]
    assert (ledger["kind"], ledger["factor"], ledger["rule"]) == ("total", 1, "sum of 2 FRACTION")
    assert ledger["fractions"] is None
    with pytest.raises(ValueError, match="1 of the plan's 2 fraction groups"):
        read_dose(write(tmp_path / "b", groups[0], plan(planned=(20, 10))))


def test_one_session_times_the_fractions(tmp_path: Path) -> None:
    session = dose("FRACTION_SESSION", stored=SMALL)
    ledger = ledger_of(tmp_path / "a", session, plan(planned=(30,)))
    assert (ledger["kind"], ledger["factor"]) == ("per_fraction", 30)
    assert ledger["rule"] == "FRACTION_SESSION x 30"
    assert ledger["decisions"] == ["session-x-n"]
    assert (ledger["maximum_gy"], ledger["total_maximum_gy"]) == (2.0, 60.0)
    ledger = ledger_of(tmp_path / "b", session, row={"fractions": "33"})
    assert (ledger["factor"], ledger["source_of_fractions"]) == (33, "row")
    with pytest.raises(ValueError, match="neither row nor plan says how many"):
        ledger_of(tmp_path / "c", session)


def test_sessions_of_all_beams_are_one_fraction(tmp_path: Path) -> None:
    def session(number: int, group: int = 1):
        return dose("BEAM_SESSION", stored=SMALL, number=number, group=group, beams=(number,))

    volume, facts = read_dose(write(tmp_path / "a", session(1), session(2), plan()))
    ledger = facts["ledger"]
    assert volume.data.max() == 4.0 and ledger["total_maximum_gy"] == 120.0
    assert (ledger["kind"], ledger["factor"]) == ("per_fraction", 30)
    assert ledger["decisions"] == ["beam-sessions-summed-x-n"]
    for name, objects, message in [
        ("b", (session(1), plan()), "1 of the plan's 2 beams"),
        ("c", (session(1), session(2)), "without their RTPLAN"),
        ("d", (session(1), session(2, group=2), plan(planned=(20, 10))), "several groups"),
    ]:
        with pytest.raises(ValueError, match=message):
            read_dose(write(tmp_path / name, *objects))


@pytest.mark.parametrize(
    "summation", ["CONTROL_POINT", "RECORD", "PLAN_OVERVIEW", "BRACHY", "BRACHY_SESSION"]
)
def test_other_summations_are_refused(summation: str, tmp_path: Path) -> None:
    data = dose(summation, group=1, beams=(1, 2))
    with pytest.raises(ValueError, match=f"1 {summation}: PLAN is read, or .*BEAM_SESSION"):
        read_dose(write(tmp_path, data, plan()))


def test_parts_of_two_types_are_not_mixed(tmp_path: Path) -> None:
    group = dose("FRACTION", number=5, group=1)
    with pytest.raises(ValueError, match="2 BEAM, 1 FRACTION"):
        read_dose(write(tmp_path, beam(1), beam(2), group, plan()))


def test_sum_of_several_plans_is_a_total(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path, dose("MULTI_PLAN"))
    assert (ledger["decisions"], ledger["kind"], ledger["factor"]) == (["multi-plan"], "total", 1)


def test_each_branch_leaves_its_code_and_kind(tmp_path: Path) -> None:
    groups = [dose("FRACTION", number=g, group=g) for g in (1, 2)]
    session = dose("FRACTION_SESSION", stored=SMALL)
    small = (dose(stored=SMALL), plan())
    single = {"dose_kind": "per_fraction", "fractions": "30"}
    for number, (objects, row, decisions, kind) in enumerate(
        [
            ((dose(), plan()), {}, ["plan"], "total"),
            ((beam(1), beam(2), plan()), {}, ["beams-summed"], "total"),
            ((*groups, plan(planned=(20, 10))), {}, ["fraction-groups-summed"], "total"),
            ((session, plan()), {}, ["session-x-n"], "per_fraction"),
            (small, single, ["plan", "row-per-fraction-x-n"], "per_fraction"),
            ((session, plan()), {"dose_kind": "total"}, ["session-x-n", "row-total"], "total"),
        ]
    ):
        ledger = ledger_of(tmp_path / str(number), *objects, row=row)
        assert (ledger["decisions"], ledger["kind"]) == (decisions, kind)


def test_several_doses_of_one_plan_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"2 doses of type PLAN for one plan, maxima \[60.0, 60.0\]"
    ):
        read_dose(write(tmp_path / "b", dose(), dose(number=2)))
    assert read_dose(write(tmp_path / "c", dose(), dose()))[0].data.max() == 60.0  # a copy
