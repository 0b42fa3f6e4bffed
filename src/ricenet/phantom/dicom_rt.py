"""DICOM of the radiotherapy: RTPLAN and RTDOSE of one course.

The dose of one fraction is DoseSummationType FRACTION_SESSION; FRACTION would mean a whole group of
fractions, PLAN is the course total (PS3.3 C.8.8.3). Arrays are (X, Y, Z), coordinates LPS mm.
"""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import RTDoseStorage, RTPlanStorage

from ricenet.phantom.acquisition import Scan
from ricenet.phantom.dicom import (
    DOSE,
    PLAN,
    TIME,
    Origin,
    new_object,
    numbers,
    set_pixels,
    set_plane,
)
from ricenet.phantom.treatment import Course, Treatment

FULL_SCALE = 65000  # the largest stored integer, short of 16 bits by a margin for rounding


def dataset(**elements: object) -> Dataset:
    """Make a sequence item from keyword = value."""
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def jaws() -> list[Dataset]:
    """Open the jaws to a field of 10 by 10 cm (the true outline is the target's)."""
    return [
        dataset(RTBeamLimitingDeviceType=kind, LeafJawPositions=["-50", "50"])
        for kind in ("ASYMX", "ASYMY")
    ]


def start_of_beam(gantry_deg: float, isocentre_mm: np.ndarray) -> Dataset:
    """Return the first control point: energy, angles and isocentre (PS3.3 C.8.8.14)."""
    return dataset(
        ControlPointIndex=0,
        CumulativeMetersetWeight="0",
        NominalBeamEnergy="6",
        BeamLimitingDevicePositionSequence=jaws(),
        GantryAngle=f"{gantry_deg:.1f}",
        GantryRotationDirection="NONE",
        BeamLimitingDeviceAngle="0",
        BeamLimitingDeviceRotationDirection="NONE",
        PatientSupportAngle="0",
        PatientSupportRotationDirection="NONE",
        TableTopEccentricAngle="0",
        TableTopEccentricRotationDirection="NONE",
        TableTopVerticalPosition=None,
        TableTopLongitudinalPosition=None,
        TableTopLateralPosition=None,
        IsocenterPosition=numbers(isocentre_mm),
    )


def beam(number: int, gantry_deg: float, isocentre_mm: np.ndarray) -> Dataset:
    """Make one static photon beam."""
    devices = [
        dataset(RTBeamLimitingDeviceType=kind, NumberOfLeafJawPairs=1)
        for kind in ("ASYMX", "ASYMY")
    ]
    end = dataset(ControlPointIndex=1, CumulativeMetersetWeight="1")
    return dataset(
        TreatmentMachineName="SYNTHETIC",
        PrimaryDosimeterUnit="MU",
        SourceAxisDistance="1000",
        BeamLimitingDeviceSequence=devices,
        BeamNumber=number,
        BeamName=f"B{number}",
        BeamType="STATIC",
        RadiationType="PHOTON",
        TreatmentDeliveryType="TREATMENT",
        NumberOfWedges=0,
        NumberOfCompensators=0,
        NumberOfBoli=0,
        NumberOfBlocks=0,
        FinalCumulativeMetersetWeight="1",
        NumberOfControlPoints=2,
        ControlPointSequence=[start_of_beam(gantry_deg, isocentre_mm), end],
    )


def fraction_group(course: Course, beams: int) -> Dataset:
    """Make the only fraction group: all beams, in every fraction (PS3.3 C.8.8.13)."""
    return dataset(
        FractionGroupNumber=1,
        NumberOfFractionsPlanned=course.fractions,
        NumberOfBeams=beams,
        NumberOfBrachyApplicationSetups=0,
        ReferencedBeamSequence=[
            dataset(ReferencedBeamNumber=number + 1, BeamMeterset="100") for number in range(beams)
        ],
    )


def write_plan(path: Path, treatment: Treatment, *, origin: Origin) -> str:
    """Write the approved RTPLAN; return its SOP instance UID."""
    course = treatment.course
    item = new_object(
        origin, PLAN, sop_class=RTPlanStorage, modality="RTPLAN", key="0", description="RT plan"
    )
    item.RTPlanLabel, item.RTPlanGeometry = "PHANTOM", "TREATMENT_DEVICE"
    item.RTPlanDate, item.RTPlanTime, item.PlanIntent = PLAN.date, TIME, "CURATIVE"
    item.OperatorsName = ""
    item.ApprovalStatus, item.ReviewerName = "APPROVED", "PHANTOM^REVIEWER"
    item.ReviewDate, item.ReviewTime = PLAN.date, TIME
    item.DoseReferenceSequence = [
        dataset(
            DoseReferenceNumber=1,
            DoseReferenceStructureType="SITE",
            DoseReferenceDescription="PTV",
            DoseReferenceType="TARGET",
            TargetPrescriptionDose=numbers([course.prescription_gy])[0],
        )
    ]
    angles = treatment.gantry_deg
    item.FractionGroupSequence = [fraction_group(course, len(angles))]
    item.BeamSequence = [
        beam(number + 1, angle, treatment.isocentre_mm) for number, angle in enumerate(angles)
    ]
    item.save_as(path, enforce_file_format=True)
    return str(item.SOPInstanceUID)


def stored_dose(treatment: Treatment) -> Scan:
    """Return the dose in Gy as the file holds it: of one fraction or of the course."""
    course, total = treatment.course, treatment.dose
    share = course.fractions if course.single_fraction else 1
    return Scan((total.data / share).astype(np.float32), total.affine)


def plan_reference(course: Course, plan_uid: str) -> Dataset:
    """Return the reference to the plan; a session's dose also names its fraction group (1C)."""
    reference = dataset(ReferencedSOPClassUID=RTPlanStorage, ReferencedSOPInstanceUID=plan_uid)
    if course.single_fraction:
        reference.ReferencedFractionGroupSequence = [dataset(ReferencedFractionGroupNumber=1)]
    return reference


def write_dose(path: Path, treatment: Treatment, *, origin: Origin, plan_uid: str) -> None:
    """Write the RTDOSE: Gy = stored integer times DoseGridScaling."""
    course, dose = treatment.course, stored_dose(treatment)
    item = new_object(
        origin, DOSE, sop_class=RTDoseStorage, modality="RTDOSE", key="0", description="RT dose"
    )
    set_plane(item, dose.affine)
    item.InstanceNumber, item.OperatorsName = 1, ""
    frames = dose.data.shape[2]
    item.NumberOfFrames = frames
    item.FrameIncrementPointer = Tag("GridFrameOffsetVector")
    item.GridFrameOffsetVector = numbers(dose.affine[2, 2] * np.arange(frames))
    item.DoseUnits, item.DoseType = "GY", "PHYSICAL"
    item.DoseSummationType = "FRACTION_SESSION" if course.single_fraction else "PLAN"
    item.TissueHeterogeneityCorrection = "IMAGE"
    item.DoseGridScaling = numbers([float(dose.data.max()) / FULL_SCALE])[0]
    item.ReferencedRTPlanSequence = [plan_reference(course, plan_uid)]
    set_pixels(item, np.round(dose.data.T / float(item.DoseGridScaling)), 16)
    item.save_as(path, enforce_file_format=True)
