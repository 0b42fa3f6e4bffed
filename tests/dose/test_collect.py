"""Radiotherapy objects of a folder: by content, of one patient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dicom_phantoms import (
    CANARIES,
    UID,
    base,
    dose,
    plan,
    read_dose,
    registration,
    treatment_record,
    write,
)


def test_other_objects_are_counted_and_ignored(tmp_path: Path) -> None:
    structures = base("1.2.840.10008.5.1.4.1.1.481.3", f"{UID}.70", "RTSTRUCT")
    folder = write(tmp_path, dose(), plan(), structures, registration(f"{UID}.99", np.eye(4)))
    (folder / "notes.txt").write_text("CANARY")
    (folder / "CANARY-1.dcm").rename(folder / "RD-named-like-a-dose.bin")  # the plan
    facts = read_dose(folder)[1]
    assert facts["ignored_files"] == 2
    assert facts["ledger"]["fractions"] == 30


@pytest.mark.parametrize(
    "other",
    [
        dose("BEAM", number=2),
        plan(uid=f"{UID}.51"),
        treatment_record(1),
        registration(f"{UID}.99", np.eye(4)),
    ],
    ids=["dose", "plan", "record", "registration"],
)
@pytest.mark.parametrize(
    ("keyword", "value"),
    [("PatientID", "CANARY-2"), ("PatientBirthDate", "19450618"), ("PatientSex", "M")],
)
def test_object_of_another_patient_is_refused(other, keyword, value, tmp_path: Path) -> None:
    before = other.get(keyword)
    setattr(other, keyword, value)
    try:
        with pytest.raises(ValueError, match=f"several patients: {keyword} differ") as caught:
            read_dose(write(tmp_path, dose(), plan(), other))
    finally:
        setattr(other, keyword, before)
    assert not any(c in str(caught.value) for c in (*CANARIES, value, str(tmp_path)))


def test_plan_named_by_uid_may_carry_another_id(tmp_path: Path) -> None:
    renamed = plan()
    renamed.PatientID = "CANARY-2"
    facts = read_dose(write(tmp_path / "a", dose(), renamed))[1]
    assert any("PatientID differs" in w for w in facts["ledger"]["warnings"])
    renamed.StudyInstanceUID = f"{UID}.99"
    with pytest.raises(ValueError, match="several patients: PatientID"):
        read_dose(write(tmp_path / "b", dose(), renamed))


def test_no_dose_and_two_of_one_uid(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no RTDOSE among 1"):
        read_dose(write(tmp_path / "a", plan()))
    changed = dose()
    changed.DoseGridScaling = 0.25
    with pytest.raises(ValueError, match="same SOP Instance UID but differ"):
        read_dose(write(tmp_path / "b", dose(), changed))


def test_dose_of_several_plans_must_say_so(tmp_path: Path) -> None:
    data = dose()
    data.ReferencedRTPlanSequence.append(data.ReferencedRTPlanSequence[0])
    with pytest.raises(ValueError, match="a dose of 2 plans"):
        read_dose(write(tmp_path, data))
