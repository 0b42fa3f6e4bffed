"""Subjects of the page: their pictures and checks, and how many there are of each kind."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ricenet import step
from ricenet.cohort.labels import NAMES
from ricenet.step.checks import NOT_MADE
from ricenet.study import layout

SOUND = ("pass", "accepted")  # any other verdict has to be looked at
WITHOUT_PICTURE = "subjects without a picture"
ALIKE = "subjects whose cached volume is that of another"
OUTSIDE = {"split": "not in the cohort", "fold": "", "label": "", "digest": ""}


def data_uri(path: Path) -> str:
    """Return the PNG file as a data URI."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def checks_of(records: Sequence[dict[str, str]], subjects: Collection[str]) -> list[dict[str, str]]:
    """Return the rows of the audit table that are checks of the study's subjects, failed first.

    Who was left out or is gone may have records still, but no part in the study.

    Parameters
    ----------
    subjects : collection of str
        Whom the study works on.
    """
    found = [row | {"subject": _subject_of(row)} for row in records if row["check"]]
    found = [row for row in found if row["subject"] in {*subjects, ""}]
    order = {NOT_MADE: 1, **dict.fromkeys(SOUND, 2)}
    return sorted(found, key=lambda row: order.get(row["verdict"], 0))


def failed(checks: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Return the checks that failed and that nobody accepted; what was not made has not."""
    return [check for check in checks if check["verdict"] not in (*SOUND, NOT_MADE)]


def _subject_of(row: Mapping[str, str]) -> str:
    """Return whom a record is about; the audit counts one who was asked about to the cohort."""
    place = layout.parse(row["record"])
    return row["subject"] or (place.names.get("subject") if place else "") or ""


def subject_sections(
    manifest: Sequence[dict[str, str]],
    checks: Sequence[dict[str, str]],
    overviews: Mapping[str, Path],
    occlusions: Mapping[tuple[str, str], Path],
) -> list[dict[str, Any]]:
    """Return the content of each subject's section.

    The cohort in the manifest's order, then the others.

    Parameters
    ----------
    manifest : sequence of dict
        Rows of the manifest; empty where there is no cohort yet.
    overviews : mapping of str to Path
        Picture of each subject.
    occlusions : mapping of (str, str) to Path
        Picture of the map of each ablation and subject.
    """
    names = {str(label): name for label, name in NAMES.items()}
    known = {row["subject"] for row in manifest}
    others = [dict(OUTSIDE, subject=name) for name in overviews if name not in known]
    found = []
    for row in (*manifest, *others):
        own = [check for check in checks if check["subject"] == row["subject"]]
        maps = [(a, p) for (a, subject), p in occlusions.items() if subject == row["subject"]]
        picture = overviews.get(row["subject"])
        found.append(
            {
                **row,
                "label": names.get(row["label"], row["label"]),
                "overview": data_uri(picture) if picture else None,
                "occlusions": [(ablation, data_uri(p)) for ablation, p in maps],
                "checks": own,
                "failed": len(failed(own)),
                "not_made": sum(check["verdict"] == NOT_MADE for check in own),
            }
        )
    return found


def fewest(sections: Sequence[dict[str, Any]]) -> int:
    """Return the number of subjects of the smaller class."""
    return min(sum(s["label"] == name for s in sections) for name in NAMES.values())


def own_check(sections: Sequence[dict[str, Any]]) -> step.Check:
    """Return the check that the page makes of itself."""
    missing = sum(section["overview"] is None for section in sections)
    return step.Check(WITHOUT_PICTURE, missing, at_most=0)


def own_checks(
    sections: Sequence[dict[str, Any]], manifest: Sequence[Mapping[str, str]]
) -> list[step.Check]:
    """Return the checks that the page makes of itself; of volumes only where there are some."""
    return [own_check(sections), *([alike_check(manifest)] if manifest else [])]


def alike_check(manifest: Sequence[Mapping[str, str]]) -> step.Check:
    """Return the check that no two subjects of the manifest have one and the same volume."""
    found = [row["digest"] for row in manifest if row.get("digest")]
    alike = sum(found.count(digest) > 1 for digest in found)
    return step.Check(ALIKE, alike, at_most=0)


def as_row(check: step.Check) -> dict[str, str]:
    """Return a check of the page as a row of the table of checks."""
    return {
        "record": "", "step": "report", "subject": "", "check": check.name,
        "value": f"{check.value:g}", "unit": check.unit, "at_least": "",
        "at_most": f"{check.at_most:g}", "verdict": "pass" if step.passes(check) else "fail",
        "reason": check.reason,
    }  # fmt: skip


def counts(
    sections: Sequence[dict[str, Any]], checks: Sequence[dict[str, str]]
) -> dict[str, int | str]:
    """Count the subjects, folds and checks for the top of the page."""
    train = [s for s in sections if s["split"] == "train"]
    return {
        "subjects": len(sections),
        "train": len(train),
        "test": sum(s["split"] == "test" for s in sections),
        "rice": sum(s["label"] == "RICE" for s in sections),
        "recurrence": sum(s["label"] == "recurrence" for s in sections),
        "folds": len({s["fold"] for s in train}),
        "fewest_train": fewest(train),
        "fewest_test": fewest([s for s in sections if s["split"] == "test"]),
        "unchecked": sum(not s["checks"] for s in sections),
        "checks": len(checks),
        "of_subjects": sum(bool(check["subject"]) for check in checks),
        "failed": len(failed(checks)),
        "not_made": sum(check["verdict"] == NOT_MADE for check in checks),
    }
