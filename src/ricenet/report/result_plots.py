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
from ricenet.report.page import how_published, inputs_of
from ricenet.report.svg import BLUE, GREY, INK, ORANGE, PALE, SMALL, TEAL, say
from ricenet.statistics import wording

Row = Mapping[str, Any]
TONES = {"shown": (BLUE, "o", BLUE), "not shown": (GREY, "o", "white")}  # edge, marker, face
NO_DIFFERENCE = "none at this share of discordant patients"
NOT_POSSIBLE = (GREY, "x", GREY)


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
    """

    name: str
    own: Row
    beside: Row | None = None
    new_study: tuple[float, float] | None = None
    folds: Sequence[float] = ()
    colour: str = BLUE


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
    lines = [line for panel in drawn for line in panel.lines]
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


def contrasts(rows: Sequence[Row], *, name: str, alt: str) -> Markup:
    """Draw differences of accuracy with limits, and shade what could not have been found."""
    figure = svg.figure(10.2, 1.0 + 0.3 * len(rows))
    (one,) = figure.subplots(1, 1, squeeze=False)[0]
    svg.plain(one)
    one.grid(visible=False, axis="y")
    reach = max(max(abs(float(row[k])) for k in ("low", "high")) for row in rows)
    reach = min(1.0, max(0.3, reach * 1.05))
    for place, row in enumerate(rows):
        _contrast(one, len(rows) - 1 - place, row, reach)
    one.axvline(0, color=INK, linewidth=0.8)
    names = [
        f"{r['set']}, n = {r['n']}: {inputs_of(r['first'])} − {inputs_of(r['second'])}"
        for r in rows
    ]
    one.set_yticks(range(len(rows)), list(reversed(names)), fontsize=8)
    one.tick_params(axis="y", length=0)
    one.set(xlabel="difference of accuracy", xlim=(-reach, reach), ylim=(-0.7, len(rows) - 0.3))
    handles = [
        *(Line2D([], [], color=edge, marker=mark, markerfacecolor=face, label=words)
          for words, (edge, mark, face) in TONES.items()),
        Line2D([], [], color=GREY, marker="x", label="cannot be shown with this many patients"),
        Patch(color=PALE, label="smaller than so many patients can be expected to show"),
    ]  # fmt: skip
    figure.legend(
        handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=SMALL
    )
    return svg.inline(figure, name=name, alt=alt)


def _contrast(axes: Axes, y: float, row: Row, reach: float) -> None:
    found = row["detectable"]
    edge = min(reach, float(found)) if found not in (None, "") else reach
    shade = axes.barh(y, 2 * edge, left=-edge, height=0.7, color=PALE, zorder=0)[0]
    least = f"{float(found):.2f}" if found not in (None, "") else NO_DIFFERENCE
    say(shade, f"smallest difference that is found with a power of 0.8: {least}")
    if row.get("same"):
        mark = axes.plot([0], [y], "x", color=GREY, markersize=6)[0]
        say(mark, f"{row['same']}: nothing is compared")
        axes.text(
            1.01, y, row["same"], transform=axes.get_yaxis_transform(), fontsize=SMALL, va="center"
        )
        return
    n = int(row["n"])
    p = "" if row.get("few") else f"p of the family {wording.p_value(row['p_max_t'])} (max-T); "
    said = (
        f"{wording.estimate(row['difference'], row['low'], row['high'], n)}, Tango, of this "
        f"contrast alone; right by one only: {row['only_right_first']} and "
        f"{row['only_right_second']} of {n}; {p}{row['verdict']}"
    )
    colour, marker, face = TONES.get(str(row["verdict"]), NOT_POSSIBLE)
    limits = [float(row["low"]), float(row["high"])]
    say(axes.plot(limits, [y, y], color=colour, linewidth=1.6)[0], said)
    mark = axes.plot([float(row["difference"])], [y], marker, color=colour, markersize=6,
                     markerfacecolor=face)[0]  # fmt: skip
    say(mark, said)
    words = str(row["verdict"]).partition(" with ")[0]
    axes.text(1.01, y, words, transform=axes.get_yaxis_transform(), fontsize=SMALL, va="center")
