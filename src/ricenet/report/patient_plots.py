"""Plots of patients: where they went, what each input combination says of each, how sure it is."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Rectangle

from ricenet.cohort.labels import LABELS, NAMES
from ricenet.report import svg
from ricenet.report.page import inputs_of
from ricenet.report.svg import BLUE, GREY, INK, LIGHT, PALE, RED, SMALL, say

Row = Mapping[str, Any]
COLOURS = mpl.colormaps["PRGn_r"]  # tells apart for colour-blind people, and in print by lightness
FEWEST_WIDE = 7  # patients, below which a panel of the grid is as wide as for so many
MOST_IDS = 120  # of patients whose ids can be read below the grid
DARK = 0.33  # distance from 0.5 of a colour that a black cross would be lost on
WRAP = 24  # letters of a line in the flow diagram


def flow(steps: Sequence[Row], *, name: str, alt: str) -> Markup:
    """Draw the way of the patients, from left to right; who left stands below with the reason.

    Parameters
    ----------
    steps : sequence of dict
        name, count, left, note; the last two are the parts of the one before.
    """
    chain, parts = steps[:-2], steps[-2:]
    texts = {i: _left(step) for i, step in enumerate(chain)}
    lines = max((text.count("\n") + 1 for text in texts.values() if text), default=0)
    height = 1.75 + 0.14 * lines
    figure = svg.figure(10.2, height)
    figure.set_layout_engine("none")  # all of it is the drawing's
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 10.2), ylim=(0, height))
    axes.axis("off")
    top = height - 0.85
    for i, step in enumerate(chain):
        x = 0.1 + 2.07 * i
        _box(axes, x, top - 0.3, 1.6, 0.62, f"{step['name']}\nn = {step['count']}")
        if i + 1 < len(chain):
            _arrow(axes, (x + 1.6, top), (x + 2.07, top))
        if texts[i]:
            _arrow(axes, (x + 1.8, top), (x + 1.8, top - 0.52))
            axes.text(
                x + 0.1, top - 0.58, texts[i], fontsize=SMALL, va="top", color=INK, linespacing=1.25
            )
    right = 0.1 + 2.07 * len(chain)
    for step, y in zip(parts, (top + 0.42, top - 0.42), strict=True):
        text = f"{step['name']}, n = {step['count']}"
        note = f"\n{textwrap.fill(step['note'], 30)}" if step["note"] else ""
        _box(axes, right, y - 0.3, 1.75, 0.6, text + note, small=bool(note))
        _arrow(axes, (right - 0.47, top), (right, y))
    return svg.inline(figure, name=name, alt=alt)


def _left(step: Row) -> str:
    """Return who left after a step and why, as lines."""
    found = []
    for out in step["left"]:
        found += textwrap.wrap(f"− {out['count']} {out['what']}", WRAP)
        for why, who in out["reasons"]:
            if why:
                found += textwrap.wrap(f"{len(who)}: {why}", WRAP, initial_indent="   ",
                                       subsequent_indent="   ", max_lines=3)  # fmt: skip
    return "\n".join(found)


def _box(
    axes: Axes, x: float, y: float, width: float, height: float, text: str, *, small: bool = False
) -> None:
    axes.add_patch(
        FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0,rounding_size=0.06",
                       facecolor=PALE, edgecolor=BLUE, linewidth=1)
    )  # fmt: skip
    size = SMALL if small else 9
    axes.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=size)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    arrow = {"arrowstyle": "-|>", "color": GREY, "linewidth": 1, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", xy=end, xytext=start, arrowprops=arrow)


def errors(answers: pd.DataFrame, *, name: str, alt: str) -> Markup:
    """Draw each patient as a column and each input combination as a row; wrong answers are marked.

    Parameters
    ----------
    answers : DataFrame
        ablation, set, subject, label, predicted, probability_rice, votes_rice, models.
    """
    sets = [of for of in ("validation", "test") if (answers["set"] == of).any()]
    groups = [(of, label) for of in sets for label in LABELS]
    ordered = {group: _by_errors(answers, *group) for group in groups}
    ordered = {group: subjects for group, subjects in ordered.items() if subjects}
    ablations = list(dict.fromkeys(answers["ablation"]))
    count = sum(map(len, ordered.values()))
    ids = count <= MOST_IDS
    width = min(10.2, 3.2 + 0.3 * count)
    figure = svg.figure(width, 1.5 + 0.26 * len(ablations) + 0.4 * ids)
    ratios = [max(len(subjects), FEWEST_WIDE) for subjects in ordered.values()]
    axes = figure.subplots(1, len(ordered), squeeze=False, width_ratios=ratios, sharey=True)[0]
    by_place = {
        (row["ablation"], row["set"], row["subject"]): row for row in answers.to_dict("records")
    }
    for one, ((of, label), subjects) in zip(axes, ordered.items(), strict=True):
        for row, ablation in enumerate(ablations):
            for place, subject in enumerate(subjects):
                _cell(one, place, row, by_place[str(ablation), of, subject], subject, ablation)
        one.set(xlim=(0, max(len(subjects), FEWEST_WIDE)), ylim=(len(ablations), 0))
        one.set_title(f"{of}\n{label}\nn = {len(subjects)}", fontsize=SMALL, loc="left")
        size = max(3.5, min(SMALL, 600 / count))
        centres = np.arange(len(subjects)) + 0.5
        one.set_xticks(*((centres, subjects) if ids else ([], [])), rotation=90, fontsize=size)
        one.tick_params(length=0)
        one.spines[:].set_visible(False)
    names = [inputs_of(str(a)) for a in ablations]
    axes[0].set_yticks(np.arange(len(ablations)) + 0.5, names)
    for one in axes[1:]:
        one.tick_params(labelleft=False)
    figure.legend(handles=_shades(), loc="outside lower center", ncols=6, frameon=False,
                  fontsize=SMALL)  # fmt: skip
    return svg.inline(figure, name=name, alt=alt)


def _by_errors(answers: pd.DataFrame, of: str, label: str) -> list[str]:
    """Return the subjects of a set and class, the most often misjudged first."""
    own = answers[(answers["set"] == of) & (answers["label"] == LABELS[label])]
    wrong = (own["label"] != own["predicted"]).groupby(own["subject"]).sum()
    return sorted(map(str, wrong.index), key=lambda s: (-int(wrong[s]), s))


def _cell(axes: Axes, x: int, y: int, row: Any, subject: str, ablation: str) -> None:
    p, wrong = float(row["probability_rice"]), row["label"] != row["predicted"]
    # an ensemble answers by majority: its colour is the share of votes, as its cross is
    shade = p if row["models"] <= 1 else float(row["votes_rice"]) / float(row["models"])
    cell = Rectangle((x, y), 1, 1, facecolor=COLOURS(shade), edgecolor="white", linewidth=0.5)
    votes = f", {row['votes_rice']} of {row['models']} votes" if row["models"] > 1 else ""
    words = f"called {NAMES[int(row['predicted'])]}{'' if wrong else ', right'}"
    say(cell, f"{subject}, {ablation}: probability of RICE {p:.2f}{votes}; "
              f"{NAMES[int(row['label'])]}, {words}")  # fmt: skip
    axes.add_patch(cell)
    if wrong:
        ink = "white" if abs(shade - 0.5) > DARK else "black"
        axes.plot([x + 0.5], [y + 0.5], "x", color=ink, markersize=4, markeredgewidth=1.2)


def _shades() -> list[Any]:
    found: list[Any] = [
        Rectangle((0, 0), 1, 1, facecolor=COLOURS(p), label=f"{p:g}")
        for p in (0.0, 0.25, 0.5, 0.75)
    ]
    found[0].set_label("probability of RICE, share of votes on test: 0")
    found.append(Rectangle((0, 0), 1, 1, facecolor=COLOURS(1.0), label="1"))
    found.append(Line2D([], [], color="black", marker="x", linestyle="", label="wrong answer"))
    return found


def strip(
    answers: pd.DataFrame, thresholds: Sequence[tuple[str, float, float]], *, name: str, alt: str
) -> Markup:
    """Draw the probability of each patient, by set and class, and the thresholds.

    Parameters
    ----------
    answers : DataFrame
        Of one input combination.
    thresholds : sequence of (str, float, float)
        What stands at the line, and from where to where it lies: one place, or a range.
    """
    rows = [
        (of, label, answers[(answers["set"] == of) & (answers["label"] == LABELS[label])])
        for of in ("validation", "test") for label in LABELS
    ]  # fmt: skip
    rows = [row for row in rows if len(row[2])]
    figure = svg.figure(10.2, 1.0 + 0.5 * len(rows))
    (one,) = figure.subplots(1, 1, squeeze=False)[0]
    svg.plain(one)
    for place, (of, _, own) in enumerate(rows):
        points = sorted(zip(own["probability_rice"], own["subject"], own["predicted"], own["label"],
                            strict=True))  # fmt: skip
        for x, y, (p, subject, predicted, truth) in zip(
            [point[0] for point in points], _spread([point[0] for point in points]), points,
            strict=True,
        ):  # fmt: skip
            colour = BLUE if predicted == truth else RED
            face = "white" if of == "test" else colour
            height = len(rows) - 1 - place + y
            marker = "o" if predicted == truth else "X"
            mark = one.plot([x], [height], marker, color=colour, markerfacecolor=face, markersize=5)
            say(mark[0], f"{subject}: probability of RICE {p:.2f}, {NAMES[int(truth)]}")
    for words, low, high in thresholds:
        # a place and a range stand on lines of their own, wherever they lie
        _threshold(one, len(rows) - (0.42 if low == high else 0.16), words, low, high)
    names = [f"{of}, {label} (n = {len(own)})" for of, label, own in rows]
    one.set_yticks(range(len(rows)), list(reversed(names)))
    one.set(xlabel="probability of RICE", xlim=(-0.01, 1.01), ylim=(-0.6, len(rows) - 0.12))
    one.tick_params(axis="y", length=0)
    one.axhline(sum(of == "test" for of, *_ in rows) - 0.5, color=LIGHT, linewidth=1)
    return svg.inline(figure, name=name, alt=alt)


def _threshold(axes: Axes, y: float, words: str, low: float, high: float) -> None:
    """Draw a threshold as a line; one that differs between folds as a range."""
    if low == high:
        mark: Any = axes.axvline(low, color=INK, linewidth=0.9)
        text, place, side = words, low, "left"
    else:
        mark = axes.axvspan(low, high, color=PALE, zorder=0)
        text, place, side = f"{words} {low:.2f} to {high:.2f}", low, "right"
        side, place = ("left", high) if low < 1 / 3 else (side, place)
    say(mark, f"threshold {text}")
    axes.text(place, y, f" {text} ", fontsize=SMALL, va="top", ha=side)


def _spread(values: Sequence[float], *, near: float = 0.012, step: float = 0.09) -> list[float]:
    """Return heights that keep near points apart: 0, then up and down in turn."""
    heights, taken = [], list[tuple[float, int]]()
    for value in values:
        used = {level for at, level in taken if value - at < near}
        level = next(k for k in range(len(values) + 1) if k not in used)
        taken.append((value, level))
        side = 1 if level % 2 else -1
        heights.append(max(-0.4, min(0.4, side * step * ((level + 1) // 2))))
    return heights
