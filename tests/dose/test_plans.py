"""Which of several plans count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from dicom_phantoms import (
    SMALL,
    STORED,
    dose,
    plan,
    read_dose,
    replaces,
    treatment_record,
    write,
)
from dose_objects import BOOST, FIRST, course, digests, refusal
from ricenet.dose.ledger import checks


def approval(status: str, **more):
    data = plan(**more)
    data.ApprovalStatus = status
    return data


def test_two_plans_are_refused_with_what_tells_them_apart(tmp_path: Path) -> None:
    message = refusal(write(tmp_path, *course()))
    assert message.startswith("2 of 2 plans could count: ")
    assert "(APPROVED, 30 fractions, 2 beams, PLAN, maximum 60.00 Gy)" in message
    assert "(APPROVED, 5 fractions, 1 beams, PLAN, maximum 30.00 Gy)" in message
    assert "write in dose_plan which was delivered, several joined by '+'" in message


def test_named_plan_counts_alone(tmp_path: Path) -> None:
    folder = write(tmp_path, *course())
    known = digests(refusal(folder))
    for gy, n in (("60.00", 30), ("30.00", 5)):
        volume, facts = read_dose(folder, {"dose_plan": known[gy]})
        ledger = facts["ledger"]
        assert volume.data.ndim == 3 and volume.data.max() == float(gy)
        assert (ledger["fractions"], ledger["plan"]) == (n, known[gy])
        assert ledger["decisions"] == ["plan-named-by-row", "plan"]
        assert sum("does not count: the row names others" in w for w in ledger["warnings"]) == 1


def test_named_plans_are_parts_that_are_added(tmp_path: Path) -> None:
    folder = write(tmp_path, *course())
    known = digests(refusal(folder))
    volume, facts = read_dose(folder, {"dose_plan": f"{known['60.00']}+{known['30.00']}"})
    ledger = facts["ledger"]
    assert volume.data.shape == (6, 5, 4, 2)
    assert [p["fractions"] for p in ledger["parts"]] == [30, 5]
    assert [p["maximum_gy"] for p in ledger["parts"]] == [60, 30]
    assert ledger["total_maximum_gy"] == 90
    assert ledger["decisions"] == ["plan-named-by-row", "parts-added"]


def test_each_part_has_its_own_kind_and_fractions(tmp_path: Path) -> None:
    single = dose("FRACTION_SESSION", number=2, plan=BOOST, stored=SMALL)
    folder = write(tmp_path, dose(), single, plan(), plan(uid=BOOST, planned=(5,)))
    known = digests(refusal(folder))
    ledger = read_dose(folder, {"dose_plan": "+".join(known.values())})[1]["ledger"]
    parts = {p["maximum_gy"]: p for p in ledger["parts"]}
    assert [(parts[gy]["kind"], parts[gy]["factor"]) for gy in (60.0, 2.0)] == [
        ("total", 1),
        ("per_fraction", 5),
    ]
    assert ledger["total_maximum_gy"] == 70 and ledger["kind"] == "mixed"


@pytest.mark.parametrize("named", ["ffffffff", "{0}+{0}", "{0}+ffffffff"])
def test_wrong_names_are_refused_with_the_list(named: str, tmp_path: Path) -> None:
    folder = write(tmp_path, *course())
    known = digests(refusal(folder))
    message = refusal(folder, {"dose_plan": named.format(known["60.00"])})
    assert "does not name each plan that counts once" in message
    assert digests(message) == known


def test_rejected_plan_does_not_count_beside_another(tmp_path: Path) -> None:
    first, second, good, _ = course()
    folder = write(tmp_path, first, second, good, approval("REJECTED", uid=BOOST))
    volume, facts = read_dose(folder)
    assert volume.data.max() == 60
    assert facts["ledger"]["decisions"] == ["other-plans-dropped", "plan"]
    assert any("does not count: it was rejected" in w for w in facts["ledger"]["warnings"])


def test_only_plan_rejected_or_replaced_is_refused_unless_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", dose(), approval("REJECTED"))
    message = refusal(folder)
    assert message.startswith("0 of 1 plans could count") and "it was rejected" in message
    facts = read_dose(folder, {"dose_plan": digests(message)["60.00"]})[1]
    assert any("which is REJECTED" in w for w in facts["ledger"]["warnings"])
    message = refusal(write(tmp_path / "b", dose(), plan(), replaces(plan(uid=BOOST), FIRST)))
    assert "an approved plan replaces it" in message


def test_predecessor_of_an_approved_plan_does_not_count(tmp_path: Path) -> None:
    first, second, old, new = course()
    volume, facts = read_dose(write(tmp_path / "a", first, second, old, replaces(new, FIRST)))
    assert volume.data.max() == 30
    assert any("an approved plan replaces it" in w for w in facts["ledger"]["warnings"])
    waiting = replaces(approval("UNAPPROVED", uid=BOOST), FIRST)
    message = refusal(write(tmp_path / "b", first, second, old, waiting))
    assert message.startswith("2 of 2 plans could count") and "UNAPPROVED" in message


def test_unapproved_plan_counts_with_a_warning_when_alone(tmp_path: Path) -> None:
    ledger = read_dose(write(tmp_path, dose(), approval("UNAPPROVED")))[1]["ledger"]
    assert any("not marked as approved" in w for w in ledger["warnings"])


def test_doses_that_name_no_plan_are_candidates_each(tmp_path: Path) -> None:
    nameless = [dose(number=n, stored=STORED // n) for n in (1, 2)]
    for data in nameless:
        del data.ReferencedRTPlanSequence
    folder = write(tmp_path, *nameless)
    message = refusal(folder)
    assert message.count("its plan is not there") == 2
    volume, facts = read_dose(folder, {"dose_plan": digests(message)["30.00"]})
    assert volume.data.max() == 30 and facts["ledger"]["fractions"] is None


def multi(number: int = 3):
    data = dose("MULTI_PLAN", number=number, stored=STORED + STORED // 2)
    other = Dataset()
    other.ReferencedSOPInstanceUID = BOOST
    data.ReferencedRTPlanSequence.append(other)
    return data


def test_sum_of_plans_is_never_added_to_them(tmp_path: Path) -> None:
    folder = write(tmp_path, *course(), multi())
    message = refusal(folder)
    assert message.startswith("3 of 3 plans could count") and "sum of several plans" in message
    known = digests(message)
    volume, facts = read_dose(folder, {"dose_plan": known["90.00"]})
    assert volume.data.max() == 90 and facts["ledger"]["factor"] == 1
    for other in ("60.00", "30.00"):
        message = refusal(folder, {"dose_plan": f"{known['90.00']}+{known[other]}"})
        assert "may hold already; name the sum alone, or its plans" in message


def test_sum_of_plans_is_compared_with_the_sum_of_prescriptions(tmp_path: Path) -> None:
    plans = plan(prescription_gy=60.0), plan(uid=BOOST, prescription_gy=30.0)
    ledger = read_dose(write(tmp_path / "a", multi(), *plans))[1]["ledger"]
    assert ledger["prescription_gy"] == 90
    assert ledger["plausibility"]["over_prescription"] == pytest.approx(1, abs=0.01)
    ledger = read_dose(write(tmp_path / "b", multi(), plans[0]))[1]["ledger"]
    assert ledger["prescription_gy"] is None  # half of it is not there


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, r"holds 30 \+ 15 fractions in one grid, records: 30 \+ 5"),
        ({"fractions": "35"}, "35 were delivered"),
        ({"fractions": "45"}, ""),  # records are often incomplete: the row confirms the plans
    ],
)
def test_sum_of_plans_given_in_part_is_refused(row, message, tmp_path: Path) -> None:
    records = [treatment_record(k, date=f"2021{4 + k // 28:02}{1 + k % 28:02}") for k in range(30)]
    records += [treatment_record(k, plan=BOOST) for k in range(40, 45)]
    plans = plan(prescription_gy=60.0), plan(uid=BOOST, planned=(15,), prescription_gy=30.0)
    folder = write(tmp_path, multi(), *plans, *records)
    if message:
        assert message.replace("\\", "") in refusal(folder, row)
    else:
        assert read_dose(folder, row)[1]["ledger"]["factor"] == 1


def test_sum_of_plans_alike_may_be_one_course_twice(tmp_path: Path) -> None:
    plans = plan(prescription_gy=45.0), plan(uid=BOOST, prescription_gy=45.0)
    folder = write(tmp_path, multi(), *plans)
    for row in ({}, {"fractions": "60"}):
        ledger = read_dose(folder, row)[1]["ledger"]
        assert ledger["plausibility"] == {} and "planned twice" in ledger["plausibility_not_made"]
    ledger = read_dose(folder, {"prescription_gy": "90"})[1]["ledger"]
    assert ledger["plausibility"]["contradiction"] is None
    alone = read_dose(write(tmp_path / "alone", multi()), {"fractions": "60"})[1]["ledger"]
    assert alone["plausibility"] == {}  # 1.5 Gy a fraction would pass, of one course or of two


def test_parts_are_compared_one_by_one_and_as_a_sum(tmp_path: Path) -> None:
    def ledger(folder: str, first_gy: float, boost_gy: float, row=None):
        first, second, _, _ = course()
        plans = (
            plan(prescription_gy=first_gy),
            plan(uid=BOOST, planned=(5,), prescription_gy=boost_gy),
        )
        path = write(tmp_path / folder, first, second, *plans)
        named = {"dose_plan": "+".join(digests(refusal(path)).values())}
        return read_dose(path, named | (row or {}))[1]["ledger"]

    # what two plans prescribe, added up, says nothing about what was given
    unknown = ledger("a", 60.0, 30.0)
    assert unknown["prescription_gy"] is None and unknown["plausibility"] == {}
    (check,) = [c for c in checks(unknown) if c["name"] == "dose-plausibility"]
    assert check["holds"] and "2 plans are added to a near-maximum of" in check["reason"]
    right = ledger("b", 60.0, 30.0, {"prescription_gy": "90"})
    assert right["plausibility"]["contradiction"] is None
    swapped = ledger("c", 30.0, 60.0, {"prescription_gy": "90"})  # the sum alone would pass
    assert "reads as neither" in swapped["plausibility"]["contradiction"]
    assert ledger("d", 60.0, 30.0, {"prescription_gy": "120"})["plausibility"]["contradiction"]


def test_maximum_of_the_listing_survives_an_unreadable_dose(tmp_path: Path) -> None:
    first, second, good, other = course()
    second.PixelData = bytes(np.zeros(STORED.size, "<u4"))
    assert "maximum not readable" in refusal(write(tmp_path, first, second, good, other))
