"""What the words of a description tell of an MR image: T1-weighted, another contrast, or a map.

People type them, so they never decide alone: scan ranks by them, ingest holds an image back.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from ricenet.dicom.files import text

T1 = "t1 t1w t1wi mprage mp2rage bravo fspgr spgr efgre vibe thrive lava tfe"
OTHER = """
    t2 t2w t2wi t2star pd pdw stir flair dwi dti adc trace swi swan swip mip minip sub subtraction
    perf perfusion dsc dce asl cbf cbv mtt rcbv tof mra mrv angio csi spectro bold fmri pha phase
    loc localizer localiser localizers scout survey 3plane smartbrain screen save b0 b1000 csf ciss
    fiesta trufi truefisp
"""
MAPS = """
    map maps mapping adc eadc cbf cbv rcbf rcbv mtt ttp tmax ktrans fieldmap mip minip maxip
    subtraction subtracted tracew swi swip qsm mosaic fmri bold
"""
T1_WORDS = frozenset(T1.split())
OTHER_WORDS = frozenset(OTHER.split())  # not T1-weighted, or no volume of a head
MAP_WORDS = frozenset(MAPS.split())  # a map, whatever else is said


def words_of(header: Any) -> set[str]:
    """Return the words of descriptions, in lower case. Never shown."""
    # GE's ProtocolName is that of the whole examination
    told = " ".join(text(header, k) for k in ("SeriesDescription", "ImageComments")).lower()
    return set(re.findall(r"[a-z0-9]+", told.replace("_", " ")))


def names_a_map(words: Collection[str]) -> bool:
    """Return whether words name a map, a projection or the like."""
    ends = any(len(word) > 4 and word.endswith("map") for word in words)
    return ends or not MAP_WORDS.isdisjoint(words)


def names_another(words: Collection[str]) -> bool:
    """Return whether words name another contrast, and none says T1 (which T1 FLAIR does)."""
    return T1_WORDS.isdisjoint(words) and not OTHER_WORDS.isdisjoint(words)
