"""Scan: what it proposes against what was planted, and that it says nothing of who it is."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from dicom_phantoms import base, needs
from raw_exports import (
    PLANTED,
    REGISTRATION,
    RawPatient,
    code,
    day,
    native,
    patient,
    t2,
    unstated,
    write_mixed,
    write_nested,
)
from ricenet.cohort.tables import read_subjects
from ricenet.dicom import files, series
from ricenet.dicom.files import DicomFile
from ricenet.scan.command import main
from ricenet.scan.images import Series
from ricenet.scan.therapy import Therapy

CHANNELS = ("postop", "event", "dose")


def propose(capsys: pytest.CaptureFixture, folder: Path, *options: str) -> str:
    """What the program shows."""
    assert main([str(folder), *options]) == 0
    return capsys.readouterr().out


def rows(text: str) -> dict[str, dict[str, str]]:
    """Rows that are complete, read without the package."""
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    return {
        line[0]: dict(zip(lines[0], line + [""] * len(lines[0]), strict=False))
        for line in lines[1:]
    }


def incomplete(text: str) -> list[str]:
    return [line for line in text.splitlines() if " missing: " in line]


def order(count: int, prefix: str = "P") -> dict[str, int]:
    """Pseudonym to the number of the patient: by sha256 of PatientID."""
    digests = [hashlib.sha256(f"CANARY-ID-{k}".encode()).hexdigest() for k in range(count)]
    return {f"{prefix}{i + 1:03d}": int(k) for i, k in enumerate(np.argsort(digests))}


def plan_code(path: Path, raw: RawPatient, name: str) -> str:
    """First digits of the sha256 of the file that holds a plan."""
    uid = raw.objects[f"{name}-plan"][0].SOPInstanceUID
    found = [p for p in path.rglob("*") if p.is_file() and _uid(p) == uid]
    return hashlib.sha256(found[0].read_bytes()).hexdigest()[:8]


def _uid(path: Path) -> str:
    return pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID


@pytest.fixture(scope="module")
def patients(tmp_path_factory: pytest.TempPathFactory) -> list[RawPatient]:
    """Three patients; number 1 has treatment records."""
    scratch = tmp_path_factory.mktemp("scratch")
    found = [patient(scratch, number) for number in range(3)]
    found[1].add_records("second", [30 + k for k in range(33)])
    return found


@pytest.fixture(scope="module")
def nested(tmp_path_factory: pytest.TempPathFactory, patients: list[RawPatient]) -> Path:
    return write_nested(tmp_path_factory.mktemp("exports") / "nested", patients)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, patients: list[RawPatient]) -> Path:
    return write_mixed(tmp_path_factory.mktemp("exports") / "mixed", patients)


@pytest.mark.parametrize("layout", ["nested", "mixed"])
def test_every_choice_is_the_planted_one(
    layout: str, patients: list[RawPatient], request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    folder = request.getfixturevalue(layout)
    text = propose(capsys, folder)
    found = rows(text)
    assert len(found) == 3 and not incomplete(text)
    for subject, number in order(3).items():
        row, raw = found[subject], patients[number]
        chosen = {name: row[f"{name}_series"] for name in ("postop", "event", "ct")}
        assert chosen == {name: raw.series_code(name) for name in chosen}
        for name in chosen:
            place = files.find(Path(row[name]))[0]
            images = series.choose(place, wanted=row[f"{name}_series"], min_slices=3).images
            wanted = {item.SOPInstanceUID for item in raw.objects[name]}
            assert {f.header.SOPInstanceUID for f in images} == wanted
        name = "second" if number == 1 else "first"
        assert row["fractions"] == ("33" if number == 1 else "30")
        if layout == "nested":
            assert row["dose_plan"] == plan_code(folder, raw, name)
            held = {_uid(p) for p in Path(row["dose"]).iterdir()}
            assert {raw.objects[f"{n}-dose"][0].SOPInstanceUID for n in ("first", "second")} < held
        else:
            assert _uid(Path(row["dose"])) == raw.objects[f"{name}-dose"][0].SOPInstanceUID
            assert row["prescription_gy"] == "60" and not row["dose_plan"]
    assert text.count("the folder holds other patients too") == (3 if layout == "mixed" else 0)


def test_the_written_table_can_be_read(nested: Path, tmp_path: Path) -> None:
    out = tmp_path / "tables" / "subjects.tsv"
    out.parent.mkdir()
    assert main([str(nested), "--out", str(out), "--prefix", "HD-"]) == 0
    table = read_subjects(out, CHANNELS)
    assert list(table.index) == list(order(3, "HD-"))
    for column in (*CHANNELS, "ct"):
        assert all(not Path(cell).is_absolute() for cell in table[column])
        assert all((out.parent / cell).exists() for cell in table[column])


@pytest.mark.parametrize("layout", ["nested", "mixed"])
def test_nothing_of_a_person_is_shown(
    layout: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path, capfd: pytest.CaptureFixture,
) -> None:  # fmt: skip
    folder = request.getfixturevalue(layout)
    out = tmp_path / "out.tsv"
    assert main([str(folder), "--out", str(out)]) == 0
    shown = capfd.readouterr()
    for text in (out.read_text(), shown.out, shown.err):
        assert not [word for word in PLANTED if word in text.replace(str(tmp_path), "")]
    assert "WARNING" not in out.read_text()


def test_the_export_is_not_touched(nested: Path, capsys: pytest.CaptureFixture) -> None:
    def listing() -> list[tuple]:
        found = [nested, *nested.rglob("*")]
        return sorted((p, p.stat().st_mtime_ns, p.stat().st_size, p.stat().st_mode) for p in found)

    before = listing()
    propose(capsys, nested)
    assert listing() == before


@pytest.mark.parametrize("name", ["in.tsv", "A0000/in.tsv", "../nested/in.tsv"])
def test_out_inside_the_export_is_refused(
    nested: Path, name: str, capsys: pytest.CaptureFixture
) -> None:
    before = sorted(nested.rglob("*"))
    assert main([str(nested), "--out", str(nested / name)]) == 1
    assert "inside the export" in capsys.readouterr().err
    assert sorted(nested.rglob("*")) == before


def test_a_link_into_the_export_is_inside(
    nested: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "link").symlink_to(nested)
    assert main([str(nested), "--out", str(tmp_path / "link" / "in.tsv")]) == 1


def test_arguments_that_make_no_sense(
    nested: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "mine.tsv").write_text("kept")
    assert main([str(nested), "--out", str(tmp_path / "mine.tsv")]) == 1
    assert (tmp_path / "mine.tsv").read_text() == "kept"
    assert main([str(nested), "--prefix", "../x"]) == 1
    assert main([str(tmp_path / "nowhere")]) == 1
    assert main([str(nested), "--out", str(tmp_path / "no" / "x.tsv")]) == 1
    assert capsys.readouterr().err.count("ricenet scan:") == 4


def test_reasons_alternatives_and_days(
    nested: Path, patients: list[RawPatient], capsys: pytest.CaptureFixture
) -> None:
    text = propose(capsys, nested)
    subject = next(s for s, number in order(3).items() if number == 1)
    own = [line for line in text.splitlines() if line.startswith(f"# {subject} ")]
    find = {word: [x for x in own if word in x] for word in ("postop:", "event:", "ct:", "dose:")}
    assert (
        "day 0: the last contrast-enhanced T1 before radiotherapy (records)" in find["postop:"][0]
    )
    assert "day +366: the latest contrast-enhanced T1 after" in find["event:"][0]
    assert "day +22: shares the dose's frame of reference" in find["ct:"][0]
    assert "of 2: treatment records name its plan" in find["dose:"][0]
    assert any("33 from treatment records" in x for x in own)
    assert any("radiotherapy: day +30 to day +62, from the records" in x for x in own)
    later = [x for x in own if "alternative for event: " in x]
    assert len(later) == 1 and patients[1].series_code("followup") in later[0]
    assert "day +170" in later[0]
    assert f"# {subject} series: 7 MR (5 T1-weighted volumes, 4 with contrast agent), 2 CT" in own
    earlier = [x for x in own if "alternative for postop: " in x]
    assert len(earlier) == 1 and "day -40" in earlier[0]


def one(tmp_path: Path, capsys: pytest.CaptureFixture, raw: RawPatient) -> str:
    return propose(capsys, write_nested(tmp_path / "export", [raw]))


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> RawPatient:
    return patient(tmp_path_factory.mktemp("untouched"), 0)


@pytest.fixture
def raw(untouched: RawPatient) -> RawPatient:
    """One patient, to be changed."""
    return copy.deepcopy(untouched)


def test_without_event_the_row_is_a_comment(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    del raw.objects["event"], raw.objects["followup"]
    text = one(tmp_path, capsys, raw)
    assert not rows(text)
    assert "event" in incomplete(text)[0] and "postop" not in incomplete(text)[0]
    line = next(x for x in text.splitlines() if x.startswith("# incomplete: "))
    assert line.split(": ")[1].startswith("P001\t")
    (tmp_path / "t.tsv").write_text(text)
    assert len(read_subjects(tmp_path / "t.tsv", CHANNELS)) == 0


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        (("first-dose", "second-dose"), "dose"),
        (("postop", "preop"), "postop"),
        (("ct",), "a link of the dose with an image"),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture, gone: tuple, said: str
) -> None:
    for name in gone:
        del raw.objects[name]
    assert said in incomplete(one(tmp_path, capsys, raw))[0]


def test_a_registration_stands_in_for_the_planning_ct(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    del raw.objects["ct"]
    link = base(REGISTRATION, raw.origin.uid("reg"), "REG")
    link.FrameOfReferenceUID = raw.origin.uid("frame", "postop")
    item, registration, step = Dataset(), Dataset(), Dataset()
    step.FrameOfReferenceTransformationMatrix = [str(v) for v in np.eye(4).ravel()]
    step.FrameOfReferenceTransformationMatrixType = "RIGID"
    registration.MatrixSequence = [step]
    item.FrameOfReferenceUID = raw.origin.uid("frame", "planning")
    item.MatrixRegistrationSequence = [registration]
    link.RegistrationSequence = [item]
    raw.objects["reg"] = [link]
    text = one(tmp_path, capsys, raw)
    assert rows(text) and not incomplete(text)


def test_of_two_cts_in_the_frame_the_one_with_structures(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    raw.add(tmp_path / "more", "ctcontrast", 22, study="planning", slices=14)
    assert rows(one(tmp_path / "a", capsys, raw))["P001"]["ct_series"] == raw.series_code(
        "ctcontrast"
    ), "more slices"
    raw.add_structures("ct")
    text = one(tmp_path / "b", capsys, raw)
    assert rows(text)["P001"]["ct_series"] == raw.series_code("ct")
    assert "structures were drawn on it" in text


def test_doses_that_cannot_be_used_are_counted_by_reason(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    for name in ("first-dose", "second-dose"):
        raw.objects[name][0].DoseUnits = "RELATIVE"
    text = one(tmp_path, capsys, raw)
    assert text.count("DoseUnits are RELATIVE") == 1 and "# P001 2 objects not used: " in text


def test_two_approved_plans_are_for_a_person(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    raw.objects["second-plan"][0].ApprovalStatus = "APPROVED"
    text = one(tmp_path, capsys, raw)
    assert "dose" in incomplete(text)[0] and not rows(text)
    for name in ("first", "second"):
        assert plan_code(tmp_path / "export", raw, name) in text


def test_records_of_both_plans_add_them(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    raw.add_records("first", [30 + k for k in range(30)])
    raw.add_records("second", [70 + k for k in range(33)])
    for k, item in enumerate(raw.objects["second-records"]):
        item.SOPInstanceUID = item.file_meta.MediaStorageSOPInstanceUID = raw.origin.uid("r2", k)
    row = rows(one(tmp_path, capsys, raw))["P001"]
    delivered = {plan_code(tmp_path / "export", raw, "first"): "30"}
    delivered |= {plan_code(tmp_path / "export", raw, "second"): "33"}
    named = row["dose_plan"].split("+")
    assert set(named) == set(delivered)
    assert row["fractions"].split("+") == [delivered[code] for code in named]


def test_a_replaced_plan_does_not_count(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    new, old = raw.objects["second-plan"][0], raw.objects["first-plan"][0]
    new.ApprovalStatus = "APPROVED"
    relation = Dataset()
    relation.ReferencedSOPInstanceUID, relation.RTPlanRelationship = (
        old.SOPInstanceUID, "PREDECESSOR",
    )  # fmt: skip
    new.ReferencedRTPlanSequence = [relation]
    row = rows(one(tmp_path, capsys, raw))["P001"]
    assert row["dose_plan"] == plan_code(tmp_path / "export", raw, "second")
    assert row["fractions"] == "33"


def test_a_rejected_plan_alone_is_no_dose(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    del raw.objects["second-plan"], raw.objects["second-dose"]
    raw.objects["first-plan"][0].ApprovalStatus = "REJECTED"
    assert "dose" in incomplete(one(tmp_path, capsys, raw))[0]


def test_the_day_of_a_plan_that_does_not_count_is_no_day_of_radiotherapy(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    raw.objects["second-plan"][0].RTPlanDate = day(-20)
    row = rows(one(tmp_path, capsys, raw))["P001"]
    assert row["postop_series"] == raw.series_code("postop")


def test_records_and_plan_that_disagree(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    raw.add_records("first", [30 + k for k in range(28)])
    text = one(tmp_path, capsys, raw)
    assert "fractions" in incomplete(text)[0]
    assert "records show 28, the plan 30" in text


def test_records_decide_where_radiotherapy_began(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    raw.add(tmp_path / "more", "planningmr", 29)
    text = one(tmp_path / "a", capsys, raw)
    assert rows(text)["P001"]["postop_series"] == raw.series_code("postop"), "after the plan"
    raw.add_records("first", [30 + k for k in range(30)])
    text = one(tmp_path / "b", capsys, raw)
    assert rows(text)["P001"]["postop_series"] == raw.series_code("planningmr")


def test_the_first_day_itself(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    """A scan of the day of planning is before treatment, one of the first treatment is not."""
    raw.add(tmp_path / "more", "planningmr", 22)
    raw.add(tmp_path / "more", "firstday", 30)
    text = one(tmp_path / "a", capsys, raw)
    assert rows(text)["P001"]["postop_series"] == raw.series_code("planningmr")
    raw.add_records("first", [30 + k for k in range(30)])
    text = one(tmp_path / "b", capsys, raw)
    assert rows(text)["P001"]["postop_series"] == raw.series_code("planningmr")


def test_a_scan_within_the_estimated_course_is_no_event(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    for name in ("event", "followup"):
        del raw.objects[name]
    raw.add(tmp_path / "more", "during", 22 + 41)  # 30 fractions end 42 days after the plan
    assert "event" in incomplete(one(tmp_path, capsys, raw))[0]


def test_without_dates_the_frame_tells_the_postoperative_scan(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    for items in raw.objects.values():
        for item in items:
            for keyword in ("StudyDate", "SeriesDate", "ContentDate", "AcquisitionDate"):
                setattr(item, keyword, "19000101")
            if "RTPlanDate" in item:
                item.RTPlanDate = ""
    for item in raw.objects["postop"]:
        item.FrameOfReferenceUID = raw.origin.uid("frame", "planning")
    text = one(tmp_path, capsys, raw)
    assert raw.series_code("postop") in next(x for x in text.splitlines() if "P001 postop:" in x)
    assert "without a date" in text and "event" in incomplete(text)[0]


def test_t1_without_word_of_contrast_is_an_alternative_only(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    for item in raw.objects["event"]:
        unstated(item)
    text = one(tmp_path, capsys, raw)
    assert rows(text)["P001"]["event_series"] == raw.series_code("followup")
    line = next(x for x in text.splitlines() if "contrast agent not stated" in x)
    assert raw.series_code("event") in line and "day +366" in line


@pytest.mark.parametrize("change", [t2, native])
def test_other_sequences_are_never_chosen(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture, change
) -> None:
    for item in raw.objects["event"]:
        change(item)
    assert rows(one(tmp_path, capsys, raw))["P001"]["event_series"] == raw.series_code("followup")


@pytest.mark.parametrize(
    ("elements", "counts"),
    [
        ({"SeriesDescription": "T1 SE ax km", "ScanningSequence": "SE", "EchoTime": "12",
          "RepetitionTime": "550", "ContrastBolusAgent": ""}, True),
        ({"SeriesDescription": "t1_mprage_post gd", "ContrastBolusAgent": ""}, True),
        ({"SeriesDescription": "T1 post op", "ContrastBolusAgent": "NONE"}, False),
        ({"SeriesDescription": "x", "ScanningSequence": "EP"}, False),
        ({"SeriesDescription": "t1 subtraction"}, False),
        ({"SeriesDescription": "TOF angio"}, False),
        ({"SeriesDescription": "t1 flair +c", "ScanningSequence": ["SE", "IR"], "EchoTime": "20",
          "RepetitionTime": "2200", "InversionTime": "800"}, True),
        ({"SeriesDescription": "flair +c", "ScanningSequence": ["SE", "IR"], "EchoTime": "120",
          "RepetitionTime": "9000", "InversionTime": "2500"}, False),
        ({"SeriesDescription": "mprage gd", "EchoTime": None}, True),
        ({"SeriesDescription": "unknown", "EchoTime": None}, False),
        ({"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3}, False),
        ({"SeriesDescription": "t1 gd", "ScanningSequence": "SE", "EchoTime": "100"}, False),
        ({"SeriesDescription": "x"}, True),
    ],
)  # fmt: skip
def test_what_counts_as_t1_with_contrast(
    untouched: RawPatient, elements: dict, counts: bool
) -> None:
    found = Series("1.2.3")
    for item in untouched.objects["event"]:
        changed = copy.deepcopy(item)
        for keyword, value in ({"ProtocolName": ""} | elements).items():
            setattr(changed, keyword, value)
        found.add(DicomFile(Path("x"), "file 1", changed))
    assert (found.is_t1 and found.contrast is True) is counts


def test_few_slices_are_no_volume_and_one_file_is_its_own_place(untouched: RawPatient) -> None:
    found = Series("1.2.3")
    for k, item in enumerate(untouched.objects["event"]):
        assert not found.is_t1 or k >= 10
        found.add(DicomFile(Path("folder", f"{k}"), "file 1", item))
        assert found.place == (Path("folder") if k else Path("folder", "0"))
    assert found.is_t1 and found.slices == 12


def test_a_copy_of_a_dose_counts_once(tmp_path: Path, raw: RawPatient) -> None:
    therapy, item = Therapy(), raw.objects["first-dose"][0]
    for name in ("one", "two"):
        item.save_as(tmp_path / name, enforce_file_format=True)
        therapy.add(DicomFile(tmp_path / name, "file 1", item))
    assert len(therapy.doses) == 1


def test_of_two_scans_in_one_visit_the_volumetric_one(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    def flat(item: Dataset) -> None:
        item.MRAcquisitionType = "2D"

    raw.add(tmp_path / "more", "flat", 366, flat, study="event", slices=20)
    for item in raw.objects["event"]:
        item.MRAcquisitionType = "3D"
    text = one(tmp_path, capsys, raw)
    assert rows(text)["P001"]["event_series"] == raw.series_code("event")
    assert any(raw.series_code("flat") in x and "alternative" in x for x in text.splitlines())


@pytest.mark.parametrize(
    ("keyword", "value"), [("PatientBirthDate", "19550101"), ("PatientSex", "M")]
)
def test_one_number_and_two_persons(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture, keyword: str, value: str
) -> None:
    folder = write_nested(tmp_path / "export", [raw])
    path = next(p for p in sorted(folder.rglob("I*")) if "S1" in str(p))
    item = pydicom.dcmread(path)
    setattr(item, keyword, value)
    item.save_as(path)
    text = propose(capsys, folder)
    assert f"{keyword} differ" in incomplete(text)[0] and "19550101" not in text


def test_one_person_under_two_numbers(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    folder = write_nested(tmp_path / "export", [raw])
    for path in sorted(folder.rglob("I*")):
        item = pydicom.dcmread(path)
        if item.Modality in ("RTDOSE", "RTPLAN"):
            item.PatientID = "CANARY-OTHER"
            item.save_as(path)
    text = propose(capsys, folder)
    assert text.count("one person with two numbers?") == 2 and not rows(text)


def test_no_patient_id_at_all(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    folder = write_nested(tmp_path / "export", [raw])
    for path in sorted(folder.rglob("I*")):
        item = pydicom.dcmread(path)
        item.PatientID = ""
        item.save_as(path)
    assert "PatientID" in incomplete(propose(capsys, folder))[0]


def test_paths_that_name_the_patient_are_warned_of(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    text = propose(capsys, write_nested(tmp_path / "canary0_export", [raw]))
    assert "WARNING: a path holds the patient's name, number or birth date" in text
    assert rows(text)


@pytest.mark.parametrize("name", ["with\ttab", "with\nbreak", " "])
def test_paths_that_no_table_can_hold(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture, name: str
) -> None:
    text = propose(capsys, write_nested(tmp_path / name, [raw]), "--out", str(tmp_path / "t.tsv"))
    found = (tmp_path / "t.tsv").read_text() + text
    assert name == " " or "without tab, line break" in incomplete(found)[0]
    read_subjects(tmp_path / "t.tsv", CHANNELS)


def test_what_cannot_be_read_is_counted_by_kind(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    folder = write_nested(tmp_path / "export", [raw])
    for k in range(7):
        (folder / f"CANARY-{k}.dcm").write_bytes(b"no DICOM at all")
    (folder / "cut").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 40)
    for junk in ("DICOMDIR", ".hidden", "Thumbs.db", ".DS_Store"):
        (folder / junk).write_bytes(b"\0" * 128 + b"DICM")
    (folder / "CANARY.txt").write_text("a letter to CANARY")
    (folder / "CANARY.lnk").symlink_to(folder / "CANARY.txt")
    (folder / "loop").symlink_to(folder)
    text = propose(capsys, folder)
    assert "# 7 files unreadable: is named like DICOM but is not" in text
    assert "# 1 files unreadable: unreadable header" in text
    assert "# 4 files left alone: hidden or DICOMDIR" in text
    assert "# 2 files left alone: link or no regular file" in text
    assert "# 1 files left alone: no DICOM" in text
    assert rows(text) and "CANARY" not in text


def phase(item: Dataset) -> None:
    item.ImageType = ["ORIGINAL", "PRIMARY", "P", "ND"]


def component(item: Dataset) -> None:
    item.ComplexImageComponent = "PHASE"


def mosaic(item: Dataset) -> None:
    item.ImageType = ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (phase, "1 MR series not proposed: a phase image by its ImageType"),
        (component, "1 MR series not proposed: a phase image by its ComplexImageComponent"),
        (mosaic, "1 MR series not proposed: a mosaic (all slices of a volume tiled"),
    ],
)
def test_what_ingest_would_hold_is_not_proposed_and_named(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture, change, why: str
) -> None:
    """In one slice of the series only, and not in the first."""
    change(raw.objects["event"][4])
    text = one(tmp_path, capsys, raw)
    assert rows(text)["P001"]["event_series"] == raw.series_code("followup")
    assert why in text


def test_a_time_series_is_never_one_volume(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    """Three images at each of twelve places; a few copies under other names are no time series."""
    event = raw.objects["event"]
    copies = copy.deepcopy(event[:2])
    for item in copies:
        item.SOPInstanceUID += ".9"
    raw.objects["event"] = [*event, *copies]
    assert rows(one(tmp_path / "a", capsys, raw))["P001"]["event_series"] == raw.series_code(
        "event"
    )
    for t in (1, 2):
        for item in copy.deepcopy(event):
            item.SOPInstanceUID += f".{t}"
            raw.objects["event"].append(item)
    text = one(tmp_path / "b", capsys, raw)
    assert rows(text)["P001"]["event_series"] == raw.series_code("followup")
    assert "1 MR series not proposed: 38 images at 12 places, a time series, diffusion or" in text


def test_raw_data_of_a_series_is_no_slice_of_it(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    """It sorts first, and has the modality, rows and series of the image."""
    item = base("1.2.840.10008.5.1.4.1.1.66", raw.origin.uid("raw"), "MR")
    item.SeriesInstanceUID = raw.objects["event"][0].SeriesInstanceUID
    item.Rows, item.Columns = 6, 5
    raw.objects["event"].insert(0, item)
    text = one(tmp_path, capsys, raw)
    assert rows(text)["P001"]["event_series"] == raw.series_code("event")
    assert f"series {raw.series_code('event')}, 12 slices" in text.replace("3D, ", "")
    assert "# 1 files left alone: other DICOM objects" in text


def test_derived_scans_come_last_and_are_called_so(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    def reformatted(item: Dataset) -> None:
        item.ImageType = ["DERIVED", "SECONDARY", "REFORMATTED"]

    raw.add(tmp_path / "more", "reformat", 366, reformatted, study="event", slices=30)
    text = one(tmp_path, capsys, raw)
    assert rows(text)["P001"]["event_series"] == raw.series_code("event")
    (line,) = [x for x in text.splitlines() if raw.series_code("reformat") in x]
    assert "alternative for event" in line and "derived from others" in line


def test_no_progress_bar_where_there_is_no_terminal(
    nested: Path, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    assert main([str(nested), "--out", str(tmp_path / "t.tsv")]) == 0
    shown = capfd.readouterr()
    assert shown.err == "" and shown.out == ""


def test_an_empty_export(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "empty").mkdir()
    assert "no image, dose or plan of any patient" in propose(capsys, tmp_path / "empty")


def test_damaged_files_never_stop_it(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture
) -> None:
    folder, rng = write_nested(tmp_path / "export", [raw]), np.random.default_rng(6)
    paths = sorted(p for p in folder.rglob("I*"))
    for k, path in enumerate(paths):
        content = bytearray(path.read_bytes())
        for place in rng.integers(132, min(len(content), 1800), 12):
            content[place] = rng.integers(256)
        (folder / f"D{k}").write_bytes(content[: rng.integers(200, len(content))])
    text = propose(capsys, folder)
    assert "P001" in text and "Traceback" not in text


def test_an_element_that_cannot_be_converted_costs_its_file_only(
    tmp_path: Path, raw: RawPatient, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = Series.add

    def damaged(self: Series, file: DicomFile) -> None:
        if file.header.SOPInstanceUID == raw.objects["localiser"][0].SOPInstanceUID:
            raise TypeError("CANARY")
        add(self, file)

    monkeypatch.setattr(Series, "add", damaged)
    text = one(tmp_path, capsys, raw)
    assert "# 1 files unreadable: damaged element (TypeError) (file " in text
    assert rows(text) and "CANARY" not in text


def test_the_shared_data_end_without_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    folder = needs(".")
    main([str(folder), "--out", str(tmp_path / "t.tsv")])
    text = (tmp_path / "t.tsv").read_text()
    assert "files unreadable" in text and text.count("\nP") + text.count("# incomplete: P") > 5
    read_subjects(tmp_path / "t.tsv", CHANNELS)


def test_codes_are_those_of_the_table() -> None:
    assert code("1.2.3") == series.series_code("1.2.3")
    assert day(366) == "20210110"
