"""label_list: a hospital's list fills in labels and chooses the event scan by its day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from raw_exports import RawPatient, day, patient, write_nested
from ricenet.scan import label_list
from ricenet.scan.command import main


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> list[RawPatient]:
    scratch = tmp_path_factory.mktemp("scratch")
    return [patient(scratch, number) for number in range(3)]


def test_labels_and_event_scans_are_those_of_the_list(
    three: list[RawPatient], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """One is on the day of the list, one of no day, one two days beside the scan."""
    write_nested(tmp_path / "export", three)
    path = tmp_path / "list.csv"
    pd.DataFrame({
        "patient_id": ["CANARY-ID-0", "CANARY-ID-1", "CANARY-ID-2", "CANARY-ID-9"],
        "label": ["rice", "recurrence", "RICE", ""],
        "event_date": [day(170), "", day(368), day(5)],
    }).to_csv(path, index=False, sep=";")  # fmt: skip
    assert main([str(tmp_path / "export"), "--labels", str(path)]) == 0
    text = capsys.readouterr().out
    lines = [line.split("\t") for line in text.splitlines() if line[0] != "#"]
    rows = {Path(row["postop"]).parts[-2]: row for row in
            (dict(zip(lines[0], line, strict=False)) for line in lines[1:])}  # fmt: skip
    assert {name: row["label"] for name, row in rows.items()} == {
        "A0000": "RICE", "A0001": "recurrence",
    }  # fmt: skip
    assert rows["A0000"]["event_series"] == three[0].series_code("followup")
    assert rows["A0001"]["event_series"] == three[1].series_code("event")
    assert "event: " in text and "the nearest is -2 days from it" in text
    assert "missing: event" in text and "1 of the 4 patients of the list are not in" in text
    assert "CANARY" not in text and day(170) not in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("patient,label\n1,RICE\n", r"missing: \['patient_id'\].*did you mean 'patient_id'"),
        ("patient_id,label\n1,rise\n", r"row 1 of list\.csv: label 'rise' is not among"),
        ("patient_id,label\n1,RICE\n1,RICE\n", "row 2 .*another row"),
        ("patient_id,label,event_date\n1,RICE,31.03.2024\n", "row 1 .*year, month and day"),
        ("patient_id,label\n31.03,RICE,more\n", r"list\.csv is no table"),
        ('patient_id,label\n"31.03,RICE\n', r"list\.csv is no table"),
    ],
)
def test_a_slip_is_named_by_its_row_without_number_or_date(
    text: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        label_list.read(path)
    assert "31.03" not in str(caught.value)


def test_days_are_read_as_written_by_people_and_by_dicom(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("patient_id\tlabel\tevent_date\n1\t\t2024-03-31\n2\t\t20240331\n")
    assert {listed.event for listed in label_list.read(path).values()} == {date(2024, 3, 31)}
