"""The analysis plan of a study: what its figures are to be, named before the test set is opened.

The file is YAML that a person writes (``ricenet new-plan`` makes a draft). What counts is its
content: comments, layout, the order of keys and of sets change nothing, :func:`text` is the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from ricenet.config import yaml_limits
from ricenet.config.section import Section

Metric = Literal[
    "macro_f1", "balanced_accuracy", "accuracy", "sensitivity", "specificity", "auc",
    "auc_delong", "ppv", "npv",
]  # fmt: skip
Table = Literal[
    "calibration", "decision", "conformal", "selective", "probes", "added_value", "subgroups",
]  # fmt: skip
Pair = Annotated[list[str], Field(min_length=2, max_length=2)]
ENSEMBLES = {"vote": "majority vote", "mean": "mean probability"}  # as metrics.tsv calls them


class AnalysisPlan(Section):
    """What is planned; everything else that is computed is after the fact."""

    seen_before: Literal["nothing", "validation", "test"] = Field(
        description="results of these patients that had been seen when the plan was written"
    )
    inputs: Annotated[list[str], Field(min_length=1)] = Field(
        description="input combinations whose figures are planned; the first is the primary one"
    )
    primary_metric: Metric
    secondary_metrics: list[Metric]
    ensemble: Literal["vote", "mean"] = Field(description="whose answers count on test patients")
    threshold: Literal["0.5", "youden", "cost"] = Field(
        description="on the probability of RICE; youden and cost are fitted out of fold"
    )
    prevalences: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        description="of RICE, at which predictive values are planned"
    )
    contrasts: list[Pair] = Field(description="pairs of input combinations, one family")
    tables: list[Table] = Field(description="further tables of the evaluation that are planned")
    seed: int = Field(description="of the trainings")

    @model_validator(mode="after")
    def _possible(self) -> AnalysisPlan:
        alone = sorted({a for a, b in self.contrasts if a == b})
        if alone:
            raise ValueError(f"contrasts: {alone} against itself; name two input combinations")
        families = [tuple(pair) for pair in self.contrasts]
        for key, values in (
            ("inputs", self.inputs), ("contrasts", [*families, *((b, a) for a, b in families)]),
            ("prevalences", self.prevalences), ("tables", self.tables),
            ("metrics", [self.primary_metric, *self.secondary_metrics]),
        ):  # fmt: skip
            if len(set(values)) < len(values):
                raise ValueError(f"{key}: one stands there twice; name each once")
        if self.primary_metric in ("ppv", "npv") and len(self.prevalences) != 1:
            raise ValueError(
                "prevalences: with a predictive value as primary metric name exactly one"
            )
        if self.ensemble == "vote" and self.threshold != "0.5":
            raise ValueError("threshold: votes are counted at 0.5; for another use ensemble: mean")
        if self.ensemble == "vote" and self.primary_metric in ("auc", "auc_delong"):
            raise ValueError("primary_metric: votes have no AUC; use ensemble: mean")
        return self

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Contrasts as pairs, in an order that does not depend on the file's."""
        return sorted((a, b) for a, b in self.contrasts)


def against_fewer(ablations: Sequence[str], *, alone: bool) -> list[tuple[str, str]]:
    """Return the contrasts of a study that names none: all channels against all but one.

    Parameters
    ----------
    ablations : sequence of str
        Names of input combinations: their channels, joined by hyphens.
    alone : bool
        Whether all channels are compared with each single channel, too.
    """
    channels = {name: len(name.split("-")) for name in ablations}
    whole = max(ablations, key=lambda name: channels[name])
    sizes = {channels[whole] - 1, *((1,) if alone else ())}
    others = [name for name in ablations if name != whole and channels[name] in sizes]
    return [(whole, name) for name in sorted(others, key=lambda name: -channels[name])]


def text(plan: AnalysisPlan) -> str:
    """Return the canonical text of an analysis plan: JSON in which what has no order is sorted."""
    values = plan.model_dump(mode="json")
    first, *others = plan.inputs
    values["inputs"] = [first, *sorted(others)]
    for key in ("secondary_metrics", "prevalences", "contrasts", "tables"):
        values[key] = sorted(values[key])
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def digest(canonical: str) -> str:
    """Return the sha256 of a plan's canonical text, by which the ledger knows it."""
    return hashlib.sha256(canonical.encode()).hexdigest()


def parse(canonical: str) -> AnalysisPlan | None:
    """Return the plan of a canonical text; None for an empty one."""
    return AnalysisPlan.model_validate_json(canonical) if canonical else None


def named(path: str | None) -> AnalysisPlan | None:
    """Return the plan that the settings name; None where they name none. See :func:`read`."""
    return read(path) if path else None


def read(path: str | Path) -> AnalysisPlan:
    """Read and check a plan.

    Raises
    ------
    ValueError
        No such file, no plain YAML, or a key that is missing, unknown or wrong.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(
            f"analysis_plan: {path}: no such file; ricenet new-plan --out {path} writes a draft"
        )
    yaml_limits.require_plain(path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not plain YAML ({type(error).__name__}); correct it") from None
    yaml_limits.require_small(values)
    if isinstance(values, dict) and isinstance(values.get("threshold"), float):
        values["threshold"] = str(values["threshold"])  # 0.5 is a number in YAML
    try:
        return AnalysisPlan.model_validate(values)
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, e['loc'])) or 'the plan'}: {e['msg']}" for e in error.errors()
        ]
        raise ValueError("\n  ".join([f"{path}: not a usable analysis plan:", *lines])) from None
