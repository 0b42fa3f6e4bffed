"""Which stored dose counts, and of how many fractions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dicom_phantoms import (
    SCALING,
    SMALL,
    STORED,
    UID,
    base,
    dose,
    ledger_of,
    plan,
    read_dose,
    write,
)
from ricenet.dose.decision import fractions


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
    assert (ledger["maximum_gy"], ledger["total_maximum_gy"]) == (2.0, 60.0)
    ledger = ledger_of(tmp_path / "b", session, row={"fractions": "33"})
    assert (ledger["factor"], ledger["source_of_fractions"]) == (33, "row")
    with pytest.raises(ValueError, match="neither row nor plan says how many"):
        ledger_of(tmp_path / "c", session)


@pytest.mark.parametrize(
    ("planned", "row", "message"),
    [
        ((25,), "30", "row says 30 fractions, the plan 25"),
        ((500,), "", r"500 fractions \(from the plan\) are outside 1 to 60"),
        ((None,), "0", r"0 fractions \(from the row\) are outside"),
        ((0,), "", "neither row nor plan"),
        ((20, 10), "", "neither row nor plan"),
    ],
)
def test_fractions_in_doubt(planned, row: str, message: str, tmp_path: Path) -> None:
    session = dose("FRACTION_SESSION", stored=SMALL)
    with pytest.raises(ValueError, match=message):
        ledger_of(tmp_path, session, plan(planned=planned), row={"fractions": row})


def test_row_before_plan() -> None:
    limits = {"needed": True, "lowest": 1, "highest": 60}
    assert fractions("30", None, **limits) == (30, "row")
    assert fractions("", None, needed=False, lowest=1, highest=60) == (None, None)


def test_several_plans_and_doses(tmp_path: Path) -> None:
    other = dose(number=2, plan=f"{UID}.51")
    with pytest.raises(ValueError, match="belong to 2 plans"):
        read_dose(write(tmp_path / "a", dose(), other))
    with pytest.raises(
        ValueError, match=r"2 doses of type PLAN for one plan, maxima \[60.0, 60.0\]"
    ):
        read_dose(write(tmp_path / "b", dose(), dose(number=2)))
    rejected = plan()
    rejected.ApprovalStatus = "REJECTED"
    with pytest.raises(ValueError, match="rejected"):
        read_dose(write(tmp_path / "c", dose(), rejected))
    facts = read_dose(write(tmp_path / "d", dose(), dose(), plan(uid=f"{UID}.77")))[1]
    assert any("1 plans ignored" in w for w in facts["ledger"]["warnings"])
    assert facts["ledger"]["fractions"] is None


def test_other_objects_are_ignored_and_records_noted(tmp_path: Path) -> None:
    structures = base("1.2.840.10008.5.1.4.1.1.481.3", f"{UID}.70", "RTSTRUCT")
    record = base("1.2.840.10008.5.1.4.1.1.481.4", f"{UID}.71", "RTRECORD")
    folder = write(tmp_path, dose(), plan(), structures, record)
    (folder / "notes.txt").write_text("CANARY")
    facts = read_dose(folder)[1]
    assert facts["ignored_files"] == 3
    assert any("treatment records" in w for w in facts["ledger"]["warnings"])
