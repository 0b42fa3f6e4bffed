"""How many fractions: row, treatment records, plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicom_phantoms import SMALL, dose, ledger_of, plan, replaces, treatment_record
from ricenet.dose.fractions import fractions, of_parts
from ricenet.dose.ledger import checks


@pytest.mark.parametrize(
    ("row", "recorded", "planned", "count", "source", "share"),
    [
        ("", None, None, None, None, 1),
        ("", None, 30, 30, "plan", 1),
        ("", 30, 30, 30, "records", 1),
        ("", 28, None, 28, "records", 1),
        ("30", None, None, 30, "row", 1),
        ("30", None, 30, 30, "row", 1),
        ("30", 12, 30, 30, "row", 1),  # records are often incomplete: taken, and held
        ("25", 25, 30, 25, "row and records", 25 / 30),
    ],
)
def test_row_before_records_before_plan(row, recorded, planned, count, source, share) -> None:
    found = fractions(row, recorded, planned)
    assert (found.count, found.source) == (count, source)
    assert found.delivered_share == pytest.approx(share)
    assert bool(found.warnings) == (row != "" and recorded not in (None, planned))


def test_records_and_plan_that_disagree_ask_for_the_row() -> None:
    with pytest.raises(ValueError, match="records 25, the plan 30 fractions; write in fractions"):
        fractions("", 25, 30)


@pytest.mark.parametrize(
    ("row", "recorded", "planned", "share"),
    [
        ("25", None, 30, 25 / 30),
        ("33", None, 30, 1.1),
        ("28", 25, 30, 28 / 30),
        ("30", 25, None, 1),  # without a plan there is nothing to scale by
    ],
)
def test_the_physicists_word_is_taken_and_shown(row, recorded, planned, share) -> None:
    found = fractions(row, recorded, planned)
    assert (found.count, found.source, found.by_row_alone) == (int(row), "row", True)
    assert found.delivered_share == pytest.approx(share)
    (warning,) = found.warnings
    assert f"row says {row}" in warning
    assert ("records" in warning, "plan" in warning) == (recorded is not None, planned is not None)


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


@pytest.mark.parametrize(
    ("row", "planned", "shares"),
    [("5+10", [15, 15], [1 / 3, 2 / 3]), ("15+15", [15, 15], [1, 1]), ("3+4+5", [3, 5, 5], None)],
)
def test_row_gives_each_plan_its_own(row, planned, shares) -> None:
    found = of_parts(row, [None] * len(planned), planned)
    assert [n.count for n in found] == [int(n) for n in row.split("+")]
    expected = shares or [1, 4 / 5, 1]
    assert [n.delivered_share for n in found] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("row", "recorded", "planned", "there", "absent"),
    [
        ("15", [None, None], [15, 15], r"the plans have 15 \+ 15", "records"),
        ("33", [None, None], [25, None], r"the plans have 25 \+ \?", "records"),
        ("33", [20, None], [25, 5], r"plans have 25 \+ 5, the treatment records show 20 \+ \?", ""),
        ("33", [None, None], [None, None], "33 fractions for 2 plans; write", "but"),
    ],
)
def test_another_sum_is_refused_with_what_is_there(row, recorded, planned, there, absent) -> None:
    with pytest.raises(ValueError, match=there) as caught:
        of_parts(row, recorded, planned)
    assert "such as 5+10" in str(caught.value) and "empty" not in str(caught.value)
    assert not absent or absent not in str(caught.value)


@pytest.mark.parametrize(("row", "planned"), [("5+10", [15]), ("5+10", [15, 15, 3])])
def test_as_many_numbers_as_plans(row, planned) -> None:
    with pytest.raises(ValueError, match=f"has 2 numbers, but {len(planned)} of the plans count"):
        of_parts(row, [None] * len(planned), planned)


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
    assert ledger["evidence"][0]["over_prescription"] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("prescription", "doubts"),
    [({}, 1), ({"prescription_gy": "60"}, 1), ({"prescription_gy": "50"}, 0)],
)
def test_what_the_row_alone_says_is_held_until_something_confirms_it(
    prescription, doubts, tmp_path: Path
) -> None:
    """25 of 30 fractions: 50 of 60 Gy, and a prescription of 50 Gy fits that alone."""
    row = {"fractions": "25", **prescription}
    ledger = ledger_of(tmp_path, dose(), plan(prescription_gy=60.0), row=row)
    assert ledger["total_maximum_gy"] == pytest.approx(50)
    assert ledger["plausibility"]["contradiction"] is None
    (found,) = [c for c in checks(ledger) if c["name"] == "dose-delivered"]
    assert (found["value"], found["at_most"]) == (doubts, 0)
    assert ("row says 25, the plan 30 fractions" in found["advice"]) == bool(doubts)


def test_a_plan_is_no_witness_of_what_was_delivered(tmp_path: Path) -> None:
    """Records show 1 of 4 fractions, the row says all: the plan says 4, too, and proves nothing."""
    objects = (dose(), plan(planned=(4,), prescription_gy=60.0), treatment_record(1))
    ledger = ledger_of(tmp_path, *objects, row={"fractions": "4"})
    (found,) = [c for c in checks(ledger) if c["name"] == "dose-delivered"]
    assert found["value"] == 1 and "records 1" in found["advice"]


@pytest.mark.parametrize(
    ("more", "row", "doubts"),
    [
        ((), {}, 1),
        ((), {"fractions": "10"}, 1),
        ((treatment_record(1), treatment_record(2)), {}, 1),
        ((), {"prescription_gy": "60"}, 0),  # a person says what was prescribed
    ],
)
def test_without_its_plan_nobody_knows_whether_a_dose_was_given_whole(
    more, row, doubts, tmp_path: Path
) -> None:
    ledger = ledger_of(tmp_path, dose(), *more, row=row)
    found = [c["value"] for c in checks(ledger) if c["name"] == "dose-delivered"]
    assert found == ([doubts] if doubts else [])


def test_a_replaced_plan_that_is_not_here_is_a_doubt(tmp_path: Path) -> None:
    successor = replaces(plan(prescription_gy=60.0), "1.2.826.0.1.77")
    (found,) = [
        c for c in checks(ledger_of(tmp_path, dose(), successor)) if c["name"] == "dose-delivered"
    ]
    assert "replaces a plan that is not here" in found["advice"]


def test_records_of_a_plan_that_does_not_count_are_a_doubt(tmp_path: Path) -> None:
    """The plan was replaced after three fractions; its dose is not here."""
    earlier = [treatment_record(k, plan="1.2.826.0.1.77") for k in (1, 2, 3)]
    ledger = ledger_of(tmp_path, dose(), plan(prescription_gy=60.0), *earlier)
    (found,) = [c for c in checks(ledger) if c["name"] == "dose-delivered"]
    assert found["value"] == 1 and "records show 3 fractions of a plan" in found["advice"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"fractions": "15"}, r"20 \+ 10 fractions in one grid, 15 were delivered"),
        ({"fractions": "31"}, "31 were delivered"),
        ({"fractions": "30"}, ""),  # one after the other
        ({"fractions": "20"}, ""),  # side by side
    ],
)
def test_groups_given_in_part_cannot_be_scaled(row, message, tmp_path: Path) -> None:
    objects = dose(), plan(planned=(20, 10), prescription_gy=60.0)
    if not message:
        assert ledger_of(tmp_path, *objects, row=row)["factor"] == 1
        return
    with pytest.raises(ValueError, match=message):
        ledger_of(tmp_path, *objects, row=row)
