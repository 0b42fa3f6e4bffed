"""Treatment records: delivered fractions."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicom_phantoms import CANARIES, SESSIONS, SMALL, UID, dose, ledger_of, treatment_record

SESSION = dose("FRACTION_SESSION", stored=SMALL)
SUMMARY = "1.2.840.10008.5.1.4.1.1.481.7"


def test_distinct_dates_and_numbers_are_counted(tmp_path: Path) -> None:
    records = [
        treatment_record(1),
        treatment_record(1, number=1, beams=(3,)),  # another beam of the same session
        treatment_record(2, date="20210402"),
        treatment_record(3, date="20210402"),  # twice a day
    ]
    ledger = ledger_of(tmp_path, SESSION, *records)
    assert (ledger["fractions"], ledger["source_of_fractions"]) == (3, "records")
    assert not any(c in str(ledger) for c in (*CANARIES, "20210402"))


@pytest.mark.parametrize("sop_class", list(SESSIONS))
def test_each_kind_of_record_counts(sop_class: str, tmp_path: Path) -> None:
    records = [treatment_record(k, sop_class=sop_class) for k in (1, 2)]
    assert ledger_of(tmp_path, SESSION, *records)["fractions"] == 2


def test_summaries_do_not_count(tmp_path: Path) -> None:
    records = [treatment_record(1), treatment_record(2, sop_class=SUMMARY)]
    ledger = ledger_of(tmp_path, SESSION, *records)
    assert ledger["fractions"] == 1
    assert any("summary records do not count" in w for w in ledger["warnings"])


def test_what_gave_no_dose_does_not_count(tmp_path: Path) -> None:
    stopped = treatment_record(3, beams=(1,))
    stopped.TreatmentSessionBeamSequence[0].DeliveredPrimaryMeterset = 0
    other = treatment_record(5, plan=f"{UID}.51")
    setup = treatment_record(2, delivery="SETUP")
    ledger = ledger_of(tmp_path, SESSION, treatment_record(1), setup, stopped, other)
    assert ledger["fractions"] == 1
    assert any(
        "2 delivered beams of treatment records name no plan" in w for w in ledger["warnings"]
    )


def test_interrupted_and_continued_fraction_is_one(tmp_path: Path) -> None:
    records = [
        treatment_record(1, status="MACHINE"),
        treatment_record(1, number=1, date="20210402", delivery="CONTINUATION"),
        treatment_record(2, date="20210403"),
    ]
    ledger = ledger_of(tmp_path, SESSION, *records)
    assert ledger["fractions"] == 2
    assert any("2 of 6 delivered beams did not end as NORMAL" in w for w in ledger["warnings"])
    assert any("1 sessions only continue" in w for w in ledger["warnings"])


def test_copies_of_a_record_and_blank_dates(tmp_path: Path) -> None:
    records = [treatment_record(k, date="") for k in (1, 2, 2)]
    assert ledger_of(tmp_path / "a", SESSION, *records)["fractions"] == 2
    nameless = treatment_record(1, date="")
    for beam in nameless.TreatmentSessionBeamSequence:
        beam.CurrentFractionNumber = None
    with pytest.raises(ValueError, match="neither row nor plan"):
        ledger_of(tmp_path / "b", SESSION, nameless)
