"""How many fractions: row, treatment records, plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicom_phantoms import SMALL, dose, ledger_of, plan, treatment_record
from ricenet.dose.fractions import fractions, of_parts


@pytest.mark.parametrize(
    ("row", "recorded", "planned", "count", "source", "share"),
    [
        ("", None, None, None, None, 1),
        ("", None, 30, 30, "plan", 1),
        ("", 30, 30, 30, "records", 1),
        ("", 28, None, 28, "records", 1),
        ("30", None, None, 30, "row", 1),
        ("30", None, 30, 30, "row", 1),
        ("30", 12, 30, 30, "row", 1),  # records are often incomplete: the row confirms the plan
        ("25", 25, 30, 25, "row and records", 25 / 30),
    ],
)
def test_row_before_records_before_plan(row, recorded, planned, count, source, share) -> None:
    found = fractions(row, recorded, planned)
    assert (found.count, found.source) == (count, source)
    assert found.delivered_share == pytest.approx(share)
    assert bool(found.warnings) == (row != "" and recorded not in (None, planned))


@pytest.mark.parametrize(
    ("row", "recorded", "planned", "message"),
    [
        ("", 25, 30, "records 25, the plan 30 fractions; write in fractions of the row"),
        ("28", 25, 30, "row says 28, the treatment records 25, the plan 30 fractions; correct"),
        ("30", None, 25, "row says 30, the plan 25 fractions; correct the row"),
        ("30", 25, None, "row says 30, the treatment records 25 fractions"),
    ],
)
def test_disagreement_shows_both(row, recorded, planned, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fractions(row, recorded, planned)


@pytest.mark.parametrize(
    ("row", "recorded", "planned", "counts"),
    [
        ("", [None, None], [25, 5], [25, 5]),
        ("30", [None, None], [25, 5], [25, 5]),
        ("28", [23, None], [25, 5], [23, 5]),
        ("30", [23, None], [25, 5], [25, 5]),
        ("", [None, None], [25, None], [25, None]),
    ],
)
def test_row_gives_the_sum_of_several_plans(row, recorded, planned, counts) -> None:
    assert [n.count for n in of_parts(row, recorded, planned)] == counts


@pytest.mark.parametrize("planned", [[25, 5], [25, None]])
def test_another_sum_is_refused(planned) -> None:
    with pytest.raises(ValueError, match=r"row says 33 fractions, .* the plans 25 \+ (5|\?)"):
        of_parts("33", [None, None], planned)


# --- I10: absent, 0, 500, plan of another dose -----------------------------------------------


@pytest.mark.parametrize(
    ("planned", "row", "message"),
    [
        ((500,), "", r"500 fractions \(from the plan\) are outside 1 to 60"),
        ((61,), "", "61 fractions"),
        ((None,), "0", r"0 fractions \(from the row\) are outside"),
        ((0,), "", "neither row nor plan"),
        ((None,), "", "neither row nor plan"),
        ((20, 10), "", "neither row nor plan"),  # groups may run side by side: no sum
    ],
)
def test_fractions_in_doubt(planned, row: str, message: str, tmp_path: Path) -> None:
    session = dose("FRACTION_SESSION", stored=SMALL)
    with pytest.raises(ValueError, match=message):
        ledger_of(tmp_path, session, plan(planned=planned), row={"fractions": row})


@pytest.mark.parametrize("planned", [(None,), (0,), (20, 10)])
def test_absent_fractions_come_from_the_row(planned, tmp_path: Path) -> None:
    session = dose("FRACTION_SESSION", stored=SMALL)
    ledger = ledger_of(tmp_path, session, plan(planned=planned), row={"fractions": "30"})
    assert (ledger["factor"], ledger["source_of_fractions"]) == (30, "row")


def test_plan_of_another_dose_says_nothing(tmp_path: Path) -> None:
    session, other = dose("FRACTION_SESSION", stored=SMALL), plan(uid="1.2.826.0.1.77")
    with pytest.raises(ValueError, match="neither row nor plan"):
        ledger_of(tmp_path / "a", session, other)
    ledger = ledger_of(tmp_path / "b", session, other, row={"fractions": "30"})
    assert any("1 plans ignored" in w for w in ledger["warnings"])
    assert any("the plan of the dose is not there" in w for w in ledger["warnings"])


# --- delivered less than planned -------------------------------------------------------------


def test_a_plan_delivered_in_part_is_scaled(tmp_path: Path) -> None:
    objects = (dose(), plan(planned=(4,)), *(treatment_record(k) for k in (1, 2, 3)))
    ledger = ledger_of(tmp_path / "a", *objects, row={"fractions": "3"})
    assert ledger["factor"] == 0.75 and ledger["total_maximum_gy"] == 45
    assert (ledger["fractions"], ledger["source_of_fractions"]) == (3, "row and records")
    assert ledger["decisions"] == ["plan", "delivered-over-planned"]
    assert any("row says 3, the treatment records 3, the plan 4" in w for w in ledger["warnings"])
    with pytest.raises(ValueError, match="records 3, the plan 4 fractions"):
        ledger_of(tmp_path / "b", *objects)


def test_one_session_is_multiplied_by_what_was_delivered(tmp_path: Path) -> None:
    session = dose("FRACTION_SESSION", stored=SMALL)
    objects = (session, plan(planned=(4,), prescription_gy=8.0), treatment_record(1))
    ledger = ledger_of(tmp_path, *objects, row={"fractions": "1"})
    assert (ledger["factor"], ledger["total_maximum_gy"]) == (1, 2.0)
    # the prescription is that of the four planned fractions
    assert ledger["plausibility"]["over_prescription"] == pytest.approx(1, abs=0.01)
