"""Contrasts: two input combinations on the same subjects, the family named in advance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ricenet.evaluate.few_patients import fewest
from ricenet.statistics import family, metrics, paired, power, roc
from ricenet.statistics.cross_validation import nadeau_bengio
from ricenet.statistics.methods import FEWEST

Row = dict[str, Any]
COLUMNS = [
    "set", "first", "second", "n", "right_first", "right_second",
    "difference", "low", "high", "only_right_first", "only_right_second", "p", "smallest_p",
    "p_max_t", "p_holm", "level", "detectable", "detectable_at_best", "verdict",
    "macro_f1_difference", "macro_f1_low", "macro_f1_high",
    "auc_difference", "auc_low", "auc_high", "auc_p",
    "fold_difference", "fold_low", "fold_high", "fold_p", "plan",
]  # fmt: skip
WANTED = 0.8  # power with which a detectable difference is found
# Tests on out-of-fold predictions reject too often, as the models were trained on each other's
# subjects (docs/statistics.md). So a difference there is shown at 0.01.
OUT_OF_FOLD_LEVEL = 0.01
EXCHANGES = 10_000  # fewer would not tell p of 0.01 from one beside it


class Answers(NamedTuple):
    """Predictions of each input combination for the same subjects.

    Attributes
    ----------
    labels : (N,) int array
    folds : (N,) int array or None
        Fold that a subject was predicted in; None where one ensemble predicts all.
    predicted : dict of str to (N,) int array
        Classes, by input combination.
    rice : dict of str to (N,) float array
        Probabilities, by input combination.
    """

    labels: NDArray
    folds: NDArray | None
    predicted: dict[str, NDArray]
    rice: dict[str, NDArray]


def out_of_fold(validation: pd.DataFrame) -> Answers:
    """Gather the validation predictions of the last epoch."""
    table = validation[validation["which"] == "last"]
    rice = table.pivot(index="subject", columns="ablation", values="probability_rice")
    subjects = table.drop_duplicates("subject").set_index("subject").loc[rice.index]
    by_name = {str(name): rice[name].to_numpy() for name in rice.columns}
    classes = {name: metrics.predicted_class(values) for name, values in by_name.items()}
    return Answers(subjects["label"].to_numpy(), subjects["fold"].to_numpy(), classes, by_name)


def of_ensembles(test: pd.DataFrame, ensemble: str = "vote") -> Answers:
    """Gather the ensembles' answers about the test subjects, and their mean probabilities.

    Parameters
    ----------
    ensemble : str
        ``vote``: the answer is that of most models; ``mean``: that of their mean probability.
    """
    classes, rice = {}, {}
    for name, part in test.groupby("ablation", sort=False):
        wide = part.pivot(index="fold", columns="subject", values="probability_rice").to_numpy()
        mean = rice[str(name)] = metrics.mean_probability(wide)
        vote = ensemble == "vote"
        classes[str(name)] = metrics.majority_vote(wide) if vote else metrics.predicted_class(mean)
    labels = test.groupby("subject")["label"].first().to_numpy(dtype=np.int64)
    return Answers(labels, None, classes, rice)


def contrast_rows(answers: Answers, pairs: Sequence[tuple[str, str]], settings: Row) -> list[Row]:
    """Return one row a contrast.

    Parameters
    ----------
    settings : dict
        confidence, bootstrap_samples, seed.
    """
    n = len(answers.labels)
    if n == 0 or not pairs:
        return []
    right = {name: classes == answers.labels for name, classes in answers.predicted.items()}
    level = 1 - settings["confidence"]
    level = level if answers.folds is None else min(level, OUT_OF_FOLD_LEVEL)
    differences = np.stack([right[a].astype(int) - right[b].astype(int) for a, b in pairs], axis=1)
    max_t = family.max_t(differences, draws=EXCHANGES, seed=settings["seed"])
    tests = [paired.mcnemar(right[a], right[b]) for a, b in pairs]
    holm = family.holm(np.array([test.p for test in tests]))
    rows = []
    for (a, b), test, p_max_t, p_holm in zip(pairs, tests, max_t, holm, strict=True):
        discordant = test.only_first + test.only_second
        judged = judgement(discordant, float(p_max_t), n, level=level, tests=len(pairs))
        accuracy = paired.tango(
            test.only_first, test.only_second, n, confidence=settings["confidence"]
        )
        rows.append(
            {
                "first": a, "second": b, "n": n,
                "right_first": int(right[a].sum()), "right_second": int(right[b].sum()),
                "difference": accuracy.value, "low": accuracy.low, "high": accuracy.high,
                "only_right_first": test.only_first, "only_right_second": test.only_second,
                "p": test.p, "smallest_p": test.smallest_p,
                "p_max_t": float(p_max_t), "p_holm": float(p_holm), "level": level, **judged,
                **other_differences(answers, a, b, settings),
            }
        )  # fmt: skip
    return rows


def judgement(discordant: int, p: float, n: int, *, level: float, tests: int) -> Row:
    """Return what this number of subjects can detect, and the verdict in words.

    Parameters
    ----------
    discordant : int
        Subjects whom exactly one of the two gets right. The smallest detectable difference is that
        of their share in whole percent, taken as 10 to 40.
    p : float
        Adjusted for the family.
    n, tests : int
        Subjects, and contrasts of the family.
    level : float
        At or below which a difference is shown.
    """
    discordance = round(discordant / n, 2)
    bounded = min(max(discordance, power.DISCORDANCES[0]), power.DISCORDANCES[-1])
    corrected = level / tests
    return {
        "detectable": power.smallest_detectable(
            n, discordance=bounded, level=corrected, wanted=WANTED
        ),
        "detectable_at_best": power.at_best(n, level=corrected, wanted=WANTED),
        "verdict": power.verdict(p, n, level=level, wanted=WANTED, tests=tests),
    }


def other_differences(answers: Answers, a: str, b: str, settings: Row) -> Row:
    """Return the differences of macro F1 and AUC, and that of accuracy over the folds."""
    confidence, labels, folds = settings["confidence"], answers.labels, answers.folds
    f1 = paired.macro_f1_difference(
        labels, answers.predicted[a], answers.predicted[b], confidence=confidence,
        draws=settings["bootstrap_samples"], seed=settings["seed"],
    )  # fmt: skip
    area = roc.delong_difference(
        labels, answers.rice[a], answers.rice[b], folds, confidence=confidence
    )
    if fewest(labels) < FEWEST:  # as for the areas themselves
        area = area._replace(low=math.nan, high=math.nan, p=math.nan)
    found = {
        "macro_f1_difference": f1.value, "macro_f1_low": f1.low, "macro_f1_high": f1.high,
        "auc_difference": area.value, "auc_low": area.low, "auc_high": area.high, "auc_p": area.p,
    }  # fmt: skip
    if folds is None:
        nothing = dict.fromkeys(("difference", "low", "high", "p"), math.nan)
        return {**found, **{f"fold_{name}": value for name, value in nothing.items()}}
    gain = (answers.predicted[a] == labels).astype(int) - (answers.predicted[b] == labels)
    mean = nadeau_bengio(
        [float(gain[folds == k].mean()) for k in np.unique(folds)], confidence=confidence
    )
    return {
        **found,
        "fold_difference": mean.value, "fold_low": mean.low, "fold_high": mean.high,
        "fold_p": mean.p,
    }  # fmt: skip


def contrasts(
    validation: pd.DataFrame,
    test: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    settings: Row,
    ensemble: str = "vote",
) -> pd.DataFrame:
    """Return the table of contrasts, on validation and on test subjects."""
    rows = [
        {"set": "validation", **row}
        for row in contrast_rows(out_of_fold(validation), pairs, settings)
    ]
    if len(test):
        found = contrast_rows(of_ensembles(test, ensemble), pairs, settings)
        rows += [{"set": "test", **row} for row in found]
    return pd.DataFrame(rows, columns=COLUMNS)


def with_planned(
    validation: pd.DataFrame,
    test: pd.DataFrame,
    planned: Sequence[tuple[str, str]],
    others: Sequence[tuple[str, str]],
    settings: Row,
    ensemble: str,
) -> pd.DataFrame:
    """Return the table of contrasts, those of the plan first and as a family of their own.

    A contrast beyond the plan is corrected for all contrasts, the planned ones among them: looking
    further is not free.
    """
    turned = {(b, a) for a, b in planned}
    more = [pair for pair in others if pair not in planned and pair not in turned]
    if not planned or not more:
        return contrasts(validation, test, [*planned, *more], settings, ensemble)
    table = contrasts(validation, test, planned, settings, ensemble)
    everything = contrasts(validation, test, [*planned, *more], settings, ensemble)
    pairs = list(zip(everything["first"], everything["second"], strict=True))
    beyond = everything[[pair in more for pair in pairs]]
    return pd.concat([table, beyond], ignore_index=True)
