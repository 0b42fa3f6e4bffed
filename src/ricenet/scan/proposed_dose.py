"""Cells of a proposed row that describe the dose: where it lies, its plan, its fractions."""

from __future__ import annotations

import os
from pathlib import Path

from ricenet.dose.plans import Candidate
from ricenet.scan.export import Export, Patient
from ricenet.scan.proposal import Proposal
from ricenet.scan.therapy import FROM_RECORDS, fractions


def add_dose(
    row: Proposal, chosen: list[Candidate], why: str, patient: Patient, export: Export, folder: Path
) -> None:
    """Add cells and reasons of dose, plan and fractions."""
    count = len(patient.therapy.candidates())
    if not chosen:
        row.missing.append("dose")
        row.notes.append(f"dose: {why}")
        return
    path, alone = dose_place(chosen, patient, export, folder)
    if path is None:
        row.missing.append("dose, whose objects lie among other patients': sort them by patient")
        return
    row.paths["dose"] = path
    row.notes.append(f"dose: plan {'+'.join(c.digest for c in chosen)} of {count}: {why}")
    if count > 1 and not alone:
        row.cells["dose_plan"] = "+".join(c.digest for c in chosen)
    if alone:
        row.notes.append(
            "dose: the file alone is proposed, plan and records lie among other patients'"
        )
        _prescription(row, chosen[0])
    _fractions(row, chosen, patient)


def _prescription(row: Proposal, candidate: Candidate) -> None:
    if candidate.plan and candidate.plan.prescription_gy:
        row.cells["prescription_gy"] = f"{candidate.plan.prescription_gy:.4g}"


def _fractions(row: Proposal, chosen: list[Candidate], patient: Patient) -> None:
    """Propose delivered fractions of each plan, where nothing about them is in doubt."""
    needed = any(d.summation == "FRACTION_SESSION" for c in chosen for d in c.doses)
    counts = [fractions(candidate, patient.therapy) for candidate in chosen]
    for candidate, count in zip(chosen, counts, strict=True):
        shown = f"{count.text} " if count.text else ""
        row.notes.append(f"fractions of plan {candidate.digest}: {shown}{count.why}")
    if len(chosen) == 1:
        row.cells["fractions"] = counts[0].text
        if counts[0].doubtful or (needed and not counts[0].text):
            row.missing.append("fractions")
    elif all(count.text and count.why == FROM_RECORDS for count in counts):
        row.cells["fractions"] = "+".join(count.text for count in counts)
    else:  # what is only planned does not say how much of each plan was delivered
        row.missing += ["fractions, of each plan as 5+10", "prescription_gy, of the whole course"]


def dose_place(
    chosen: list[Candidate], patient: Patient, export: Export, folder: Path
) -> tuple[Path | None, bool]:
    """Return where the dose lies: the smallest folder with its objects and nobody else's.

    Returns
    -------
    Path or None
        None where no such place exists.
    bool
        Whether it is the dose's file alone, without its plan.
    """
    therapy = patient.therapy
    doses = [d.file.path for d in therapy.doses]
    needed = [*doses, *therapy.plan_files.values()]
    for files in ([*needed, *therapy.others], needed):
        parent = Path(os.path.commonpath([path.parent for path in files]))
        if export.owners.get(parent) == {patient.key}:
            return parent, False
    own = [d.file.path for c in chosen for d in c.doses]
    return (own[0], True) if len(own) == 1 else (None, False)
