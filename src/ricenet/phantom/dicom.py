"""DICOM of the imaging series: what all objects share, MR and CT.

Arrays are (X, Y, Z) = (column, row, slice), affines lead to LPS mm (PS3.3 C.7.6.2.1.1). Nothing
depends on clock, host or user: the same seed writes the same bytes.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid
from pydicom.valuerep import format_number_as_ds

from ricenet.phantom.acquisition import Protocol, Scan
from ricenet.phantom.shape_signal import INTENSITY

# pydicom's root, open to all for UIDs that are made from a hash.
UID_ROOT = "1.2.826.0.1.3680043.8.498."
TIME = "101010"
CT_OFFSET_HU = -1024


@dataclass(frozen=True)
class Origin:
    """What the UIDs of a subject are made from: everything that decides its content."""

    subject: str
    seed: int
    canvas_mm: float
    scale: float
    signal: str = INTENSITY

    def uid(self, *parts: str | int) -> UID:
        """Make the identifier of one thing of this subject, the same in every run."""
        sources = [self.subject, self.seed, self.canvas_mm, self.scale, *parts]
        if self.signal != INTENSITY:
            sources.append(self.signal)
        return generate_uid(UID_ROOT, entropy_srcs=["/".join(str(part) for part in sources)])


@dataclass(frozen=True)
class Series:
    """A series to be written: study name (also its frame of reference), name, number, date."""

    study: str
    name: str
    number: int
    date: str


POSTOP = Series("postop", "postop", 1, "20200110")
CT = Series("planning", "ct", 1, "20200201")
PLAN = Series("planning", "plan", 2, "20200201")
DOSE = Series("planning", "dose", 3, "20200201")
EVENT = Series("event", "event", 1, "20210110")


def numbers(values: np.ndarray | list[float]) -> list[str]:
    """Return the decimal strings (VR DS, at most 16 characters); + 0.0 turns -0.0 into 0.0."""
    return [format_number_as_ds(float(value) + 0.0) for value in values]


def new_object(
    origin: Origin, series: Series, *, sop_class: UID, modality: str, key: str, description: str
) -> FileDataset:
    """Make an object with patient, study, series, frame of reference and equipment."""
    uid = origin.uid("object", series.name, key)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(UID_ROOT + "1")
    item = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    item.SpecificCharacterSet = "ISO_IR 100"
    item.SOPClassUID, item.SOPInstanceUID, item.Modality = sop_class, uid, modality
    item.PatientName, item.PatientID = f"PHANTOM^{origin.subject}", origin.subject
    item.PatientBirthDate, item.PatientSex = "", "O"
    item.PatientIdentityRemoved, item.DeidentificationMethod = "YES", "SYNTHETIC"
    item.StudyInstanceUID = origin.uid("study", series.study)
    item.SeriesInstanceUID = origin.uid("series", series.name)
    item.FrameOfReferenceUID = origin.uid("frame", series.study)
    item.PositionReferenceIndicator = ""
    item.StudyDate = item.SeriesDate = item.ContentDate = series.date
    item.StudyTime = item.SeriesTime = item.ContentTime = TIME
    item.StudyID, item.AccessionNumber, item.ReferringPhysicianName = "1", "", ""
    item.SeriesNumber, item.SeriesDescription = series.number, description
    item.Manufacturer, item.ManufacturerModelName = "SYNTHETIC", "RICE-NET phantom"
    item.SoftwareVersions = "1"
    return item


def set_plane(item: FileDataset, affine: np.ndarray) -> None:
    """Set the image plane: position, orientation, spacing (PS3.3 C.7.6.2, 10.7.1.3)."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    directions = affine[:3, :3] / spacing
    item.ImagePositionPatient = numbers(affine[:3, 3])
    item.ImageOrientationPatient = numbers([*directions[:, 0], *directions[:, 1]])
    # Down a column, from row to row, comes first: the spacing of the second array axis.
    item.PixelSpacing = numbers([spacing[1], spacing[0]])
    item.SliceThickness = numbers([spacing[2]])[0]


def set_pixels(item: FileDataset, pixels: np.ndarray, bits: int) -> None:
    """Set unsigned 16-bit pixels of `bits` significant bits; `pixels` is ([frame,] row, column)."""
    item.SamplesPerPixel, item.PhotometricInterpretation = 1, "MONOCHROME2"
    item.Rows, item.Columns = pixels.shape[-2:]
    item.BitsAllocated, item.BitsStored, item.HighBit = 16, bits, bits - 1
    item.PixelRepresentation = 0
    item.PixelData = pixels.astype("<u2").tobytes()


def set_slice(item: FileDataset, scan: Scan, index: int) -> None:
    """Set everything that places and numbers slice `index` of a scan."""
    affine = scan.affine.copy()
    affine[:3, 3] += affine[:3, 2] * index
    set_plane(item, affine)
    item.SpacingBetweenSlices = item.SliceThickness
    item.AcquisitionNumber, item.InstanceNumber = 1, index + 1
    item.AcquisitionDate, item.AcquisitionTime = item.StudyDate, TIME
    item.PatientPosition, item.BodyPartExamined = "HFS", "HEAD"


@dataclass(frozen=True)
class Pulse:
    """How an MR series is taken, in the words of its header; times in ms, empty where none."""

    weighting: str
    scanning: list[str]
    variant: list[str]
    repetition_ms: str
    echo_ms: str
    inversion_ms: str
    agent: str


T1CE = Pulse("T1 {} +C", ["GR", "IR"], ["SP", "MP"], "1900", "2.5", "900", "Gadolinium")


def write_mr(
    folder: Path,
    scan: Scan,
    *,
    origin: Origin,
    series: Series,
    protocol: Protocol,
    pulse: Pulse = T1CE,
) -> None:
    """Write a uint16 scan of 12 bits as a series, one file a slice."""
    folder.mkdir(parents=True)
    for index in range(scan.data.shape[2]):
        item = new_object(
            origin, series, sop_class=MRImageStorage, modality="MR", key=str(index),
            description=pulse.weighting.format(protocol.name),
        )  # fmt: skip
        set_slice(item, scan, index)
        item.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
        item.ScanningSequence, item.SequenceVariant = pulse.scanning, pulse.variant
        item.ScanOptions, item.MRAcquisitionType = "", protocol.dimension
        item.RepetitionTime, item.EchoTime = pulse.repetition_ms, pulse.echo_ms
        if pulse.inversion_ms:
            item.InversionTime = pulse.inversion_ms
        item.FlipAngle, item.EchoTrainLength, item.MagneticFieldStrength = "9", 1, "3"
        item.ProtocolName, item.ContrastBolusAgent = item.SeriesDescription, pulse.agent
        item.WindowCenter, item.WindowWidth = "500", "1000"
        set_pixels(item, scan.data[:, :, index].T, 12)
        item.save_as(folder / f"IM{index + 1:04d}.dcm", enforce_file_format=True)


def write_ct(folder: Path, scan: Scan, *, origin: Origin) -> None:
    """Write an int16 HU scan as a CT series, one file a slice."""
    folder.mkdir(parents=True)
    for index in range(scan.data.shape[2]):
        item = new_object(
            origin, CT, sop_class=CTImageStorage, modality="CT", key=str(index),
            description="Planning CT",
        )  # fmt: skip
        set_slice(item, scan, index)
        item.ImageType, item.KVP = ["ORIGINAL", "PRIMARY", "AXIAL"], "120"
        item.RescaleIntercept, item.RescaleSlope = str(CT_OFFSET_HU), "1"
        item.RescaleType = "HU"
        item.WindowCenter, item.WindowWidth = "40", "400"
        set_pixels(item, scan.data[:, :, index].T - CT_OFFSET_HU, 12)
        item.save_as(folder / f"IM{index + 1:04d}.dcm", enforce_file_format=True)
