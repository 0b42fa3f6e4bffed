"""The gate before the cache: nothing that failed a check passes until a person has decided.

All checks of a subject's records stand here in one table, with those that need two records. A check
that failed, or one that could not be made and must be, holds the subject back, and nobody else,
until a row of the overrides table accepts it. What was not made has not passed, and is shown so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import pandas as pd

from ricenet import step
from ricenet.provenance import tsv
from ricenet.step import Check, not_made
from ricenet.step.checks import NOT_MADE, holds

COLUMNS = (
    "check", "value", "unit", "at_least", "at_most", "verdict", "decision", "who", "why", "reason",
)  # fmt: skip
OWN = "quality"  # record of the checks that compare two records
Records = Mapping[str, Mapping[str, Any]]


def difference(volumes_ml: Sequence[float]) -> float:
    """Return the relative difference of the largest and the smallest of at least two volumes."""
    return max(volumes_ml) / min(volumes_ml) - 1


def brain_volumes(records: Records) -> list[float]:
    """Return the volumes of the brain masks of a subject, ml."""
    return [
        check["value"]
        for content in records.values()
        for check in content["checks"]
        if check["check"] == "brain-volume" and check["value"] is not None
    ]


def native_images(records: Records) -> list[str]:
    """Return the digests of the native images of a subject."""
    return [
        content["outputs"]["out"][0]["digest"]
        for content in records.values()
        if content["step"] == "ingest_mri"
    ]


def compare_images(records: Records, *, most: float) -> list[Check]:
    """Check what needs two images; brain volumes may differ by ``most``, a share."""
    volumes, images = brain_volumes(records), native_images(records)
    name, other = "brain-volumes-agree", "same-image-twice"
    return [
        Check(
            name,
            difference(volumes),
            at_most=most,
            advice="compare the brain masks of both visits: one of them lost or gained tissue",
        )
        if len(volumes) > 1
        else not_made(name, f"{len(volumes)} brain mask: nothing to compare"),
        Check(
            other,
            sum(a == b for a, b in combinations(images, 2)),
            at_most=0,
            unit="pairs",
            advice="two channels hold the same image: correct the subject's row",
        )
        if len(images) > 1
        else not_made(other, f"{len(images)} image: nothing to compare"),
    ]


def checks_of(records: Records, accepted: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """Return all checks, each with its id ``<record>/<check>`` and what a person has decided.

    Raises
    ------
    ValueError
        A decision on a check that there is not.
    """
    found = [
        {**check, "check": f"{name}/{check['check']}"}
        for name, content in records.items()
        for check in content["checks"]
    ]
    names = [check["check"] for check in found]
    unknown = sorted(set(accepted) - set(names))
    if unknown:
        raise ValueError(
            f"the overrides table accepts {unknown}, but this subject's checks are {names}; "
            f"correct the row's check"
        )
    for check in found:
        decided = accepted.get(check["check"])
        if decided and holds(check):
            check |= {"decision": "accept", **decided}
    return found


def undecided(checks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """List the checks that hold the subject back and that nobody has accepted."""
    return [c for c in checks if holds(c) and "decision" not in c]


def explained(check: Mapping[str, Any]) -> str:
    """Return one line for a failed check: value, limits, advice; or why it was not made."""
    advice = str(check.get("advice", "")).replace("; ", ", ")
    if check["verdict"] == NOT_MADE:
        reason = str(check["reason"]).replace("; ", ", ")
        return f"{check['check']} was not made: {reason}" + (f": {advice}" if advice else "")
    bounds = [
        f"{words} {check[key]:g}"
        for key, words in (("at_least", "at least"), ("at_most", "at most"))
        if check.get(key) is not None
    ]
    line = f"{check['check']} is {check['value']:.4g} {check['unit']}".rstrip()
    return f"{line} ({', '.join(bounds)} expected)" + (f": {advice}" if advice else "")


def require_decided(checks: Sequence[Mapping[str, Any]], subject: str) -> None:
    """Raise ``ValueError`` where a check holds the subject back that nobody has accepted."""
    open_ = undecided(checks)
    if open_:
        listed = " | ".join(explained(check) for check in open_)
        raise ValueError(
            f"held back until a person decides: {listed}; look at the subject's overview.png and "
            f"correct the data, or write a row in the overrides table: {subject}, "
            f"{open_[0]['check']}, accept (or exclude), who, why"
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Collect the checks of one subject's records, compare with the decisions, write or refuse."""
    with step.Job("quality", argv, inputs=("records*",), values=("subject", "accepted")) as job:
        records = {path.stem: job.read_record(path) for path in job.args.records}
        most = job.settings["max_brain_difference"]
        step.write(job, compare_images(records, most=most))
        records |= {OWN: {"step": OWN, "checks": job.checks}}
        checks = checks_of(records, json.loads(job.args.accepted))
        require_decided(checks, job.args.subject)
        for check in checks:
            if "decision" in check:
                words = "failed" if check["verdict"] == "fail" else "was not made"
                job.say(f"{check['check']} {words} and was accepted by {check['who']}")
        job.fact("accepted", sum("decision" in check for check in checks))
        job.fact("not_made", [c["check"] for c in checks if c["verdict"] == NOT_MADE])
        table = pd.DataFrame(checks, columns=list(COLUMNS))
        tsv.write(job.stage(job.args.out), table)
