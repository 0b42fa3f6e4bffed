"""Rows of pictures through one point of a brain, and the page that holds them.

Arrays are ``(X, Y, Z)`` RAS+; :mod:`ricenet.pictures.panels` describes how they are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ricenet.image.boxes import box_around
from ricenet.image.orientation import to_ras
from ricenet.image.volume import Volume, require_same_space
from ricenet.pictures import panels
from ricenet.pictures.panels import Point

WIDTH_PX = 1240
ROW_PX = 356
BRAIN_MARGIN_MM = 5.0


@dataclass(frozen=True)
class Row:
    """Three pictures, one a plane, and the words beside them.

    Attributes
    ----------
    title, note : str
        What is shown, and how to read it.
    draw : callable
        Draws the picture of a plane on axes.
    legend : dict of str to str
        Text to colour.
    bar : tuple of float and str, or None
        Limit and label of the colour bar of a signed overlay.
    """

    title: str
    note: str
    draw: Callable[[Axes, str], None]
    legend: dict[str, str]
    bar: tuple[float, str] | None


@dataclass(frozen=True)
class Scene:
    """Volumes on one grid, cut to a box around the brain, and the point to look at."""

    volumes: dict[str, NDArray]
    brain: NDArray
    spacing_mm: tuple[float, float, float]
    point: Point


def as_point(coordinates: Sequence[float]) -> Point:
    """Return the nearest voxel."""
    x, y, z = (round(float(c)) for c in coordinates)
    return x, y, z


def moved(point: Point, source: NDArray, target: NDArray) -> Point:
    """Return the voxel in the grid ``target`` (an affine) at a voxel's place in grid ``source``."""
    return as_point((np.linalg.inv(target) @ source @ np.array([*point, 1]))[:3])


def cut(
    volumes: dict[str, NDArray],
    brain: NDArray,
    spacing_mm: Sequence[float],
    point: Point,
    mm: float,
) -> Scene:
    """Cut volumes to the brain and a margin of ``mm``; the point is kept inside."""
    box = box_around(brain, round(mm / min(spacing_mm)))
    small = brain[box]
    inside = tuple(
        min(max(p - b.start, 0), n - 1) for p, b, n in zip(point, box, small.shape, strict=True)
    )
    x, y, z = spacing_mm
    return Scene({k: v[box] for k, v in volumes.items()}, small, (x, y, z), as_point(inside))


def draw_base(axes: Axes, scene: Scene, plane: str, shown: NDArray) -> None:
    """Draw grey levels with the patient's sides and the place of the point."""
    panels.draw_grey(axes, shown, panels.aspect(scene.spacing_mm, plane))
    panels.draw_marks(axes, plane)
    panels.draw_cross(axes, scene.brain.shape, plane, scene.point)


def draw_signed(axes: Axes, scene: Scene, plane: str, values: NDArray, limit: float) -> None:
    """Draw a signed volume over the picture."""
    shown = panels.picture(values, plane, scene.point)
    panels.draw_diverging(axes, shown, limit, panels.aspect(scene.spacing_mm, plane))


def grey(scene: Scene, name: str, plane: str) -> NDArray:
    """Return the grey picture of a masked MRI.

    Black outside the brain, whatever 0 means inside it.
    """
    limits = panels.window(scene.volumes[name], scene.brain)
    levels = panels.windowed(panels.picture(scene.volumes[name], plane, scene.point), limits)
    return np.where(panels.picture(scene.brain, plane, scene.point), levels, 0)


def dose_row(scene: Scene, reference: str, dose: str) -> Row:
    """Return the isodose lines over the reference MRI."""
    values = scene.volumes[dose]

    def draw(axes: Axes, plane: str) -> None:
        draw_base(axes, scene, plane, grey(scene, reference, plane))
        panels.draw_isodoses(axes, panels.picture(values, plane, scene.point))

    at_point = f"{values[scene.point]:.1f} Gy at the point,\nmaximum {values.max():.1f} Gy"
    legend = {f"{level:g} Gy": colour for level, colour in panels.ISODOSES_GY.items()}
    return Row(f"{dose} on {reference}", at_point, draw, legend, None)


def page(shown: Sequence[Row], heading: str, scene: Scene) -> bytes:
    """Draw rows below each other and return the PNG."""
    return panels.png(draw_page(shown, heading, scene))


def draw_page(shown: Sequence[Row], heading: str, scene: Scene) -> Figure:
    """Draw rows below each other, each with its words on the right."""
    height = 64 + ROW_PX * len(shown)
    figure = panels.blank_figure(WIDTH_PX, height)
    x, y, _ = scene.brain.shape * np.array(scene.spacing_mm)
    grid = figure.add_gridspec(
        len(shown), 4, width_ratios=[x, x, y, 0.75 * x], hspace=0.05, wspace=0.05,
        left=0.005, right=0.995, top=1 - 36 / height, bottom=28 / height,
    )  # fmt: skip
    for i, row in enumerate(shown):
        for j, plane in enumerate(panels.PLANES):
            row.draw(figure.add_subplot(grid[i, j]), plane)
        _words(figure.add_subplot(grid[i, 3]), row)
    figure.text(0.008, 1 - 12 / height, heading, color="white", fontsize=12, va="top")
    figure.text(0.008, 8 / height, panels.CONVENTION, color="#9fb0c3", fontsize=8.5)
    return figure


def _words(axes: Axes, row: Row) -> None:
    axes.set_axis_off()
    axes.text(0.06, 0.93, row.title, color="white", fontsize=12, weight="bold", va="top")
    axes.text(0.06, 0.82, row.note, color="#b6c4d4", fontsize=9.5, va="top", linespacing=1.4)
    for i, (text, colour) in enumerate(row.legend.items()):
        y = 0.1 + 0.085 * (len(row.legend) - 1 - i)
        axes.plot([0.06, 0.17], [y, y], color=colour, linewidth=2.4)
        axes.text(0.21, y, text, color="#dfe6ee", fontsize=9.5, va="center")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    if row.bar:
        _colour_bar(axes.inset_axes((0.08, 0.13, 0.1, 0.48)), *row.bar)


def _colour_bar(axes: Axes, limit: float, label: str) -> None:
    levels = np.linspace(-limit, limit, 101)
    seen = panels.opacity(levels, limit)
    extent = (0.0, 1.0, -limit, limit)
    axes.imshow(
        levels[:, None], cmap=panels.DIVERGING, alpha=seen[:, None], extent=extent, aspect="auto",
        origin="lower", vmin=-limit, vmax=limit,
    )  # fmt: skip
    axes.set(facecolor="black", xticks=[], yticks=[-limit, 0, limit])
    axes.set_yticklabels([f"−{limit:.2g}", "0", f"+{limit:.2g}"], color="#dfe6ee", fontsize=9)
    axes.yaxis.tick_right()
    axes.tick_params(color="#8fa3b8", length=3)
    axes.spines[:].set_color("#8fa3b8")
    axes.text(3.7, 0, label, color="#b6c4d4", fontsize=9.5, va="center", linespacing=1.4)


def loaded(
    paths: Sequence[Path],
    names: Sequence[str],
    mask: Volume,
    *,
    load: Callable[[Path], Volume],
) -> dict[str, NDArray]:
    """Return the volumes by channel name, checked against the mask's grid, in RAS+ order.

    Parameters
    ----------
    load : callable
        Reads a volume.

    Raises
    ------
    ValueError
        Too few or too many volumes, or one on another grid than the mask.
    """
    if len(paths) != len(names):
        raise ValueError(f"{len(paths)} volumes were given for the channels {list(names)}")
    found = {}
    for name, path in zip(names, paths, strict=True):
        volume = load(path)
        require_same_space(volume, mask, f"{name} and the brain mask")
        found[name] = to_ras(volume).data
    return found
