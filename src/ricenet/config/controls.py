"""Settings of the controls: trainings that are no results, in ``controls.smk``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ricenet.config.section import Section


class Controls(Section):
    """Which controls are trained; all of them cost trainings, and none is made by default."""

    permutations: Annotated[int, Field(ge=0, le=9999)] = Field(
        description="trainings of all folds with permuted labels"
    )
    seeds: Annotated[int, Field(ge=0, le=9999)] = Field(
        description="repeats of all folds with other seeds"
    )
    learning_percent: list[Annotated[int, Field(ge=10, le=90)]] = Field(
        description="shares of the training subjects of a fold, of each class"
    )
    untrained: Annotated[int, Field(ge=0, le=9999)] = Field(
        description="untrained networks whose maps stand beside the trained ones'; no trainings"
    )
    ablations: list[str] = Field(description="names of input combinations; empty = all channels")
    accepted_trainings: Annotated[int, Field(ge=0)] = Field(
        description="trainings that a person agrees to; nothing is made where more are needed"
    )


class ControlManifest(Section):
    """The list of a control's caches, with permuted labels or fewer subjects."""

    seed: int


class ControlMetrics(Section):
    """Figures of the controls beside those of the study."""

    confidence: Annotated[float, Field(gt=0, lt=1)]
