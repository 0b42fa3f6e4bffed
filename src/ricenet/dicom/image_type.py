"""What an MR image shows, from all that says it: an anatomical magnitude image, or something else.

A phase image, a map or a projection has the echo and repetition times of the sequence that it was
made from, so that by its times it passes for a T1-weighted volume. Scan and ingest use this one
judgement; what it names is held back, not refused, because headers are edited.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ricenet.dicom import described_contrast
from ricenet.dicom.files import DicomFile
from ricenet.dicom.planes import frame_count
from ricenet.dicom.slices import functional_group, items
from ricenet.dicom.storage_classes import modality

MOSAIC = "a mosaic (all slices of a volume tiled in one picture)"
PHASE, REAL, IMAGINARY = "a phase image", "the real part", "the imaginary part"
DIFFUSION, PERFUSION = "a diffusion image", "a perfusion image"
FIELD, MAP, PROJECTION = "a field map", "a map of a parameter", "a projection"
EPI = "an echo planar image (EPI)"
# Values of ImageType and FrameType beyond the second (PS3.3 C.8.3.1.1.1, C.8.13.3.1.1, C.8.16.1),
# and what Siemens, Philips, GE and others add; blanks are written as "_".
TYPES = {
    MOSAIC: "MOSAIC",
    PHASE: "P PHASE PHASE_MAP PHASEMAP PHASE_DIFFERENCE PHASEDIFF",
    REAL: "R REAL CR",
    IMAGINARY: "I IMAGINARY",
    DIFFUSION: """DIFFUSION DIFFUSION_ANISO DIFFUSION_ATTNTD DIFFUSION_ISO DWI DTI ADC EADC EXP_ADC
        TRACE TRACEW FA COLFA FRACTIONAL_ANISOTROPY TENSOR TENSOR_B0 IVIM KURTOSIS CALC_BVALUE""",
    PERFUSION: """PERFUSION PERFUSION_ASL ASL DSC DCE CBF CBV RCBF RCBV CCBV RELCBF RELCBV RELCCBV
        RELMTT MTT TTP TMAX T0 TTA ATT TRANSIT PBP GBP PEI KTRANS KEP VE VP IAUC IAUGC""",
    FIELD: "B0 B1 B0_MAP B1_MAP FIELD_MAP FIELDMAP FREQ_MAP FREQUENCY",
    MAP: """MAP R1 R2 R2STAR R2_STAR R2S QSM CHI MTR MTSAT PDFF FF FAT_FRACTION FATFRACTION
        WATER_FRACTION METABOLITE METABOLITE_MAP TEMPERATURE TMAP VELOCITY V STIFFNESS WAVE
        STD_DEVIATION STDEV T_TEST Z_SCORE VARIANCE QUANTITY PARAMETRIC QMAP GFACTOR NOISE""",
    PROJECTION: """PROJECTION PROJECTION_IMAGE MIP MAXIP MAX_IP MINIP MIN_IP MNIP MPVR COLLAPSE
        VOLREND VRT SSD VOLUME_RENDER VOLUME_RENDERED""",
    "a subtraction": "SUB SUBTRACT SUBTRACTED SUBTRACTION",
    "a functional image": "FMRI BOLD",
    EPI: "EPI",
    "an angiogram or flow image": "ANGIO ANGIO_TIME TOF MRA PCA PHASE_CONTRAST FLOW_ENCODED",
    "the fat image of a Dixon sequence": "F FAT",
    "a susceptibility image": "SWI SWIP SWAN",
    "a spectroscopy image": "SPECTROSCOPY SPECTRO CSI",
    "a screen capture": "SCREEN_SAVE SCREEN_SHOT SCREENSHOT SCREEN_CAPTURE",
    "a segmentation": "SEGMENTATION LABEL LABELMAP",
}
NO_CT = (PROJECTION, "a screen capture", "a segmentation", PERFUSION, "a subtraction", MAP)
_TYPE_OF = {word: what for what, words in TYPES.items() for word in words.split()}
# Philips writes P_FFE, R_IR and the like: component, then technique
_COMPONENTS = {"P_": PHASE, "R_": REAL, "I_": IMAGINARY}
# Names that come with further letters: CBV_CORR, FIELDMAP_HZ, T1_MAP_MOCO
_PATTERNS = (
    (r"^(REL|R|N)?C*CB[FV](_|$)", PERFUSION),
    (r"FIELD_?MAP", FIELD),
    (r"MAP(_|$)", MAP),
)
# What the third value of an enhanced image and AcquisitionContrast say of the contrast (PS3.3
# C.8.13.3.1.1, table C.8-89); at the fourth value the same words name a map of it.
CONTRASTS = {
    "T2": "a T2-weighted image", "T2_STAR": "a T2*-weighted image", "STIR": "a STIR image",
    "PROTON_DENSITY": "a proton density image", "FLUID_ATTENUATED": "a FLAIR image",
    "DIFFUSION": DIFFUSION, "PERFUSION": PERFUSION, "TAGGING": "a tagged image",
    "FLOW_ENCODED": "an angiogram or flow image",
}  # fmt: skip
QUANTITIES = ("T1", "T2", "T2_STAR", "PROTON_DENSITY")
# Private elements (group, element, creator, meaning of its values)
GE_KIND = (0x0043, 0x2F, "GEMS_PARM_01", {"1": PHASE, "2": REAL, "3": IMAGINARY})
PHILIPS_KIND = (0x2005, 0x11, "Philips MR Imaging DD 001", {"P": PHASE, "R": REAL, "I": IMAGINARY})
PHILIPS_EPI_FACTOR = (0x2001, 0x13, "Philips Imaging DD 001")  # echoes a shot; 1 without EPI
MOST_ECHOES = 8  # of a T1-weighted segmented readout; EPI has some tens
BALANCED = "a balanced steady-state image (CISS, true FISP), which is not T1-weighted"


class Sign(NamedTuple):
    """One element that says that an image is no magnitude image of anatomy."""

    what: str
    by: str

    @property
    def in_words(self) -> str:
        """What the image is, and what says so."""
        return f"{self.what} by its {self.by}"

    @property
    def certain(self) -> bool:
        """Whether it alone rules the image out; words that people type, and weightings, do not."""
        return self.by not in ("description", "AcquisitionContrast") and self.what in TYPES


def signs(files: Sequence[DicomFile]) -> list[Sign]:
    """Return what indicates that an MR series is not a magnitude image of anatomy.

    Parameters
    ----------
    files : sequence of DicomFile
        Of one series; every one is asked.

    Returns
    -------
    list of Sign
        Empty for a magnitude image, for a series whose header says nothing, and for CT.
    """
    found: dict[Sign, None] = {}
    for file in files:
        found |= dict.fromkeys(signs_of(file))
    return list(found)


def words(files: Sequence[DicomFile]) -> list[str] | None:
    """Return the signs of a series in words; None where its header says nothing of its kind."""
    found = signs(files)
    told = ("ImageType", "ComplexImageComponent", "SequenceName", "ScanningSequence")
    if not found and not any(values(f.header, k) for f in files[:1] for k in told):
        return None
    return [sign.in_words for sign in found]


def signs_of(file: DicomFile) -> list[Sign]:
    """Return what indicates that one file is not a magnitude image of anatomy."""
    header = file.header
    if modality(file) == "CT":
        typed = _typed(values(header, "ImageType"), "ImageType", enhanced=False)
        return [sign for sign in typed if sign.what in NO_CT]
    if modality(file) != "MR":
        return []
    enhanced = "PerFrameFunctionalGroupsSequence" in header
    found: list[Sign] = [
        *_typed(values(header, "ImageType"), "ImageType", enhanced=enhanced),
        *_component(values(header, "ComplexImageComponent")),
        *_private(header),
        *_sequence(header),
        *_contrast(values(header, "AcquisitionContrast")),
        *_described(header),
    ]
    if enhanced:
        for group in _frame_types(file):
            found += _typed(values(group, "FrameType"), "FrameType", enhanced=True)
            found += _component(values(group, "ComplexImageComponent"))
    return list(dict.fromkeys(found))


def is_mosaic(file: DicomFile) -> bool:
    """Return whether a picture holds many slices side by side."""
    return "MOSAIC" in values(file.header, "ImageType")


def values(header: Any, keyword: str) -> list[str]:
    """Return the values of a coded element in upper case, blanks written as ``_``."""
    try:
        value = header.get(keyword)
    except Exception:  # a damaged element says nothing
        return []
    listed = [value] if isinstance(value, str) else (value or [])
    return [re.sub(r"[\s-]+", "_", str(one).strip().upper()) for one in listed]


def _frame_types(file: DicomFile) -> list[Any]:
    """Return the groups of the frame type, each once where frames share it."""
    groups = (functional_group(file, i, "MRImageFrameTypeSequence") for i in range(_frames(file)))
    return list({id(group): group for group in groups if group}.values())


def _frames(file: DicomFile) -> int:
    return min(frame_count(file), len(items(file, "PerFrameFunctionalGroupsSequence")))


def _typed(listed: Sequence[str], where: str, *, enhanced: bool) -> list[Sign]:
    found = []
    for place, word in enumerate(listed[2:], start=2):
        what = _TYPE_OF.get(word) or _COMPONENTS.get(word[:2] if word[2:].isalpha() else "")
        if what is None:
            what = next((kind for pattern, kind in _PATTERNS if re.search(pattern, word)), None)
        if what is None and place == 2:
            what = CONTRASTS.get(word)
        if what is None and enhanced and place == 3 and word in QUANTITIES:
            what = MAP
        if what:
            found.append(Sign(what, where))
    return found


def _component(listed: Iterable[str]) -> list[Sign]:
    named = {"PHASE": PHASE, "REAL": REAL, "IMAGINARY": IMAGINARY}
    return [Sign(named[word], "ComplexImageComponent") for word in listed if word in named]


def _contrast(listed: Iterable[str]) -> list[Sign]:
    return [Sign(CONTRASTS[word], "AcquisitionContrast") for word in listed if word in CONTRASTS]


def _private(header: Any) -> list[Sign]:
    found = []
    for group, element, creator, meaning in (GE_KIND, PHILIPS_KIND):
        try:
            value = header.get_private_item(group, element, creator).value
        except Exception:  # absent in most, removed by de-identification, or damaged
            continue
        first = value[0] if isinstance(value, list | tuple) and value else value
        what = meaning.get(str(first).strip())
        found += [Sign(what, "private elements")] if what else []
    return found


def _sequence(header: Any) -> list[Sign]:
    """Say what the elements of the pulse sequence tell (PS3.3 C.8.3.1, C.8.13.4)."""
    names = [*values(header, "SequenceName"), *values(header, "PulseSequenceName")]
    planar = "EP" in values(header, "ScanningSequence")
    planar |= "YES" in values(header, "EchoPlanarPulseSequence")
    planar |= any(re.match(r"\*?EP", name) or "EPI" in name for name in names)
    planar |= _echoes_a_shot(header) > MOST_ECHOES
    found = [Sign(EPI, "sequence")] if planar else []
    if "Y" in values(header, "AngioFlag"):
        found.append(Sign("an angiogram or flow image", "AngioFlag"))
    if any(re.match(r"\*?(CI|TFI)\d?D", name) or "FIESTA" in name for name in names):
        found.append(Sign(BALANCED, "sequence"))
    if any(re.match(r"\*?FM\dD", name) for name in names):  # Siemens' gre_field_mapping
        found.append(Sign(FIELD, "sequence"))
    try:
        diffusion = float(header.get("DiffusionBValue") or 0) > 0
    except (TypeError, ValueError):
        diffusion = False
    return [*found, Sign(DIFFUSION, "b value")] if diffusion else found


def _echoes_a_shot(header: Any) -> float:
    try:
        return float(header.get_private_item(*PHILIPS_EPI_FACTOR).value)
    except Exception:  # absent in most, removed by de-identification, or damaged
        return 1.0


def _described(header: Any) -> list[Sign]:
    said = described_contrast.words_of(header)
    if described_contrast.names_a_map(said):
        return [Sign(f"{MAP} or the like", "description")]
    if described_contrast.names_another(said):
        return [Sign("an image that is not T1-weighted", "description")]
    return []
