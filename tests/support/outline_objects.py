"""Outlines of known volume and place on an oblique series, written with pydicom.

A ball with a round hole, and a second ball beside it. Contours are circles computed in closed form;
nothing here fills a polygon.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset

from dicom_phantoms import FRAME, MR, UID, base, put_pixels

STRUCTURES, SEGMENTATION = "1.2.840.10008.5.1.4.1.1.481.3", "1.2.840.10008.5.1.4.1.1.66.4"
SHAPE, SPACING, STEP = (64, 56, 24), (0.9, 1.1), 2.5  # columns, rows, planes; row and column, mm
TURN = np.linalg.qr(np.array([[0.93, -0.25, 0.2], [0.3, 0.92, -0.15], [-0.1, 0.2, 0.96]]))[0]
AXES = TURN * np.sign(np.diag(TURN))  # columns: along a row, along a column, normal; LPS
AXES[:, 2] = np.cross(AXES[:, 0], AXES[:, 1])
ORIGIN = np.array([-30.0, -12.0, 40.0])
MIDDLE, OUTER, HOLE = np.array([30.0, 25.0, 27.5]), 13.0, 6.5  # mm along the axes from the origin
BESIDE, SMALL = np.array([55.0, 40.0, 42.5]), 5.0


def series_of(k: int) -> FileDataset:
    """Slice k of an MR series on the oblique grid."""
    data = base(MR, f"{UID}.20.{k}", "MR")
    data.ImagePositionPatient = [f"{v:.6f}" for v in ORIGIN + k * STEP * AXES[:, 2]]
    data.ImageOrientationPatient = [f"{v:.8f}" for v in AXES[:, :2].T.ravel()]
    data.PixelSpacing, data.InstanceNumber = list(SPACING), k + 1
    data.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    values = np.random.default_rng(k).integers(0, 900, SHAPE[1::-1])
    put_pixels(data, values.astype(np.int16))
    return data


def write_image(folder: Path) -> Path:
    """Write the series."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(SHAPE[2]):
        series_of(k).save_as(folder / f"CANARY-{k:02d}.dcm", enforce_file_format=True)
    return folder


def volume_ml() -> float:
    """Volume of the ball with its hole, and of both."""
    return 4 / 3 * np.pi * (OUTER**3 - HOLE**3 + SMALL**3) / 1000


def centre_ras() -> np.ndarray:
    """Centre of mass of both."""
    first, second = OUTER**3 - HOLE**3, SMALL**3
    local = (first * MIDDLE + second * BESIDE) / (first + second)
    return (ORIGIN + AXES @ local) * [-1, -1, 1]


def circle(centre: np.ndarray, radius: float, height: float, corners: int = 90) -> np.ndarray:
    """Corners of a ball's section at a height above the first plane; LPS mm, none beyond it."""
    own = radius**2 - (height - centre[2]) ** 2
    if own <= 0:
        return np.zeros((0, 3))
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    wide = np.sqrt(own * turn[1] / np.sin(turn[1]))  # the polygon's area is the circle's
    flat = centre[:2] + wide * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return ORIGIN + np.c_[flat, np.full(corners, height)] @ AXES.T


def ball_contours(heights: Sequence[float]) -> list[np.ndarray]:
    """Contours of both balls, the hole as a contour of its own."""
    found = [
        circle(centre, radius, height)
        for height in heights
        for centre, radius in ((MIDDLE, OUTER), (MIDDLE, HOLE), (BESIDE, SMALL))
    ]
    return [points for points in found if len(points)]


def keyhole(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """One contour around a ring: out, along a channel of no width, back around the hole."""
    return np.concatenate([outer, outer[:1], inner[:1], inner[::-1], outer[:1]])


def own_instance(points: np.ndarray) -> str:
    """SOPInstanceUID of the slice nearest to a contour."""
    height = float(((points.mean(0) - ORIGIN) @ AXES)[2])
    return f"{UID}.20.{round(height / STEP)}"


def structure_set(
    rois: dict[str, list[np.ndarray]], *, kind: str = "CLOSED_PLANAR", instances: bool = True
) -> FileDataset:
    """RTSTRUCT with these contours (LPS mm) by name of the ROI, on the series."""
    data = base(STRUCTURES, f"{UID}.21", "RTSTRUCT")
    del data.FrameOfReferenceUID
    data.StructureSetLabel = "CANARY"
    images = [_reference(f"{UID}.20.{k}") for k in range(SHAPE[2])]
    series, study, frame = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID, series.ContourImageSequence = f"{UID}.2", images
    study.RTReferencedSeriesSequence = [series]
    frame.FrameOfReferenceUID, frame.RTReferencedStudySequence = FRAME, [study]
    data.ReferencedFrameOfReferenceSequence = [frame]
    data.StructureSetROISequence, data.ROIContourSequence = [], []
    for number, (name, contours) in enumerate(rois.items(), start=1):
        roi, drawn = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, name
        roi.ReferencedFrameOfReferenceUID = FRAME
        data.StructureSetROISequence.append(roi)
        drawn.ReferencedROINumber = number
        drawn.ContourSequence = [_contour(points, kind, instances) for points in contours]
        data.ROIContourSequence.append(drawn)
    return data


def _contour(points: np.ndarray, kind: str, instances: bool) -> Dataset:
    item = Dataset()
    item.ContourGeometricType, item.NumberOfContourPoints = kind, len(points)
    item.ContourData = [f"{v:.3f}" for v in points.ravel()]
    if instances:
        item.ContourImageSequence = [_reference(own_instance(points))]
    return item


def _reference(uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = MR, uid
    return item


def voxel_inside() -> np.ndarray:
    """Whether the centre of each voxel lies in the ball and not its hole, or beside; (X, Y, Z)."""
    index = np.moveaxis(np.indices(SHAPE), 0, -1)
    local = index * [SPACING[1], SPACING[0], STEP]
    to_middle, to_beside = (np.linalg.norm(local - c, axis=-1) for c in (MIDDLE, BESIDE))
    return ((to_middle <= OUTER) & (to_middle > HOLE)) | (to_beside <= SMALL)


def segmentation(
    masks: dict[str, np.ndarray], *, fractional: str = "", empty: bool = False
) -> FileDataset:
    """SEG with these (X, Y, Z) masks by label, planes without the segment left out."""
    data = base(SEGMENTATION, f"{UID}.22", "SEG")
    data.ContentLabel = "CANARY"
    data.SegmentationType = "FRACTIONAL" if fractional else "BINARY"
    if fractional:
        data.SegmentationFractionalType, data.MaximumFractionalValue = fractional, 200
    data.SegmentSequence, groups, planes = [], [], []
    for number, (label, mask) in enumerate(masks.items(), start=1):
        segment = Dataset()
        segment.SegmentNumber, segment.SegmentLabel = number, label
        data.SegmentSequence.append(segment)
        for k in range(SHAPE[2]):
            if mask[:, :, k].any() or empty:
                groups.append(_frame(number, k))
                planes.append(mask[:, :, k].T)
    series = Dataset()
    series.SeriesInstanceUID = f"{UID}.2"
    series.ReferencedInstanceSequence = [_reference(f"{UID}.20.{k}") for k in range(SHAPE[2])]
    data.ReferencedSeriesSequence = [series]
    shared, measures, orientation = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = list(SPACING), STEP
    orientation.ImageOrientationPatient = [f"{v:.8f}" for v in AXES[:, :2].T.ravel()]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    data.SharedFunctionalGroupsSequence = [shared]
    data.PerFrameFunctionalGroupsSequence = groups
    _put_frames(data, np.stack(planes), fractional=bool(fractional))
    return data


def _frame(segment: int, k: int) -> Dataset:
    group, place, identity, derivation = (Dataset() for _ in range(4))
    place.ImagePositionPatient = [f"{v:.6f}" for v in ORIGIN + k * STEP * AXES[:, 2]]
    identity.ReferencedSegmentNumber = segment
    derivation.SourceImageSequence = [_reference(f"{UID}.20.{k}")]
    group.PlanePositionSequence = [place]
    group.SegmentIdentificationSequence = [identity]
    group.DerivationImageSequence = [derivation]
    return group


def _put_frames(data: FileDataset, planes: np.ndarray, *, fractional: bool) -> None:
    data.NumberOfFrames, data.Rows, data.Columns = planes.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.PixelRepresentation = 0
    if fractional:
        data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7
        data.PixelData = np.rint(200 * planes).astype(np.uint8).tobytes()
    else:
        data.BitsAllocated, data.BitsStored, data.HighBit = 1, 1, 0
        packed = np.packbits(planes.astype(bool).ravel(), bitorder="little").tobytes()
        data.PixelData = packed + b"\0" * (len(packed) % 2)
