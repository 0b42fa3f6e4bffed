"""Settings of the steps in ``evaluate.smk``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt, model_validator

from ricenet.config.section import Section


class OpenTestSet(Section):
    """The ledger of test openings."""


class NotePlan(Section):
    """The analysis plan under which results are evaluated."""


class Evaluate(Section):
    """Metrics and their confidence intervals."""

    confidence: Annotated[float, Field(gt=0, lt=1)]
    bootstrap_samples: PositiveInt = Field(
        description="draws from the posterior (Jeffreys' prior) that give the interval of a "
        "difference of macro F1; no bootstrap, whatever the key is called"
    )
    seed: int
    prevalences: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        description="of RICE, at which predictive values are given besides the cohort's own"
    )
    contrasts: list[Annotated[list[str], Field(min_length=2, max_length=2)]] | None = Field(
        description="pairs of input combinations to compare; null = all channels against all but "
        "one and against each alone"
    )

    @model_validator(mode="after")
    def _two_each(self) -> Evaluate:
        alone = sorted({a for a, b in self.contrasts or () if a == b})
        if alone:
            raise ValueError(f"contrasts: {alone} against itself; name two input combinations")
        return self


class Calibrate(Section):
    """Calibration, thresholds, decision curves, conformal sets and abstention."""

    confidence: Annotated[float, Field(gt=0, lt=1)]
    cost_ratio: Annotated[float, Field(gt=0)] = Field(
        description="cost of a RICE that is missed, in costs of a recurrence that is called RICE"
    )
    conformal_alpha: Annotated[list[Annotated[float, Field(gt=0, lt=1)]], Field(min_length=1)] = (
        Field(description="shares of each class whose set may lack the right answer")
    )
    draws: PositiveInt = Field(description="random draws of labels, and of orders, for the nulls")
    seed: int


class ProbeFeatures(Section):
    """Simple features of a subject, for the probes."""


class Probes(Section):
    """Models of few features beside the networks, in the same folds."""

    confidence: Annotated[float, Field(gt=0, lt=1)]
    inner_folds: Annotated[int, Field(ge=2)] = Field(
        description="folds of the training subjects that choose a probe's penalty"
    )
    seed: int


class DescribeCohort(Section):
    """Subgroups, failures, and what is missing by class."""

    confidence: Annotated[float, Field(gt=0, lt=1)]
    minimum: PositiveInt = Field(
        description="patients of a subgroup, below which only its size is shown"
    )


class NearDuplicates(Section):
    """Subjects of a cohort who look like one person under two ids."""

    at_most: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="correlation of two brains, band-passed and registered, of different persons"
    )
    partners: PositiveInt = Field(
        description="nearest ones of each subject that are registered and compared closely"
    )


class Compare(Section):
    """Ensembles of other cohorts beside those of this one, on common test subjects."""

    cohorts: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}$")]] = Field(
        description="names of finished cohorts of this study; empty = none"
    )
    confidence: Annotated[float, Field(gt=0, lt=1)]
    bootstrap_samples: PositiveInt = Field(
        description="draws from the posterior (Jeffreys' prior) that give the interval of a "
        "difference of macro F1; no bootstrap, whatever the key is called"
    )
    seed: int
