"""Plots of probabilities and probes: calibration, decisions, abstention, ROC curves, forests.

Rows are those of tables, as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from ricenet.evaluate.contrasts import Answers
from ricenet.report import svg
from ricenet.report.svg import BLUE, GREY, INK, LIGHT, PALE, SMALL, TEAL, panels, say
from ricenet.statistics import roc, roc_curve, wording

Row = Mapping[str, str]


def column(rows: Sequence[Row], name: str) -> list[float]:
    """Return the numbers of a column; what is empty is NaN."""
    return [float(row[name]) if row[name] else float("nan") for row in rows]


def calibration(rows: Sequence[Row], *, alt: str) -> Markup:
    """Draw the isotonic and the smooth curve of each version, with the band of right ones."""
    versions = list(dict.fromkeys(row["version"] for row in rows))
    figure, axes = panels(len(versions))
    for one, version in zip(axes, versions, strict=True):
        own = [row for row in rows if row["version"] == version]
        p, n, rice = (column(own, name) for name in ("probability", "n", "rice"))
        one.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
        band = column(own, "band_low"), column(own, "band_high")
        one.fill_between(p, *band, color=LIGHT, label="90 % band, if right")
        one.step(p, column(own, "isotonic"), where="mid", color=BLUE, label="isotonic")
        one.plot(p, column(own, "loess"), color=INK, linestyle="--", label="loess")
        for value, cases, positive in zip(p, n, rice, strict=True):
            if positive:
                one.plot([value, value], [0.97, 1.0], color=INK, linewidth=0.8)
            if cases > positive:
                one.plot([value, value], [0.0, 0.03], color=INK, linewidth=0.8)
        one.set_title(version, fontsize=9)
        one.set(xlabel="probability of RICE", xlim=(0, 1), ylim=(0, 1))
    axes[0].set_ylabel(f"share with RICE (n = {sum(column(own, 'n')):.0f})")
    axes[0].legend(fontsize=SMALL, frameon=False, loc="upper left")
    return svg.inline(figure, name="calibration", alt=alt)


def same_call(row: Row) -> str:
    """Return what a threshold calls every patient, if all the same; else nothing."""
    called = row.get("called", "")
    if called == "":
        return ""
    share = float(called) / float(row["n"])
    return {0.0: "no patient is called RICE", 1.0: "every patient is called RICE"}.get(share, "")


def decision(rows: Sequence[Row], probe: Sequence[Row], *, alt: str) -> Markup:
    """Draw the net benefit over thresholds, with limits, beside a probe's, and all or none called.

    Parameters
    ----------
    rows, probe : sequence of dict
        Of the network, and of a model of few features, which may have none.
    """
    versions = list(dict.fromkeys(row["version"] for row in rows))
    figure, axes = panels(len(versions))
    for one, version in zip(axes, versions, strict=True):
        own = [row for row in rows if row["version"] == version]
        at = column(own, "threshold")
        # where everybody gets the same call there is no interval: nothing was estimated
        low, high = (
            [
                v if not same_call(r) else float("nan")
                for v, r in zip(column(own, k), own, strict=True)
            ]
            for k in ("low", "high")
        )
        one.fill_between(at, low, high, color=LIGHT)
        one.plot(at, column(own, "net_benefit"), color=BLUE, label="network, with limits")
        if other := [row for row in probe if row["version"] == version]:
            drawn = one.plot(
                column(other, "threshold"), column(other, "net_benefit"), color=TEAL,
                linestyle="-.", label="best model of few features",
            )  # fmt: skip
            say(drawn[0], f"{other[0]['words']}, n = {other[0]['n']}; its limits: table below")
        one.plot(at, column(own, "treat_all"), color=INK, linestyle="--", label="all called RICE")
        one.axhline(0, color=GREY, linewidth=0.8, label="nobody called RICE")
        lowest = min(column([*own, *other], "net_benefit"))
        one.set_title(version, fontsize=9)
        one.set(xlabel="threshold", ylim=(min(-0.1, lowest - 0.02), 0.6))
    axes[0].set_ylabel(f"net benefit a patient (n = {own[0]['n']})")
    axes[0].legend(fontsize=SMALL, frameon=False)
    return svg.inline(figure, name="decision", alt=alt)


def selective(rows: Sequence[Row], *, alt: str) -> Markup:
    """Draw the share of errors among those who are answered, with limits."""
    figure, (one,) = panels(1, width=4.2)
    share, value = column(rows, "coverage"), column(rows, "value")
    low, high = column(rows, "low"), column(rows, "high")
    spans = [
        [max(0.0, v - a) for v, a in zip(value, low, strict=True)],
        [max(0.0, b - v) for v, b in zip(value, high, strict=True)],
    ]
    one.errorbar(share, value, yerr=spans, fmt="o-", color=BLUE, capsize=3, label="surest first")
    for x, y, row in zip(share, high, rows, strict=True):
        text = f"{float(row['errors']):g} of {float(row['answered']):g}"
        one.text(x, y + 0.02, text, fontsize=SMALL, ha="center")
    one.axhline(float(rows[0]["null"]), color=GREY, linewidth=0.8, label="among all patients")
    one.set(
        xlabel="share of patients who are answered", ylim=(-0.03, 1), xlim=(0, 1.05),
        ylabel=f"errors among them (n = {rows[0]['n']})",
    )  # fmt: skip
    one.legend(fontsize=SMALL, frameon=False)
    return svg.inline(figure, name="selective", alt=alt)


def forest(
    rows: Sequence[Mapping[str, Any]],
    lines: Sequence[tuple[str, float, str, str]],
    *,
    label: str,
    name: str,
    alt: str,
) -> Markup:
    """Draw values with their intervals, one a line, and references.

    Parameters
    ----------
    rows : sequence of dict
        name, value, low, high, n; text in ``says`` is added to what a mark says, a number in
        ``beside`` is drawn as a tick, ``colour`` is that of the mark.
    lines : sequence of (str, float, str, str)
        Words, place, colour and style of each reference.
    label : str
        Of the axis.
    """
    figure = svg.figure(10.2, 1.15 + 0.26 * len(rows))
    (one,) = figure.subplots(1, 1, squeeze=False)[0]
    svg.plain(one)
    one.grid(visible=False, axis="y")
    for words, at, colour, style in lines:
        line = one.axvline(at, color=colour, linewidth=1.2, linestyle=style, label=words)
        say(line, f"{words}: {at:.2f}")
    for place, row in enumerate(rows):
        y, n = len(rows) - 1 - place, int(row["n"])
        low, value, high = (float(row[key]) for key in ("low", "value", "high"))
        text = wording.estimate(value, low, high, n)
        said = f"{row['name']}: {text}, n = {n}{row.get('says', '')}"
        colour = row.get("colour", BLUE)  # of the study's network
        say(one.plot([low, high], [y, y], color=colour, linewidth=1.4)[0], said)
        say(one.plot([value], [y], "o", color=colour, markersize=4.5)[0], said)
        if row.get("beside"):
            places = [float(row["beside"])] * 2, [y - 0.3, y + 0.3]
            say(one.plot(*places, color=INK, linewidth=1.2)[0], said)
        one.text(1.01, y, text, fontsize=SMALL, va="center")
    one.set_yticks(range(len(rows)), [str(row["name"]) for row in reversed(rows)], fontsize=8)
    one.tick_params(axis="y", length=0)
    one.set(xlabel=label, xlim=(0, 1), ylim=(-0.7, len(rows) - 0.3))
    if lines:
        figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=SMALL)
    return svg.inline(figure, name=name, alt=alt)


def roc_curves(
    sets: Mapping[str, Answers],
    ablation: str,
    areas: Mapping[str, str],
    *,
    confidence: float,
    alt: str,
) -> Markup:
    """Draw the ROC curve of one input combination, one panel for each set with both classes.

    Parameters
    ----------
    sets : mapping of str to Answers
        Out of fold, or of the ensemble.
    areas : mapping of str to str
        What stands in the corner, by set.
    """
    figure, axes = panels(len(sets), width=4.0, height=3.9)
    for one, (of, answers) in zip(axes, sets.items(), strict=True):
        _roc(one, answers, ablation, confidence)
        n = len(answers.labels)
        one.text(0.98, 0.03, f"{areas[of]}\nn = {n}", ha="right", fontsize=8)
        kind = "ensemble" if answers.folds is None else "mean of the folds"
        one.set_title(f"{of}, {kind}", fontsize=9, loc="left")
        one.set(xlabel="1 − specificity", ylabel="sensitivity", xlim=(-0.01, 1.01),
                ylim=(-0.01, 1.01), aspect="equal")  # fmt: skip
    axes[0].legend(fontsize=SMALL, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16),
                   ncols=2)  # fmt: skip
    return svg.inline(figure, name="roc", alt=alt)


def _roc(axes: Axes, answers: Answers, ablation: str, confidence: float) -> None:
    labels, score, folds = answers.labels, answers.rice[ablation], answers.folds
    found = (
        roc_curve.curve(labels, score)
        if folds is None
        else roc_curve.within_folds(labels, score, folds)
    )
    sizes = np.sum(roc.class_sizes(labels, folds), axis=0)
    limits = roc_curve.band(
        found, rice=int(sizes[0]), recurrence=int(sizes[1]), confidence=confidence
    )
    x = np.linspace(0, 1, 201)
    lower, upper = (np.interp(x, edge[:, 0], edge[:, 1]) for edge in limits)
    axes.fill_between(x, lower, upper, color=PALE, linewidth=0,
                      label=f"{100 * confidence:g} % limits at each threshold")  # fmt: skip
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, label="chance")
    axes.plot(*found, color=BLUE, linewidth=1.6)
