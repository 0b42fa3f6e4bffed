"""How often the intervals and tests of ``docs/statistics.md`` are right: its tables, made anew.

    python benchmarks/coverage.py

About ten minutes. Exact where all tables can be summed, else simulated cohorts with a fixed seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import get_args

import numpy as np
from scipy.stats import norm

from ricenet.config.analysis_plan import Metric
from ricenet.evaluate import added_value
from ricenet.statistics import exact, logistic, roc, simulate, simulate_probabilities
from ricenet.statistics.metrics import Estimate, auc, wilson

SIZES = ((5, 7), (32, 48))
OUTCOMES = ("better", "ahead", "as well", "not worse")  # of a probe
RATES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98)


def show(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table as Markdown."""
    print(f"\n{title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}", flush=True)
    for row in rows:
        cells = (f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row)
        print(f"| {' | '.join(cells)} |", flush=True)


def of_rates(n1: int, n0: int) -> Iterable[Sequence[object]]:
    """Mean and least coverage over a grid of sensitivity and specificity."""
    for name in (name for name in get_args(Metric) if hasattr(exact, name)):
        prevalence = 0.18 if name in ("ppv", "npv") else n1 / (n1 + n0)
        figure = getattr(exact, name)
        found = {
            (a, b): exact.estimate(
                figure, exact.Table(a, b, n1, n0), prevalence=prevalence, confidence=0.95
            )
            for a, b in product(range(n1 + 1), range(n0 + 1))
        }
        covered = [
            simulate.enumerated(
                lambda a, b, found=found: found[a, b],
                float(figure(np.array(se), np.array(sp), prevalence)),
                positive=n1, negative=n0, sensitivity=se, specificity=sp,
            )
            for se, sp in product(RATES, RATES)
        ]  # fmt: skip
        yield n1 + n0, name, float(np.mean(covered)), min(covered)
    covered = [
        simulate.enumerated(
            lambda a, b: wilson(a, n1, confidence=0.95), p,
            positive=n1, negative=0, sensitivity=p, specificity=1.0,
        )
        for p in np.linspace(0.5, 0.99, 99)
    ]  # fmt: skip
    yield n1, "a proportion, Wilson", float(np.mean(covered)), min(covered)


def newcombe(labels: np.ndarray, score: np.ndarray) -> Estimate:
    """Newcombe's interval of one cohort's area."""
    return roc.newcombe(auc(labels, score), roc.class_sizes(labels), confidence=0.95)


def delong(labels: np.ndarray, score: np.ndarray) -> Estimate:
    """DeLong's interval of one cohort's area."""
    return roc.delong_logit(labels, score, confidence=0.95)


def of_areas() -> Iterable[Sequence[object]]:
    """Coverage of intervals of the area under the curve."""
    for (n1, n0), area in product(SIZES, (0.75, 0.9, 0.95, 0.98)):
        yield (
            n1 + n0, area,
            *(
                simulate.area_coverage(
                    method, positive=n1, negative=n0, area=area, cohorts=3000, seed=1,
                    exponential=exponential,
                )
                for method, exponential in ((newcombe, False), (newcombe, True), (delong, False))
            ),
        )  # fmt: skip


def of_differences() -> Iterable[Sequence[object]]:
    """Coverage of intervals of a difference."""
    for (n1, n0), accuracy, gain in product(SIZES, (0.7, 0.8, 0.9), (0.0, 0.1)):
        found = simulate.difference_coverage(
            positive=n1, negative=n0, accuracy=accuracy - gain / 2, gain=gain, alike=0.4,
            cohorts=2000, seed=1,
        )  # fmt: skip
        yield n1 + n0, accuracy, gain, *found.values()


def of_probabilities() -> Iterable[Sequence[object]]:
    """Coverage of intervals of calibration and net benefit."""
    for n1, distance in product((16, 32), (1.0, 2.0, 3.0)):
        found = simulate_probabilities.calibration_coverage(
            positive=n1, negative=n1 * 3 // 2, distance=distance, cohorts=3000, seed=1
        )
        yield n1 + n1 * 3 // 2, distance, *found.values()


def of_folds() -> Iterable[Sequence[object]]:
    """Coverage of intervals of cross-validation."""
    for distance in (1.2, 1.6, 2.0, 2.4):
        found = simulate.out_of_fold_coverage(
            n=80, folds=5, distance=distance, cohorts=3000, seed=1
        )
        yield tuple(found.values())


def of_tests() -> Iterable[Sequence[object]]:
    """Errors of tests on out-of-fold predictions of two equal inputs."""
    found = simulate.out_of_fold_errors(n=80, folds=5, distance=2.0, cohorts=3000, seed=1)
    for name in dict.fromkeys(name for name, _ in found):
        yield name, float(found[name, 0.05]), float(found[name, 0.01])
    for n in (12, 80):
        error = simulate.family_error(n=n, classifiers=7, accuracy=0.8, cohorts=2000, seed=1)
        yield f"max-T of six contrasts, {n} patients, no training", error, "-"


def of_probes() -> Iterable[Sequence[object]]:
    """How often which outcome about a network and a probe is given, by the skill of both."""
    labels, folds = simulate.balanced_cohort(80, 5)
    sizes = roc.class_sizes(labels, folds)
    equal = ((1.6, 1.6), (2.0, 2.0), (0.0, 0.0))
    for skills in (*equal, (2.4, 1.2), (2.0, 0.0), (1.2, 2.0), (0.0, 1.6)):
        rng, found = np.random.default_rng(1), []
        for _ in range(400):
            scores = (
                simulate.cross_validated(labels, folds, distance=d, rng=rng).scores for d in skills
            )
            both = np.stack(list(scores))
            areas = [
                roc.newcombe(float(a), sizes, confidence=0.95)
                for a in roc.delong(labels, both, folds).values
            ]
            less = roc.delong_difference(labels, *both, folds, confidence=0.95)
            difference = Estimate(less.value, less.low, less.high)
            outcome = added_value.outcome("scanner", *areas, difference, p=less.p, p_probe=1.0)
            found.append((outcome, logistic.gain(labels, both[1], both[0])[1]))
        yield (
            *skills,
            *(sum(v == one for v, _ in found) / 400 for one in OUTCOMES),
            *(sum(p <= level for _, p in found) / 400 for level in (0.05, 0.01)),
        )


def of_margins() -> Iterable[Sequence[object]]:
    """How often which outcome is given, by the true areas: normal scores of one set, no folds.

    Scores of network and probe are correlated by half within a class, as both read one patient.
    """
    for n1, n0 in ((32, 48), (12, 18)):
        labels = np.repeat([1, 0], [n1, n0])
        for pair in ((0.87, 0.80), (0.87, 0.77), (0.87, 0.87), (0.80, 0.87), (0.90, 0.70)):
            rng, found = np.random.default_rng(2), []
            for _ in range(1000):
                noise = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], n1 + n0).T
                both = noise + np.sqrt(2) * norm.ppf(pair)[:, None] * labels
                areas = [
                    roc.newcombe(float(a), [(n1, n0)], confidence=0.95)
                    for a in roc.delong(labels, both).values
                ]
                less = roc.delong_difference(labels, *both, confidence=0.95)
                difference = Estimate(less.value, less.low, less.high)
                found.append(
                    added_value.outcome("scanner", *areas, difference, p=less.p, p_probe=1.0)
                )
            rates = (sum(v == one for v in found) / 1000 for one in OUTCOMES)
            yield f"{n1}/{n0}", *pair, *rates


def main() -> None:
    """Print all tables."""
    for n1, n0 in SIZES:
        show(
            f"Rates, {n1} RICE and {n0} recurrences", ("cases", "figure", "mean", "least"),
            of_rates(n1, n0),
        )  # fmt: skip
    show(
        "Areas", ("patients", "true area", "Newcombe, normal", "exponential", "DeLong, logit"),
        of_areas(),
    )  # fmt: skip
    show(
        "Differences", ("patients", "accuracy", "difference", "Tango", "posterior, macro F1"),
        of_differences(),
    )  # fmt: skip
    show(
        "Five folds of 80 patients",
        (
            "accuracy", "area", "Wilson, pooled", "Nadeau-Bengio", "no narrower than pooled",
            "Newcombe, within folds",
        ),
        of_folds(),
    )  # fmt: skip
    show(
        "Probabilities",
        ("patients", "distance", "slope", "intercept", "Brier score", "net benefit", "no slope"),
        of_probabilities(),
    )
    show(
        "Probes",
        ("network", "probe", *OUTCOMES, "likelihood 0.05", "0.01"),
        of_probes(),
    )
    show("Margin", ("patients", "network", "probe", *OUTCOMES), of_margins())
    show("False alarms", ("test", "at 0.05", "at 0.01"), of_tests())


if __name__ == "__main__":
    main()
