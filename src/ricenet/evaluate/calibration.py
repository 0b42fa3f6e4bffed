"""Calibration of one input combination: as predicted, and recalibrated out of fold."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ricenet.statistics import calibration, logistic, recalibration
from ricenet.statistics.methods import FEWEST
from ricenet.statistics.metrics import Estimate

Row = dict[str, Any]
NAN = float("nan")
COLUMNS = [
    "ablation", "set", "version", "measure", "value", "low", "high", "null", "p", "draws", "n",
    "method", "note",
]  # fmt: skip
CURVE_COLUMNS = [
    "ablation", "version", "probability", "n", "rice", "isotonic", "loess", "band_low", "band_high",
]  # fmt: skip
AS_PREDICTED, TEMPERATURE = "as predicted", "temperature"
SHIFTED = "temperature, share of RICE"
BAND = 0.9  # of the isotonic curve, if all probabilities were right
LIKELIHOOD, STUDENT = "profile likelihood", "t"


class Predictions(NamedTuple):
    """Probabilities of RICE of some patients.

    Attributes
    ----------
    labels : (N,) int array
    probability : (N,) float array
    folds : (N,) int array or None
        Fold that a patient was predicted in; None for an ensemble.
    """

    labels: NDArray
    probability: NDArray
    folds: NDArray | None

    @property
    def fewest(self) -> int:
        """Return the patients of the smaller class."""
        rice = int((self.labels == 1).sum())
        return min(rice, len(self.labels) - rice)


def not_made(own: Predictions, out_of_fold: Predictions, *, own_fewest: int = FEWEST) -> str:
    """Return why something is not made: too few patients to fit or evaluate it; else empty.

    Parameters
    ----------
    own_fewest : int
        Patients of each class that it takes to see it.
    """
    for purpose, fewest, needed in (
        ("for the fit", out_of_fold.fewest, FEWEST),
        ("for the evaluation", own.fewest, own_fewest),
    ):
        if fewest < needed:
            return (
                f"not made: {fewest} patients of the smaller class {purpose}, fewer than {needed}"
            )
    return ""


def versions(own: Predictions, out_of_fold: Predictions) -> dict[str, Predictions]:
    """Return predictions as they are, and recalibrated on other patients.

    Parameters
    ----------
    own : Predictions
        Out-of-fold ones, each fold then by the other folds; or those of new patients, by all.
    out_of_fold : Predictions
        Out-of-fold.
    """
    by_version = {AS_PREDICTED: own}
    for name, shifted in ((TEMPERATURE, False), (SHIFTED, True)):
        if own.folds is not None:
            made = recalibration.out_of_fold(
                own.labels, own.probability, own.folds, shifted=shifted
            )
        else:
            made = recalibration.of_new(
                out_of_fold.labels, out_of_fold.probability, own.probability, shifted=shifted
            )
        if made is not None:
            by_version[name] = own._replace(probability=made.probability)
    return by_version


def measures(own: Predictions, settings: Row) -> list[Row]:
    """Return slope, intercept, Brier score with its components, and the integrated index.

    Parameters
    ----------
    settings : dict
        confidence, draws, seed.
    """
    labels, p, confidence = own.labels, own.probability, settings["confidence"]
    rng = np.random.default_rng(settings["seed"])
    smooth = calibration.smoother(p, p)

    def miscalibration(y: NDArray, q: NDArray) -> float:
        return calibration.corp(y, q).miscalibration

    def discrimination(y: NDArray, q: NDArray) -> float:
        return calibration.corp(y, q).discrimination

    def index(y: NDArray, q: NDArray) -> float:
        return calibration.integrated_index(y, q, smooth)

    components = calibration.corp(labels, p)
    by_chance = {"draws": settings["draws"], "rng": rng}
    nulls = {
        "miscalibration": calibration.if_calibrated(miscalibration, labels, p, **by_chance),
        "discrimination": calibration.if_uninformative(discrimination, labels, p, **by_chance),
        "integrated index": calibration.if_calibrated(index, labels, p, **by_chance),
    }
    values = {
        "miscalibration": components.miscalibration,
        "discrimination": components.discrimination,
        "integrated index": index(labels, p),
    }
    rows = [
        _row("slope", calibration.slope(labels, p, confidence=confidence), 1.0, LIKELIHOOD),
        _row("intercept", calibration.intercept(labels, p, confidence=confidence), 0.0, LIKELIHOOD),
        _row(
            "brier",
            calibration.mean_square(labels, p, confidence=confidence),
            components.uncertainty,
            STUDENT,
        ),
    ]
    if np.isnan(rows[0]["value"]):
        rows[0]["note"] = "no slope: the probabilities separate the classes, or are all equal"
    rows += [
        {"measure": name, "value": values[name], "null": null.mean, "p": null.p,
         "draws": settings["draws"]}
        for name, null in nulls.items()
    ]  # fmt: skip
    return [{"n": len(labels), **row} for row in rows]


def _row(measure: str, estimate: Estimate, null: float, method: str) -> Row:
    return {"measure": measure, **estimate._asdict(), "null": null, "method": method}


def temperature_row(own: Predictions, *, shifted: bool, confidence: float) -> Row:
    """Return the temperature of all out-of-fold predictions, which is applied to new patients."""
    z, prior = logistic.logits(own.probability), recalibration.BALANCED
    prior = float(own.labels.mean()) if shifted else prior
    value = recalibration.temperature(own.labels, z, prior=prior)
    row = {"measure": "temperature", "value": value, "null": 1.0, "n": len(z)}
    if value < 1.02 * recalibration.LEAST or value > 0.98 * recalibration.MOST:
        return {**row, "note": "at the limit of the search range: no interval"}
    shift = logistic.logits(np.array([prior]))[0]

    def profile(log_temperature: float) -> float:
        return logistic.log_likelihood(own.labels, z / np.exp(log_temperature) + shift)

    at = float(np.log(value))
    log_limits = logistic.likelihood_limits(at, profile(at), profile, confidence=confidence)
    limits = {"low": float(np.exp(log_limits.low)), "high": float(np.exp(log_limits.high))}
    return {**row, **limits, "method": LIKELIHOOD}


def rows(own: Predictions, out_of_fold: Predictions, settings: Row) -> list[Row]:
    """Return the rows of a set of patients, one a version and measure."""
    if why := not_made(own, out_of_fold):
        return [{"version": AS_PREDICTED, "measure": "all", "n": len(own.labels), "note": why}]
    table = []
    for name, made in versions(own, out_of_fold).items():
        table += [{"version": name, **row} for row in measures(made, settings)]
        if name != AS_PREDICTED and own.folds is not None:
            row = temperature_row(
                out_of_fold, shifted=name == SHIFTED, confidence=settings["confidence"]
            )
            table.append({"version": name, **row})
    return table


def curve_rows(own: Predictions, settings: Row) -> list[Row]:
    """Return the isotonic and the smooth calibration curve, one row for each probability."""
    if own.fewest < FEWEST:
        return []
    table = []
    for name, made in versions(own, own).items():
        p, labels = made.probability, made.labels
        levels, which, counts = np.unique(p, return_inverse=True, return_counts=True)
        isotonic = np.zeros(len(levels))
        isotonic[which] = calibration.recalibrated(labels, p)
        smooth = np.clip(calibration.smoother(p, levels) @ labels, 0, 1)
        rng = np.random.default_rng(settings["seed"])
        low, high = calibration.consistency_band(
            p, levels, coverage=BAND, draws=settings["draws"], rng=rng
        )
        rice = np.bincount(which, weights=labels)
        columns = (levels, counts, rice.astype(int), isotonic, smooth, low, high)
        table += [
            {"version": name, **dict(zip(CURVE_COLUMNS[2:], values, strict=True))}
            for values in zip(*(column.tolist() for column in columns), strict=True)
        ]
    return table
