"""Series in words for messages: what kind of image, how much of it, and no person.

Descriptions are typed by hand at the scanner and may hold names, dates and diagnoses. Words from a
fixed vocabulary of protocols are shown; every other word becomes an ellipsis.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ricenet.dicom.files import DicomFile, text, uid_digest
from ricenet.dicom.planes import frame_count, plane_axes, size
from ricenet.dicom.slices import modality, slices

HIDDEN = "…"
MAX_LENGTH = 200  # DICOM allows 64 characters; what follows is not looked at
CODE_DIGITS = 8  # of the digest that names a series in the subjects table
# Words that name a technique, a direction, a part of the body or a stage, never a person.
VOCABULARY = """
    t1 t1w t1wi t2 t2w t2wi pd pdw flair stir tirm dir mprage mp2rage bravo fspgr spgr efgre vibe
    thrive lava tfe ffe tse fse ffse flash fl2d fl3d tfl tfl2d tfl3d se gre ge epi ir space vista
    cube gd gad gado gadolinium ce km contrast post pre native nativ dynamic dyn delayed
    ax axial tra trans transverse transversal sag sagittal cor coronal obl oblique
    2d 3d 4d iso isotropic thin mm cm x dixon water fat inphase outphase opp fs fatsat
    dwi dti adc trace fa swi swan mip minip mag magnitude pha phase b0 b500 b1000
    perf perfusion dsc dce asl cbf cbv mtt rcbv tof mra mrv angio csi fmri bold
    loc localizer localiser localizers scout survey plane 3plane topogram scanogram
    mpr reformat recon reg registered sub subtraction screen save dose report
    ct cbct mr mri pet head brain skull neck face kopf schädel planning plan rt radiotherapy
    stereotactic srs navi navigation mask soft bone tissue kernel helical spiral
    without with and the for of in out ohne mit nach vor und
    uni inv1 inv2 norm nd dis2d dis3d sense grappa caipi std standard test
"""
PROTOCOL_WORDS = frozenset(VOCABULARY.split())
_WORD = re.compile(r"[^\W_]+(?:\.[^\W_]+)*")
_MEASURE = re.compile(r"\d{1,2}(\.\d)?(mm|cm|t)", re.ASCII)  # 1.0mm, 3T
_NUMBER = re.compile(r"\d{1,2}", re.ASCII)


def describe_words(text: str) -> str:
    """Return words of a description that name a protocol; others as an ellipsis.

    A number without unit is shown where it is the only one: several may be a date.

    Parameters
    ----------
    text : str
        SeriesDescription, ProtocolName, StudyDescription or the like.

    Returns
    -------
    str
        The words in their order and spelling, one ``…`` for each run of hidden ones; empty where
        there is no word.
    """
    words: list[str] = _WORD.findall(text[:MAX_LENGTH])
    alone = sum(word.replace(".", "").isdigit() for word in words) == 1
    shown: list[str] = []
    for word in words:
        known = word.lower() in PROTOCOL_WORDS or _MEASURE.fullmatch(word.lower())
        if known or (alone and _NUMBER.fullmatch(word)):
            shown.append(word)
        elif shown[-1:] != [HIDDEN]:
            shown.append(HIDDEN)
    return " ".join(shown)


def series_code(uid: str) -> str:
    """Return eight hex digits that name a series in the subjects table, from its UID."""
    return (uid_digest(uid) or "0" * CODE_DIGITS)[:CODE_DIGITS]


def count_slices(files: Sequence[DicomFile]) -> int:
    """Return the planes of a series; copies of one object count once."""
    objects = {text(f.header, "SOPInstanceUID") or f.label: f for f in files}
    return sum(frame_count(f) for f in objects.values())


def describe_series(files: Sequence[DicomFile]) -> str:
    """Return one series in a line, for example ``3f2a91bc: MR, 192 slices of 256 x 256, "T1 GD"``.

    Parameters
    ----------
    files : sequence of DicomFile
        Images of one SeriesInstanceUID.

    Returns
    -------
    str
        Its code, modality, number of slices, matrix, distance of slices where it is one number,
        and the words of its description (else of its protocol) that name nobody.
    """
    header = files[0].header
    sizes = sorted({"{} x {}".format(*size(f)) for f in files})
    parts = [modality(files), f"{count_slices(files)} slices of {' and '.join(sizes)}"]
    apart = distance_mm(files)
    if apart is not None:
        parts.append(f"{apart:.3g} mm apart")
    words = [describe_words(text(header, k)) for k in ("SeriesDescription", "ProtocolName")]
    telling = [w for w in words if w.strip(HIDDEN)] or [w for w in words if w]
    if telling:
        parts.append(f'"{telling[0]}"')
    return f"{series_code(text(header, 'SeriesInstanceUID'))}: {', '.join(parts)}"


def distance_mm(files: Sequence[DicomFile]) -> float | None:
    """Return the usual distance of neighbouring slices.

    None where they are not parallel or not placed.
    """
    try:
        planes = [plane for file in files for plane in slices(file)]
        normal = plane_axes(planes[0].orientation, planes[0].file.label)[2]
    except ValueError:
        return None
    turned = max(np.abs(p.orientation - planes[0].orientation).max() for p in planes)
    along = np.unique([round(float(p.position @ normal), 3) for p in planes])
    return None if turned > 1e-3 or len(along) < 2 else float(np.median(np.diff(along)))
