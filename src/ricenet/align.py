"""A channel on the reference grid: its transforms composed, one interpolation.

An MRI follows its own transform. A dose has no anatomy to register: it follows the image whose
frame of reference it shares (DICOM PS3.3 C.7.4.1), and that image's transforms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ricenet import step, transforms
from ricenet.interpolation import sample


def image_of_dose(frame: str | None, frames: Mapping[str, str | None]) -> str:
    """Image that the dose shares its coordinates with.

    Parameters
    ----------
    frame : str or None
        Digest of the dose's frame of reference, or ``image:<name>`` as the subject's row says.
    frames : mapping
        Digest of the frame of reference of each image of the subject, first choice first.

    Raises
    ------
    ValueError
        No image has the dose's frame of reference.
    """
    if frame and frame.startswith("image:"):
        name = frame.removeprefix("image:")
        if name in frames:
            return name
        raise ValueError(f"dose_frame is {name!r}, but the subject's images are {list(frames)}")
    if frame:
        for name, other in frames.items():
            if other == frame:
                return name
    raise ValueError(
        f"the dose shares its frame of reference with none of {list(frames)}; give the planning "
        f"CT in column 'ct', or name the image that the dose is aligned with in 'dose_frame'"
    )


def path_to_reference(image: str, reference: str, pairs: Sequence[tuple[str, str]]) -> list[int]:
    """Places of the transforms that lead from an image to the reference, in order.

    Parameters
    ----------
    image, reference : str
        Names of images.
    pairs : sequence of (moving, fixed)
        The transforms at hand; each image is moved by at most one.
    """
    steps = {moving: (place, fixed) for place, (moving, fixed) in enumerate(pairs)}
    found: list[int] = []
    while image != reference:
        if image not in steps or len(found) > len(pairs):
            raise ValueError(f"no transform leads from {image!r} to the reference {reference!r}")
        place, image = steps[image]
        found.append(place)
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Find the chain of transforms, sample the channel on the reference grid once, write."""
    with step.Job(
        "align",
        argv,
        inputs=("image", "image-record", "grid", "transforms*", "frames*"),
        values=("channel", "kind", "reference"),
    ) as job:
        args = job.args
        volume, grid = job.load(args.image), job.load(args.grid)
        start = args.channel
        if args.kind == "dose":
            frames = {
                p.name.removesuffix("_native.json"): job.read_record(p)["facts"]["frame"]
                for p in args.frames
            }
            start = image_of_dose(job.read_record(args.image_record)["facts"]["frame"], frames)
        pairs = [tuple(p.name.split(".")[0].split("_to-", 1)) for p in args.transforms]
        places = path_to_reference(start, args.reference, pairs)
        job.fact("chain", [args.transforms[i].name for i in places])
        moved = sample(
            volume,
            grid.data.shape,
            grid.affine,
            interpolator="linear" if args.kind == "dose" else job.settings["mri_interpolator"],
            transform=transforms.chain([transforms.read(args.transforms[i]) for i in places]),
        )
        if not np.any(moved.data):
            raise ValueError(f"channel {args.channel}: nothing of it lies in the reference's view")
        job.save(args.out, moved)


if __name__ == "__main__":
    step.run(main)
