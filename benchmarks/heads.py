"""Heads that several benchmarks look at: a phantom's, one person's in two positions, a glioma."""

from __future__ import annotations

from pathlib import Path

from ricenet.image.volume import Volume, load
from ricenet.ingest import ingest_mri

GLIOMA = "glioma_tcga_fg6692"
GLIOMA_MASK = "bet_tcia_example_t1c_mask.nii.gz"


def first_subject(phantoms: Path) -> Path:
    """Folder of the first subject that ``ricenet phantom`` has written."""
    return min(path for path in phantoms.iterdir() if path.is_dir())


def series(folder: Path) -> Volume:
    """A DICOM series."""
    return ingest_mri.read(folder, min_slices=3)[0]


def person(data: Path, position: str) -> Volume:
    """One person's head, supine (``HFS``) or prone (``HFP``)."""
    return series(data / "mr_same_subject_two_positions" / position)


def glioma(data: Path, name: str) -> Volume:
    """The head of a patient with a glioma: ``t1``, ``t1c``."""
    return load(data / GLIOMA / f"tcia_example_{name}.nii.gz")
