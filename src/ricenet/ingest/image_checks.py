"""Checks of a raw image: what it shows, whether it is whole, whether its values can be true.

Findings that a person can overrule hold the subject; what cannot be right is refused by the
readers. A check that could not be made is named as such and never passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ricenet.channels import ENHANCING, SEQUENCES, of_column
from ricenet.dicom import weighting
from ricenet.image import plausible_values
from ricenet.image.volume import Volume
from ricenet.step import Check, not_made

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
LOOK = "look at the image and correct the subject's row"
Facts = Mapping[str, Any]


def check_series(facts: Facts) -> list[Check]:
    """Check what headers say of a series: its kind, what is constant, how many slices it has."""
    found = []
    if facts["image_type"] is not None:
        found.append(
            Check(
                "image-type",
                len(facts["image_type"]),
                at_most=0,
                unit="signs",
                advice=f"no magnitude image of anatomy: {_shown(facts['image_type'])}; give the "
                f"series itself, accept only if the header is wrong",
            )
        )
    if facts["source"] == "dicom":
        found.append(
            Check(
                "made-alike",
                len(facts["doubtful"]),
                at_most=0,
                unit="elements",
                advice=f"slices of two acquisitions may be mixed: {_shown(facts['doubtful'])}; "
                f"look at the image for jumps from slice to slice",
            )
        )
    return found + check_completeness(facts["completeness"])


def check_completeness(about: Facts | None) -> list[Check]:
    """Check the number of slices and their distance against what the header announces."""
    if about is None:
        return []
    found = []
    advice = (
        f"slices may be lost though their distance is even: {_shown(about['said'])}; export the "
        f"whole series again, or accept if the archive numbers otherwise"
    )
    if about["missing"] is not None:
        missing = max(0, about["missing"])
        found.append(
            Check("slices-announced", missing, at_most=0, unit="images missing", advice=advice)
        )
    if about["distance"] is not None:
        unit, most = "of what is planned", about["most"]
        found.append(
            Check("slice-distance", about["distance"], at_most=most, unit=unit, advice=advice)
        )
    return found


def require_declared_padding(volume: Volume, facts: Facts) -> None:
    """Raise ``ValueError`` where an MR image holds padding that no header declares."""
    # a phase image has values of its own, and a mask few
    if facts["image_type"] or plausible_values.is_mask(volume.data):
        return
    padding = plausible_values.likely_padding(volume.data)
    if padding is not None:
        share = float((volume.data == padding).mean())
        raise ValueError(
            f"export it again with PixelPaddingValue declared, or convert it with 0 there: "
            f"{share:.0%} of the voxels have the value {padding:g}, far from all others, "
            f"which no MR image has and which no header declares to be padding"
        )


def check_values(volume: Volume, facts: Facts) -> list[Check]:
    """Check the values of an MR image."""
    corners = plausible_values.corner_brightness(volume.data)
    return [
        Check(
            "negative-values",
            plausible_values.negative_share(volume.data),
            at_most=MOST_NEGATIVE[facts["source"]],
            unit="of the voxels",
            advice="a magnitude image is never negative: a phase image, real part, field map, "
            "subtraction, or an image that was standardised already; give the original series",
        ),
        Check(
            "mask-like",
            float(plausible_values.is_mask(volume.data)),
            at_most=0,
            advice="the image has so few values that it is a mask or labels; correct the path",
        ),
        not_made("dark-corners", NOT_MADE["dark-corners"])
        if corners is None
        else Check(
            "dark-corners",
            corners,
            at_most=BRIGHTEST_CORNERS,
            unit="of bright tissue",
            advice="the air around a head is dark in a magnitude image, here it is bright: a phase "
            "image, a map, or a field of view within the head; look at the image",
        ),
    ]


def check_weighting(acquired: weighting.Acquisition, sequence: str = ENHANCING) -> list[Check]:
    """Check that an MR image can be of a sequence, as far as its header states how it was taken.

    Parameters
    ----------
    acquired : Acquisition
        What the header states.
    sequence : str
        Key of :data:`ricenet.channels.SEQUENCES`: what the settings call its channel.
    """
    asked = SEQUENCES[sequence]
    advice = f"not {asked.words} by its header; {LOOK}"
    if asked.t2:
        return _check_t2(acquired, advice, inverted=asked.inverted)
    found = []
    if acquired.echo_ms is not None:
        limit = weighting.longest_echo_ms(acquired)
        found.append(
            Check("weighting", acquired.echo_ms, at_most=limit, unit="ms echo", advice=advice)
        )
    longest = weighting.longest_repetition_ms(acquired)
    if longest is not None and acquired.repetition_ms is not None:
        repetition = acquired.repetition_ms
        found.append(
            Check("repetition-time", repetition, at_most=longest, unit="ms", advice=advice)
        )
    elif longest is not None:
        found.append(not_made("repetition-time", "the header has no RepetitionTime"))
    if not asked.agent:
        named = float(acquired.contrast_agent)
        advice = f"the header names a contrast agent, which {asked.words} has none of; {LOOK}"
        found.append(Check("contrast-agent", named, at_most=0, unit="agents", advice=advice))
    return found


def _check_t2(acquired: weighting.Acquisition, advice: str, *, inverted: bool) -> list[Check]:
    """Check that an echo is long, and that water is suppressed or that it is not."""
    found = []
    if acquired.echo_ms is not None:
        # planar imaging is for diffusion and perfusion, whatever its echo
        least, most = (
            (None, 0.0) if "EP" in acquired.sequence else (weighting.SHORTEST_T2_ECHO_MS, None)
        )
        found.append(Check("weighting", acquired.echo_ms, least, most, "ms echo", advice))
    time_ms = acquired.inversion_ms
    if time_ms is None and ("IR" in acquired.sequence or not acquired.sequence):
        return [*found, not_made("inversion-time", "the header has no InversionTime")]
    least = weighting.SHORTEST_WATER_INVERSION_MS if inverted else None
    most = None if inverted else weighting.LONGEST_FAT_INVERSION_MS
    return [*found, Check("inversion-time", time_ms or 0.0, least, most, "ms", advice)]


def check_modality(facts: Facts, image: str) -> list[Check]:
    """Check that the image of an MRI channel is not of another modality."""
    if not image or facts["modality"] is None:
        return []
    wanted = of_column(image).modality
    return [
        Check(
            "modality",
            float(facts["modality"] != wanted),
            at_most=0,
            advice=f"the header says {facts['modality']}, the column {image} holds {wanted}: "
            f"correct the row",
        )
    ]


def is_mri(facts: Facts, image: str) -> bool:
    """Return whether an image is MRI: by its header, else by the column that names it."""
    return (facts["modality"] or of_column(image).modality) == "MR"


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


def what_was_left(facts: Facts, sequence: str = ENHANCING) -> list[str]:
    """Return lines for the log: files and series that were ignored, what was done to pixels."""
    found = []
    if facts["ignored_files"] or facts["dropped_duplicates"]:
        found.append(
            f"{facts['ignored_files']} files beside the series ignored, "
            f"{facts['dropped_duplicates']} copies dropped"
        )
    if facts["left_out_series"]:
        left_out = "; ".join(facts["left_out_series"])
        found.append(f"series {facts['series']} taken, left out: {left_out}")
    if facts["padding_voxels"]:
        voxels = facts["padding_voxels"]
        found.append(f"{voxels} voxels of padding (PixelPaddingValue) are background")
    if facts["lossy"]:
        found.append(
            "WARNING: the image was compressed with loss; fine detail may be lost or invented"
        )
    if SEQUENCES[sequence].agent and facts["contrast_agent"] is False:
        found.append("no contrast agent in the header; make sure that it was given")
    return found


def _shown(words: list[str]) -> str:
    more = f" and {len(words) - 3} more" if len(words) > 3 else ""
    return ", ".join(words[:3]) + more
