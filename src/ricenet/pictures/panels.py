"""Drawing slices of volumes: greys, outlines, isodose lines, checkerboards, signed overlays.

Volumes are ``(X, Y, Z)`` RAS+ arrays. The display is radiological: the patient's right is on the
left of the picture, axial slices have the nose up, coronal and sagittal slices the crown up,
sagittal slices the nose on the left. A *picture* is a ``(row, column)`` array, row 0 at the top.
Colours are for a black page.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray
from PIL import Image

Point = tuple[int, int, int]

NORMAL = {"axial": 2, "coronal": 1, "sagittal": 0}
PLANES = tuple(NORMAL)
# letters at the left, right, top and bottom of a picture
MARKS = {"axial": "RLAP", "coronal": "RLSI", "sagittal": "APSI"}
CONVENTION = (
    "Radiological display: the patient's right is on the left of axial and coronal pictures; "
    "the nose is up in axial and left in sagittal ones."
)
OUTLINE_COLOUR = "#ffd54a"
# Gy to colour; 57 Gy = 95 % and 30 Gy = 50 % of the usual 60 Gy
ISODOSES_GY = {57.0: "#ff5a4f", 45.0: "#ffb000", 30.0: "#4fdc5b", 10.0: "#4ea1ff"}
DIVERGING = LinearSegmentedColormap.from_list(
    "ricenet", ["#7fd8ff", "#1f78ff", "#10141c", "#ff3b1f", "#ffd27f"]
)


def picture(data: NDArray, plane: str, point: Point) -> NDArray:
    """Return the slice of a volume through a point, as it is shown.

    Parameters
    ----------
    data : (X, Y, Z) array
        RAS+.
    plane : str
        ``axial``, ``coronal`` or ``sagittal``.
    point : tuple of int
        Voxel that the slice passes through.

    Returns
    -------
    (row, column) array
        Both axes reversed: top is superior or anterior, left is right or anterior.
    """
    normal = NORMAL[plane]
    return np.take(data, point[normal], axis=normal)[::-1, ::-1].T


def place(shape: Sequence[int], plane: str, point: Point) -> tuple[int, int]:
    """Return the row and column of a voxel in the picture of its slice."""
    across, up = (axis for axis in range(3) if axis != NORMAL[plane])
    return shape[up] - 1 - point[up], shape[across] - 1 - point[across]


def aspect(spacing_mm: Sequence[float], plane: str) -> float:
    """Return the height of a picture's pixel divided by its width, dimensionless."""
    across, up = (axis for axis in range(3) if axis != NORMAL[plane])
    return spacing_mm[up] / spacing_mm[across]


def window(data: NDArray, brain: NDArray) -> tuple[float, float]:
    """Return the intensities shown as black and white: 1st and 99.5th percentile in the brain."""
    low, high = np.percentile(data[brain], (1.0, 99.5))
    return float(low), float(max(high, low + 1e-6))


def windowed(data: NDArray, limits: tuple[float, float]) -> NDArray:
    """Return the intensities as grey levels from 0 (black) to 1 (white)."""
    low, high = limits
    return np.clip((data - low) / (high - low), 0, 1)


def checkerboard(first: NDArray, second: NDArray, tile: int) -> NDArray:
    """Return two pictures in alternating squares of ``tile`` pixels.

    ``first`` has the top left one.
    """
    rows, columns = np.indices(first.shape) // tile
    return np.where((rows + columns) % 2 == 0, first, second)


def opacity(values: NDArray, limit: float) -> NDArray:
    """Return the opacity of a signed overlay.

    0 below a tenth of the limit, 0.85 from half of it on.
    """
    return 0.85 * np.clip((np.abs(values) / limit - 0.1) / 0.4, 0, 1)


def draw_grey(axes: Axes, shown: NDArray, ratio: float) -> None:
    """Draw grey levels (0 to 1) on black, without frame or ticks."""
    axes.imshow(shown, cmap="gray", vmin=0, vmax=1, aspect=ratio, interpolation="bilinear")
    axes.set_axis_off()


def draw_outline(axes: Axes, mask: NDArray, colour: str = OUTLINE_COLOUR) -> None:
    """Draw the border of a mask's picture."""
    if mask.any() and not mask.all():
        axes.contour(mask.astype(float), levels=[0.5], colors=[colour], linewidths=0.9)


def draw_isodoses(axes: Axes, dose: NDArray) -> None:
    """Draw the lines of equal dose (Gy) that the picture reaches."""
    for level, colour in ISODOSES_GY.items():
        if dose.min() < level < dose.max():
            axes.contour(dose, levels=[level], colors=[colour], linewidths=1.1)


def draw_diverging(axes: Axes, values: NDArray, limit: float, ratio: float) -> AxesImage:
    """Draw a signed picture over another: blue below 0, red above, nothing near 0."""
    return axes.imshow(
        values,
        cmap=DIVERGING,
        vmin=-limit,
        vmax=limit,
        alpha=opacity(values, limit),
        aspect=ratio,
        interpolation="nearest",
    )


def draw_marks(axes: Axes, plane: str) -> None:
    """Write the patient's sides at the picture's edges."""
    spots = ((0.02, 0.56), (0.98, 0.56), (0.45, 0.98), (0.45, 0.02))
    sides = (("left", "center"), ("right", "center"), ("center", "top"), ("center", "bottom"))
    for letter, (x, y), (across, up) in zip(MARKS[plane], spots, sides, strict=True):
        axes.text(
            x, y, letter, transform=axes.transAxes, color="#dfe6ee", fontsize=8, ha=across, va=up
        )  # fmt: skip


def draw_cross(axes: Axes, shape: Sequence[int], plane: str, point: Point) -> None:
    """Mark the point by short lines at the picture's edges, so that they cover no tissue."""
    row, column = place(shape, plane, point)
    across, up = (n for axis, n in enumerate(shape) if axis != NORMAL[plane])
    style: dict[str, Any] = {"color": "#8fa3b8", "linewidth": 0.9}
    for begin, end in ((0, 0.05), (0.95, 1)):
        axes.plot([column, column], [begin * up, end * up], **style)
        axes.plot([begin * across, end * across], [row, row], **style)
    axes.set(xlim=(-0.5, across - 0.5), ylim=(up - 0.5, -0.5))


def blank_figure(width_px: int, height_px: int) -> Figure:
    """Return the figure with a black page, 100 pixels an inch.

    Pyplot's global state is not involved.
    """
    return Figure(figsize=(width_px / 100, height_px / 100), dpi=100, facecolor="black")


def png(figure: Figure) -> bytes:
    """Return the figure as a palette PNG without metadata: the same figure gives the same bytes."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    indices, palette = few_colours(np.asarray(canvas.buffer_rgba())[..., :3])
    image = Image.fromarray(indices)  # mode L, turned into P by its palette
    image.putpalette(palette.ravel().tolist())
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def few_colours(rgb: NDArray) -> tuple[NDArray, NDArray]:
    """Reduce a picture to at most 256 colours: 48 greys, and the best 208 for what is coloured.

    A median cut over all pixels would spend its colours on the greys and lose thin lines.

    Parameters
    ----------
    rgb : (row, column, 3) uint8 array
        Picture.

    Returns
    -------
    indices : (row, column) uint8 array
        Place in the palette.
    palette : (256, 3) uint8 array
        Greys first.
    """
    levels = np.linspace(0, 255, 48).round().astype(np.uint8)
    indices = np.round(rgb.mean(axis=2) * 47 / 255).astype(np.uint8)
    palette = np.zeros((256, 3), np.uint8)
    palette[:48] = levels[:, None]
    coloured = np.ptp(rgb.astype(np.int16), axis=2) > 12
    if coloured.any():
        strip = Image.fromarray(rgb[coloured][None])
        method = Image.Quantize.MEDIANCUT
        strip = strip.quantize(208, method=method, kmeans=2, dither=Image.Dither.NONE)
        colours = np.array(strip.getpalette(), np.uint8).reshape(-1, 3)[:208]
        palette[48 : 48 + len(colours)] = colours
        indices[coloured] = np.asarray(strip)[0] + 48
    return indices, palette
