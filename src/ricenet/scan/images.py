"""Image series of an export, and whether one can be a T1-weighted scan with contrast agent.

The header decides where it is filled in; the words of the description where it is not.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from ricenet.dicom import dates, image_type
from ricenet.dicom.describe import HIDDEN, describe_words, series_code
from ricenet.dicom.described_contrast import OTHER_WORDS, T1_WORDS
from ricenet.dicom.files import DicomFile, text, uid_digest
from ricenet.dicom.planes import is_grey
from ricenet.dicom.slices import frame_count, slices
from ricenet.dicom.storage_classes import IMAGE_CLASSES, modality
from ricenet.dicom.weighting import Acquisition, acquisition, weighting

SEVERAL = 1.5  # images a place from which a series is several volumes, and not one with copies
MIN_SLICES = 10  # a head of 150 mm in slices 15 mm apart; localisers have 3 to 9
CONTRAST_WORDS = {
    "gd", "gad", "gado", "gadolinium", "ce", "km", "contrast", "post", "+c", "c+", "+gd", "+km",
    "gadovist", "dotarem",
}  # fmt: skip
NATIVE_WORDS = {"nativ", "native", "plain", "pre", "ohne", "without", "non", "no"}


@dataclass
class Series:
    """One image series: what its files state, and where they lie.

    Attributes
    ----------
    uid : str
        SeriesInstanceUID. Never shown.
    paths : list of Path
        Never shown, except as the path of a row.
    slices : int
        Images, each object once.
    places : set
        Positions and orientations of the images, as far as they can be read; ``placed`` counts
        the images, ``objects`` knows them by UID.
    signs : dict
        What says that it is no magnitude image of anatomy (``dicom.image_type``).
    modality : str
    described : str
        Description and protocol, as typed. Never shown, see ``words``.
    day : date or None
        Never shown.
    frame : str or None
        Digest of the frame of reference.
    study : str
        StudyInstanceUID. Never shown.
    """

    uid: str
    paths: list[Path] = field(default_factory=list)
    slices: int = 0
    modality: str = ""
    described: str = ""
    day: date | None = None
    frame: str | None = None
    study: str = ""
    kind: tuple[str, ...] = ()
    volumetric: bool = False
    grey: bool = True
    acquired: Acquisition | None = None
    places: set[tuple[float, ...]] = field(default_factory=set)
    signs: dict[image_type.Sign, None] = field(default_factory=dict)
    objects: set[str] = field(default_factory=set)
    placed: int = 0
    companions: list[DicomFile] = field(default_factory=list)

    def add(self, file: DicomFile) -> None:
        """Count a file; a copy of one that is there counts once.

        Screen captures and private objects wait for :meth:`complete`: they are often stored under
        the UID of the images that they were made from.
        """
        if file.sop_class in IMAGE_CLASSES:
            self._count(file)
        else:
            self.companions.append(file)

    def complete(self) -> None:
        """Count screen captures and private objects, where the series has nothing else."""
        if not self.paths:
            for file in self.companions:
                with contextlib.suppress(Exception):  # a damaged one is no image
                    self._count(file)
        self.companions.clear()

    def _count(self, file: DicomFile) -> None:
        if not self.paths:
            self._read(file)
        self.paths.append(file.path)
        uid = text(file.header, "SOPInstanceUID")
        if uid and uid in self.objects:
            return
        self.objects.add(uid)
        try:
            self.slices += frame_count(file)
        except ValueError:  # ingest reports what is wrong, if the series is chosen
            self.slices += 1
        with contextlib.suppress(ValueError):
            planes = slices(file)
            self.places |= {
                (*p.position.round(2).tolist(), *p.orientation.round(2).tolist()) for p in planes
            }
            self.placed += len(planes)
        with contextlib.suppress(ValueError):
            self.signs |= dict.fromkeys(image_type.signs_of(file))

    def _read(self, file: DicomFile) -> None:
        header = file.header
        self.modality = modality(file)
        names = ("SeriesDescription", "ProtocolName")
        self.described = " ".join(dict.fromkeys(text(header, k) for k in names))
        self.day, self.study = dates.acquired(header), text(header, "StudyInstanceUID")
        self.frame = uid_digest(text(header, "FrameOfReferenceUID"))
        self.kind = tuple(re.findall(r"[A-Z0-9_]+", text(header, "ImageType").upper()))
        self.volumetric = text(header, "MRAcquisitionType").upper() == "3D"
        self.grey = is_grey(file)
        self.acquired = acquisition(file) if self.modality == "MR" else None

    @property
    def code(self) -> str:
        """What the table calls it: 8 hex digits."""
        return series_code(self.uid)

    @property
    def place(self) -> Path:
        """Its file, or the folder that holds all its files."""
        if len(self.paths) == 1:
            return self.paths[0]
        return Path(os.path.commonpath([path.parent for path in self.paths]))

    @property
    def several(self) -> bool:
        """Whether there are several images at most places: a time series, diffusion, echoes."""
        return bool(self.places) and self.placed >= SEVERAL * len(self.places)

    @property
    def whole(self) -> bool:
        """Whether it can be a volume of a head."""
        plain = self.grey and "LOCALIZER" not in self.kind and not self.several
        return plain and self.slices >= MIN_SLICES

    @property
    def why_not(self) -> str:
        """Why a volume of the head cannot be proposed, in words; empty where it can."""
        if self.several:
            return (
                f"{self.placed} images at {len(self.places)} places, a time series, diffusion or "
                f"several echoes"
            )
        if self.signs:
            return next(iter(self.signs)).in_words
        others = self.words & OTHER_WORDS - ({"flair"} if self.words & T1_WORDS else set())
        return "another contrast by its description or protocol" if others else ""

    @property
    def words(self) -> set[str]:
        """Words of description and protocol, in lower case. Never shown."""
        # "post op" states when, not with what
        plain = re.sub(r"post[ _-]?op\w*|pre[ _-]?op\w*", " ", self.described.lower())
        return set(re.findall(r"\+?[a-z0-9]+\+?", plain.replace("_", " ")))

    @property
    def is_t1(self) -> bool:
        """Whether its header describes a T1-weighted volume of an MR scanner."""
        if self.acquired is None or not self.whole or self.why_not:
            return False
        weighted = weighting(self.acquired)
        return weighted == "T1" if weighted else bool(self.words & T1_WORDS)

    @property
    def contrast(self) -> bool | None:
        """Whether contrast agent was given; None where header and descriptions do not state it.

        Scanners keep the agent in the protocol of an examination, so that it may be named by the
        series before it was given, too: a description that says native counts more.
        """
        native, given = self.words & NATIVE_WORDS, self.words & CONTRAST_WORDS
        if native and not given:
            return False
        agent = self.acquired is not None and self.acquired.contrast_agent
        return True if agent or (given and not native) else None

    @property
    def rank(self) -> tuple[bool, bool, bool, int, str]:
        """What is better among scans of one day: original, acquired in 3D, more slices."""
        original = "DERIVED" not in self.kind and "mpr" not in self.words
        told = self.acquired is not None and self.acquired.contrast_agent
        return original, self.volumetric, told, self.slices, self.code

    def describe(self) -> str:
        """Return words for a comment, without anything that a person has typed freely."""
        shown = describe_words(self.described.strip())
        quoted = f', "{shown}"' if shown.strip(f"{HIDDEN} ") else ""
        kind = "3D, " if self.volumetric else ""
        kind += "derived from others, " if "DERIVED" in self.kind else ""
        return f"series {self.code}, {kind}{self.slices} slices{quoted}"
