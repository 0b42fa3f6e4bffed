"""40 canaries in raw headers occur nowhere; each kind of identity is found where it is planted."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dicom_phantoms import CANARIES, MR, base, write
from finished_study import Finished
from ricenet.audit import identities, privacy, texts
from ricenet.audit.records import Problem
from ricenet.ingest import ingest_dose, ingest_mri, timeline
from step_run import run_step

# keyword: what stands in it; 40 with the folder's name. PS3.15 table E.1-1 is where they come from.
PLANTED = {
    "PatientName": "Canaryov^Ida^Maria^Dr",
    "PatientID": "CNRY-4711",
    "OtherPatientIDs": "CNRY-0815",
    "PatientBirthDate": "19430617",
    "PatientBirthName": "Finchley^Ida",
    "PatientMotherBirthName": "Sparrowe",
    "PatientAddress": "7 Canary Wharf",
    "PatientTelephoneNumbers": "+49 555 4711",
    "PatientComments": "CNRY comment on the person",
    "AdditionalPatientHistory": "CNRY history of the person",
    "Occupation": "CNRY lighthouse keeper",
    "MilitaryRank": "CNRY corporal",
    "EthnicGroup": "CNRY ethnic group",
    "PatientReligiousPreference": "CNRY religion",
    "MedicalRecordLocator": "CNRY-locator-9",
    "CountryOfResidence": "CNRY country",
    "RegionOfResidence": "CNRY region",
    "AccessionNumber": "CNRY-ACC-1",
    "StudyID": "CNRY-STUDY",
    "StudyDate": "20190314",
    "SeriesDate": "20190315",
    "AcquisitionDateTime": "20190316101112",
    "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.4711.1",
    "SeriesInstanceUID": "1.2.826.0.1.3680043.8.498.4711.2",
    "SOPInstanceUID": "1.2.826.0.1.3680043.8.498.4711.3",
    "FrameOfReferenceUID": "1.2.826.0.1.3680043.8.498.4711.4",
    "DeviceUID": "1.2.826.0.1.3680043.8.498.4711.5",
    "ReferringPhysicianName": "Wrenfield^Otto",
    "PerformingPhysicianName": "Larkspurn^Emil",
    "OperatorsName": "Magpieski^Ada",
    "PhysiciansOfRecord": "Jaybirdly^Kurt",
    "InstitutionName": "CNRY General Hospital",
    "InstitutionAddress": "CNRY Hospital Road 1",
    "InstitutionalDepartmentName": "CNRY Radiology",
    "StationName": "CNRYSTATION",
    "DeviceSerialNumber": "CNRY-SN-77",
    "StudyDescription": "CNRY study description",
    "SeriesDescription": "CNRY series description",
    "ProtocolName": "CNRY protocol name",
}
FOLDER = "CNRY_Ida_19430617"


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file with everything in it, in a folder that says it again."""
    data = pydicom.Dataset()
    for keyword, value in PLANTED.items():
        setattr(data, keyword, value)
    full = base(MR, PLANTED["SOPInstanceUID"], "MR")
    full.update(data)
    return write(tmp_path_factory.mktemp("raw") / FOLDER, full)


def of(found: identities.Identities, text: str) -> list[str]:
    return [kind.removesuffix(" of the raw data") for kind in found.within(text)]


# --- the search itself ----------------------------------------------------------------------------


def test_forty_identities_are_known_and_found_in_any_text(raw: Path) -> None:
    assert len(PLANTED) + 1 == 40
    found = identities.collect(raw, allowed=())
    for keyword, value in PLANTED.items():
        text = f'{{"note": "seen: {value[:8] if "DateTime" in keyword else value}, then"}}'
        assert of(found, text), keyword
    assert of(found, "see Canaryov for it") == ["a name"]
    assert of(found, "see canaryov for it") == ["a name"]
    assert of(found, str(raw / "x.dcm")) and not of(found, "Canaryovs, uncanaryov, nothing")


def test_pseudonyms_and_standard_uids_are_no_identities(raw: Path) -> None:
    found = identities.collect(raw, allowed=["CNRY-4711"])
    assert not of(found, "results of CNRY-4711")
    assert not of(found, "stored as 1.2.840.10008.5.1.4.1.1.4")


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("made of 1.2.826.0.1.3680043.8.498.1", ["a UID"]),
        ("version 2.13.0, address 10.0.0.1", []),
        ("taken on 2021-03-14", ["a date"]),
        ("taken on 14.03.2021", ["a date"]),
        ("taken 20210314", ["a date"]),
        ("taken 20210314T101112", ["a date"]),
        ("loss 0.20210314, code a20210314f, seed 20261399", []),
        ("Doe^John", ["a name"]),
        ("x^2 and 2^10", []),
        ("read /home/jd/scans/1.dcm", ["an absolute path"]),
        (r"read C:\Users\jd\scan", ["an absolute path"]),
        ("../../caches/S1.npy, mean/sd/n, and/or, https://arxiv.org/abs/2603.11827", []),
    ],
)
def test_patterns(text: str, kinds: list[str]) -> None:
    assert privacy.search(text, None) == kinds


# --- what the workflow writes ---------------------------------------------------------------------


def test_nothing_of_the_raw_headers_is_in_a_finished_study(small_study: Finished) -> None:
    assert privacy.problems(small_study.root, against=small_study.folder / "raw", processes=2) == []
    for path in small_study.root.rglob("*"):  # and without any parser
        content = path.read_bytes() if path.is_file() else b""
        content = gzip.decompress(content) if path.name.endswith(".gz") else content
        assert not [c for c in CANARIES if c.encode() in content], path.name


def test_planted_headers_leave_no_trace(small_study: Finished, raw: Path, tmp_path: Path) -> None:
    """The 40 in every file of a subject; its ingest steps run for real."""
    source = small_study.folder / "raw" / "CANARY1"
    folder = tmp_path / FOLDER
    for path in sorted(source.rglob("*.dcm")):
        data = pydicom.dcmread(path)
        for keyword, value in PLANTED.items():
            if keyword not in ("SOPInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
                setattr(data, keyword, value)
        target = folder / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        data.save_as(target)
    root = tmp_path / "study"
    subject = root / "subjects" / "S1"
    log = root / "logs" / "S1"
    for name in ("postop", "event"):
        run_step(ingest_mri.main, subject / f"{name}_native.json", {"min_slices": 3}, series="",
                 raw=folder / name, out=subject / f"{name}_native.nii.gz",
                 log=log / f"{name}.log")  # fmt: skip
    limits = {"min_fractions": 1, "max_fractions": 60, "max_total_gy": 100.0}
    run_step(ingest_dose.main, subject / "dose_native.json", limits, raw=folder / "rt", row="{}",
             out=subject / "dose_native.nii.gz", log=log / "dose.log")  # fmt: skip
    run_step(timeline.main, subject / "timeline.json", images=[folder / "postop", folder / "event"],
             doses=[folder / "rt"], names='["postop", "event"]', dose_names='["dose"]',
             series='["", ""]', visits='{"postop": "a", "event": "b"}',
             log=log / "timeline.log")  # fmt: skip
    # a file that cannot be read: the message goes to the log
    broken = sorted((folder / "event").iterdir())[3]
    broken.write_bytes(broken.read_bytes()[:-100])
    with pytest.raises(ValueError):
        run_step(ingest_mri.main, subject / "x.json", {"min_slices": 3}, series="",
                 raw=folder / "event", out=subject / "x.nii.gz", log=log / "x.log")  # fmt: skip
    assert len(list(root.rglob("*.*"))) == 13
    assert privacy.problems(root, against=folder, processes=1) == []
    known = identities.collect(raw, allowed=())
    for path in root.rglob("*.*"):
        content = path.read_bytes()
        content = gzip.decompress(content) if path.name.endswith(".gz") else content
        assert not known.within(content.decode("latin1")), path.name
        assert FOLDER.encode() not in content


# --- planted in an output -------------------------------------------------------------------------


def in_json(root: Path, text: str) -> str:
    path = root / "subjects/S1/crop.json"
    content = json.loads(path.read_text())
    content["facts"]["deep"] = [{"note": f"from {text} on"}]
    path.write_text(json.dumps(content))
    return "subjects/S1/crop.json"


def append(name: str, form: str = "{}\n") -> Callable[[Path, str], str]:
    def plant(root: Path, text: str) -> str:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(form.format(text))
        return name

    return plant


def in_nifti(field: str) -> Callable[[Path, str], str]:
    def plant(root: Path, text: str) -> str:
        name = "subjects/S1/event_native.nii.gz"
        image = nib.load(root / name)
        if field == "extension":
            image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", text.encode()))
        else:
            image.header[field] = text[:20].encode()
        nib.save(nib.Nifti1Image(np.asarray(image.dataobj), None, image.header), root / name)
        return name

    return plant


def in_gzip_name(root: Path, text: str) -> str:
    name = "subjects/S1/event_native.nii.gz"
    content = gzip.decompress((root / name).read_bytes())
    with (root / name).open("wb") as file, gzip.GzipFile(text + ".nii", "wb", 1, file) as packed:
        packed.write(content)
    return name


def in_png(root: Path, text: str) -> str:
    info = PngInfo()
    info.add_text("Comment", text, zip=True)
    name = "subjects/S1/overview.png"
    with Image.open(root / name) as image:
        image.load()
        image.save(root / name, pnginfo=info)
    return name


def in_model(root: Path, text: str) -> str:
    from safetensors.numpy import save_file

    name = "cohorts/c1/event/fold-0/model.safetensors"
    save_file({"w": np.zeros(2, np.float32)}, root / name, metadata={"note": text})
    return name


def in_name(root: Path, text: str) -> str:
    name = f"subjects/S1/{text}.txt"
    (root / name).write_text("nothing\n")
    return name


PLACES = {
    "record": in_json,
    "table": append("subjects/S1/quality.tsv", "x\t{}\ty\n"),
    "log": append("logs/S1/event_crop.log"),
    "benchmark": append("benchmarks/S1/crop.tsv"),
    "page": append("cohorts/c1/report/index.html", "<p>made of {} here</p>"),
    "attribute of a page": append("cohorts/c1/report/index.html", '<p title="{}">x</p>'),
    "comment of a page": append("cohorts/c1/report/index.html", "<!-- {} -->"),
    "transform": append("subjects/S1/postop_to-event.tfm", "# {}\n"),
    "NIfTI description": in_nifti("descrip"),
    "NIfTI file name": in_nifti("aux_file"),
    "NIfTI extension": in_nifti("extension"),
    "name in gzip": in_gzip_name,
    "picture": in_png,
    "model": in_model,
    "file name": in_name,
}
KINDS = {
    "Doe^John": "a name",
    "1.2.826.0.1.36800": "a UID",
    "20210917": "a date",
    "Canaryov": "a name of the raw data",
    "CNRY-4711": "an id of the raw data",
}


@pytest.fixture
def root(small_study: Finished, tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    for part in ("subjects/S1", "logs/S1", "cohorts/c1/event", "cohorts/c1/report"):
        shutil.copytree(small_study.root / part, folder / part)
    return folder


@pytest.mark.parametrize("place", PLACES)
def test_identity_in_an_output_is_found(place: str, root: Path, raw: Path) -> None:
    known = identities.collect(raw, allowed=())
    for text, kind in KINDS.items():
        name = PLACES[place](root, text)
        assert kind in {hit.kind for hit in privacy.of_file(root, known, name)}, text


def test_what_is_found_is_not_repeated(root: Path, raw: Path) -> None:
    for text in KINDS:
        in_json(root, text)
        append("logs/S1/event_crop.log")(root, text)
    found = privacy.problems(root, against=raw, processes=1)
    assert {p.file for p in found} == {"subjects/S1/crop.json", "logs/S1/event_crop.log"}
    assert not [p for p in found for text in KINDS if text in p.why]
    assert Problem("logs/S1/event_crop.log", "private", "a UID in line 2") in found


def test_sizes_and_versions_are_no_dates() -> None:
    content = {"bytes": 20210314, "versions": {"x": "2021.03.14"}, "when": 20210314}
    pieces = [text for _, text in texts.of_json(content, "")]
    assert pieces == ["bytes", "versions", "when", "20210314"]
