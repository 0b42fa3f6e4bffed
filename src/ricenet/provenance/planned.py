"""Whether a job runs the code that Snakemake has read, and notes for its results.

The environment of a job says so: no command changes by it, and one that a person copies runs
without. It differs where the source is edited during a run, and where Python finds another
installed checkout.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

VARIABLE = "RICENET_PLANNED"


def as_text(digests: Mapping[str, str]) -> str:
    """Return the digests of the code of some steps as the value of the variable."""
    return " ".join(f"{step}={digest}" for step, digest in sorted(digests.items()))


def require(step: str, digest: str) -> None:
    """Raise ``ValueError`` unless the step was planned with the code that is about to run.

    Parameters
    ----------
    step : str
        Its name.
    digest : str
        Of its code, as this process would import it.
    """
    pairs = (word.partition("=") for word in os.environ.get(VARIABLE, "").split())
    expected = {name: value for name, _, value in pairs}.get(step, digest)
    if digest != expected:
        raise ValueError(
            f"this job would run other code of {step} ({digest}) than was planned ({expected}): "
            f"the source was edited since Snakemake started, or Python finds another installed "
            f"RICE-NET; start the same command again"
        )
