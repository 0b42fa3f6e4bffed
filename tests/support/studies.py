"""Studies that only their tables and settings describe."""

from __future__ import annotations

from pathlib import Path

import yaml

from plans import plan_of
from ricenet.study.study import Study

CONFIG = Path(__file__).parents[2] / "config" / "config.yaml"


HEADER = "subject\tlabel\tpostop\tevent\tdose\tct\tfractions\tdose_kind"


ROWS = [
    "P1\tRICE\traw/P1/a\traw/P1/b\traw/P1/c\traw/P1/d\t30\tper_fraction",
    "P2\tRICE\traw/P2/a\traw/P2/b\traw/P2/c\t\t\t",
    "P3\trecurrence\traw/P3/a\traw/P3/b\traw/P3/c\t\t\t",
    "P4\trecurrence\traw/P4/a\traw/P4/b\traw/P4/c\t\t\t",
    "P5\tRICE\traw/P5/a\traw/P5/b\traw/P5/c\t\t\t",
]


COHORT = ["P1\ttrain\t0", "P2\ttrain\t1", "P3\ttrain\t0", "P4\ttrain\t1", "P5\ttest\t"]


DECISIONS = "subject\tcheck\tdecision\twho\twhy\n"


def make(
    folder: Path, *, rows=ROWS, cohort=COHORT, decisions="", header=HEADER, **changes
) -> Study:
    for subject in range(1, 7):
        for name in "abcd":
            (folder / "raw" / f"P{subject}" / name).mkdir(parents=True, exist_ok=True)
            (folder / "raw" / f"P{subject}" / name / "1.dcm").write_text(f"{subject}{name}")
    (folder / "subjects.tsv").write_text("\n".join([header, *rows]) + "\n")
    (folder / "c1.tsv").write_text("\n".join(["subject\tsplit\tfold", *cohort]) + "\n")
    (folder / "overrides.tsv").write_text(DECISIONS + decisions)
    (folder / "accepted-code.tsv").write_text("step\tcode\taccepts\twho\twhy\n")
    values = study_values(folder, **changes)
    if "analysis_plan" not in changes:
        values["analysis_plan"] = plan_of(values, folder / "plan.yaml")
    return Study(values, memory=folder / "memory" / "digests.json")


def study_values(folder: Path, **changes) -> dict:
    values = yaml.safe_load(CONFIG.read_text())
    names = {
        "subjects": "subjects",
        "cohort": "c1",
        "overrides": "overrides",
        "accepted_code": "accepted-code",
    }
    values |= {key: f"{folder}/{name}.tsv" for key, name in names.items()} | changes
    return values


TWO = [{"name": "postop", "kind": "mri"}, {"name": "event", "kind": "mri"}]


def occlusion(*ablations: str) -> dict:
    section = yaml.safe_load(CONFIG.read_text())["occlusion_map"]
    return {"occlusion_map": section | {"ablations": list(ablations)}}
