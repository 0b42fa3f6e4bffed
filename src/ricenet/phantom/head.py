"""The canonical head: ICBM152 brain maps inside the schematic head of `tissue`.

Axes are (X, Y, Z) in RAS mm. The maps are those of nilearn's own files (ICBM152 2009a, Fonov et
al., NeuroImage 54, 2011); they hold the brain only.
"""

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from ricenet.phantom import tissue
from ricenet.phantom.canvas import LOW_MM, Canvas, move_to, sample_axes

# The regions are drawn at 2 mm: finer detail is lost in the blur of the scan anyway.
DRAWING = Canvas(2.0)
MOTTLE_SEED = 7  # the mottled soft tissue belongs to the canonical head, not to a subject


@dataclass(frozen=True)
class Head:
    """A head on a canvas; every member is an (X, Y, Z) float32 array.

    Parameters
    ----------
    signal : T1CE signal, white matter = 1
    hounsfield : CT number, HU
    brain : brain mask, 0 to 1
    white : white matter map, 0 to 1
    body : body mask, 0 to 1
    dura_mm : signed distance to the dura, mm, negative inside
    """

    signal: np.ndarray
    hounsfield: np.ndarray
    brain: np.ndarray
    white: np.ndarray
    body: np.ndarray
    dura_mm: np.ndarray


def load_map(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Read an ICBM152 map ("t1", "gm" or "wm"), 0 to 1, and its affine (1 mm, axis-parallel)."""
    package = importlib.util.find_spec("nilearn")
    if package is None or package.origin is None:
        raise ValueError("nilearn is not installed: its ICBM152 maps make the phantom's brain")
    name = f"mni_icbm152_{kind}_tal_nlin_sym_09a_converted.nii.gz"
    image = nib.Nifti1Image.from_filename(Path(package.origin).parent / "datasets" / "data" / name)
    return np.asarray(image.dataobj, np.float32) / 255, image.affine


def brain_mask(t1: np.ndarray) -> np.ndarray:
    """Return the largest piece of the bright voxels, holes filled; (X, Y, Z) bool array."""
    bright = ndimage.binary_fill_holes(ndimage.binary_opening(t1 > 0.12, iterations=2))
    pieces, _ = ndimage.label(bright)
    return pieces == np.argmax(np.bincount(pieces.ravel())[1:]) + 1


def brain_maps(canvas: Canvas) -> dict[str, np.ndarray]:
    """Return brain, white matter, T1CE signal and HU of the brain, (X, Y, Z) canvas arrays."""
    (t1, affine), (grey, _), (white, _) = (load_map(kind) for kind in ("t1", "gm", "wm"))
    brain = brain_mask(t1)
    fluid = np.clip(1 - grey - white, 0, 1)
    # Tissue fractions give the contrast, the T1 map keeps the texture within a tissue.
    by_tissue = white + 0.70 * grey + 0.24 * fluid
    by_t1 = np.clip((t1 - 0.25) / 0.55, 0, 1.25) * 0.76 + 0.24
    maps = {
        "brain": brain.astype(np.float32),
        "white": white * brain,
        "signal": (0.6 * by_tissue + 0.4 * by_t1) * brain,
        "hounsfield": (30 + 8 * grey - 8 * fluid) * brain,
    }
    return {name: place(volume, affine, canvas) for name, volume in maps.items()}


def tissue_maps(canvas: Canvas) -> dict[str, np.ndarray]:
    """Return brain, white and grey matter and fluid, 0 to 1, (X, Y, Z) canvas arrays."""
    (t1, affine), (grey, _), (white, _) = (load_map(kind) for kind in ("t1", "gm", "wm"))
    brain = brain_mask(t1)
    maps = {"white": white, "grey": grey, "fluid": np.clip(1 - grey - white, 0, 1)}
    inside = {name: volume * brain for name, volume in maps.items()}
    whole = {"brain": brain.astype(np.float32), **inside}
    return {name: place(volume, affine, canvas) for name, volume in whole.items()}


def place(volume: np.ndarray, affine: np.ndarray, canvas: Canvas) -> np.ndarray:
    """Resample a 1 mm map onto the canvas, blurred to its spacing against aliasing; 0 outside."""
    blurred = ndimage.gaussian_filter(np.pad(volume, 8), max(0.5, canvas.spacing_mm / 2.5))
    first = LOW_MM - affine[:3, 3] + 8
    steps = [first[k] + canvas.spacing_mm * np.arange(canvas.shape[k]) for k in range(3)]
    return sample_axes(blurred, steps)


def signed_distance_mm(mask: np.ndarray, spacing_mm: float) -> np.ndarray:
    """Return the distance to the edge of a mask, mm, negative inside; (X, Y, Z) float32 array."""
    outside = ndimage.distance_transform_edt(~mask, sampling=spacing_mm)
    within = ndimage.distance_transform_edt(mask, sampling=spacing_mm)
    return (outside - within).astype(np.float32)


def head_shape(brain: np.ndarray) -> tissue.HeadShape:
    """Return dura and skin around a brain, given as (X, Y, Z) bool array on the drawing canvas."""
    spacing = DRAWING.spacing_mm
    x, y, z = DRAWING.axes_mm()
    brain_mm = signed_distance_mm(brain, spacing)
    # Closing the brain by 9 mm fills the sulci and gives the dural sac.
    from_far = ndimage.distance_transform_edt(brain_mm <= 9, sampling=spacing)
    dura_mm = ndimage.gaussian_filter(signed_distance_mm(from_far > 9, spacing), 1)
    outline = tissue.body_outline((x, y, z), dura_mm).astype(np.float32)
    skin_mm = signed_distance_mm(ndimage.gaussian_filter(outline, 2.5) > 0.5, spacing)
    return tissue.HeadShape(x, y, z, brain_mm, dura_mm, skin_mm)


def paint_regions(regions: list[tissue.Region]) -> tuple[np.ndarray, np.ndarray]:
    """Return the signal and HU of the regions, each painted over those before it.

    (X, Y, Z) float32 arrays.
    """
    shape = DRAWING.shape
    signal = np.full(shape, tissue.AIR.signal, np.float32)
    hounsfield = np.full(shape, tissue.AIR.hounsfield, np.float32)
    mottled = np.zeros(shape, bool)
    for kind, region in regions:
        signal[region], hounsfield[region], mottled[region] = kind
    noise = np.random.default_rng(MOTTLE_SEED).standard_normal(shape, dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, 2)
    return signal * np.exp(0.18 * noise / noise.std() * mottled), hounsfield


@lru_cache(maxsize=1)
def canonical_head(canvas: Canvas) -> Head:
    """Build the head that all subjects are deformed from (once a process)."""
    maps = brain_maps(canvas)
    drawn = maps if canvas == DRAWING else brain_maps(DRAWING)
    shape = head_shape(drawn["brain"] > 0.5)
    signal, hounsfield = paint_regions(tissue.all_regions(shape))
    brain = np.clip(maps["brain"], 0, 1)

    def around(volume: np.ndarray, inner: np.ndarray) -> np.ndarray:
        outer = ndimage.gaussian_filter(move_to(volume, DRAWING, canvas), 0.6)
        return outer * (1 - brain) + inner  # `inner` carries the factor `brain` already

    return Head(
        signal=around(signal, maps["signal"]),
        hounsfield=around(hounsfield, maps["hounsfield"]),
        brain=brain,
        white=maps["white"],
        body=move_to(shape.body.astype(np.float32), DRAWING, canvas),
        dura_mm=move_to(shape.dura_mm, DRAWING, canvas),
    )
