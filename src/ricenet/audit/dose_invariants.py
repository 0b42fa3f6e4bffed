"""Invariants of the dose: never negative, never above what is stored, its integral kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ricenet.audit.finding import Finding, Volumes, background, finding, same_grid
from ricenet.audit.records import Record
from ricenet.image.volume import Volume
from ricenet.step.checks import NOT_MADE

INTEGRAL_TOLERANCE = 0.02
DOSE_TOLERANCE = 1e-4  # relative, of a maximum in single precision


def of_align(record: Record, load: Volumes) -> list[Finding]:
    """Check the sign and integral of a registered dose.

    Not negative, each plan as in its native voxels.
    """
    (file,) = record.named("outputs", "out")
    moved = load(file)
    findings = [finding(record, file, [], "dose-minimum", moved.data.min(), at_least=0, unit="Gy")]
    # where the dose reaches beyond the reference's field of view, its integral cannot be kept
    unmade = {c["check"] for c in record.content["checks"] if c["verdict"] == NOT_MADE}
    made = {c["check"] for c in record.content["checks"]} - unmade
    if "dose-integral" in made:
        count = _parts(moved).shape[3]
        kept = [i for i in range(count) if f"dose-integral-part-{i + 1}" not in unmade]
        findings.append(_integral(record, file, moved, load, kept))
    return findings


def _integral(
    record: Record, file: str, moved: Volume, load: Volumes, kept: Sequence[int]
) -> Finding:
    (source,) = record.named("inputs", "image")
    native = load(source)
    before = _parts(native)[..., kept].sum(axis=(0, 1, 2), dtype=np.float64) * native.voxel_ml
    after = _parts(moved)[..., kept].sum(axis=(0, 1, 2), dtype=np.float64) * moved.voxel_ml
    ratios = after / before
    worst = float(ratios[np.argmax(np.abs(ratios - 1))])
    return finding(
        record, file, [source], "dose-integral", worst,
        at_least=1 - INTEGRAL_TOLERANCE, at_most=1 + INTEGRAL_TOLERANCE,
    )  # fmt: skip


def _parts(dose: Volume) -> NDArray:
    """Return the dose as (X, Y, Z, P): one part for each plan."""
    return dose.data if dose.data.ndim == 4 else dose.data[..., None]


def of_total_dose(record: Record, load: Volumes, ledger: Mapping[str, Any]) -> list[Finding]:
    """Check the dose of the course.

    Not negative, and not above what the native voxels and the ledger give.

    Parameters
    ----------
    ledger : mapping
        Of the subject's ``ingest_dose``; its ``file`` is the native dose.
    """
    (file,), (other,) = record.named("outputs", "out"), record.named("inputs", "mask")
    total, mask, native = load(file), load(other), load(ledger["file"])
    limit = course_maximum_gy(_parts(native), ledger["parts"], record.content["settings"])
    findings = [
        same_grid(record, file, total, other, mask),
        finding(record, file, [], "dose-minimum", float(total.data.min()), at_least=0, unit="Gy"),
        finding(
            record, file, [ledger["file"]], "dose-maximum", float(total.data.max()),
            at_most=limit * (1 + DOSE_TOLERANCE), unit="Gy",
        ),
    ]  # fmt: skip
    if record.content["settings"]["mask_dose"]:
        findings.append(background(record, file, total.data, other, mask.data > 0))
    return findings


def course_maximum_gy(
    native_gy: NDArray, parts: Iterable[Mapping[str, Any]], settings: Mapping[str, Any]
) -> float:
    """Return the highest dose of the course that the native voxels allow, Gy (or EQD2).

    Parameters
    ----------
    native_gy : (X, Y, Z, P) array
        As stored, one part a plan.
    parts : iterable of mapping
        ``factor`` and ``fractions`` of each plan, from the ledger.
    settings : mapping
        ``quantity`` and ``alpha_beta_gy`` of ``total_dose``.
    """
    course = np.zeros(native_gy.shape[:3])
    bound = 0.0
    for index, plan in enumerate(parts):
        given = native_gy[..., index].astype(np.float64) * plan["factor"]
        if settings["quantity"] == "eqd2":
            ratio = settings["alpha_beta_gy"]
            # it rises faster than the dose: only the parts' own maxima bound an interpolated sum
            highest = float(given.max())
            bound += highest * (highest / plan["fractions"] + ratio) / (2 + ratio)
        else:
            course += given
    return bound if settings["quantity"] == "eqd2" else float(course.max())
