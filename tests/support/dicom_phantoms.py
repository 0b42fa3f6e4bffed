"""Small DICOM objects made in code, full of canaries: strings that must never come out again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from ricenet.ingest import ingest_dose

DATA = Path(__file__).parents[3] / "shared" / "data"
# Series in DATA that form a volume: a few slices of a head, and whole heads.
HEADS = ("mr_same_subject_two_positions/HFS", "mr_same_subject_two_positions/HFP")
FEW_SLICES = (
    "mr_vendors/ge_anatomical_001",
    "mr_vendors/philips_anatomical_001",
    "mr_vendors/siemens_anatomical_001",
    "mr_vendors/generic_anatomical_002_non_isotropic",
    "mr_vendors/philips_enhanced_anatomical_001",
    "mr_compressed/compressed",
    "mr_compressed/compressed_jpegls",
    "mr_compressed/compressed_rle",
)
UID = "1.2.826.0.1.3680043.8.498.777"
CANARIES = ("CANARY", UID, "19450617", "20210314")
HEAD_FIRST = (1, 0, 0, 0, 1, 0)
ANGLE = np.radians(20)
OBLIQUE = (np.cos(ANGLE), np.sin(ANGLE), 0, 0, 0, -1)
MR, CT = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
RT_DOSE, RT_PLAN = "1.2.840.10008.5.1.4.1.1.481.2", "1.2.840.10008.5.1.4.1.1.481.5"
FRAME = f"{UID}.9"


def needs(folder: str) -> Path:
    """Folder of the shared data; the test is skipped where it is absent."""
    import pytest

    path = DATA / folder
    if not path.exists():
        pytest.skip("shared data not on this machine")
    return path


def base(sop_class: str, uid: str, modality: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID, data.Modality = sop_class, uid, modality
    data.PatientName, data.PatientID = "CANARY^NAME", "CANARY-ID"
    data.PatientBirthDate, data.PatientSex, data.StudyDate = "19450617", "F", "20210314"
    data.StudyInstanceUID = f"{UID}.1"
    data.SeriesInstanceUID = f"{UID}.2"
    data.SeriesDescription = "CANARY series"
    data.FrameOfReferenceUID = FRAME
    return data


def put_pixels(data: Dataset, stored: np.ndarray) -> None:
    """Store a (R, C) or (F, R, C) array of 16 or 32 bit integers."""
    data.Rows, data.Columns = stored.shape[-2:]
    if stored.ndim == 3:
        data.NumberOfFrames = len(stored)
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = stored.dtype.itemsize * 8
    data.BitsAllocated, data.BitsStored, data.HighBit = bits, bits, bits - 1
    data.PixelRepresentation = int(stored.dtype.kind == "i")
    data.PixelData = stored.astype(stored.dtype.newbyteorder("<")).tobytes()


def embed_overlay(data: Dataset, bit: int, group: int = 0x6000) -> None:
    """Declare an overlay in a bit of the pixels (retired, PS3.3-2004 C.9.2); nothing is drawn."""
    data.add_new((group, 0x10), "US", data.Rows)
    data.add_new((group, 0x11), "US", data.Columns)
    data.add_new((group, 0x40), "CS", "G")
    data.add_new((group, 0x50), "SS", [1, 1])
    data.add_new((group, 0x100), "US", data.BitsAllocated)
    data.add_new((group, 0x102), "US", bit)


def world_value(lps: np.ndarray) -> np.ndarray:
    """Whole numbers that say where they are: (..., 3) LPS mm to (...)."""
    return np.rint(1000 + lps @ np.array([7.0, -3.0, 5.0])).astype(np.int16)


def plane_lps(position, orientation, spacing, shape) -> np.ndarray:
    """LPS of each pixel, written out from PS3.3 C.7.6.2.1.1; (R, C, 3)."""
    out = np.empty((*shape, 3))
    for r in range(shape[0]):
        for c in range(shape[1]):
            for axis in range(3):
                out[r, c, axis] = (
                    position[axis]
                    + orientation[axis] * spacing[1] * c
                    + orientation[3 + axis] * spacing[0] * r
                )
    return out


def slice_of(k: int, *, orientation=OBLIQUE, step_mm=2.2, shape=(9, 7)) -> FileDataset:
    """Slice k of an oblique MR series whose values tell their place."""
    data = base(MR, f"{UID}.3.{k}", "MR")
    normal = np.cross(orientation[:3], orientation[3:])
    position = np.array([-11.5, 23.25, 40.0]) + k * step_mm * normal
    data.ImagePositionPatient = [f"{v:.6f}" for v in position]
    data.ImageOrientationPatient = [f"{v:.8f}" for v in orientation]
    data.PixelSpacing, data.SliceThickness = [1.5, 0.75], 9
    data.SpacingBetweenSlices, data.InstanceNumber = 9, k + 1
    data.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    data.RescaleSlope, data.RescaleIntercept = 0.5, -10
    put_pixels(data, world_value(plane_lps(position, orientation, (1.5, 0.75), shape)))
    return data


def write_series(
    folder: Path, change: Callable[[list[FileDataset]], object] | None = None, count: int = 6
) -> Path:
    """Write a series, names in no order of position; ``change`` edits the slices before."""
    folder.mkdir(parents=True, exist_ok=True)
    planes = [slice_of(k) for k in range(count)]
    if change:
        change(planes)
    for i, data in enumerate(planes):
        data.save_as(folder / f"CANARY{(i * 7 + 3) % 19:02d}-{i}.dcm", enforce_file_format=True)
    return folder


def enhanced(count: int = 5) -> FileDataset:
    """Enhanced MR: shared orientation and spacing, frames in no order, own slope each."""
    data = base(ENHANCED_MR, f"{UID}.4", "MR")
    data.ImageType = ["ORIGINAL", "PRIMARY", "T1", "NONE"]
    order = [3, 0, 4, 1, 2][:count]
    slices = [slice_of(k) for k in order]
    put_pixels(data, np.stack([s.pixel_array for s in slices]))
    shared, measures, orientation = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [1.5, 0.75]
    orientation.ImageOrientationPatient = slices[0].ImageOrientationPatient
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    data.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for s in slices:
        group, place, values = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = s.ImagePositionPatient
        values.RescaleSlope, values.RescaleIntercept = 0.5, -10
        group.PlanePositionSequence, group.PixelValueTransformationSequence = [place], [values]
        groups.append(group)
    data.PerFrameFunctionalGroupsSequence = groups
    return data


# 4 frames, 5 rows, 6 columns; each voxel holds its place in the file, 1 to 120
STORED = (np.arange(4 * 5 * 6).reshape(4, 5, 6) + 1).astype(np.uint32)
SCALING = 0.5


def dose(
    summation: str = "PLAN",
    *,
    stored: np.ndarray = STORED,
    number: int = 1,
    offsets=(0.0, 3.0, 6.0, 9.0),
    orientation=HEAD_FIRST,
    position=(-10.0, 20.0, 30.0),
    group: int | None = None,
    beams: tuple[int, ...] = (),
    plan: str = f"{UID}.50",
) -> FileDataset:
    """RTDOSE with PixelSpacing (row 2.5, column 4) mm."""
    data = base(RT_DOSE, f"{UID}.6.{number}", "RTDOSE")
    data.DoseUnits, data.DoseType, data.DoseSummationType = "GY", "PHYSICAL", summation
    data.DoseGridScaling, data.GridFrameOffsetVector = SCALING, list(offsets)
    data.PixelSpacing = [2.5, 4.0]
    data.ImagePositionPatient, data.ImageOrientationPatient = list(position), list(orientation)
    put_pixels(data, stored)
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = RT_PLAN, plan
    if group is not None:
        item = Dataset()
        item.ReferencedFractionGroupNumber = group
        item.ReferencedBeamSequence = [_beam(b) for b in beams]
        reference.ReferencedFractionGroupSequence = [item]
    data.ReferencedRTPlanSequence = [reference]
    return data


def _beam(number: int) -> Dataset:
    beam = Dataset()
    beam.ReferencedBeamNumber = number
    return beam


def plan(
    *,
    planned: tuple[int | None, ...] = (30,),
    beams: tuple[int, ...] = (1, 2),
    prescription_gy: float | None = None,
    uid: str = f"{UID}.50",
    setup: tuple[int, ...] = (),
) -> FileDataset:
    """RTPLAN with one fraction group for each number of ``planned``."""
    data = base(RT_PLAN, uid, "RTPLAN")
    data.ApprovalStatus, data.RTPlanLabel, data.RTPlanDate = "APPROVED", "CANARY", "20210314"
    groups = []
    for number, count in enumerate(planned, start=1):
        group = Dataset()
        group.FractionGroupNumber = number
        if count is not None:
            group.NumberOfFractionsPlanned = count
        group.ReferencedBeamSequence = [_beam(b) for b in (*beams, *setup)]
        groups.append(group)
    data.FractionGroupSequence = groups
    data.BeamSequence = []
    for number in (*beams, *setup):
        beam = Dataset()
        beam.BeamNumber = number
        beam.TreatmentDeliveryType = "SETUP" if number in setup else "TREATMENT"
        data.BeamSequence.append(beam)
    if prescription_gy:
        target = Dataset()
        target.DoseReferenceType, target.TargetPrescriptionDose = "TARGET", prescription_gy
        data.DoseReferenceSequence = [target]
    return data


def replaces(data: FileDataset, uid: str) -> FileDataset:
    """Make a plan the successor of another."""
    earlier = Dataset()
    earlier.ReferencedSOPClassUID, earlier.ReferencedSOPInstanceUID = RT_PLAN, uid
    earlier.RTPlanRelationship = "PREDECESSOR"
    data.ReferencedRTPlanSequence = [earlier]
    return data


BEAMS_RECORD = "1.2.840.10008.5.1.4.1.1.481.4"
SESSIONS = {  # SOP class of a treatment record: its sequence of delivered beams
    BEAMS_RECORD: "TreatmentSessionBeamSequence",
    "1.2.840.10008.5.1.4.1.1.481.6": "TreatmentSessionApplicationSetupSequence",
    "1.2.840.10008.5.1.4.1.1.481.9": "TreatmentSessionIonBeamSequence",
}


def treatment_record(
    fraction: int,
    *,
    number: int = 0,
    date: str = "20210401",
    beams: tuple[int, ...] = (1, 2),
    status: str = "NORMAL",
    delivery: str = "TREATMENT",
    sop_class: str = BEAMS_RECORD,
    plan: str = f"{UID}.50",
) -> FileDataset:
    """Treatment record of one session; ``number`` tells records of one fraction apart."""
    data = base(sop_class, f"{UID}.8.{fraction}.{number}", "RTRECORD")
    data.TreatmentDate = date
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = RT_PLAN, plan
    data.ReferencedRTPlanSequence = [reference]
    delivered = []
    for beam in beams:
        item = _beam(beam)
        item.CurrentFractionNumber, item.TreatmentTerminationStatus = fraction, status
        item.TreatmentDeliveryType = delivery
        delivered.append(item)
    setattr(data, SESSIONS.get(sop_class, SESSIONS[BEAMS_RECORD]), delivered)
    return data


REGISTRATION = "1.2.840.10008.5.1.4.1.1.66.1"


def registration(
    source: str, *matrices: np.ndarray, target: str = FRAME, kind: str = "RIGID", number: int = 1
) -> FileDataset:
    """REG object: (4, 4) LPS matrices, the first applied first, from one frame to another."""
    data = base(REGISTRATION, f"{UID}.7.{number}", "REG")
    data.FrameOfReferenceUID = target
    steps = []
    for matrix in matrices:
        step = Dataset()
        step.FrameOfReferenceTransformationMatrixType = kind
        step.FrameOfReferenceTransformationMatrix = [f"{v:.9f}" for v in np.ravel(matrix)]
        steps.append(step)
    own, other, matrix_item = Dataset(), Dataset(), Dataset()
    matrix_item.MatrixSequence = steps
    own.FrameOfReferenceUID, other.FrameOfReferenceUID = target, source
    other.MatrixRegistrationSequence = [matrix_item]
    data.RegistrationSequence = [own, other]
    return data


def write(folder: Path, *objects: FileDataset) -> Path:
    """Write objects into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, data in enumerate(objects):
        data.save_as(folder / f"CANARY-{i}.dcm", enforce_file_format=True)
    return folder


DOSE_SETTINGS = {
    "min_fractions": 1, "max_fractions": 60, "max_total_gy": 5000.0,
    "min_fraction_gy": 1.0, "max_fraction_gy": 8.0, "min_course_gy": 20.0,
}  # fmt: skip
SMALL = np.minimum(STORED // 30, 4).astype(np.uint32)  # 0 to 4 counts: 0 to 2 Gy


def read_dose(path: Path, row: dict[str, str] | None = None, **settings: float):
    """Dose and facts, as ``ingest_dose`` reads them."""
    return ingest_dose.read(path, row or {}, DOSE_SETTINGS | settings)


def ledger_of(folder: Path, *objects, row: dict[str, str] | None = None, **settings: float):
    """Ledger of a folder with these objects."""
    return read_dose(write(folder, *objects), row, **settings)[1]["ledger"]
