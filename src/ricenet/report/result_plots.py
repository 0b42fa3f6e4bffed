"""Plots of the results: every input combination with its interval, contrasts, ROC curves.

What is drawn is what ``metrics.json`` and ``contrasts.tsv`` say; each mark says its numbers where
it is pointed at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ricenet.report import svg
from ricenet.report.page import how_published
from ricenet.report.svg import BLUE, GREY, INK, ORANGE, PALE, SMALL, TEAL, say
from ricenet.statistics import wording

Row = Mapping[str, Any]


class Line(NamedTuple):
    """A row of a forest plot.

    Attributes
    ----------
    name : str
    own : dict
        value, low, high, n, method.
    beside : dict or None
        The published figure of the same inputs.
    new_study : tuple of float or None
        Limits for the method's mean in studies of this size.
    folds : sequence of float
        The same figure in each fold.
    colour : str
        Of the mark, where there are patients enough.
    right : str
        Counts, which stand in place of a mark where there are too few.
    """

    name: str
    own: Row
    beside: Row | None = None
    new_study: tuple[float, float] | None = None
    folds: Sequence[float] = ()
    colour: str = BLUE
    right: str = ""


class Panel(NamedTuple):
    """One panel of the main forest plot.

    Attributes
    ----------
    title : str
    lines : sequence of Line
    constant : tuple of str and float, or None
        What a constant classifier says, and its figure; None without both classes.
    hollow : bool
        Rings in place of discs: of few patients.
    grey : bool
        Of too few patients of a class to estimate anything.
    """

    title: str
    lines: Sequence[Line]
    constant: tuple[str, float] | None
    hollow: bool
    grey: bool = False


def forest(drawn: Sequence[Panel], *, name: str, alt: str) -> Markup:
    """Draw the macro F1 of all input combinations, one panel for each set of patients."""
    most = max(len(panel.lines) for panel in drawn)
    figure = svg.figure(10.2, 1.4 + 0.42 * most)
    axes = figure.subplots(1, len(drawn), sharey=True, squeeze=False)[0]
    for one, panel in zip(axes, drawn, strict=True):
        svg.plain(one)
        one.grid(visible=False, axis="y")
        if panel.grey:
            _counted(one, panel, most)
            continue
        if panel.constant:
            _constant(one, most - 0.45, *panel.constant)
        for place, line in enumerate(panel.lines):
            _line(
                one,
                most - 1 - place,
                line,
                hollow=panel.hollow,
                colour=GREY if panel.grey else line.colour,
            )
        one.set_title(panel.title, fontsize=9, loc="left")
        one.set(xlabel="macro F1", xlim=(-0.02, 1.02), ylim=(-0.7, most - 0.4))
        one.tick_params(axis="y", length=0)
    names = [line.name for line in max((p.lines for p in drawn), key=len)]
    axes[0].set_yticks(range(most), list(reversed(names)))
    figure.legend(
        handles=_legend(drawn), loc="outside lower center", ncols=3, frameon=False, fontsize=SMALL
    )
    return svg.inline(figure, name=name, alt=alt)


def _counted(axes: Axes, panel: Panel, most: int) -> None:
    """Write counts in place of marks: of so few patients nothing is drawn on an axis."""
    for place, line in enumerate(panel.lines):
        axes.text(0.02, most - 1 - place, line.right, fontsize=SMALL, color=GREY, va="center")
    axes.set_title(panel.title, fontsize=9, loc="left")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.7, most - 0.4), xlabel="counts: nothing is estimated")
    axes.grid(visible=False)
    axes.tick_params(length=0, labelbottom=False)


def _constant(axes: Axes, y: float, words: str, value: float) -> None:
    line = axes.axvline(value, color=INK, linewidth=1, linestyle=(0, (4, 2)))
    shown = wording.fixed(value, wording.MOST_DIGITS)
    say(line, f"a classifier that {words} has a macro F1 of {shown}")
    axes.text(value, y, f" {words}: {shown}", fontsize=SMALL, va="top")


def _line(axes: Axes, y: float, line: Line, *, hollow: bool, colour: str) -> None:
    own, n = line.own, int(float(line.own["n"]))
    if own["value"] is None or not n:
        why = "not defined" if own["method"] and n else "not made"  # of one class alone
        axes.text(0.02, y, why, fontsize=SMALL, color=GREY, va="center")
        return
    low, high = float(own["low"]), float(own["high"])
    if line.new_study:
        band = axes.barh(
            y, line.new_study[1] - line.new_study[0], left=line.new_study[0], height=0.5,
            color=PALE, zorder=1,
        )[0]  # fmt: skip
        limits = wording.interval(*line.new_study, n)
        said = f"{line.name}: interval for the method's mean in studies of this size {limits}"
        say(band, f"{said} (Nadeau-Bengio, no narrower than the pooled one)")
    for fold, value in enumerate(line.folds):
        tick = axes.plot([value] * 2, [y - 0.16, y + 0.16], color=GREY, linewidth=0.9)[0]
        say(tick, f"{line.name}, fold {fold}: {wording.number(value, n)}")
    text = wording.estimate(own["value"], low, high, n)
    said = f"{line.name}: macro F1 {text}, n = {n}, interval: {own['method']}"
    say(axes.plot([low, high], [y, y], color=colour, linewidth=1.8)[0], said)
    face = "white" if hollow else colour
    mark = axes.plot([own["value"]], [y], "o", color=colour, markerfacecolor=face, markersize=6)[0]
    say(mark, said)
    axes.text(1.04, y, text, fontsize=SMALL, va="center")
    if line.beside:
        _published(axes, y - 0.33, line)


def _published(axes: Axes, y: float, line: Line) -> None:
    beside = line.beside or {}
    text = wording.estimate(beside["value"], beside["low"], beside["high"], int(beside["n"]))
    right = f", {beside['right']}" if beside.get("right") else ""
    said = (
        f"published, {line.name}: macro F1 {text}{right}, n = {beside['n']}, {beside['of']} of "
        f"other patients; interval: {how_published(dict(beside))}"
    )
    say(axes.plot([beside["low"], beside["high"]], [y, y], color=ORANGE, linewidth=1.2)[0], said)
    say(axes.plot([beside["value"]], [y], "D", color=ORANGE, markersize=4)[0], said)


def _legend(drawn: Sequence[Panel]) -> list[Any]:
    drawn = [panel for panel in drawn if not panel.grey]
    lines = [line for panel in drawn for line in panel.lines]
    if not lines:
        return []
    found: list[Any] = [
        Line2D([], [], color=BLUE, marker="o", linewidth=1.8, label="this study's network, exact")
    ]
    if any(panel.hollow for panel in drawn):
        found.append(
            Line2D(
                [],
                [],
                color=BLUE,
                marker="o",
                markerfacecolor="white",
                label="fewer than 30 patients",
            )
        )
    if any(panel.grey for panel in drawn):
        label = "fewer than ten of a class: too few"
        found.append(Line2D([], [], color=GREY, marker="o", linewidth=1.8, label=label))
    if any(line.folds for line in lines):
        found.append(Line2D([], [], color=GREY, marker="|", linestyle="", label="one fold"))
    if any(line.new_study for line in lines):
        found.append(Patch(color=PALE, label="method's mean in studies of this size"))
    if any(line.colour == TEAL and line.own["value"] is not None for line in lines):
        found.append(Line2D([], [], color=TEAL, marker="o", label="model of few features"))
    if any(line.beside for line in lines):
        label = "published (arXiv 2603.11827): other patients, interval as if pooled"
        found.append(Line2D([], [], color=ORANGE, marker="D", markersize=4, label=label))
    return found
