"""Whether maps show what is claimed of them: trained networks against networks that cannot know.

An untrained network's maps follow the dose and the lesion too, because hiding changes the input
most where there is most. So a share is judged against those of control networks, and by whether it
fits the patient (:mod:`ricenet.statistics.exchange`). A control that was not made leaves the claim
not judged.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NAN = float("nan")
LEVEL = 0.05
NEEDED = round(1 / LEVEL) - 1  # control networks, of which none may reach what is trained
SHOWN, NOT_SHOWN, BELOW = "shown", "not shown", "below the controls"
NOT_JUDGED, NOT_MADE = "not judged", "not made"


class Verdict(NamedTuple):
    """The verdict on a claim, one of the words above, and its reason."""

    word: str
    reason: str


def p_of_controls(value: float, controls: NDArray) -> float:
    """Return how often a network like the controls would reach the value, itself counted once.

    Exact, whatever the values' distribution, if under the null the network is one of the controls.

    Parameters
    ----------
    controls : (C,) array
        The same of each control network, or ensemble of them.

    Returns
    -------
    float
        At least 1 / (C + 1); NaN without controls or without a value.
    """
    controls = np.asarray(controls, dtype=float)
    controls = controls[np.isfinite(controls)]
    if not len(controls) or not np.isfinite(value):
        return NAN
    return float((1 + (controls >= value).sum()) / (1 + len(controls)))


def judge(
    share: float, controls: NDArray, *, exchange_p: float, largest: float, level: float
) -> Verdict:
    """Judge whether maps lie on a region because of what the networks have learned.

    Parameters
    ----------
    share : float
        Mean share of the trained networks' maps in the region.
    controls : (C,) array
        The same of each control network.
    exchange_p : float
        Of the exchange of patients.
    largest, level : float
        Typical largest change of the logit, and what 95 % of the controls' ones stay below.
    """
    found = p_of_controls(share, controls)
    if not np.isfinite(found):
        return Verdict(NOT_JUDGED, reason=f"control networks: {NOT_MADE}")
    if not np.isfinite(exchange_p):
        return Verdict(NOT_JUDGED, reason=f"exchange of patients: {NOT_MADE}")
    if not np.isfinite(level) or largest < level:
        return Verdict(BELOW, reason="networks that learned nothing change the logit as much")
    few = np.isfinite(np.asarray(controls, dtype=float)).sum()
    if few < NEEDED:
        return Verdict(NOT_JUDGED, reason=f"{few} control networks, {NEEDED} are needed")
    if found > LEVEL:
        return Verdict(NOT_SHOWN, reason="networks that learned nothing reach this share")
    if exchange_p > LEVEL:
        return Verdict(NOT_SHOWN, reason="the maps fit other patients about as well")
    return Verdict(SHOWN, reason="above all control networks, and most on the patient's own region")
