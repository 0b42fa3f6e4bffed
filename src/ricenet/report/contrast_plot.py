"""The plot of contrasts: differences between input combinations, and what could be found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ricenet.report import svg
from ricenet.report.page import inputs_of, set_words
from ricenet.report.svg import BLUE, GREY, INK, PALE, SMALL, say
from ricenet.statistics import wording

Row = Mapping[str, Any]
TONES = {"shown": (BLUE, "o", BLUE), "not shown": (GREY, "o", "white")}  # edge, marker, face
NO_DIFFERENCE = "none at this share of discordant patients"
NOT_POSSIBLE = (GREY, "x", GREY)


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
        f"{set_words(r['set'])}, n = {r['n']}: {inputs_of(r['first'])} − {inputs_of(r['second'])}"
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
    words = (
        str(row["verdict"]).partition(" with ")[0].partition(":")[0]
    )  # the reason when pointed at
    colour, marker, face = TONES.get(words, NOT_POSSIBLE)
    limits = [float(row["low"]), float(row["high"])]
    say(axes.plot(limits, [y, y], color=colour, linewidth=1.6)[0], said)
    mark = axes.plot([float(row["difference"])], [y], marker, color=colour, markersize=6,
                     markerfacecolor=face)[0]  # fmt: skip
    say(mark, said)
    axes.text(1.01, y, words, transform=axes.get_yaxis_transform(), fontsize=SMALL, va="center")
