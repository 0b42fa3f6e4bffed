"""From RTDOSE, RTPLAN, RTRECORD and REG, or a converted file, to Gy, with the ledger of the dose.

The dose is written as stored, ``(X, Y, Z)`` float32 in Gy with an affine to RAS+ mm: of one
fraction or of the course. Several plans that are added are ``(X, Y, Z, P)``, one part each.
``total_dose`` multiplies by the ledger's factors, after alignment.

``ricenet explain-dose PATH`` prints the ledger of a raw folder, or of a record that is there
already.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ricenet import step
from ricenet.dose import parts, plans
from ricenet.dose.beams import beams_gy
from ricenet.dose.collect import Found, collect
from ricenet.dose.course import Part
from ricenet.dose.decision import Choice, choose
from ricenet.dose.delivery import (
    added_by_name,
    delivered_elsewhere,
    not_known_whole,
    only_plan_beside,
    replaced_in_part,
    require_delivered_whole,
    sum_may_be_one_course,
)
from ricenet.dose.fractions import Fractions, of_parts
from ricenet.dose.ledger import checks, make_ledger
from ricenet.dose.plans import Candidate
from ricenet.dose.treatment_records import delivered
from ricenet.dose.units import relative_gy
from ricenet.image import converted_image
from ricenet.image.volume import Volume
from ricenet.provenance import digests

GY_PER_UNIT = {"Gy": 1.0, "cGy": 0.01}
NIFTI_COLUMNS = ("dose_kind", "dose_units", "dose_frame")


def read(
    path: Path, row: Mapping[str, str], settings: Mapping[str, Any]
) -> tuple[Volume, dict[str, Any]]:
    """Read a dose from DICOM objects or a converted file.

    Parameters
    ----------
    path : Path
        Folder with RTDOSE and RTPLAN, one RTDOSE file, or a NIfTI, MetaImage or NRRD file.
    row : mapping
        The dose columns of the subject's row, where given.
    settings : mapping
        The section ``ingest_dose``.

    Returns
    -------
    Volume
        Gy, as stored; four-dimensional if several plans are added.
    dict
        Facts for the record: frame, own_frame, studies, ledger, registrations, ignored_files.

    Raises
    ------
    ValueError
        Anything that would have to be guessed.
    """
    if converted_image.is_converted(path):
        read_parts, own_frame = [_converted(path, row)], None
        chosen: Sequence[Candidate] = []
        found = Found([], {})
        decisions: list[str] = []
        warnings: list[str] = []
        elsewhere: list[str] = []
        unproved = ""
    else:
        found = collect(path, row)
        candidates = plans.group(found.doses, found.plans)
        chosen, decisions, warnings = plans.select(
            candidates, found.plans, named=row.get("dose_plan", "")
        )
        read_parts = _parts(chosen, found, row)
        elsewhere = delivered_elsewhere(chosen, found)
        if not row.get("dose_plan"):
            elsewhere += replaced_in_part(chosen, found)
        if not row.get("prescription_gy"):
            elsewhere += not_known_whole(chosen, found)
        own_frame, moved, unproved = _one_frame(chosen, read_parts, found)
        warnings = [*found.warnings, *warnings, *_notes(chosen, found), *moved]
    volume, resampled = _one_grid(read_parts)
    frame = own_frame
    if named := row.get("dose_frame"):
        if own_frame:
            warnings.append(f"the row places the dose on {named}, not its own frame")
        frame = f"image:{named}"
    ledger = make_ledger(read_parts, volume, row, settings, elsewhere)
    if unproved:
        ledger["added_by_name"] = unproved
    ledger["decisions"] = [*decisions, *ledger["decisions"]]
    ledger["warnings"] = [*warnings, *resampled, *ledger["warnings"]]
    return volume, {
        "frame": frame,
        "own_frame": own_frame,
        "studies": sorted({d.study for c in chosen for d in c.doses if d.study}),
        "registrations": found.links,
        "ignored_files": found.ignored,
        "ledger": ledger,
    }


def _converted(path: Path, row: Mapping[str, str]) -> Part:
    """Return the dose of a converted file: all that the format cannot state must be in the row."""
    missing = [column for column in NIFTI_COLUMNS if not row.get(column)]
    if missing:
        raise ValueError(
            f"a dose that is not DICOM needs {', '.join(missing)} in the subject's row; nothing is "
            f"guessed"
        )
    volume = converted_image.load(path)
    if volume.data.min() < 0 or not volume.data.any():
        raise ValueError(
            f"dose from {volume.data.min():.4g} to {volume.data.max():.4g}: negative, or zero "
            f"everywhere; export it again"
        )
    kind, relative = row["dose_kind"], row["dose_units"] == "relative"
    one = relative_gy(row, "a relative dose") if relative else GY_PER_UNIT[row["dose_units"]]
    choice = Choice(
        Volume(volume.data * volume.data.dtype.type(one), volume.affine),
        kind,
        f"row: {kind}",
        ["row-per-fraction-x-n" if kind == "per_fraction" else "row-total"],
        warnings=[f"relative dose: 1.0 taken for {one:g} Gy, as the row says"] if relative else [],
    )
    digest = digests.bytes_digest(path)[:16]
    (n,) = of_parts(row.get("fractions", ""), [None], [None])
    return Part(choice, n, None, digest[:8], [digest])


def _parts(chosen: Sequence[Candidate], found: Found, row: Mapping[str, str]) -> list[Part]:
    """Return the dose, fractions and prescription of each plan that counts."""
    choices = [choose(c.doses, c.plan, row_kind=row.get("dose_kind", "")) for c in chosen]
    records = [delivered(found.deliveries, c.doses[0].plan) for c in chosen]
    counts = of_parts(
        row.get("fractions", ""),
        [n for n, _ in records],
        [c.plan.planned if c.plan else None for c in chosen],
    )
    made = []
    for candidate, choice, (_, notes), n in zip(chosen, choices, records, counts, strict=True):
        choice.warnings += notes
        require_delivered_whole(candidate, found, n.count)
        objects = [dose.digest for dose in choice.used]
        made.append(_part(candidate, choice, n, objects, found))
    return made


def _part(
    candidate: Candidate, choice: Choice, n: Fractions, objects: list[str], found: Found
) -> Part:
    plan, digest = candidate.plan, candidate.digest
    if plan is None and not candidate.multi and (beside := only_plan_beside(found)):
        choice.warnings.append(
            "the dose names no plan that is here; the only one beside it counts for its size, "
            "not for its fractions"
        )
        gy, group = beside.prescription_gy, beside.group_prescription_gy
        return Part(choice, n, gy, digest, objects, group, named=False)
    prescription = _prescription(candidate, found)
    if plan is None:
        doubtful = prescription is None or sum_may_be_one_course(candidate, found)
        unprescribed = candidate.multi and doubtful
        return Part(choice, n, prescription, digest, objects, unprescribed=unprescribed)
    beams = beams_gy(plan.beam_dose_gy, plan.fractions, n.count)
    return Part(choice, n, prescription, digest, objects, plan.group_prescription_gy, beams)


def _prescription(candidate: Candidate, found: Found) -> float | None:
    """Return the prescription of the plans of a candidate.

    Of its own, or of all that it is the sum of.
    """
    here = [found.plans[uid] for uid in candidate.uids if uid in found.plans]
    given = [gy for plan in here if (gy := plan.prescription_gy or plan.group_prescription_gy)]
    return sum(given) if given and len(given) == len(candidate.uids) else None


def _one_frame(
    chosen: Sequence[Candidate], read_parts: Sequence[Part], found: Found
) -> tuple[str | None, list[str], str]:
    """Return the dose's frame of reference, to which parts are moved, warnings and a doubt."""
    frames = []
    for part in read_parts:
        own = {dose.frame for dose in part.choice.used}
        if len(own) > 1:
            raise ValueError(f"the doses have {len(own)} frames of reference; export them again")
        frames.append(own.pop())
    volumes = [part.choice.volume for part in read_parts]
    moved, frame, warnings = parts.in_one_frame(volumes, frames, found.links)
    for part, volume in zip(read_parts, moved, strict=True):
        part.choice.volume = volume
    return frame, warnings, added_by_name(chosen, frames)


def _one_grid(read_parts: Sequence[Part]) -> tuple[Volume, list[str]]:
    """Return a single part as it is, or several as (X, Y, Z, P)."""
    if len(read_parts) == 1:
        return read_parts[0].choice.volume, []
    return parts.stack([part.choice.volume for part in read_parts])


def _notes(chosen: Sequence[Candidate], found: Found) -> list[str]:
    notes = []
    doses = [dose for candidate in chosen for dose in candidate.doses]
    if any(dose.effective for dose in doses):
        notes.append("DoseType EFFECTIVE: weighted by biological effect (RBE), not physical")
    for one in sorted({dose.gy_per_unit for dose in doses} - {1.0}):
        notes.append(f"stored value 1.0 taken for {one:g} Gy, as the row says")
    if any(c.plan is None and not (c.uids and c.uids <= set(found.plans)) for c in chosen):
        notes.append("the plan of the dose is not there: it is taken as delivered whole")
    named = {uid for dose in found.doses for uid in dose.plans}
    if foreign := len(set(found.plans) - named):
        notes.append(f"{foreign} plans ignored: the dose does not name them")
    unnamed = sum(d.plan not in named for d in found.deliveries)
    if unnamed:
        notes.append(f"{unnamed} delivered beams of treatment records name no plan of a dose here")
    return notes


def main(argv: Sequence[str] | None = None) -> None:
    """Read the raw dose and the subject's row, decide, write dose and ledger."""
    with step.Job("ingest_dose", argv, raw=("raw",), values=("row",)) as job:
        volume, facts = read(job.args.raw, json.loads(job.args.row), job.settings)
        job.facts |= facts
        ledger = facts["ledger"]
        for warning in ledger["warnings"]:
            job.say(f"warning: {warning}")
        for about in checks(ledger):
            record_verdict = job.not_checked if "reason" in about else job.check
            record_verdict(**about)
        job.say(
            f"{ledger['rule']}: stored maximum {ledger['maximum_gy']:.3f} Gy, course maximum "
            f"{ledger['total_maximum_gy']:.3f} Gy"
        )
        job.save(job.args.out, volume)
