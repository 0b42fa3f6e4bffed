"""How an MR image is weighted, as far as its header shows: T1, or certainly not T1.

Times are in ms. With a contrast agent only T1-weighted images show what it has reached.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ricenet.dicom.constant_elements import NO_AGENT
from ricenet.dicom.files import DicomFile, text
from ricenet.dicom.slices import functional_group, items
from ricenet.dicom.storage_classes import modality

# Spin echo: an echo well below the T2 of brain (70 to 100 ms) leaves T1 (Nitz, Reimer: Contrast
# mechanisms in MR imaging, Eur Radiol 1999;9:1032). T1 turbo spin echoes write effective times up
# to 30 ms; T2, FLAIR and diffusion of brain protocols lie at 60 ms and above.
LONGEST_SPIN_ECHO_MS = 40.0
# Gradient echo: T2* of brain is about 50 ms; T1 sequences stay below 10 ms, T2* and susceptibility
# ones begin at 20 ms.
LONGEST_GRADIENT_ECHO_MS = 15.0
# Neither spin nor gradient echo is named (GE's RM, headers without the element): up to the longest
# effective echo of a T1 turbo spin echo.
LONGEST_UNNAMED_ECHO_MS = 30.0
# A spin echo without inversion that waits longer than the T1 of brain (about 1 s) shows proton
# density, however short its echo. Inversion brings T1 back, whatever the repetition.
LONGEST_REPETITION_MS = 1500.0
# Nothing else has so long an echo: T2 and FLAIR of brain protocols lie there and above.
SHORTEST_T2_ECHO_MS = 60.0
# Water (T1 4 s) is dark where the inversion lies 1.6 to 3 s before the echo (De Coene et al., AJNR
# 13 (1992) 1555; 1.6 s where preparation shortens it); T1-weighted inversion recovery takes 0.4 to
# 1.1 s, suppression of fat 0.1 to 0.3 s.
SHORTEST_WATER_INVERSION_MS = 1500.0
LONGEST_FAT_INVERSION_MS = 400.0
SEQUENCES = ("SE", "IR", "GR", "EP", "RM")


@dataclass(frozen=True)
class Acquisition:
    """What a header states about how an MR image was taken.

    Attributes
    ----------
    echo_ms, repetition_ms, inversion_ms : float or None
        EchoTime, RepetitionTime, InversionTime; None where the header does not state it.
    sequence : tuple of str
        ScanningSequence: SE spin echo, IR inversion, GR gradient echo, EP planar, RM other.
    contrast_agent : bool
        Whether an agent is named. Many scanners leave it to the operator to type.
    """

    echo_ms: float | None
    repetition_ms: float | None
    inversion_ms: float | None
    sequence: tuple[str, ...]
    contrast_agent: bool


def acquisition(file: DicomFile) -> Acquisition:
    """Read how a classic or enhanced MR image was taken (PS3.3 C.8.3.1, C.8.13.4, C.8.13.5)."""
    header = file.header
    if "PerFrameFunctionalGroupsSequence" not in header:
        echo, repetition, inversion = (
            _ms(header, k) for k in ("EchoTime", "RepetitionTime", "InversionTime")
        )
        named = re.findall(r"\w+", text(header, "ScanningSequence"))
        agent = text(header, "ContrastBolusAgent").upper() not in NO_AGENT
        sequence = tuple(s for s in SEQUENCES if s in named)
        return Acquisition(echo, repetition, inversion, sequence, agent)
    echo = _ms(functional_group(file, 0, "MREchoSequence"), "EffectiveEchoTime")
    timing = functional_group(file, 0, "MRTimingAndRelatedParametersSequence")
    inversion = _ms(functional_group(file, 0, "MRModifierSequence"), "InversionTimes")
    kind = text(header, "EchoPulseSequence").upper()  # SPIN, GRADIENT, BOTH
    sequence = {"SPIN": ("SE",), "GRADIENT": ("GR",)}.get(kind, ())
    agent = bool(items(file, "ContrastBolusAgentSequence"))
    return Acquisition(echo, _ms(timing, "RepetitionTime"), inversion, sequence, agent)


def _ms(header: Any, keyword: str) -> float | None:
    """Return the first value of a time; None where it is missing, zero or not a number."""
    try:
        value = float(np.ravel(header.get(keyword))[0])
    except Exception:
        return None
    return value if np.isfinite(value) and value > 0 else None


def longest_echo_ms(found: Acquisition) -> float:
    """Return the longest EchoTime with which a sequence of this kind still gives T1 contrast.

    0 for echo planar imaging, which no T1-weighted scan of a brain is made with.
    """
    if "EP" in found.sequence:
        return 0.0
    if "SE" in found.sequence:
        return LONGEST_SPIN_ECHO_MS
    if "GR" in found.sequence:
        return LONGEST_GRADIENT_ECHO_MS
    return LONGEST_SPIN_ECHO_MS if "IR" in found.sequence else LONGEST_UNNAMED_ECHO_MS


def longest_repetition_ms(found: Acquisition) -> float | None:
    """Return the longest RepetitionTime that still gives T1 contrast.

    None where it does not matter.

    Gradient echoes with preparation write the time between two preparations there.
    """
    inverted = "IR" in found.sequence or found.inversion_ms is not None
    return LONGEST_REPETITION_MS if "SE" in found.sequence and not inverted else None


def weighting(found: Acquisition) -> str | None:
    """Return ``T1``, ``T2`` (also T2*, FLAIR, diffusion) or ``PD``; None without an echo time."""
    if found.echo_ms is None:
        return "T2" if "EP" in found.sequence else None
    if found.echo_ms > longest_echo_ms(found):
        return "T2"
    limit = longest_repetition_ms(found)
    proton_density = limit is not None and (found.repetition_ms or 0) > limit
    return "PD" if proton_density else "T1"


def of_series(files: Sequence[DicomFile]) -> Acquisition | None:
    """Return the acquisition of a series, by its first file; None where it is not MR."""
    return acquisition(files[0]) if modality(files[0]) == "MR" else None
