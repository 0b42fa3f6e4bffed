"""Dates: which element counts, what is believed, differences checked with another calendar."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from pydicom.dataset import Dataset

from ricenet.dicom import dates

DAY = date(2021, 3, 14)


def header(**elements: str) -> Dataset:
    data = Dataset()
    for keyword, value in elements.items():
        setattr(data, keyword, value)
    return data


@pytest.mark.parametrize("text", ["20210314", " 20210314 ", "2021.03.14", "20210314101500.000000"])
def test_a_date_in_each_spelling_of_the_standard(text: str) -> None:
    assert dates.parse(text) == DAY


@pytest.mark.parametrize(
    "text",
    [
        "", "19000101", "00010101", "18000101", "99991231", "19700101", "11111111", "19111111",
        "20210230", "20211301", "2021", "202103", "2021-03-14", "20210314-20210401", "XXXXXXXX",
        "['20210314', '20210315']", "٢٠٢١٠٣١٤", "2021.0314", "20210314x", "nan",
    ],
)  # fmt: skip
def test_placeholders_and_damage_are_unknown(text: str) -> None:
    assert dates.parse(text) is None


def test_elements_count_in_the_order_of_closeness_to_the_scan() -> None:
    order = ["AcquisitionDate", "AcquisitionDateTime", "SeriesDate", "StudyDate", "ContentDate"]
    for known in range(len(order)):
        later = {k: f"2021010{i + 1}" for i, k in enumerate(order) if i >= known}
        blank = dict.fromkeys(order[:known], "")
        assert dates.acquired(header(**blank, **later)) == date(2021, 1, known + 1)
    assert dates.acquired(header(AcquisitionDate="19000101", StudyDate="20210314")) == DAY
    assert dates.acquired(header(PatientBirthDate="19450617")) is None


def test_plan_and_treatment_dates() -> None:
    assert dates.planned(header(RTPlanDate="20210314", StudyDate="20210101")) == DAY
    assert dates.planned(header(RTPlanDate="", StudyDate="20210314")) == DAY
    assert dates.treated(header(TreatmentDate="20210314")) == [DAY]
    summary = header(FirstTreatmentDate="20210314", MostRecentTreatmentDate="20210420")
    assert dates.treated(summary) == [DAY, date(2021, 4, 20)]
    assert dates.treated(header(TreatmentDate="never", StudyDate="20210314")) == []


def test_a_damaged_element_is_unknown_not_a_traceback() -> None:
    class Damaged(dict):
        def get(self, keyword: str) -> str:
            raise RuntimeError("20210314")

    assert dates.acquired(Damaged()) is None and dates.treated(Damaged()) == []


def test_the_best_source_of_radiotherapy_counts_alone() -> None:
    early, late = date(2020, 1, 1), date(2022, 1, 1)
    best = dates.radiotherapy([None, DAY, date(2021, 4, 2)], [early], [late])
    assert best == dates.Radiotherapy(DAY, date(2021, 4, 2), "records")
    assert dates.radiotherapy([None], [early], [late]).source == "plan"
    assert dates.radiotherapy([], [None], [late]) == dates.Radiotherapy(late, late, "dose")
    assert dates.radiotherapy([], [], [None]) is None


def test_days_between_agrees_with_numpy() -> None:
    other = date(2024, 2, 29)
    expected = (np.datetime64("2024-02-29") - np.datetime64("2021-03-14")).astype(int)
    assert dates.days_between(DAY, other) == expected == -dates.days_between(other, DAY)
    assert dates.days_between(None, DAY) is None and dates.days_between(DAY, None) is None
