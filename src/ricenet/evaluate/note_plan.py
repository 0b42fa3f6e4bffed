"""Note in the ledger that results are evaluated under a plan, where it is not the last one noted.

The opening itself stands there already (:mod:`ricenet.evaluate.open_test_set`). A plan that was
changed later is another look at the same predictions: it needs a line, and nobody predicts again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from ricenet import step
from ricenet.cohort import openings
from ricenet.config import analysis_plan
from ricenet.evaluate.open_test_set import today


def main(argv: Sequence[str] | None = None) -> None:
    """Read the ledger, add a line where the analysis plan is another one."""
    inputs, values = ("opening-record",), ("plan", "ledger")
    with step.Job("note_plan", argv, inputs=inputs, outputs=(), values=values) as job:
        path = job.args.opening_record.with_name(job.args.ledger)
        lines = openings.read(path)
        if not lines:
            raise ValueError(
                f"{path.name}: the ledger of test openings is gone, though its record is there; "
                f"put it back from a backup. What was opened cannot be told without it"
            )
        plan = analysis_plan.parse(job.args.plan)
        digest = analysis_plan.digest(job.args.plan)
        seen = plan.seen_before if plan else ""
        opening = {**lines[-1], "plan": digest, "seen_before": seen}
        found = openings.append(path, opening, today())
        if len(found) > len(lines):
            job.say(f"line {len(found)} of the ledger: another plan than at the opening")
        job.fact("openings", len(found))
        job.fact("plan", json.loads(job.args.plan))
