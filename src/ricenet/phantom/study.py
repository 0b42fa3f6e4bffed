"""A study of synthetic patients: the subjects, and the tables that the workflow reads."""

import multiprocessing
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tqdm import tqdm

from ricenet.phantom.files import make_subject, read_truth
from ricenet.phantom.sequences import SEQUENCES
from ricenet.phantom.shape_signal import INTENSITY

COLUMNS = ("subject", "label", "postop", "event", "dose", "ct", "fractions")
NIFTI_COLUMNS = (*COLUMNS, "dose_kind", "dose_units", "dose_frame")


def dicom_row(folder: Path) -> dict[str, str]:
    """Make a subject's row for DICOM; `fractions` stays empty, because the plan says it."""
    name = folder.name
    paths = {key: f"{name}/dicom/{key}" for key in ("postop", "event", "ct")}
    return {
        "subject": name,
        "label": read_truth(folder)["label"],
        **paths,
        **{key: f"{name}/dicom/{key}" for key in SEQUENCES},
        "dose": f"{name}/dicom/rt",
        "fractions": "",
    }


def nifti_row(folder: Path) -> dict[str, str]:
    """Make a subject's row for NIfTI, which carries what the RT objects say in DICOM."""
    name, truth = folder.name, read_truth(folder)
    paths = {
        key: f"{name}/nifti/{key}.nii.gz" for key in ("postop", "event", "dose", "ct", *SEQUENCES)
    }
    return {
        "subject": name,
        "label": truth["label"],
        **paths,
        "fractions": str(truth["fractions"]),
        "dose_kind": truth["dose_kind"],
        "dose_units": "Gy",
        "dose_frame": "ct",
    }


def write_table(path: Path, columns: tuple[str, ...], rows: list[dict[str, str]]) -> None:
    """Write a tab-separated table, whole or not at all."""
    lines = ["\t".join(columns), *("\t".join(row[column] for column in columns) for row in rows)]
    partial_path = path.with_name(f".{path.name}.partial")
    partial_path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    partial_path.replace(path)


def each_in_turn(make: "partial[Path]", subjects: int, processes: int) -> Iterator[Path]:
    """Make the subjects one after the other, or side by side in fresh processes."""
    if processes == 1:
        yield from map(make, range(subjects))
        return
    # spawn: a forked copy of a process that runs threads (torch, BLAS) may hang
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(make, range(subjects))


def make_study(
    out: Path,
    *,
    subjects: int,
    seed: int,
    canvas_mm: float,
    scale: float,
    nifti: bool,
    processes: int,
    sequences: bool = False,
    signal: str = INTENSITY,
) -> Path:
    """Make subjects 1 to `subjects` and the tables of them.

    Parameters
    ----------
    out : Path
        Folder of the study; finished subjects in it are kept.
    subjects : int
    seed, canvas_mm, scale, nifti, sequences, signal
        See `files.make_subject`.
    processes : int
        Subjects made side by side, one thread each (about 2.1 GB each at 1 mm).

    Returns
    -------
    table : Path
        out / "subjects.tsv".
    """
    out.mkdir(parents=True, exist_ok=True)
    make = partial(
        make_subject, out, seed=seed, canvas_mm=canvas_mm, scale=scale, nifti=nifti,
        sequences=sequences, signal=signal,
    )  # fmt: skip
    further = tuple(SEQUENCES) if sequences else ()
    made = each_in_turn(make, subjects, processes)
    folders = list(tqdm(made, total=subjects, desc="phantoms", unit="subject"))
    write_table(
        out / "subjects.tsv", (*COLUMNS, *further), [dicom_row(folder) for folder in folders]
    )
    if nifti:
        rows = [nifti_row(folder) for folder in folders]
        write_table(out / "subjects-nifti.tsv", (*NIFTI_COLUMNS, *further), rows)
    return out / "subjects.tsv"
