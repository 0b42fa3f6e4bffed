"""The ledgers of test openings: whether a line was edited, removed, or put elsewhere.

The chain is recomputed here; ``cohort/openings.py``, which writes it, is not used. Lines cut off
at the end break no chain: the digest of the ledger, which records hold, is then another one.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from ricenet.audit.records import Problem, RecordedStudy
from ricenet.study import layout

HEADER = "line\twhen\tplan\tseen_before\tpatients\tinputs\tmanifest\tmodels\tcode\t"
HEADER += "also_seen_in\tprevious\tdigest"
RECORDS = ("test_openings_record", "plan_record")
START = "ricenet test openings 1"


def broken(text: str) -> str:
    """Say what is wrong with a ledger's text; empty where nothing is."""
    lines = text.split("\n")
    if lines[0] != HEADER:
        return "its first line is not that of a ledger"
    if lines.pop() != "":
        return "its last line is not whole"
    expected = hashlib.sha256(START.encode()).hexdigest()
    for number, line in enumerate(lines[1:], 1):
        content, _, digest = line.rpartition("\t")
        if not content.endswith(f"\t{expected}"):
            return f"line {number} does not follow the line that was written before it"
        expected = hashlib.sha256(content.encode()).hexdigest()
        if digest != expected:
            return f"line {number} was edited"
        if not line.startswith(f"{number}\t"):
            return f"line {number} has another number"
    return "" if lines[1:] else "it has no line"


def problems(study: RecordedStudy) -> list[Problem]:
    """List the ledgers whose chain is broken, and those that are gone though opened."""
    found = []
    for path in sorted(study.root.glob(layout.path("test_openings", cohort="*"))):
        name = path.relative_to(study.root).as_posix()
        why = broken(path.read_text(encoding="utf-8", errors="replace"))
        if why:
            found.append(Problem(name, "altered", f"the ledger of test openings: {why}"))
    return [*found, *_shorter(study)]


def _shorter(study: RecordedStudy) -> list[Problem]:
    """List ledgers with fewer lines than a record of the cohort tells of."""
    found = []
    for record in study.records.values():
        told = record.content["facts"].get("openings")
        place = layout.parse(record.name)
        if not isinstance(told, int) or not place or place.kind not in RECORDS:
            continue
        name = layout.path("test_openings", cohort=place.names["cohort"])
        path = study.root / Path(name)
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        lines = max(0, text.count("\n") - 1)
        if lines < told:
            why = f"the ledger of test openings has {lines} lines, its record tells of {told}"
            found.append(Problem(name, "altered", why))
    return found
