"""Files of one synthetic patient: DICOM, the truth beside it, and NIfTI on request.

A subject's folder appears under its name only when it is complete.
"""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np

from ricenet.phantom import dicom, dicom_rt
from ricenet.phantom import sequences as sequences_
from ricenet.phantom.acquisition import RAS_TO_LPS, Scan
from ricenet.phantom.scan_visits import Visit
from ricenet.phantom.shape_signal import INTENSITY, SHAPE, axis_ratio, fine_share
from ricenet.phantom.subject import Subject, build_subject, point_in, rigid_between

VERSION = 1  # of the phantoms: raise it when a change alters what a seed gives
LABEL_TEXT = ("recurrence", "RICE")


def subject_name(index: int) -> str:
    """Return the P001 for index 0."""
    return f"P{index + 1:03d}"


def save_nifti(path: Path, data: np.ndarray, affine: np.ndarray) -> None:
    """Write an array (X, Y, Z) with an affine to LPS mm as NIfTI, which is RAS."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(data, RAS_TO_LPS @ affine)
    image.set_qform(image.affine, code=1)  # 1: scanner coordinates
    image.set_sform(image.affine, code=1)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)


def rounded(values: np.ndarray, digits: int) -> list:
    """Return the nested list of floats for JSON; + 0.0 turns -0.0 into 0.0."""
    return (np.round(np.asarray(values, float), digits) + 0.0).tolist()


def settings_record(
    *, seed: int, canvas_mm: float, scale: float, sequences: bool, signal: str = INTENSITY
) -> dict[str, float | str]:
    """Collect what decides a subject's content, besides its index."""
    found: dict[str, float | str] = {
        "version": VERSION, "seed": seed, "canvas_mm": canvas_mm, "scale": scale,
    }  # fmt: skip
    if sequences:
        found["sequences"] = True
    if signal != INTENSITY:
        found["signal"] = signal
    return found


def places_record(subject: Subject) -> dict[str, list[float]]:
    """Return the centroids of lesion and cavity in RAS mm of canvas, post-op and event visit."""
    record = {}
    for name, point in (("lesion", subject.lesion_mm), ("cavity", subject.cavity_mm)):
        record[f"{name}_canvas_mm"] = rounded(point, 3)
        for where in ("postop", "event"):
            record[f"{name}_{where}_mm"] = rounded(point_in(subject, point, where), 3)
    return record


def pathology_record(subject: Subject) -> dict[str, float]:
    """Return the sizes of what was drawn."""
    drawn = subject.pathology
    distance = np.linalg.norm(drawn.lesion_centre_mm - drawn.cavity_centre_mm)
    return {
        "cavity_radius_mm": round(drawn.cavity_radius_mm, 3),
        "target_margin_mm": round(drawn.margin_mm, 3),
        "lesion_radius_mm": round(drawn.lesion_radius_mm, 3),
        "lesion_distance_mm": round(float(distance), 3),
        "residual_mm": round(drawn.residual_mm, 3),
        "core_fraction": round(drawn.core, 3),
    }


def shape_record(subject: Subject) -> dict[str, float]:
    """Return what the second signal drew."""
    return {
        "rim_fine_share": round(fine_share(subject.latents), 4),
        "lesion_axis_ratio": round(axis_ratio(subject.latents), 4),
    }


def truth_record(subject: Subject, settings: dict[str, float | str]) -> dict:
    """Return everything that truth.json holds; matrices map points, RAS mm."""
    treatment, course = subject.treatment, subject.treatment.course
    pairs = [("postop", "event"), ("ct", "postop"), ("ct", "event")]
    pairs += [(name, "event") for name in subject.sequences]
    matrices = {
        f"{first}_to_{second}": rounded(rigid_between(subject, first, second), 9)
        for first, second in pairs
    }
    return {
        "label": LABEL_TEXT[subject.label],
        **settings,
        "protocols": {
            "postop": subject.postop.protocol.name,
            "event": subject.event.protocol.name,
        },
        "fractions": course.fractions,
        "prescription_gy": course.prescription_gy,
        "dose_kind": "per_fraction" if course.single_fraction else "total",
        "dose_max_gy": round(float(treatment.dose.data.max()), 4),
        "gantry_deg": treatment.gantry_deg,
        "latents": {name: round(z, 6) for name, z in subject.latents._asdict().items()},
        **pathology_record(subject),
        **(shape_record(subject) if settings.get("signal") == SHAPE else {}),
        **places_record(subject),
        **matrices,
        "brain_ml": round(subject.brain_ml, 1),
    }


def write_dicom(folder: Path, subject: Subject, origin: dicom.Origin) -> None:
    """Write both MR series, the CT, the plan and the dose."""
    for series, visit in ((dicom.POSTOP, subject.postop), (dicom.EVENT, subject.event)):
        dicom.write_mr(
            folder / series.name, visit.image,
            origin=origin, series=series, protocol=visit.protocol,
        )  # fmt: skip
    for number, (name, scan) in enumerate(subject.sequences.items(), start=2):
        dicom.write_mr(
            folder / name, scan, origin=origin, protocol=sequences_.PROTOCOL,
            series=replace(dicom.EVENT, name=name, number=number), pulse=sequences_.pulse_of(name),
        )  # fmt: skip
    dicom.write_ct(folder / "ct", subject.ct, origin=origin)
    rt = folder / "rt"
    rt.mkdir()
    plan_uid = dicom_rt.write_plan(rt / "RP.dcm", subject.treatment, origin=origin)
    dicom_rt.write_dose(rt / "RD.dcm", subject.treatment, origin=origin, plan_uid=plan_uid)


def write_nifti(folder: Path, subject: Subject) -> None:
    """Write the same images as NIfTI, the dose in Gy as the DICOM file holds it."""
    scans: dict[str, Scan] = {
        "postop": subject.postop.image,
        "event": subject.event.image,
        "ct": subject.ct,
        "dose": dicom_rt.stored_dose(subject.treatment),
        **subject.sequences,
    }
    for name, scan in scans.items():
        save_nifti(folder / f"{name}.nii.gz", scan.data, scan.affine)


def write_truth(folder: Path, subject: Subject, settings: dict[str, float | str]) -> None:
    """Write masks and total dose, and last truth.json."""

    def save_mask(name: str, mask: np.ndarray, visit: Visit) -> None:
        save_nifti(folder / f"{name}.nii.gz", mask.astype(np.uint8), visit.image.affine)

    save_mask("postop_brain-mask", subject.postop.brain, subject.postop)
    save_mask("postop_cavity", subject.postop.finding, subject.postop)
    save_mask("event_brain-mask", subject.event.brain, subject.event)
    save_mask("event_lesion", subject.event.finding, subject.event)
    dose = subject.treatment.dose
    save_nifti(folder / "dose_total.nii.gz", dose.data.astype(np.float32), dose.affine)
    text = json.dumps(truth_record(subject, settings), indent=1)
    (folder / "truth.json").write_text(text + "\n", encoding="utf-8")


def read_truth(folder: Path) -> dict:
    """Read truth.json of a subject's folder."""
    return json.loads((folder / "truth" / "truth.json").read_text(encoding="utf-8"))


def is_finished(folder: Path, settings: dict[str, float | str], *, nifti: bool) -> bool:
    """Return whether a subject is there already, made with the same settings.

    Raises
    ------
    ValueError
        If the folder is there but was made otherwise, is not complete, or lacks its NIfTI files.
    """
    if not folder.exists():
        return False
    remedy = "take another --out or delete the folder"
    if not (folder / "truth" / "truth.json").exists():
        raise ValueError(f"{folder} is there but has no truth/truth.json: {remedy}")
    truth = read_truth(folder)
    found = {name: truth.get(name) for name in settings}
    if "signal" not in settings and "signal" in truth:
        found["signal"] = truth["signal"]
    if found != settings:
        raise ValueError(f"{folder} was made with {found}, now asked: {settings}; {remedy}")
    if nifti and not (folder / "nifti").exists():
        raise ValueError(f"{folder} was made without --nifti; {remedy}")
    return True


def make_subject(
    out: Path,
    index: int,
    *,
    seed: int,
    canvas_mm: float,
    scale: float,
    nifti: bool,
    sequences: bool = False,
    signal: str = INTENSITY,
) -> Path:
    """Make one subject's folder, unless it is finished already.

    Parameters
    ----------
    out : Path
        Folder of the study.
    index : int
        From 0; the subject's name counts from 1.
    seed, canvas_mm, scale, sequences, signal
        See `subject.build_subject`.
    nifti : bool
        Whether to write NIfTI beside the DICOM.

    Returns
    -------
    folder : Path
        out / "P001" and so on.
    """
    name = subject_name(index)
    folder, partial = out / name, out / f".{name}.{os.getpid()}.partial"
    settings = settings_record(
        seed=seed, canvas_mm=canvas_mm, scale=scale, sequences=sequences, signal=signal
    )
    if is_finished(folder, settings, nifti=nifti):
        return folder
    subject = build_subject(
        index, seed=seed, canvas_mm=canvas_mm, scale=scale, sequences=sequences, signal=signal
    )
    origin = dicom.Origin(name, seed, canvas_mm, scale, signal)
    partial.mkdir(parents=True)
    try:
        write_dicom(partial / "dicom", subject, origin)
        if nifti:
            write_nifti(partial / "nifti", subject)
        write_truth(partial / "truth", subject, settings)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder
