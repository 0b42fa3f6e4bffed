"""Normalisations: the one table of how intensities of MRI are brought to a common scale.

Each is a step of its own in ``ricenet.preprocess``, which writes what the networks get: 0
outside the brain. So a new one makes nothing of the others again. What must know what a value means
reads a column of :data:`NORMALISATIONS`. The formula stands once more in ``audit/invariants.py``.
Standard library only: the Snakefile reads this.
"""

from __future__ import annotations

from typing import NamedTuple


class Normalisation(NamedTuple):
    """What an MRI is after a normalisation.

    Attributes
    ----------
    module : str
        The step.
    words : str
        What it is scaled to, as texts say it.
    zero, unit : str
        What of the brain becomes 0, and what a difference of 1 is.
    standardised : bool
        Whether these are the mean and the standard deviation. Else new enhancement, which must
        exceed the mean, is not looked for, and no picture shows a difference of z-scores.
    reference : str
        Paper that the report cites; empty where none is needed.
    """

    module: str
    words: str
    zero: str
    unit: str
    standardised: bool
    reference: str = ""


NORMALISATIONS = {  # by their name in zscore.method, which is also that of the step
    "zscore": Normalisation(
        module="ricenet.preprocess.zscore",
        words="mean 0 and standard deviation 1 in the brain",
        zero="the mean of the brain",
        unit="a standard deviation of the brain",
        standardised=True,
    ),
}


def cautions(name: str) -> list[str]:
    """Return what other settings mean where MRI are not standardised."""
    row = NORMALISATIONS[name]
    if row.standardised:
        return []
    return [
        f"zscore.method is {name}: 0 is {row.zero} and 1 is {row.unit}. "
        f"train_model.augmentation.noise is in this unit, and occlusion_map.mri_fill should be the "
        f"level of ordinary brain, not 0. New enhancement is not looked for, and pictures show no "
        f"difference of MRI."
    ]
