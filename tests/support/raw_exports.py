"""Raw exports in code: what a hospital sends of several patients, with what each series truly is.

Written by the phantom package with small arrays; then names, dates and further series are planted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import generate_uid

from dicom_phantoms import base
from ricenet.phantom import dicom, dicom_rt
from ricenet.phantom.acquisition import Scan, protocols_of
from ricenet.phantom.dicom import Origin, Series
from ricenet.phantom.treatment import Course, Treatment

RECORD, STRUCTURES = "1.2.840.10008.5.1.4.1.1.481.4", "1.2.840.10008.5.1.4.1.1.481.3"
REGISTRATION = "1.2.840.10008.5.1.4.1.1.66.1"
DAY_ZERO = date(2020, 1, 10)
# Parts of names, numbers, days and UIDs that are in the headers of every export
PLANTED = ("CANARY", "19450617", "1.2.826", "1.2.840", "2019", "2020", "2021")
Change = Callable[[FileDataset], None]


def day(offset: int) -> str:
    return (DAY_ZERO + timedelta(days=offset)).strftime("%Y%m%d")


def code(uid: str) -> str:
    """What the table calls a series, by the standard library alone."""
    return hashlib.sha256(uid.encode()).hexdigest()[:8]


@dataclass
class RawPatient:
    """Objects of one patient by the name of their series, to be changed and then written."""

    number: int
    objects: dict[str, list[FileDataset]] = field(default_factory=dict)

    @property
    def origin(self) -> Origin:
        return Origin(f"N{self.number}", 5, 2.0, 1.0)

    def series_code(self, name: str) -> str:
        return code(self.origin.uid("series", name))

    def add(self, folder: Path, name: str, offset: int, change: Change | None = None, *,
            slices: int = 12, study: str = "") -> None:  # fmt: skip
        """A T1CE series of small slices, or what ``change`` makes of it."""
        series = Series(study or name, name, 1, day(offset))
        rng = np.random.default_rng([self.number, offset + 1000, slices])
        data = rng.integers(0, 4000, (6, 5, slices)).astype(np.uint16)
        scan = Scan(data, np.diag([2.0, 2.0, 3.0, 1.0]))
        place = folder / f"{self.number}-{name}"
        if name.startswith("ct"):
            dicom.write_ct(place, Scan(data.astype(np.int16) - 1000, scan.affine),
                           origin=self.origin)  # fmt: skip
        else:
            protocol = protocols_of(0)[0]
            dicom.write_mr(place, scan, origin=self.origin, series=series, protocol=protocol)
        self.objects[name] = [pydicom.dcmread(p) for p in sorted(place.iterdir())]
        for item in self.objects[name]:
            if name.startswith("ct"):
                _rename_ct(item, self.origin, name, series)
            if change:
                change(item)

    def add_course(self, folder: Path, name: str, *, fractions: int = 30, offset: int = 22) -> None:
        """Approved plan and its dose, in the frame of the planning CT."""
        folder.mkdir(parents=True, exist_ok=True)
        dose = Scan(np.full((4, 4, 4), 60.0, np.float32), np.diag([5.0, 5.0, 5.0, 1.0]))
        course = Course(fractions, 60.0, False)
        treatment = Treatment(course, dose, [0.0, 90.0], np.zeros(3))
        rp, rd = folder / f"{self.number}-{name}-p", folder / f"{self.number}-{name}-d"
        uid = dicom_rt.write_plan(rp, treatment, origin=self.origin)
        dicom_rt.write_dose(rd, treatment, origin=self.origin, plan_uid=uid)
        plan, dose_object = pydicom.dcmread(rp), pydicom.dcmread(rd)
        for item, what in ((plan, "plan"), (dose_object, "dose")):
            _give_uid(item, self.origin.uid("object", name, what))
            item.StudyDate = item.SeriesDate = item.ContentDate = day(offset)
        plan.RTPlanDate = day(offset)
        dose_object.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID = plan.SOPInstanceUID
        self.objects[f"{name}-plan"], self.objects[f"{name}-dose"] = [plan], [dose_object]

    def add_records(self, name: str, offsets: list[int]) -> None:
        """One treatment record for each session of a plan."""
        plan = self.objects[f"{name}-plan"][0]
        self.objects[f"{name}-records"] = [
            _record(self.origin.uid("record", k), plan, day(offset), k)
            for k, offset in enumerate(offsets, start=1)
        ]

    def add_structures(self, name: str) -> None:
        """A structure set that was drawn on a series."""
        reference, study, frame = Dataset(), Dataset(), Dataset()
        reference.SeriesInstanceUID = self.origin.uid("series", name)
        study.RTReferencedSeriesSequence = [reference]
        frame.RTReferencedStudySequence = [study]
        item = base(STRUCTURES, self.origin.uid("structures"), "RTSTRUCT")
        item.ReferencedFrameOfReferenceSequence = [frame]
        self.objects["structures"] = [item]

    def finished(self) -> list[tuple[str, FileDataset]]:
        """All objects under one name, number and birth date."""
        for items in self.objects.values():
            for item in items:
                item.PatientName = f"CANARY{self.number}^NAME"
                item.PatientID = f"CANARY-ID-{self.number}"
                item.PatientBirthDate, item.PatientSex = "19450617", "F"
        return [(name, item) for name, items in self.objects.items() for item in items]


def _give_uid(item: FileDataset, uid: str) -> None:
    item.SOPInstanceUID = item.file_meta.MediaStorageSOPInstanceUID = uid


def _rename_ct(item: FileDataset, origin: Origin, name: str, series: Series) -> None:
    """The phantom's CT is one series of the planning study; make it the named one."""
    _give_uid(item, generate_uid(entropy_srcs=[item.SOPInstanceUID, name]))
    item.SeriesInstanceUID = origin.uid("series", name)
    item.FrameOfReferenceUID = origin.uid("frame", series.study)
    item.StudyDate = item.SeriesDate = item.AcquisitionDate = series.date


def _record(uid: str, plan: FileDataset, treated: str, fraction: int) -> FileDataset:
    item = base(RECORD, uid, "RTRECORD")
    item.TreatmentDate = treated
    reference, beam = Dataset(), Dataset()
    reference.ReferencedSOPInstanceUID = plan.SOPInstanceUID
    item.ReferencedRTPlanSequence = [reference]
    beam.CurrentFractionNumber, beam.TreatmentTerminationStatus = fraction, "NORMAL"
    beam.TreatmentDeliveryType = "TREATMENT"
    item.TreatmentSessionBeamSequence = [beam]
    return item


def t2(item: FileDataset) -> None:
    item.ScanningSequence, item.EchoTime, item.RepetitionTime = "SE", "100", "5000"
    item.SeriesDescription = item.ProtocolName = "T2 tse ax CANARY"


def native(item: FileDataset) -> None:
    item.SeriesDescription = item.ProtocolName = "T1 mprage nativ CANARY"


def unstated(item: FileDataset) -> None:
    """A T1 of which nobody says whether contrast agent was given."""
    item.SeriesDescription = item.ProtocolName = "T1 mprage"
    del item.ContrastBolusAgent


def localiser(item: FileDataset) -> None:
    item.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]


def patient(scratch: Path, number: int) -> RawPatient:
    """One patient: pre-operative, post-operative and two later visits, two plans, two CTs."""
    raw = RawPatient(number)
    raw.add(scratch, "preop", -40)
    raw.add(scratch, "postop", 0)
    raw.add(scratch, "postopt2", 0, t2, study="postop")
    raw.add(scratch, "postopnative", 0, native, study="postop")
    raw.add(scratch, "localiser", 0, localiser, study="postop")
    raw.add(scratch, "followup", 170)
    raw.add(scratch, "event", 366)
    raw.add(scratch, "ct", 22, study="planning")
    raw.add(scratch, "ctother", 300)
    raw.add_course(scratch, "first", fractions=30)
    raw.add_course(scratch, "second", fractions=33)
    raw.objects["second-plan"][0].ApprovalStatus = "UNAPPROVED"
    raw.objects["second-dose"][0].DoseGridScaling = "0.002"
    return raw


def write_nested(folder: Path, patients: list[RawPatient]) -> Path:
    """Patient, study, series: a folder each, as many systems export."""
    for k, raw in enumerate(patients):
        for i, (name, item) in enumerate(raw.finished()):
            rt = any(part in name for part in ("plan", "dose", "records", "structures"))
            place = folder / f"A{k:04d}" / ("S9" if rt else f"S{list(raw.objects).index(name)}")
            place.mkdir(parents=True, exist_ok=True)
            item.save_as(place / f"I{i:05d}", enforce_file_format=True)
    return folder


def write_mixed(folder: Path, patients: list[RawPatient]) -> Path:
    """Everything of everyone in one folder, names in no order."""
    folder.mkdir(parents=True)
    everything = [item for raw in patients for _, item in raw.finished()]
    order = np.random.default_rng(8).permutation(len(everything))
    for number, item in zip(order, everything, strict=True):
        item.save_as(folder / f"{number:06d}.dcm", enforce_file_format=True)
    return folder
