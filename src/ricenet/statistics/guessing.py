"""What a classifier reaches that looks at no patient, but guesses.

Giving everybody the same answer is a low bar for macro F1: the class that is never named has an F1
of 0. A guesser who calls RICE with a probability ``r``, whatever the patient, tends with many
patients of which a share ``p`` has RICE to ``p r / (p + r) + (1 - p) (1 - r) / (2 - p - r)``.
This is concave in ``r`` and largest at ``r = p``, where it is 0.5 for every ``p``: who knows the
share of RICE and guesses at that rate has a macro F1 of 0.5, and nobody who looks at nothing more.
"""

from __future__ import annotations

import numpy as np

from ricenet.statistics import exact

BEST_GUESS = 0.5  # macro F1 of the best guesser, at any share of RICE


def expected_macro_f1(rice: int, recurrence: int, rate: float) -> float:
    """Return the mean macro F1 of a guesser over all that may happen, by enumeration.

    Parameters
    ----------
    rice, recurrence : int
        Patients of each class, at least one.
    rate : float
        Probability of calling a patient RICE, whatever the patient.
    """
    share = rice / (rice + recurrence)
    found = np.arange(rice + 1)[:, None] / rice
    spared = np.arange(recurrence + 1)[None, :] / recurrence
    chance_found = exact.binomial(rice, np.array([rate]))[0]
    chance_spared = exact.binomial(recurrence, np.array([1 - rate]))[0]
    return float(chance_found @ exact.macro_f1(found, spared, share) @ chance_spared)


def bar(n: int) -> float:
    """Return the macro F1 above which a lower limit must lie to be better than guessing.

    The best guess and the weight of one patient, so that one more or less does not decide. A
    guesser whose exact limits of 95 % are held against it passes at most once in forty times.

    Parameters
    ----------
    n : int
        Patients.
    """
    return BEST_GUESS + 1 / n
