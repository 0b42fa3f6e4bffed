"""Figures as SVG elements of the page: text stays text, and what is pointed at says its numbers.

A figure is the same at each run. Its ids begin with its name, so that many stand in one page; it
needs no style sheet, font, script or address.
"""

from __future__ import annotations

import io
import re
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# one colour, one meaning: the study's networks, what is published, models of few features, wrong
BLUE, ORANGE, TEAL, RED = "#2f6db5", "#d08a1d", "#1b7f79", "#b3261e"
GREY, LIGHT, INK, PALE = "#566476", "#d7dde5", "#1b2430", "#dce8f6"  # of no meaning: lines, bands
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ricenet",
    "font.size": 9,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica", "sans-serif"],
    "text.parse_math": False,  # a reason that a person wrote may hold a dollar sign
    "text.color": INK,
    "axes.edgecolor": GREY,
}
SMALL = 7.5  # points: 10 pixels on a screen
TITLE = "title:"
SVG, HREF = "http://www.w3.org/2000/svg", "{http://www.w3.org/1999/xlink}href"
_URL = re.compile(r"(?<=url\(#)[^)]+")


def say(artist: Artist, text: str) -> None:
    """Let an artist say a text where it is pointed at."""
    artist.set_gid(TITLE + text)


def figure(width: float, height: float) -> Figure:
    """Return an empty figure, in inches; 7.5 are as wide as the page."""
    with mpl.rc_context(STYLE):
        return Figure(figsize=(width, height), layout="constrained")


def panels(count: int, *, width: float = 3.3, height: float = 3.2) -> tuple[Figure, list[Axes]]:
    """Return a figure of panels side by side, with light lines at the ticks."""
    found = figure(width * count, height)
    with mpl.rc_context(STYLE):
        axes = [found.add_subplot(1, count, i + 1) for i in range(count)]
    for one in axes:
        plain(one)
    return found, axes


def plain(axes: Axes) -> None:
    """Give axes light lines at the ticks and no frame."""
    axes.grid(color=LIGHT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def inline(made: Figure, *, name: str, alt: str) -> Markup:
    """Return a figure as an SVG element.

    Parameters
    ----------
    name : str
        Unlike that of any other figure of the page; letters and hyphens.
    alt : str
        What a reader who does not see it should know.
    """
    text = io.StringIO()
    with mpl.rc_context(STYLE):
        made.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(text.getvalue())
    _tidy(root, name)
    root.attrib.update(
        {"role": "img", "aria-label": alt, "style": "stroke-linejoin:round;stroke-linecap:butt"}
    )
    return Markup(_written(root))  # ElementTree has escaped all text


def _tidy(root: ElementTree.Element, name: str) -> None:
    """Drop what a page must not hold, make titles of what is to be said, and ids the figure's."""
    for parent in root.iter():
        for child in list(parent):
            if child.tag.endswith("}metadata") or child.tag.endswith("}style"):
                parent.remove(child)
    used = {name for element in root.iter() for name in _references(element)}
    for element in list(root.iter()):
        found = element.attrib.pop("id", "")
        if found.startswith(TITLE):
            title = ElementTree.Element(f"{{{SVG}}}title")
            title.text = found.removeprefix(TITLE)
            element.insert(0, title)
        elif found in used:
            element.set("id", f"{name}-{found}")
        for key, value in list(element.attrib.items()):
            element.set(key, _URL.sub(lambda match: f"{name}-{match[0]}", value))
        if link := element.attrib.pop(HREF, ""):
            element.set("href", f"#{name}-{link.removeprefix('#')}")


def _references(element: ElementTree.Element) -> list[str]:
    """Return the ids that an element uses."""
    found = [name for value in element.attrib.values() for name in _URL.findall(value)]
    link = element.attrib.get(HREF, "")
    return [*found, link.removeprefix("#")] if link else found


def _written(root: ElementTree.Element) -> str:
    """Return the text of an element; HTML knows the namespace of what is within ``svg``."""
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{SVG}}}")
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)
