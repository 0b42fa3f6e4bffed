"""explain-dose: the ledger as text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dicom_phantoms import CANARIES, DOSE_SETTINGS, dose, plan, read_dose, write
from dose_objects import course, digests, refusal
from ricenet.ingest import explain_dose

SETTINGS = ("--settings", json.dumps(DOSE_SETTINGS))


def test_raw_folder_is_explained_and_nothing_written(tmp_path: Path, capsys) -> None:
    folder = write(tmp_path / "CANARY-raw", dose(), plan(prescription_gy=66.0))
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    explain_dose.main([str(folder), "--row", '{"fractions": "30"}', *SETTINGS])
    shown, errors = capsys.readouterr()
    for line in (
        "decisions: plan\n",
        "maximum of the course: 60.000 Gy\n",
        "fractions: 30 (from the row), 30 planned\n",
        "prescription: 66 Gy (from the plan)\n",
        "check dose-plausibility: 0.90",
        "0.9 to 1.15 expected: pass",
    ):
        assert line in shown
    assert errors == "" and not any(c in shown for c in (*CANARIES, str(tmp_path)))
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_record_is_explained_like_its_folder(tmp_path: Path, capsys) -> None:
    folder = write(tmp_path / "raw", *course())
    row = {"dose_plan": "+".join(digests(refusal(folder)).values())}
    facts = read_dose(folder, row)[1]
    record = tmp_path / "dose_native.json"
    record.write_text(json.dumps({"facts": facts}))
    explain_dose.main([str(record)])
    of_record = capsys.readouterr().out
    explain_dose.main([str(folder), "--row", json.dumps(row), *SETTINGS])
    assert of_record == capsys.readouterr().out == explain_dose.text(facts["ledger"])
    assert "plan-named-by-row, parts-added" in of_record and of_record.count("\nplan ") == 2


def test_failed_check_says_what_to_do(tmp_path: Path) -> None:
    facts = read_dose(write(tmp_path, dose(), plan(prescription_gy=30.0)))[1]
    assert "FAIL: taken for total, but the near-maximum" in explain_dose.text(facts["ledger"])


def test_shipped_settings_are_taken(tmp_path: Path, capsys) -> None:
    explain_dose.main([str(write(tmp_path, dose(), plan()))])
    assert "60.000 Gy" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["{}", "[]", "no json", '{"facts": {}}'])
def test_what_is_no_record_or_refused_ends_with_one_line(content: str, tmp_path: Path) -> None:
    record = tmp_path / "x.json"
    record.write_text(content)
    with pytest.raises(SystemExit, match="error: not the record of a dose"):
        explain_dose.main([str(record)])
    with pytest.raises(SystemExit, match="error: no RTDOSE among 1 DICOM objects"):
        explain_dose.main([str(write(tmp_path / "raw", plan())), *SETTINGS])
