"""``ricenet explain-dose``: the ledger of a dose as text."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ricenet.config import introduced
from ricenet.dose.ledger import checks
from ricenet.ingest.ingest_dose import read
from ricenet.step.checks import verdict

SHIPPED = Path(__file__).parents[3] / "config" / "config.yaml"


def text(ledger: Mapping[str, Any]) -> str:
    """Write out a ledger, one statement a line."""
    lines = [
        f"decisions: {', '.join(ledger['decisions'])}",
        f"maximum of the course: {ledger['total_maximum_gy']:.3f} Gy",
        *(line for part in ledger["parts"] for line in _of_part(part)),
        *_of_prescription(ledger),
        *(f"warning: {warning}" for warning in ledger["warnings"]),
    ]
    return "\n".join(lines) + "\n"


def _of_part(part: Mapping[str, Any]) -> list[str]:
    count, source = part["fractions"], part["source_of_fractions"]
    fractions = f"{count} (from the {source})" if count is not None else "unknown"
    for name in ("planned", "recorded"):
        if part[f"fractions_{name}"] is not None:
            fractions += f", {part[f'fractions_{name}']} {name}"
    lines = [
        f"plan {part['plan']}: {part['rule']}",
        f"  made of the objects {', '.join(part['objects'])}",
        f"  stored as {part['kind']}, maximum {part['maximum_gy']:.3f} Gy",
        f"  fractions: {fractions}",
        f"  factor {part['factor']:.6g}, maximum {part['total_maximum_gy']:.3f} Gy",
    ]
    if part["plan_minus_beams_gy"] is not None:
        lines.append(f"  differs from the sum of its beams by {part['plan_minus_beams_gy']:.3g} Gy")
    return lines


def _of_prescription(ledger: Mapping[str, Any]) -> list[str]:
    lines = []
    if gy := ledger["prescription_gy"]:
        lines.append(f"prescription: {gy:g} Gy (from the {ledger['source_of_prescription']})")
    for about in ledger.get("evidence") or [about for about in [ledger["plausibility"]] if about]:
        lines.append(_of_evidence(about))
    return lines + [_of_check(check) for check in checks(ledger)]


def _of_evidence(about: Mapping[str, Any]) -> str:
    line = f"near-maximum: {about['near_maximum_gy']:.3f} Gy"
    if "reads_as" not in about:
        return f"{line}, by the {about['evidence']}: {about['value']:.3f} {about['unit']}"
    evidence = about.get("evidence", "prescription")
    return f"{line}, by the {evidence} {about['prescription_gy']:g} Gy reads as {about['reads_as']}"


def _of_check(check: Mapping[str, Any]) -> str:
    """Return one line for a check: its value, limits and verdict, or why it was not made."""
    if "reason" in check:
        held = f": {check['advice']}" if check.get("holds") else ""
        return f"check {check['name']}: NOT MADE, {check['reason']}{held}"
    made = verdict(
        check["name"],
        check["value"],
        at_least=check.get("at_least"),
        at_most=check.get("at_most"),
        unit=check.get("unit", ""),
    )
    low, high = (made.get(key) for key in ("at_least", "at_most"))
    bounds = (
        f"{low:g} to {high:g}"
        if low is not None and high is not None
        else (f"at most {high:g}" if low is None else f"at least {low:g}")
    )
    words = "pass" if made["verdict"] == "pass" else "FAIL: " + check["advice"]
    value = f"{check['value']:.3f} {made['unit']}".rstrip()
    return f"check {check['name']}: {value}, {bounds} expected: {words}"


def main(argv: Sequence[str] | None = None) -> None:
    """Print the ledger of a record, or of a raw folder; write nothing."""
    parser = argparse.ArgumentParser(
        prog="ricenet explain-dose",
        description="Explain how the total dose of a course was computed. Nothing is written.",
    )
    parser.add_argument("path", type=Path, help="record (dose_native.json), or raw folder or file")
    parser.add_argument("--row", default="{}", help="dose columns of the subject's row, as JSON")
    parser.add_argument("--settings", help="section ingest_dose as JSON; else the shipped one")
    args = parser.parse_args(argv)
    path: Path = args.path
    try:
        if path.suffix == ".json":
            ledger = _of_record(path)
        else:
            given = json.loads(args.settings) if args.settings else _shipped_settings()
            settings = introduced.fill_in("ingest_dose", given)
            ledger = read(path, json.loads(args.row), settings)[1]["ledger"]
    except ValueError as error:
        raise SystemExit(f"error: {error}") from None
    print(text(ledger), end="")


def _of_record(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))["facts"]["ledger"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError("not the record of a dose; give dose_native.json") from None


def _shipped_settings() -> dict[str, Any]:
    import yaml

    return yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))["ingest_dose"]
