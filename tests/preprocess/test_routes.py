"""routes: which image a dose follows, and what happens where the images that claim it disagree."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest

from grids import mapped, rigid, scipy_sampled
from registrations import on_isotropic
from ricenet.image import transforms
from ricenet.image.volume import Volume, load, save
from ricenet.ingest import ingest_dose, ingest_mri
from ricenet.phantom.files import make_subject
from ricenet.preprocess import align, routes
from step_run import run_step

CONFIG = {
    "ingest_mri": {"min_slices": 3},
    "ingest_dose": {"min_fractions": 1, "max_fractions": 60, "max_total_gy": 100.0},
    "align": {"mri_interpolator": "linear"},
}


def dose_of(frame: str | None, *links: dict, **facts) -> dict:
    return {"frame": frame, "registrations": list(links), **facts}


def images(**frames: str | None) -> dict:
    return {name: {"frame": frame} for name, frame in frames.items()}


# --- claims --------------------------------------------------------------------------------------


def test_every_image_of_the_frame_claims_and_images_without_frame_do_not() -> None:
    (claim,) = routes.claims(dose_of("f"), images(postop=None, event="f", ct="other"))
    assert (claim.image, claim.how, claim.linked) == ("event", routes.FRAME, False)
    found = routes.claims(dose_of("f"), images(postop="f", event="f", ct="f"))
    assert [c.image for c in found] == ["postop", "event", "ct"]


def test_missing_identifiers_agree_with_nothing() -> None:
    """No frame is not the same frame, and no study is not the same study."""
    with pytest.raises(ValueError, match=r"none of \['postop'\]; give the planning CT"):
        routes.claims(dose_of(None), images(postop=None))
    facts = {"postop": {"frame": "f", "study": None}}
    assert not routes.claims(dose_of("f", studies=[]), facts)[0].own_study
    assert not routes.claims(dose_of("f"), facts)[0].own_study


def test_the_row_comes_first_and_the_headers_are_compared_with_it() -> None:
    with pytest.raises(ValueError, match=r"dose_frame is 'flair', .*\['postop'\]"):
        routes.claims(dose_of("image:flair"), images(postop="f"))
    found = routes.claims(
        dose_of("image:postop", own_frame="f"), images(postop=None, event="f", ct="f")
    )
    assert [(c.image, c.how) for c in found] == [
        ("postop", routes.ROW), ("event", routes.FRAME), ("ct", routes.FRAME),
    ]  # fmt: skip


def test_a_registration_object_is_a_claim_beside_a_common_frame() -> None:
    matrix = rigid((0, 0, 30), (5, 0, 0))
    link = {"from": "f", "to": "g", "matrix": matrix.tolist()}
    found = routes.claims(dose_of("f", link), images(postop="g", event="h", ct="f"))
    assert [(c.image, c.how) for c in found] == [
        ("ct", routes.FRAME), ("postop", routes.OBJECT),
    ]  # fmt: skip
    np.testing.assert_allclose(found[1].matrix, matrix)


def test_paths() -> None:
    pairs = [("postop", "event"), ("ct", "postop")]
    assert routes.path_to_reference("ct", "event", pairs) == [1, 0]
    assert routes.path_to_reference("event", "event", pairs) == []
    with pytest.raises(ValueError, match="no transform leads from 'flair'"):
        routes.path_to_reference("flair", "event", pairs)
    with pytest.raises(ValueError, match="no transform leads"):
        routes.path_to_reference("a", "event", [("a", "b"), ("b", "a")])


# --- how far apart, and which one ----------------------------------------------------------------


def test_distance_is_that_of_the_places_where_a_point_is_found() -> None:
    """By hand: one way is the identity, the other turns 90 degrees about z and shifts by 1 mm."""
    other = rigid((0, 0, 90), (0, 0, 1))
    ways = [transforms.from_matrix_ras(m) for m in (np.eye(4), other)]
    points = np.array([[0.0, 0, 7], [3, 0, 0], [0, 4, 2]])
    found = routes.apart_mm(ways, points)
    np.testing.assert_allclose(found, np.array([[0, 1], [1, 0]]) * np.sqrt(2 * 4**2 + 1))


def claim(image: str, *, how: str = routes.FRAME, own: bool = False) -> routes.Claim:
    return routes.Claim(image, how, np.eye(4), own)


def chosen(*found: routes.Claim, mm: float) -> str:
    distances = mm * (1 - np.eye(len(found)))
    return found[routes.choose(found, distances, limit_mm=3.0)].image


def test_first_where_all_agree_else_own_study_else_planning_ct() -> None:
    postop, event, ct = claim("postop"), claim("event"), claim("ct")
    assert chosen(postop, event, ct, mm=2.9) == "postop"
    assert chosen(postop, event, ct, mm=3.1) == "ct"
    assert chosen(postop, claim("event", own=True), ct, mm=3.1) == "event"
    # one study for all, too: a dose is calculated on the planning CT
    assert chosen(claim("postop", own=True), claim("ct", own=True), mm=3.1) == "ct"
    assert chosen(postop, event, mm=3.1) == "postop"
    assert chosen(claim("event", how=routes.ROW), claim("ct", own=True), mm=3.1) == "event"


def test_what_rests_on_one_claim_alone_is_said() -> None:
    def said(*found: routes.Claim, contradicted: bool = False) -> str:
        return "; ".join(routes.warnings_of(found, len(found) - 1, contradicted=contradicted))

    assert said(claim("ct", own=True)) == ""
    assert said(claim("postop", how=routes.ROW)) == ""
    assert "not checked" in said(claim("postop", own=True))
    assert "not checked" in said(claim("ct"))
    assert said(claim("postop"), claim("ct")) == ""
    assert "it follows ct" in said(claim("postop"), claim("ct", own=True), contradicted=True)


@pytest.mark.parametrize(
    ("found", "unproved"),
    [
        ([claim("postop")], True),  # what de-identification writes, too
        ([claim("postop", own=True)], True),
        ([claim("postop", how=routes.OBJECT)], True),
        ([claim("postop"), claim("event")], True),  # resampled to each other, they agree
        ([claim("postop", how=routes.ROW), claim("event")], False),  # a person's word
        ([claim("postop"), claim("ct", own=True)], False),
        ([claim("postop"), claim("ct")], True),
        ([claim("ct")], True),  # of another study: perhaps another CT
    ],
)
def test_mri_alone_are_no_witness_of_a_doses_place(
    found: list[routes.Claim], unproved: bool
) -> None:
    assert routes.without_witness(found) == unproved


def test_planning_ct_of_the_doses_own_study_needs_no_comparison() -> None:
    assert not routes.not_compared([claim("ct", own=True)])


# --- from DICOM to the dose on the reference grid ------------------------------------------------


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_subject(
        tmp_path_factory.mktemp("p"), 0, seed=7, canvas_mm=2.0, scale=2.0, nifti=False
    )


def one_frame(source: Path, target: Path, *names: str) -> Path:
    """Copy a patient; the series of these names get the frame of reference of the dose."""
    target.mkdir(parents=True)
    uid = pydicom.dcmread(source / "rt" / "RD.dcm", stop_before_pixels=True).FrameOfReferenceUID
    for file in sorted(source.rglob("*.dcm")):
        data, folder = pydicom.dcmread(file), file.parent.name
        if folder in names:
            data.FrameOfReferenceUID = uid
        (target / folder).mkdir(exist_ok=True)
        data.save_as(target / folder / file.name)
    return target


def dice_of_high_dose(patient: Path, moved: Volume) -> float:
    """Overlap of the 95 % isodose with the phantom's truth, which lies on the planning CT."""
    about = json.loads((patient / "truth" / "truth.json").read_text())
    native = load(patient / "truth" / "dose_total.nii.gz")
    to_ct = np.linalg.inv(about["ct_to_event"])
    true, _ = scipy_sampled(native, moved.data.shape, moved.affine, to_ct, 1)
    level = 0.95 * about["prescription_gy"]
    a, b = moved.data > level, true > level
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def aligned(
    folder: Path, patient: Path, raw: Path, moves: dict[str, np.ndarray], row: str = "{}"
) -> tuple[dict, float]:
    """Record of ``align`` for the dose, and the Dice of its high dose.

    ``moves`` are the matrices that the registrations have found, by the names of their files.
    """
    for name in ("postop", "event", "ct"):
        run_step(
            ingest_mri.main, folder / f"{name}_native.json", CONFIG["ingest_mri"], raw=raw / name,
            series="", out=folder / f"{name}_native.nii.gz",
        )  # fmt: skip
    dose = run_step(
        ingest_dose.main, folder / "dose_native.json", CONFIG["ingest_dose"], raw=raw / "rt",
        row=row, out=folder / "dose_native.nii.gz",
    )  # fmt: skip
    assert dose["facts"]["ledger"]["factor"] == 1
    grid = on_isotropic(load(folder / "event_native.nii.gz"), mm=2.0)
    save(folder / "event_isotropic.nii.gz", grid)
    brain = load(patient / "truth" / "event_brain-mask.nii.gz")
    save(folder / "mask.nii.gz", on_isotropic(brain, "nearest", mm=2.0))
    for name, matrix in moves.items():
        transforms.write(folder / f"{name}.tfm", transforms.from_matrix_ras(matrix))
    out = folder / "dose_registered.nii.gz"
    record = run_step(
        align.main, folder / "dose_registered.json", CONFIG["align"],
        image=folder / "dose_native.nii.gz", image_record=folder / "dose_native.json",
        grid=folder / "event_isotropic.nii.gz", mask=folder / "mask.nii.gz",
        transforms=[folder / f"{name}.tfm" for name in moves],
        links=json.dumps([name.split("_to-") for name in moves]),
        frames=[folder / f"{name}_native.json" for name in ("postop", "event", "ct")],
        frame_images='["postop", "event", "ct"]', channel="dose", kind="dose", reference="event",
        out=out,
    )  # fmt: skip
    return record, dice_of_high_dose(patient, load(out))


@pytest.fixture(scope="module")
def true_moves(patient: Path) -> dict[str, np.ndarray]:
    """What right registrations find: points of the fixed image to points of the moving one."""
    truth = json.loads((patient / "truth" / "truth.json").read_text())
    names = {"postop_to-event": "postop_to_event", "ct_to-postop": "ct_to_postop"}
    return {file: np.linalg.inv(truth[key]) for file, key in names.items()}


def agreement(record: dict) -> tuple[float | None, str]:
    return next(
        (c["value"], c["verdict"]) for c in record["checks"] if c["check"] == "frames-agree"
    )


def test_one_frame_for_all_is_held_and_the_dose_follows_the_planning_ct(
    patient: Path, true_moves, tmp_path: Path
) -> None:
    """Careless de-identification: by raw coordinates the dose would be 6 mm off."""
    raw = one_frame(patient / "dicom", tmp_path / "raw", "postop", "event")
    record, dice = aligned(tmp_path, patient, raw, true_moves)
    value, verdict = agreement(record)
    print(f"{value:.2f} mm, Dice {dice:.3f}; {record['facts']['claims']}")
    assert dice > 0.99
    assert record["facts"]["chain"] == ["ct_to-postop.tfm", "postop_to-event.tfm"]
    assert verdict == "fail"
    assert "it follows ct" in record["facts"]["warnings"][0]
    brain = load(tmp_path / "mask.nii.gz")
    points = np.argwhere(brain.data)[::50] @ brain.affine[:3, :3].T + brain.affine[:3, 3]
    by_ct = transforms.from_matrix_ras(true_moves["ct_to-postop"] @ true_moves["postop_to-event"])
    to_postop = transforms.from_matrix_ras(true_moves["postop_to-event"])
    apart = [
        np.linalg.norm(mapped(by_ct, points) - other, axis=1).max()
        for other in (points, mapped(to_postop, points))
    ]
    assert value == pytest.approx(max(apart), rel=0.03)


def test_mri_that_lies_on_the_planning_ct_keeps_its_way(
    patient: Path, true_moves, tmp_path: Path
) -> None:
    """The planning system has registered the MRI and stored it in the CT's frame of reference."""
    truth = json.loads((patient / "truth" / "truth.json").read_text())
    raw = one_frame(patient / "dicom", tmp_path / "raw", "postop")
    # the registrations of a post-op image that lies on the CT, but for 1 mm and half a degree
    rest = rigid((0, 0, 0.5), (1, 0, 0))
    to_event = np.linalg.inv(truth["ct_to_event"])
    moves = {"postop_to-event": to_event, "ct_to-postop": rest}
    record, dice = aligned(tmp_path, patient, raw, moves)
    value, verdict = agreement(record)
    assert verdict == "pass" and 1 < value < 3
    assert record["facts"]["chain"] == ["postop_to-event.tfm"]
    assert record["facts"]["warnings"] == []
    assert dice > 0.99
    moves["ct_to-postop"] = rigid((0, 0, 0), (3.5, 0, 0))
    assert agreement(aligned(tmp_path, patient, raw, moves)[0]) == (pytest.approx(3.5), "fail")


def test_row_that_names_another_image_is_compared_with_the_headers(
    patient: Path, true_moves, tmp_path: Path
) -> None:
    raw = one_frame(patient / "dicom", tmp_path / "raw")
    record, dice = aligned(tmp_path, patient, raw, true_moves, row='{"dose_frame": "postop"}')
    assert record["facts"]["chain"] == ["postop_to-event.tfm"]  # as the row says
    assert agreement(record)[1] == "fail" and dice < 0.9
    record, dice = aligned(tmp_path, patient, raw, true_moves, row='{"dose_frame": "ct"}')
    assert "frames-agree" not in {c["check"] for c in record["checks"]}
    assert dice > 0.99 and record["facts"]["warnings"] == []
