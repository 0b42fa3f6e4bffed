"""The table of ``learning.py``: AUC, share of the way to the perfect reader, paired differences.

All intervals are of 95 % over the test patients, by DeLong's covariance of AUCs on the same
patients; that of a share is Fieller's, for a ratio of two normal figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import learning_floors as floors
import learning_recipes as recipes
import numpy as np

from ricenet.statistics import roc
from ricenet.statistics.metrics import Estimate

CONFIDENCE = 0.95
CHANCE = 0.5
REFERENCE = "paper"
NAN = float("nan")
HEAD = (
    "| recipe | AUC (95 %) | share of the way (95 %) | AUC less the paper's recipe (95 %) | "
    "processor s |\n|---|---|---|---|---|"
)


def share_of_the_way(
    labels: Sequence[int], scores: Sequence[float], perfect: Sequence[float]
) -> Estimate:
    """Estimate (AUC - 0.5) / (AUC of the perfect reader - 0.5) on the same patients.

    Fieller's limits: the shares g for which AUC - g perfect is not told from 0. NaN where the
    perfect reader is not told from chance.
    """
    areas = roc.delong(np.array(labels), np.stack([scores, perfect]))
    a, p = areas.values - CHANCE
    (va, c), (_, vp) = areas.covariance
    z2 = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) ** 2
    square, middle, constant = p**2 - z2 * vp, a * p - z2 * c, a**2 - z2 * va
    if square <= 0:
        return Estimate(float(a / p), NAN, NAN)
    root = np.sqrt(max(0.0, middle**2 - square * constant))
    return Estimate(float(a / p), float((middle - root) / square), float((middle + root) / square))


def interval(estimate: Any, digits: int = 2, *, sign: bool = False) -> str:
    """Return a figure with its limits."""
    plus = "+" if sign else ""
    if np.isnan(estimate.low):
        return f"{estimate.value:{plus}.{digits}f} (no interval)"
    return (
        f"{estimate.value:{plus}.{digits}f} "
        f"({estimate.low:{plus}.{digits}f} to {estimate.high:{plus}.{digits}f})"
    )


def words(record: Mapping[str, Any]) -> str:
    """Return what a row is called, with its seed if it is not the first."""
    name = record["recipe"]
    text = recipes.FLOORS.get(name) or recipes.NETWORKS[name].words
    seed = "" if record["seed"] == recipes.SEED else f", seed {record['seed']}"
    return f"{text}{seed}"


def lines(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines of one signal and one combination of inputs."""
    labels = np.array(records[0]["labels"])
    perfect = np.array(records[0]["perfect"])
    reference = next((r for r in records if r["recipe"] == REFERENCE), None)
    place = {name: k for k, name in enumerate([*recipes.FLOORS, *recipes.NETWORKS])}
    found = []
    for record in sorted(records, key=lambda r: (place[r["recipe"]], r["seed"])):
        scores = np.array(record["scores"])
        area = interval(roc.delong_logit(labels, scores, confidence=CONFIDENCE))
        share = interval(share_of_the_way(labels, scores, perfect))
        difference = ""
        if reference is not None and record is not reference:
            against = np.array(reference["scores"])
            difference = interval(
                roc.delong_difference(labels, scores, against, confidence=CONFIDENCE), sign=True
            )
        found.append(
            f"| {words(record)} | {area} | {share} | {difference} | "
            f"{record['processor_seconds']:.0f} |"
        )
        for probe, of_box in record.get("probes", {}).items():
            area = interval(roc.delong_logit(labels, np.array(of_box), confidence=CONFIDENCE))
            found.append(f"| *its box alone: {probe}* | {area} | | | |")
    area = interval(roc.delong_logit(labels, perfect, confidence=CONFIDENCE))
    return [*found, f"| perfect reader | {area} | 1 | | |"]


def table(records: Sequence[Mapping[str, Any]]) -> str:
    """Return the tables of all finished rows, one a signal and a combination of inputs."""
    if not records:
        return "no row is finished"
    parts = []
    for signal in recipes.SIGNALS:
        for inputs in dict.fromkeys(r["inputs"] for r in records):
            here = [r for r in records if (r["signal"], r["inputs"]) == (signal, inputs)]
            if not here:
                continue
            labels = np.array(here[0]["labels"])
            sizes = roc.class_sizes(labels)
            chance = 1.96 * roc.deviation_by_chance(sizes)
            parts.append(
                f"Signal of {signal}, inputs {inputs}: {here[0]['training_patients']} training, "
                f"{len(labels)} test patients ({labels.sum()} RICE). A score that knows nothing "
                f"has an AUC of 0.50 +- {chance:.2f} (95 %); perfect reader of all such patients "
                f"{floors.perfect_auc(inputs, here[0]['scale']):.3f}.\n\n{HEAD}\n"
                + "\n".join(lines(here))
            )
    return "\n\n".join(parts)
