"""Table of the predictions of a cohort's ensembles for all new subjects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from ricenet import step
from ricenet.predict import conformal_sets
from ricenet.provenance import tsv

COLUMNS = (
    "subject", "ablation", "vote", "votes_rice", "models", "mean_probability_rice", "lowest",
    "highest", "conformal_sets",
)  # fmt: skip


def rows(answers: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row for each subject and ensemble."""
    found = [
        (
            answer["subject"], ablation, e["vote"], e["votes_rice"], len(e["models"]),
            e["mean_probability_rice"], min(e["models"].values()), max(e["models"].values()),
            conformal_sets.in_words(e["conformal"]) if "conformal" in e else "not made: no record",
        )
        for answer in answers
        for ablation, e in answer["ablations"].items()
    ]  # fmt: skip
    return pd.DataFrame(found, columns=list(COLUMNS))


def main(argv: Sequence[str] | None = None) -> None:
    """Read all predictions, write the table below a line that states its purpose."""
    with step.Job("predictions", argv, inputs=("answers*",)) as job:
        answers = [job.read_record(path) for path in job.args.answers]
        path = job.stage(job.args.out)
        tsv.write(path, rows(answers))
        table = path.read_text(encoding="utf-8")
        path.write_text(f"# {answers[0]['use']}\n{table}", encoding="utf-8")
