"""All figures of merit of one set of predictions, each with its interval and its method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from numpy.typing import NDArray

from ricenet.statistics import exact, roc
from ricenet.statistics.confusion import confusion
from ricenet.statistics.methods import DELONG, EXACT, NEWCOMBE, WILSON
from ricenet.statistics.metrics import Estimate, auc, wilson

NAN = float("nan")
DELONG_FROM = 40  # patients, from which DeLong's interval stands beside Newcombe's


class FigureOfMerit(NamedTuple):
    """One figure of merit.

    Attributes
    ----------
    metric : str
    estimate : Estimate
    n : int
        Patients that it is of: of one class for sensitivity and specificity.
    method : str
        How the interval was made, a key of :data:`ricenet.statistics.methods.METHODS`.
    errors : int or None
        Wrong answers among them; none for an area under the curve, which counts pairs.
    prevalence : float
        Of RICE, for predictive values; NaN for the others.
    """

    metric: str
    estimate: Estimate
    n: int
    method: str
    errors: int | None = None
    prevalence: float = NAN


def figures(
    labels: NDArray,
    predicted: NDArray,
    probability_rice: NDArray | None,
    *,
    confidence: float,
    prevalences: Sequence[float],
) -> list[FigureOfMerit]:
    """Return all figures of merit.

    Parameters
    ----------
    labels, predicted : (N,) int array
    probability_rice : (N,) float array or None
        Without probabilities there is no area under the curve.
    confidence : float
        Of the intervals.
    prevalences : sequence of float
        Of RICE, at which predictive values are given besides that of these patients.
    """
    tp, fp, tn, fn = confusion(labels, predicted).values()
    table = exact.Table(tp, tn, tp + fn, tn + fp)
    n, own = sum((tp, fp, tn, fn)), _share(table)

    def exactly(
        name: str, figure: exact.Formula, prevalence: float, shown: float = NAN
    ) -> FigureOfMerit:
        limits = exact.estimate(figure, table, prevalence=prevalence, confidence=confidence)
        return FigureOfMerit(name, limits, n, EXACT, fp + fn, shown)

    def proportion(name: str, right: int, cases: int) -> FigureOfMerit:
        limits = wilson(right, cases, confidence=confidence)
        return FigureOfMerit(name, limits, cases, WILSON, cases - right)

    all_figures = [
        exactly("macro_f1", exact.macro_f1, own),
        proportion("sensitivity", tp, table.positive),
        proportion("specificity", tn, table.negative),
        proportion("accuracy", tp + tn, n),
    ]
    if probability_rice is not None:
        all_figures += areas(labels, probability_rice, confidence=confidence)
    all_figures.append(exactly("balanced_accuracy", exact.balanced_accuracy, own))
    for prevalence in dict.fromkeys((own, *prevalences)):
        all_figures.append(exactly("ppv", exact.ppv, prevalence, prevalence))
        all_figures.append(exactly("npv", exact.npv, prevalence, prevalence))
    return all_figures if 0 < tp + fp < n else [*map(_of_one_answer, all_figures)]


def _of_one_answer(figure: FigureOfMerit) -> FigureOfMerit:
    """Return a figure where everybody gets the same answer: no call, so that none has a value.

    What remains of it is a formula of the prevalence, with the narrow limits of a formula.
    """
    if figure.metric not in ("ppv", "npv"):
        return figure
    return figure._replace(estimate=Estimate(NAN, NAN, NAN))


def areas(
    labels: NDArray, score: NDArray, folds: NDArray | None = None, *, confidence: float
) -> list[FigureOfMerit]:
    """Return the area under the curve by Newcombe's method, from 40 patients on by DeLong's too.

    Parameters
    ----------
    folds : (N,) array, optional
        Only patients of the same fold are compared.
    """
    n, sizes = len(labels), roc.class_sizes(labels, folds)
    value = auc(labels, score) if folds is None else float(roc.delong(labels, score, folds)[0][0])
    all_areas = [
        FigureOfMerit("auc", roc.newcombe(value, sizes, confidence=confidence), n, NEWCOMBE)
    ]
    if n >= DELONG_FROM:
        beside = roc.delong_logit(labels, score, folds, confidence=confidence)
        all_areas.append(FigureOfMerit("auc_delong", beside, n, DELONG))
    return all_areas


def _share(table: exact.Table) -> float:
    cases = table.positive + table.negative
    return table.positive / cases if cases else NAN
