"""The gate before the cache: nothing that failed a check passes until a person has decided.

All checks of a subject's records stand here in one table, with those that need two records. A check
that failed and that no row of the overrides table accepts holds the subject back, and nobody else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import pandas as pd

from ricenet import step
from ricenet.provenance import tsv

COLUMNS = (
    "check", "value", "unit", "at_least", "at_most", "verdict", "decision", "who", "why",
)  # fmt: skip
OWN = "quality"  # record of the checks that compare two records
Records = Mapping[str, Mapping[str, Any]]


def difference(volumes_ml: Sequence[float]) -> float:
    """Return the relative difference of the largest and the smallest volume.

    0 for fewer than two.
    """
    return max(volumes_ml) / min(volumes_ml) - 1 if len(volumes_ml) > 1 else 0.0


def brain_volumes(records: Records) -> list[float]:
    """Return the volumes of the brain masks of a subject, ml."""
    return [
        check["value"]
        for content in records.values()
        for check in content["checks"]
        if check["check"] == "brain-volume"
    ]


def identical_images(records: Records) -> int:
    """Count the pairs of native images whose voxels are the same."""
    digests = [
        content["outputs"]["out"][0]["digest"]
        for content in records.values()
        if content["step"] == "ingest_mri"
    ]
    return sum(a == b for a, b in combinations(digests, 2))


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
        if decided and check["verdict"] == "fail":
            check |= {"decision": "accept", **decided}
    return found


def undecided(checks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """List the checks that failed and that nobody has accepted."""
    return [c for c in checks if c["verdict"] == "fail" and "decision" not in c]


def explained(check: Mapping[str, Any]) -> str:
    """Return one line for a failed check: value, limits, advice."""
    bounds = [
        f"{words} {check[key]:g}"
        for key, words in (("at_least", "at least"), ("at_most", "at most"))
        if check.get(key) is not None
    ]
    line = f"{check['check']} is {check['value']:.4g} {check['unit']}".rstrip()
    advice = str(check.get("advice", "")).replace("; ", ", ")
    return f"{line} ({', '.join(bounds)} expected)" + (f": {advice}" if advice else "")


def require_decided(checks: Sequence[Mapping[str, Any]], subject: str) -> None:
    """Raise ``ValueError`` where a check has failed that nobody has accepted."""
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
        apart = difference(brain_volumes(records))
        job.check(
            "brain-volumes-agree",
            apart,
            at_most=job.settings["max_brain_difference"],
            advice="compare the brain masks of both visits: one of them lost or gained tissue",
        )
        job.check(
            "same-image-twice",
            identical_images(records),
            at_most=0,
            unit="pairs",
            advice="two channels hold the same image: correct the subject's row",
        )
        records |= {OWN: {"step": OWN, "checks": job.checks}}
        checks = checks_of(records, json.loads(job.args.accepted))
        require_decided(checks, job.args.subject)
        for check in checks:
            if "decision" in check:
                job.say(f"{check['check']} failed and was accepted by {check['who']}")
        job.fact("accepted", sum("decision" in check for check in checks))
        table = pd.DataFrame(checks, columns=list(COLUMNS))
        tsv.write(job.stage(job.args.out), table)
