"""``ricenet new-plan``: a draft of an analysis plan for a study, to be corrected by a person."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from ricenet.config import analysis_plan, settings_files

if TYPE_CHECKING:
    from ricenet.study.study import Study

DRAFT = """\
# Analysis plan of the study {study}: what will be reported, written before the results are seen.
# What stands here is marked "planned" in the tables and in the report, everything else that is
# computed "after the fact". A change after the test set was opened shows in its ledger.
# config/README.md explains each key. Correct the draft, then name it in the settings:
#   analysis_plan: <this file>

# nothing, validation (results of cross-validation have been seen) or test (test predictions, too)
seen_before: {seen}

# input combinations whose figures are planned; the first is the primary one
inputs: [{inputs}]

# pairs that are compared: few questions need few patients
contrasts:
{contrasts}

primary_metric: macro_f1 # {metrics}
secondary_metrics: [sensitivity, specificity]
ensemble: vote # vote, or mean (of the models' probabilities; an AUC needs it)
threshold: 0.5 # 0.5, or youden or cost, fitted out of fold (with ensemble: mean)
prevalences: [{prevalences}] # of RICE, for predictive values
tables: [] # calibration, decision, conformal, selective, probes, added_value, subgroups
seed: {seed} # of the trainings
"""


def draft(study: Study) -> str:
    """Return a draft for a study; what was seen before is taken from its folder."""
    chosen = study.config.evaluate.contrasts
    found = [(a, b) for a, b in chosen or ()]
    if chosen is None:
        found = analysis_plan.against_fewer(study.ablations, alone=False)
    lines = [f"  - [{a}, {b}]" for a, b in found] or ["  []"]
    primary = max(study.ablations, key=lambda name: len(name.split("-")))
    others = dict.fromkeys(name for pair in found for name in pair)
    return DRAFT.format(
        study=study.config.study,
        seen=study.test_set.seen(),
        inputs=", ".join(dict.fromkeys([primary, *others])),
        contrasts="\n".join(lines),
        metrics=", ".join(name for name in get_args(analysis_plan.Metric) if name != "macro_f1"),
        prevalences=", ".join(map(str, study.config.evaluate.prevalences)),
        seed=study.config.train_model.seed,
    )


def _study(configfiles: Sequence[Path]) -> Study:
    """Read a study without the analysis plan that its settings name: it may not exist yet."""
    from ricenet.study.preflight import require_safe
    from ricenet.study.study import Study

    for path in configfiles:
        require_safe(path)
    values = settings_files.merged(configfiles) | {"analysis_plan": None}
    return Study(values, memory=Path(".snakemake/ricenet-raw-digests.json"))


def main(argv: Sequence[str] | None = None) -> int:
    """Print a draft, or write it to a file that is not there yet."""
    parser = argparse.ArgumentParser(prog="ricenet new-plan", description=__doc__)
    parser.add_argument("--configfile", nargs="+", default=[], type=Path, help="as for snakemake")
    parser.add_argument("--out", type=Path, help="file to write; it must not exist")
    args = parser.parse_args(argv)
    try:
        text = draft(_study(args.configfile))
        if args.out is None:
            print(text, end="")
            return 0
        args.out.parent.mkdir(parents=True, exist_ok=True)
        with args.out.open("x", encoding="utf-8") as file:
            file.write(text)
    except (ValueError, FileExistsError) as error:
        why = f"{args.out}: it exists; an analysis plan is not overwritten" if args.out else ""
        print(f"error: {why if isinstance(error, OSError) else error}", file=sys.stderr)
        return 2
    print(f"{args.out}: correct it, then name it in the settings (analysis_plan: {args.out})")
    return 0
