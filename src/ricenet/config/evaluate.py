"""Settings of the steps in ``evaluate.smk``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt

from ricenet.config.section import Section


class Evaluate(Section):
    """Metrics and their confidence intervals."""

    confidence: Annotated[float, Field(gt=0, lt=1)]
    bootstrap_samples: PositiveInt
    seed: int


class Compare(Section):
    """Ensembles of other cohorts beside those of this one, on common test subjects."""

    cohorts: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}$")]] = Field(
        description="names of finished cohorts of this study; empty = none"
    )
    confidence: Annotated[float, Field(gt=0, lt=1)]
    bootstrap_samples: PositiveInt
    seed: int
