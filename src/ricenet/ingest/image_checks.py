"""Checks of a raw image: what it shows, whether it is whole, whether its values can be true.

Findings that a person can overrule hold the subject; what cannot be right is refused by the
readers. A check that could not be made is named as such and never passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ricenet import step
from ricenet.dicom import weighting
from ricenet.image import plausible_values
from ricenet.image.volume import Volume

PLANNING_CT = "ct"  # as the subjects table calls it
BRIGHTEST_CORNERS = 0.25  # of bright tissue
MOST_NEGATIVE = {"dicom": 0.003, "nifti": 0.01}  # share of voxels; converted ones were resampled
NOT_MADE = {  # why a check could not be made
    "modality": "a converted file does not say whether it is MR",
    "made-alike": "a converted file does not say how its slices were made",
    "image-type": "nothing in the header or the file says what kind of image it is",
    "slices-announced": "nothing in the header or the file says how many slices there should be",
    "slice-distance": "nothing in the header or the file says how far apart the slices should be",
    "weighting": "nothing in the header or the file gives an echo time",
    "dark-corners": "the image has too few voxels along an axis",
}
Facts = Mapping[str, Any]


def check_series(job: step.Job, facts: Facts) -> None:
    """Check what headers say of a series: its kind, what is constant, how many slices it has."""
    if facts["image_type"] is not None:
        job.check(
            "image-type",
            len(facts["image_type"]),
            at_most=0,
            unit="signs",
            advice=f"no magnitude image of anatomy: {_shown(facts['image_type'])}; give the "
            f"T1-weighted series itself, accept only if the header is wrong",
        )
    if facts["source"] == "dicom":
        job.check(
            "made-alike",
            len(facts["doubtful"]),
            at_most=0,
            unit="elements",
            advice=f"slices of two acquisitions may be mixed: {_shown(facts['doubtful'])}; look "
            f"at the image for jumps from slice to slice",
        )
    check_completeness(job, facts["completeness"])


def check_completeness(job: step.Job, found: Facts | None) -> None:
    """Check the number of slices and their distance against what the header announces."""
    if found is None:
        return
    advice = (
        f"slices may be lost though their distance is even: {_shown(found['said'])}; export the "
        f"whole series again, or accept if the archive numbers otherwise"
    )
    if found["missing"] is not None:
        missing = max(0, found["missing"])
        job.check("slices-announced", missing, at_most=0, unit="images missing", advice=advice)
    if found["distance"] is not None:
        job.check(
            "slice-distance", found["distance"], at_most=found["most"], unit="of what is planned",
            advice=advice,
        )  # fmt: skip


def check_values(job: step.Job, volume: Volume, facts: Facts) -> list[str]:
    """Check the values of an MR image; return the checks that cannot be made.

    Raises
    ------
    ValueError
        Padding that no header declares.
    """
    # a phase image has values of its own, and a mask few
    if not facts["image_type"] and not plausible_values.is_mask(volume.data):
        padding = plausible_values.likely_padding(volume.data)
        if padding is not None:
            share = float((volume.data == padding).mean())
            raise ValueError(
                f"export it again with PixelPaddingValue declared, or convert it with 0 there: "
                f"{share:.0%} of the voxels have the value {padding:g}, far from all others, "
                f"which no MR image has and which no header declares to be padding"
            )
    job.check(
        "negative-values",
        plausible_values.negative_share(volume.data),
        at_most=MOST_NEGATIVE[facts["source"]],
        unit="of the voxels",
        advice="a magnitude image is never negative: a phase image, real part, field map, "
        "subtraction, or an image that was standardised already; give the original series",
    )
    job.check(
        "mask-like",
        float(plausible_values.is_mask(volume.data)),
        at_most=0,
        advice="the image has so few values that it is a mask or labels; correct the path",
    )
    corners = plausible_values.corner_brightness(volume.data)
    if corners is None:
        return ["dark-corners"]
    job.check(
        "dark-corners",
        corners,
        at_most=BRIGHTEST_CORNERS,
        unit="of bright tissue",
        advice="the air around a head is dark in a magnitude image, here it is bright: a phase "
        "image, a map, or a field of view within the head; look at the image",
    )
    return []


def check_weighting(job: step.Job, acquired: weighting.Acquisition) -> None:
    """Check that an MR image can be T1-weighted, as far as its header states the times."""
    advice = "not T1-weighted by its header; look at the image and correct the subject's row"
    if acquired.echo_ms is not None:
        limit = weighting.longest_echo_ms(acquired)
        job.check("weighting", acquired.echo_ms, at_most=limit, unit="ms echo", advice=advice)
    longest = weighting.longest_repetition_ms(acquired)
    if longest is not None and acquired.repetition_ms is not None:
        repetition = acquired.repetition_ms
        job.check("repetition-time", repetition, at_most=longest, unit="ms", advice=advice)
    elif longest is not None:
        job.not_checked("repetition-time", "the header has no RepetitionTime")
    if not acquired.contrast_agent:
        job.say("the header names no contrast agent; make sure that it was given where it should")


def check_modality(job: step.Job, facts: Facts, image: str) -> None:
    """Check that the image of an MRI channel is none of another modality."""
    if image and facts["modality"] is not None:
        wanted = "CT" if image == PLANNING_CT else "MR"
        job.check(
            "modality",
            float(facts["modality"] != wanted),
            at_most=0,
            advice=f"the header says {facts['modality']}, the column {image} holds {wanted}: "
            f"correct the row",
        )


def is_mri(facts: Facts, image: str) -> bool:
    """Return whether an image is MRI: by its header, else by the column that it stands in."""
    return facts["modality"] == "MR" or (facts["modality"] is None and image != PLANNING_CT)


def unknown(facts: Facts, image: str) -> list[str]:
    """Name the checks that cannot be made: the headers do not say enough."""
    complete = facts["completeness"] or {"missing": None, "distance": None}
    converted, acquired = facts["source"] != "dicom", facts["acquisition"]
    absent = {
        "modality": converted,
        "made-alike": converted,
        "slices-announced": complete["missing"] is None,
    }
    if is_mri(facts, image):
        absent |= {
            "image-type": facts["image_type"] is None,
            "slice-distance": complete["distance"] is None,
            "weighting": acquired is None or acquired["echo_ms"] is None,
        }
    return [name for name, is_absent in absent.items() if is_absent]


def say_what_was_left(job: step.Job, facts: Facts) -> None:
    """Log which files and series beside the image were ignored, and what was done to pixels."""
    if facts["ignored_files"] or facts["dropped_duplicates"]:
        job.say(
            f"{facts['ignored_files']} files beside the series ignored, "
            f"{facts['dropped_duplicates']} copies dropped"
        )
    if facts["left_out_series"]:
        job.say(f"series {facts['series']} taken, left out: {'; '.join(facts['left_out_series'])}")
    if facts["padding_voxels"]:
        job.say(f"{facts['padding_voxels']} voxels of padding (PixelPaddingValue) are background")
    if facts["lossy"]:
        job.say("WARNING: the image was compressed with loss; fine detail may be lost or invented")


def _shown(words: list[str]) -> str:
    more = f" and {len(words) - 3} more" if len(words) > 3 else ""
    return ", ".join(words[:3]) + more
