"""Plots of the report: matplotlib's SVG as an image of the page, which needs no font or script.

Rows are those of tables, as text. A plot is the same at each run.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Row = Mapping[str, str]
BLUE, ORANGE, GREY, LIGHT = "#2f6db5", "#d08a1d", "#566476", "#d7dde5"
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ricenet",
    "font.size": 9,
    "font.family": "sans-serif",
}


def picture(figure: Figure) -> str:
    """Return the figure as an SVG data URI."""
    text = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(text.getvalue().encode()).decode()


def panels(count: int, *, width: float = 3.3, height: float = 3.2) -> tuple[Figure, list[Axes]]:
    """Return a figure of panels side by side, with light lines at the ticks."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width * count, height), layout="constrained")
        axes = [figure.add_subplot(1, count, i + 1) for i in range(count)]
    for one in axes:
        one.grid(color=LIGHT, linewidth=0.6)
        one.set_axisbelow(True)
        one.spines[["top", "right"]].set_visible(False)
    return figure, axes


def column(rows: Sequence[Row], name: str) -> list[float]:
    """Return the numbers of a column; what is empty is NaN."""
    return [float(row[name]) if row[name] else float("nan") for row in rows]


def calibration(rows: Sequence[Row]) -> str:
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
        one.plot(p, column(own, "loess"), color=ORANGE, label="loess")
        for value, cases, positive in zip(p, n, rice, strict=True):
            if positive:
                one.plot([value, value], [0.97, 1.0], color=BLUE, linewidth=0.8)
            if cases > positive:
                one.plot([value, value], [0.0, 0.03], color=GREY, linewidth=0.8)
        one.set(title=version, xlabel="probability of RICE", xlim=(0, 1), ylim=(0, 1))
    axes[0].set_ylabel(f"share with RICE (n = {sum(column(own, 'n')):.0f})")
    axes[0].legend(fontsize=7, frameon=False, loc="upper left")
    return picture(figure)


def decision(rows: Sequence[Row]) -> str:
    """Draw the net benefit over thresholds, with limits, beside treating all and none."""
    versions = list(dict.fromkeys(row["version"] for row in rows))
    figure, axes = panels(len(versions))
    for one, version in zip(axes, versions, strict=True):
        own = [row for row in rows if row["version"] == version]
        at = column(own, "threshold")
        one.fill_between(at, column(own, "low"), column(own, "high"), color=LIGHT)
        one.plot(at, column(own, "net_benefit"), color=BLUE, label="network, with limits")
        one.plot(at, column(own, "treat_all"), color=ORANGE, label="all called RICE")
        one.axhline(0, color=GREY, linewidth=0.8, label="nobody called RICE")
        lowest = min(column(own, "net_benefit"))
        one.set(title=version, xlabel="threshold", ylim=(min(-0.1, lowest - 0.02), 0.6))
    axes[0].set_ylabel(f"net benefit a patient (n = {own[0]['n']})")
    axes[0].legend(fontsize=7, frameon=False)
    return picture(figure)


def selective(rows: Sequence[Row]) -> str:
    """Draw the share of errors among those who are answered, with limits."""
    figure, (one,) = panels(1, width=4.2)
    share, value = column(rows, "coverage"), column(rows, "value")
    low, high = column(rows, "low"), column(rows, "high")
    spans = [
        [max(0.0, v - a) for v, a in zip(value, low, strict=True)],
        [max(0.0, b - v) for v, b in zip(value, high, strict=True)],
    ]
    one.errorbar(share, value, yerr=spans, fmt="o-", color=BLUE, capsize=3, label="surest first")
    one.axhline(float(rows[0]["null"]), color=GREY, linewidth=0.8, label="by chance: all patients")
    one.set(
        xlabel="share of patients who are answered", ylim=(0, 1), xlim=(0, 1.05),
        ylabel=f"errors among them (n = {rows[0]['n']})",
    )  # fmt: skip
    one.legend(fontsize=7, frameon=False)
    return picture(figure)


def forest(rows: Sequence[Mapping[str, Any]], *, line: float | None, label: str) -> str:
    """Draw values with their intervals, one a line, and a reference.

    Parameters
    ----------
    rows : sequence of dict
        name, value, low, high.
    line : float or None
        Value of the reference.
    label : str
        Of the axis.
    """
    figure, (one,) = panels(1, width=6.4, height=0.9 + 0.28 * len(rows))
    for place, row in enumerate(rows):
        y = len(rows) - 1 - place
        low, value, high = (float(row[key]) for key in ("low", "value", "high"))
        one.plot([low, high], [y, y], color=BLUE, linewidth=1.4)
        one.plot([value], [y], "o", color=BLUE, markersize=4)
    one.axvline(0.5, color=GREY, linewidth=0.8)
    if line is not None:
        one.axvline(line, color=ORANGE, linewidth=1.2)
    one.set_yticks(range(len(rows)), [str(row["name"]) for row in reversed(rows)])
    one.set(xlabel=label, xlim=(0, 1), ylim=(-0.7, len(rows) - 0.3))
    return picture(figure)
