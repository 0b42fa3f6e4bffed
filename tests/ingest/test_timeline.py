"""Timeline step: days by another calendar, each check passed and failed, no date written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset

from dicom_phantoms import (
    CANARIES,
    RT_PLAN,
    UID,
    base,
    dose,
    enhanced,
    plan,
    put_pixels,
    slice_of,
    write,
)
from ricenet.dicom.describe import series_code
from ricenet.ingest import timeline
from step_run import put, run_step

RECORD = "1.2.840.10008.5.1.4.1.1.481.4"
POSTOP_DAY, EVENT_DAY = "20210301", "20210904"
FIRST_DAY, LAST_DAY = "20210326", "20210506"


def scan(folder: Path, day: str, number: int, change: Callable | None = None) -> Path:
    """Three slices of noise, as a scanner gives them: no two visits agree."""
    rng = np.random.default_rng(number)
    slices = [slice_of(k) for k in range(3)]
    for k, data in enumerate(slices):
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"{UID}.{number}.{k}"
        data.SeriesInstanceUID, data.StudyInstanceUID = f"{UID}.{number}.8", f"{UID}.{number}.9"
        data.AcquisitionDate = data.StudyDate = day
        put_pixels(data, rng.integers(0, 999, (9, 7)).astype(np.int16))
        if change:
            change(data)
    return write(folder, *slices)


def record(day: str, number: int) -> FileDataset:
    data = base(RECORD, f"{UID}.60.{number}", "RTRECORD")
    data.TreatmentDate = day
    return data


def without_dates(data: Dataset) -> None:
    for keyword in ("AcquisitionDate", "StudyDate", "RTPlanDate"):
        if keyword in data:
            setattr(data, keyword, "19000101")


@pytest.fixture
def raw(tmp_path: Path) -> dict[str, Path]:
    """Images and doses of one person, in order."""
    rt_plan = plan()
    rt_plan.RTPlanDate = "20210315"
    rt = [dose(), rt_plan, record(FIRST_DAY, 1), record(LAST_DAY, 2)]
    return {
        "postop": scan(tmp_path / "CANARY-postop", POSTOP_DAY, 11),
        "event": scan(tmp_path / "CANARY-event", EVENT_DAY, 12),
        "dose": write(tmp_path / "CANARY-rt", *rt),
    }


def run(raw: dict[str, Path], folder: Path, visits: dict | None = None, **series: str) -> dict:
    names = [name for name in raw if name != "dose"]
    return run_step(
        timeline.main,
        folder / "study" / "timeline.json",
        images=[raw[name] for name in names],
        doses=[raw["dose"]],
        names=json.dumps(names),
        dose_names='["dose"]',
        series=json.dumps([series.get(name, "") for name in names]),
        visits=json.dumps(visits or {name: name for name in names if name != "ct"}),
    )


def verdicts(content: dict) -> dict[str, str]:
    return {check["check"]: check["verdict"] for check in content["checks"]}


def day_of(day: str) -> int:
    """Days after the baseline by numpy's calendar."""
    iso = [f"{d[:4]}-{d[4:6]}-{d[6:]}" for d in (POSTOP_DAY, day)]
    return int((np.datetime64(iso[1]) - np.datetime64(iso[0])).astype(int))


def test_a_sound_subject(raw: dict[str, Path], tmp_path: Path) -> None:
    content = run(raw, tmp_path)
    assert content["facts"] == {
        "days": {
            "postop": 0,
            "event": day_of(EVENT_DAY),
            "radiotherapy_first": day_of(FIRST_DAY),
            "radiotherapy_last": day_of(LAST_DAY),
        },
        "source_of_radiotherapy_days": "records",
        "unknown": [],
    }
    assert verdicts(content) == dict.fromkeys(
        ["postop-before-radiotherapy", "event-after-postop", "event-after-radiotherapy",
         "one-patient", "same-scan-twice"],
        "pass",
    )  # fmt: skip
    assert content["outputs"] == {}


def test_no_identity_in_what_is_written(
    raw: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    raw["event"] = scan(tmp_path / "CANARY2", POSTOP_DAY, 13, _other_person)
    run(raw, tmp_path)
    found = capfd.readouterr()
    texts = [found.out, found.err, (tmp_path / "study" / "timeline.json").read_text()]
    days = (POSTOP_DAY, EVENT_DAY, FIRST_DAY, LAST_DAY, "20210315")
    assert not [c for c in (*CANARIES, *days, "CANARY2") for text in texts if c in text]


def _other_person(data: Dataset) -> None:
    data.PatientID = "CANARY-OTHER"


@pytest.mark.parametrize(
    ("postop", "event", "failed"),
    [
        (EVENT_DAY, POSTOP_DAY, {"event-after-postop", "event-after-radiotherapy",
                                 "postop-before-radiotherapy"}),
        (POSTOP_DAY, "20210505", {"event-after-radiotherapy"}),
        (POSTOP_DAY, LAST_DAY, set()),
        (POSTOP_DAY, POSTOP_DAY, {"event-after-postop", "event-after-radiotherapy"}),
        (LAST_DAY, EVENT_DAY, set()),
        ("20210507", EVENT_DAY, {"postop-before-radiotherapy"}),
    ],
)  # fmt: skip
def test_order(
    raw: dict[str, Path], tmp_path: Path, postop: str, event: str, failed: set[str]
) -> None:
    raw |= {"postop": scan(tmp_path / "p", postop, 21), "event": scan(tmp_path / "e", event, 22)}
    found = verdicts(run(raw, tmp_path))
    assert {name for name, verdict in found.items() if verdict == "fail"} == failed


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("PatientID", "CANARY-2"), ("PatientBirthDate", "19450618"), ("PatientSex", "M")],
)
@pytest.mark.parametrize("where", ["event", "ct", "dose"])
def test_another_person(
    raw: dict[str, Path], tmp_path: Path, keyword: str, value: str, where: str
) -> None:
    def change(data: Dataset) -> None:
        setattr(data, keyword, value)

    if where == "dose":
        other = dose()
        change(other)
        raw["dose"] = write(tmp_path / "rt2", other, plan())
    else:
        raw[where] = scan(tmp_path / "other", EVENT_DAY, 31, change)
    content = run(raw, tmp_path)
    failed = [check for check in content["checks"] if check["verdict"] == "fail"]
    assert [check["check"] for check in failed] == ["one-patient"]
    assert keyword in failed[0]["advice"] and value not in failed[0]["advice"]


def test_elements_that_are_left_out_say_nothing(raw: dict[str, Path], tmp_path: Path) -> None:
    def blank(data: Dataset) -> None:
        data.PatientBirthDate = data.PatientSex = ""

    raw["event"] = scan(tmp_path / "e", EVENT_DAY, 32, blank)
    assert verdicts(run(raw, tmp_path))["one-patient"] == "pass"


def test_the_same_scan_twice(raw: dict[str, Path], tmp_path: Path) -> None:
    raw["event"] = scan(tmp_path / "again", EVENT_DAY, 11)  # same pixels, same series
    assert verdicts(run(raw, tmp_path))["same-scan-twice"] == "fail"


def test_the_same_pixels_under_other_uids(raw: dict[str, Path], tmp_path: Path) -> None:
    def renamed(data: Dataset) -> None:
        data.SeriesInstanceUID, data.StudyInstanceUID = f"{UID}.77", f"{UID}.78"

    raw["event"] = scan(tmp_path / "again", EVENT_DAY, 11, renamed)
    assert verdicts(run(raw, tmp_path))["same-scan-twice"] == "fail"


def test_one_series_with_other_pixels(raw: dict[str, Path], tmp_path: Path) -> None:
    def same_series(data: Dataset) -> None:
        data.SeriesInstanceUID = f"{UID}.11.8"

    raw["event"] = scan(tmp_path / "e", EVENT_DAY, 33, same_series)
    assert verdicts(run(raw, tmp_path))["same-scan-twice"] == "fail"


def test_empty_planes_may_agree(raw: dict[str, Path], tmp_path: Path) -> None:
    def empty_end(data: Dataset) -> None:
        if data.SOPInstanceUID.endswith(".2"):
            put_pixels(data, np.full((9, 7), 5, np.int16))

    raw |= {
        "postop": scan(tmp_path / "p", POSTOP_DAY, 34, empty_end),
        "event": scan(tmp_path / "e", EVENT_DAY, 35, empty_end),
    }
    assert verdicts(run(raw, tmp_path))["same-scan-twice"] == "pass"


def test_without_dates_the_checks_are_named_as_not_made(
    raw: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    raw["event"] = scan(tmp_path / "e", EVENT_DAY, 36, without_dates)
    content = run(raw, tmp_path)
    assert content["facts"]["unknown"] == ["event-after-postop", "event-after-radiotherapy"]
    assert "event" not in content["facts"]["days"]
    unmade = {name for name, verdict in verdicts(content).items() if verdict == "not made"}
    assert unmade == {"event-after-postop", "event-after-radiotherapy"}
    assert "check not made: event-after-postop: the headers hold no" in capfd.readouterr().err


def test_an_unknown_baseline_leaves_the_other_checks(raw: dict[str, Path], tmp_path: Path) -> None:
    raw["postop"] = scan(tmp_path / "p", POSTOP_DAY, 37, without_dates)
    content = run(raw, tmp_path)
    assert content["facts"]["days"] == {}
    assert content["facts"]["unknown"] == ["postop-before-radiotherapy", "event-after-postop"]
    assert verdicts(content)["event-after-radiotherapy"] == "pass"


def test_plan_then_dose_where_there_is_no_record(raw: dict[str, Path], tmp_path: Path) -> None:
    planned, other = plan(), plan(uid=f"{UID}.51")
    planned.RTPlanDate, other.RTPlanDate = "20210320", "20211224"
    raw["dose"] = write(tmp_path / "plan", dose(), planned, other)
    facts = run(raw, tmp_path)["facts"]
    assert facts["source_of_radiotherapy_days"] == "plan"
    assert facts["days"]["radiotherapy_last"] == day_of("20210320"), "the plan that the dose names"
    raw["dose"] = write(tmp_path / "dose", dose())
    facts = run(raw, tmp_path)["facts"]
    assert facts["source_of_radiotherapy_days"] == "dose"
    assert facts["days"]["radiotherapy_first"] == day_of("20210314")


@pytest.mark.parametrize(
    ("day", "objects", "verdict"),
    [
        ("20210425", (dose(), plan()), "pass"),  # 42 days: six weeks
        ("20210424", (dose(), plan()), "fail"),  # the last fractions are to come
        ("20210425", (dose(), plan(planned=(15,))), "pass"),
        ("20210425", (dose(),), "not made"),
        ("20210310", (dose(),), "fail"),
    ],
)
def test_without_records_the_planned_fractions_must_fit(
    raw: dict[str, Path], tmp_path: Path, day, objects, verdict
) -> None:
    """Plan and dose are of 2021-03-14."""
    raw["dose"] = write(tmp_path / "rt2", *objects)
    raw["event"] = scan(tmp_path / "e", day, 42)
    assert verdicts(run(raw, tmp_path))["event-after-radiotherapy"] == verdict


def test_converted_images_have_no_dates_but_digests(tmp_path: Path) -> None:
    rng, affine = np.random.default_rng(4), np.diag([2.0, 2, 2, 1])
    first, second, third = (rng.random((5, 4, 6)).astype(np.float32) for _ in range(3))
    raw = {
        "postop": put(tmp_path / "p.nii.gz", first, affine),
        "event": put(tmp_path / "e.nii.gz", second, affine),
        "dose": put(tmp_path / "d.nii.gz", third, affine),
    }
    content = run(raw, tmp_path)
    assert content["facts"]["days"] == {}
    assert content["facts"]["source_of_radiotherapy_days"] is None
    assert content["facts"]["unknown"][-1] == "one-patient"
    unmade = dict.fromkeys(content["facts"]["unknown"], "not made")
    assert verdicts(content) == unmade | {"same-scan-twice": "pass"}
    raw["event"] = put(tmp_path / "copy.nii.gz", first, affine)
    assert verdicts(run(raw, tmp_path)) == unmade | {"same-scan-twice": "fail"}


def test_what_cannot_be_compared_has_not_passed(raw: dict[str, Path], tmp_path: Path) -> None:
    """A converted image beside DICOM: neither its patient nor its stored values can be compared."""
    voxels = np.random.default_rng(5).random((5, 4, 6)).astype(np.float32)
    raw["event"] = put(tmp_path / "e.nii.gz", voxels, np.diag([2.0, 2, 2, 1]))
    found = verdicts(run(raw, tmp_path))
    assert found["one-patient"] == "pass"  # of the others
    assert found["one-patient-event"] == found["same-scan-twice"] == "not made"


def test_one_named_image_alone_proves_no_person(raw: dict[str, Path], tmp_path: Path) -> None:
    def anonymous(data: Dataset) -> None:
        data.PatientID = data.PatientBirthDate = data.PatientSex = ""

    raw["event"] = scan(tmp_path / "e", EVENT_DAY, 41, anonymous)
    affine, voxels = np.diag([2.0, 2, 2, 1]), np.ones((3, 4, 5), np.float32)
    raw["dose"] = put(tmp_path / "d.nii.gz", voxels, affine)
    assert verdicts(run(raw, tmp_path))["one-patient"] == "not made"


def test_only_the_named_series_of_a_folder_counts(raw: dict[str, Path], tmp_path: Path) -> None:
    mixed = tmp_path / "mixed"
    scan(mixed / "a", EVENT_DAY, 41)
    scan(mixed / "b", POSTOP_DAY, 42, _other_person)
    raw["event"] = mixed
    content = run(raw, tmp_path, event=series_code(f"{UID}.41.8"))
    assert content["facts"]["days"]["event"] == day_of(EVENT_DAY)
    assert "fail" not in verdicts(content).values()
    with pytest.raises(ValueError, match="event: no image of series 00000000"):
        run(raw, tmp_path, event="00000000")


def test_images_beside_the_dose_do_not_count(raw: dict[str, Path], tmp_path: Path) -> None:
    scan(raw["dose"] / "mr", "20210201", 51, _other_person)
    assert "fail" not in verdicts(run(raw, tmp_path)).values()


def test_an_enhanced_file_and_several_later_channels(raw: dict[str, Path], tmp_path: Path) -> None:
    late = enhanced()
    late.AcquisitionDateTime = f"{EVENT_DAY}101500.000000"
    late.StudyDate = "19000101"
    raw["late"] = write(tmp_path / "late", late) / "CANARY-0.dcm"
    content = run(raw, tmp_path)
    assert content["facts"]["days"]["late"] == day_of(EVENT_DAY)
    assert {"late-after-postop", "late-after-radiotherapy"} <= set(verdicts(content))


def test_a_path_that_is_not_there_stops_the_step(raw: dict[str, Path], tmp_path: Path) -> None:
    raw["event"] = tmp_path / "CANARY-nowhere"
    with pytest.raises(ValueError, match="does not exist") as error:
        run(raw, tmp_path)
    assert "CANARY" not in str(error.value)
    assert not (tmp_path / "study" / "timeline.json").exists()


def test_a_damaged_file_names_its_channel(raw: dict[str, Path], tmp_path: Path) -> None:
    (raw["event"] / "CANARY-0.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 50)
    with pytest.raises(ValueError, match="event: file 1 of 3"):
        run(raw, tmp_path)


def test_plans_are_told_by_class(raw: dict[str, Path], tmp_path: Path) -> None:
    assert plan().SOPClassUID == RT_PLAN
    content = run({**raw, "dose": write(tmp_path / "x", plan())}, tmp_path)
    assert content["facts"]["source_of_radiotherapy_days"] == "plan"


def test_the_day_of_the_planning_ct_is_free(raw: dict[str, Path], tmp_path: Path) -> None:
    raw["ct"] = scan(tmp_path / "ct", "20210201", 61)
    content = run(raw, tmp_path)
    assert "ct" not in content["facts"]["days"]
    assert set(verdicts(content).values()) == {"pass"} and len(content["checks"]) == 5


def test_sequences_of_one_visit_are_of_one_day(raw: dict[str, Path], tmp_path: Path) -> None:
    """A FLAIR of the event visit is after no MRI of it; one of another visit is seen."""
    visits = {"postop": "a", "event": "b", "flair": "b"}
    raw["flair"] = scan(tmp_path / "same-day", EVENT_DAY, 13)
    found = verdicts(run(raw, tmp_path / "1", visits))
    names = {"flair-after-postop", "flair-after-radiotherapy", "flair-with-event"}
    assert {found[name] for name in names} == {"pass"} and "event-with-event" not in found
    raw["flair"] = scan(tmp_path / "first-day", POSTOP_DAY, 14)
    found = verdicts(run(raw, tmp_path / "2", visits))
    assert {found[name] for name in names} == {"fail"}
    # beside the baseline: it must be before radiotherapy, too
    found = verdicts(run(raw, tmp_path / "3", visits | {"flair": "a"}))
    assert found["flair-before-radiotherapy"] == found["flair-with-postop"] == "pass"
    assert "flair-after-postop" not in found
