"""The checks of ingest_mri, by what stands in its record and log."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dicom_phantoms import DATA, needs, put_pixels, write_series
from ricenet.ingest import ingest_mri
from step_run import put, run_step


def ingested(raw: Path, folder: Path, **flags) -> tuple[dict[str, dict], dict, str]:
    """Checks by name, facts and log of a run."""
    out, log = folder / "sub" / "postop_native.nii.gz", folder / "log.txt"
    record = run_step(
        ingest_mri.main, out.with_suffix("").with_suffix(".json"), {"min_slices": 3},
        raw=raw, out=out, log=log, **flags,
    )  # fmt: skip
    return {c["check"]: c for c in record["checks"]}, record["facts"], log.read_text()


def failed(checks: dict[str, dict]) -> set[str]:
    return {name for name, check in checks.items() if check["verdict"] == "fail"}


GOOD = {
    "EchoTime": 2.5, "ScanningSequence": "GR", "ContrastBolusAgent": "Gd",
    "SliceThickness": 2.2, "SpacingBetweenSlices": 2.2, "MRAcquisitionType": "3D",
}  # fmt: skip


def series(folder: Path, *, keep=slice(None), **elements) -> Path:
    def change(planes):
        for plane in planes:
            for keyword, value in (GOOD | elements).items():
                setattr(plane, keyword, value)
        planes[:] = planes[keep]

    return write_series(folder, change, count=9)


def test_a_good_series_passes_every_check(tmp_path: Path) -> None:
    checks, facts, log = ingested(series(tmp_path / "raw"), tmp_path, image="postop")
    assert failed(checks) == set() and facts["unknown"] == ["dark-corners"]  # of nine slices
    assert set(checks) == {
        "modality", "image-type", "made-alike", "slices-announced", "slice-distance",
        "negative-values", "mask-like", "weighting", "dark-corners",
    }  # fmt: skip
    assert "check failed" not in log and "WARNING" not in log


@pytest.mark.parametrize(
    ("elements", "names"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "P"]}, {"image-type"}),
        ({"ComplexImageComponent": "PHASE"}, {"image-type"}),
        ({"ScanningSequence": ["EP", "RM"]}, {"image-type", "weighting"}),
        ({"ScanningSequence": "RM", "EchoTime": 40}, {"weighting"}),
        ({"RescaleIntercept": -520}, {"negative-values"}),
        ({"keep": slice(None, None, 2)}, {"slices-announced", "slice-distance"}),
        ({"keep": slice(2, None)}, {"slices-announced"}),
        ({"Modality": "CT"}, {"modality"}),
    ],
)
def test_what_is_held(elements, names, tmp_path: Path) -> None:
    checks, _, log = ingested(series(tmp_path / "raw", **elements), tmp_path, image="postop")
    assert failed(checks) == names
    for name in names:
        assert f"check failed: {name}" in log and 20 < len(checks[name]["advice"]) < 400


def test_an_mri_in_the_column_of_the_planning_ct_is_held(tmp_path: Path) -> None:
    checks, _, _ = ingested(series(tmp_path / "raw"), tmp_path, image="ct")
    assert failed(checks) == {"modality"} and "holds CT" in checks["modality"]["advice"]


def test_what_no_header_says_is_named_and_never_passes(tmp_path: Path) -> None:
    def silent(planes):
        for plane in planes:
            for keyword in ("ImageType", "InstanceNumber", "SliceThickness"):
                delattr(plane, keyword)
            del plane.SpacingBetweenSlices

    checks, facts, log = ingested(write_series(tmp_path / "raw", silent), tmp_path)
    names = ["image-type", "slices-announced", "slice-distance", "weighting", "dark-corners"]
    assert sorted(facts["unknown"]) == sorted(names)
    for name in names:
        assert checks[name]["verdict"] == "not made" and f"check not made: {name}: " in log


def test_padding_that_nothing_declares_is_refused(tmp_path: Path) -> None:
    def pad(planes):
        for plane in planes:
            stored = plane.pixel_array.copy()
            stored[:2, :2] = -32768
            put_pixels(plane, stored)

    with pytest.raises(ValueError, match=r"export it again with PixelPaddingValue.*-16394, far"):
        ingested(write_series(tmp_path / "raw", pad), tmp_path)


def test_loss_is_warned_of(tmp_path: Path) -> None:
    _, facts, log = ingested(series(tmp_path / "a", LossyImageCompression="01"), tmp_path)
    assert facts["lossy"] is True and "WARNING: the image was compressed with loss" in log
    _, facts, log = ingested(series(tmp_path / "b", LossyImageCompression="00"), tmp_path)
    assert facts["lossy"] is False and "WARNING" not in log


def test_long_lists_go_to_the_log(tmp_path: Path) -> None:
    def drop(planes):
        del planes[100]

    raw = write_series(tmp_path / "raw", drop, count=200)
    with pytest.raises(ValueError, match=r"4\.400 mm after slice 100") as caught:
        ingested(raw, tmp_path)
    assert len(str(caught.value)) < 400
    assert "slices lie at [0.0, 2.2, 4.4" in (tmp_path / "log.txt").read_text()


# --- converted -----------------------------------------------------------------------------------


def volume(change) -> np.ndarray:
    radius = np.linalg.norm(np.indices((24, 24, 24)) - 12, axis=0)
    noise = np.random.default_rng(2).uniform(0, 20, radius.shape)
    return change(np.where(radius < 9, 700.0, 0) + noise).astype(np.float32)


@pytest.mark.parametrize(
    ("change", "image", "names"),
    [
        (lambda a: a, "postop", set()),
        (lambda a: (a - a.mean()) / a.std(), "postop", {"negative-values"}),
        (lambda a: (a > 300).astype(float), "postop", {"mask-like"}),
        (lambda a: np.random.default_rng(1).uniform(0, 4095, a.shape), "event", {"dark-corners"}),
        (lambda a: a - 1000, "ct", set()),  # Hounsfield units
    ],
)
def test_values_of_converted_images(change, image: str, names, tmp_path: Path) -> None:
    raw = put(tmp_path / "raw.nii.gz", volume(change), np.eye(4))
    checks, facts, _ = ingested(raw, tmp_path, image=image)
    assert failed(checks) == names
    absent = ["modality", "made-alike", "slices-announced"]
    checked = ["negative-values", "mask-like", "dark-corners"]
    made = [name for name, check in checks.items() if check["verdict"] != "not made"]
    assert made == ([] if image == "ct" else checked)
    of_mri = [] if image == "ct" else ["image-type", "slice-distance", "weighting"]
    assert facts["unknown"] == [*absent, *of_mri]


# --- real series ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("siemens_phase_image_gre", {"image-type", "negative-values", "dark-corners"}),
        ("ge_epi_te40_rm", {"image-type", "weighting"}),
        ("philips_enhanced_t1_beside_raw_data", set()),
    ],
)
def test_real_cases(name: str, names, tmp_path: Path) -> None:
    raw = needs(f"input_cases/{name}/series")
    checks, facts, _ = ingested(raw, tmp_path, image="postop")
    assert failed(checks) == names
    assert facts["ignored_files"] == ("raw_data" in name)


def test_philips_enhanced_beside_raw_data_as_dcm2niix_reads_it() -> None:
    """Answers of the case's README (RAS+, axes may be reversed)."""
    needs("input_cases/philips_enhanced_t1_beside_raw_data")
    folder = DATA / "input_cases" / "philips_enhanced_t1_beside_raw_data" / "series"
    found, _ = ingest_mri.read(folder, min_slices=3)
    assert found.data.shape == (256, 256, 12)
    assert found.data.min() == 0 and found.data.mean() == pytest.approx(511.201, abs=1e-3)
    place = np.unravel_index(found.data.argmax(), found.data.shape)
    lies = (found.affine @ [*place, 1])[:3]
    np.testing.assert_allclose(lies, (-31.342, -76.237, -5.921), atol=1e-3)


@pytest.mark.parametrize("name", ["HFS", "HFP", "HFDL", "HFDR"])
def test_real_heads_pass_every_check(name: str, tmp_path: Path) -> None:
    checks, facts, _ = ingested(needs(f"mr_same_subject_two_positions/{name}"), tmp_path)
    assert failed(checks) == set() and facts["unknown"] == []


# --- sequences -----------------------------------------------------------------------------------

T2 = {"ScanningSequence": "SE", "EchoTime": 90, "RepetitionTime": 4000}
FLAIR = T2 | {"ScanningSequence": ["SE", "IR"], "InversionTime": 2500}
T1 = {"ScanningSequence": "SE", "EchoTime": 12, "RepetitionTime": 500, "ContrastBolusAgent": ""}
T1_INVERTED = T1 | {"ScanningSequence": "IR", "RepetitionTime": 2000, "InversionTime": 900}
PD = T2 | {"EchoTime": 15}
DIFFUSION = T2 | {"ScanningSequence": "EP"}
GIVEN = {"T2": T2, "FLAIR": FLAIR, "T1": T1, "T1ce": GOOD, "T1 inverted": T1_INVERTED, "PD": PD,
         "diffusion": DIFFUSION}  # fmt: skip
HELD = {  # of a channel, each series: the checks that fail
    "T1ce": {"T2": {"weighting", "repetition-time"}, "FLAIR": {"weighting"},
             "PD": {"repetition-time"}, "diffusion": {"weighting"}},
    "T1": {"T2": {"weighting", "repetition-time", "contrast-agent"},
           "FLAIR": {"weighting", "contrast-agent"}, "T1ce": {"contrast-agent"},
           "PD": {"repetition-time", "contrast-agent"},
           "diffusion": {"weighting", "contrast-agent"}},
    "T2": {"FLAIR": {"inversion-time"}, "T1": {"weighting"}, "T1ce": {"weighting"},
           "T1 inverted": {"weighting", "inversion-time"}, "PD": {"weighting"},
           "diffusion": {"weighting"}},
    "FLAIR": {"T2": {"inversion-time"}, "T1": {"weighting", "inversion-time"},
              "T1ce": {"weighting", "inversion-time"},
              "T1 inverted": {"weighting", "inversion-time"},
              "PD": {"weighting", "inversion-time"},
              "diffusion": {"weighting", "inversion-time"}},
}  # fmt: skip


@pytest.mark.parametrize("sequence", HELD)
def test_a_series_must_be_of_the_sequence_that_its_channel_declares(
    sequence: str, tmp_path: Path
) -> None:
    names = {"weighting", "repetition-time", "contrast-agent", "inversion-time"}
    for given, elements in GIVEN.items():
        raw = series(tmp_path / given, **elements)
        checks, _, _ = ingested(raw, tmp_path, image="event", sequence=sequence)
        assert failed(checks) & names == HELD[sequence].get(given, set()), given


def test_an_inversion_whose_time_is_not_known_is_no_proof(tmp_path: Path) -> None:
    raw = series(tmp_path / "raw", **T2 | {"ScanningSequence": ["SE", "IR"]})
    for sequence in ("T2", "FLAIR"):
        checks, _, _ = ingested(raw, tmp_path, image="event", sequence=sequence)
        assert checks["inversion-time"]["verdict"] == "not made" and failed(checks) == set()
