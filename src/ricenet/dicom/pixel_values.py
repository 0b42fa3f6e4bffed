"""Stored values of pixels: the bits that belong to them, overlays beside them, and padding.

Decoders differ in what they leave of the bits above BitsStored, and none of them knows padding. So
both are done here, for whichever codec. What the header declares is masked; where header and
values contradict each other the image is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ricenet.dicom.files import text

OVERLAY_GROUPS = range(0x6000, 0x6020, 2)  # PS3.3 C.9.2
AIR_HU = (-1100.0, -900.0)  # of CT: padding that lies here is background as it is
FLOOR_HU = -1024.0  # what CT scanners write where nothing was measured


@dataclass(frozen=True)
class Layout:
    """Where the value lies within the bits of a pixel (PS3.5 section 8.1.1).

    Attributes
    ----------
    allocated, stored, high : int
        BitsAllocated, BitsStored, HighBit.
    signed : bool
        Two's complement.
    overlays : tuple of int
        Bits that the header says to hold embedded overlays (retired, PS3.3-2004 C.9.2).
    """

    allocated: int
    stored: int
    high: int
    signed: bool
    overlays: tuple[int, ...] = ()


def layout(header: Any, label: str) -> Layout:
    """Return the layout of a grey-scale image.

    Raises
    ------
    ValueError
        More bits stored than allocated, or an overlay among the bits of the value.
    """
    allocated = _whole(header, "BitsAllocated", 16)
    stored = _whole(header, "BitsStored", allocated)
    high = max(_whole(header, "HighBit", stored - 1), stored - 1)  # a lower one cannot be
    if not 1 <= stored <= allocated or high >= allocated:
        raise ValueError(
            f"{label}: BitsStored {stored} and HighBit {high} do not fit BitsAllocated "
            f"{allocated}; export it again"
        )
    found = Layout(
        allocated, stored, high, text(header, "PixelRepresentation") == "1",
        tuple(_embedded_overlays(header)),
    )  # fmt: skip
    within = [bit for bit in found.overlays if high - stored < bit <= high]
    if within:
        raise ValueError(
            f"{label}: export it again without overlays: the header puts an overlay into bit "
            f"{within[0]}, which belongs to the values (BitsStored {stored}, HighBit {high})"
        )
    return found


def _whole(header: Any, keyword: str, default: int) -> int:
    value = text(header, keyword)
    return int(value) if value.isdigit() else default


def _embedded_overlays(header: Any) -> Iterator[int]:
    """Yield the bits of overlays that have no data of their own."""
    for group in OVERLAY_GROUPS:
        allocated, position, data = ((group, element) for element in (0x100, 0x102, 0x3000))
        if data in header or allocated not in header or position not in header:
            continue
        try:
            if int(header[allocated].value) > 1:
                yield int(header[position].value)
        except (TypeError, ValueError):
            continue


def padding_range(header: Any, label: str, bits: Layout) -> tuple[int, int] | None:
    """Return the lowest and highest value that stand for no pixel (PS3.3 C.7.5.1.1.2).

    None where nothing is declared. Values are those of the allocated bits, signed as the pixels
    are, however the header writes them.

    Raises
    ------
    ValueError
        A limit without a value, or something that is no number.
    """
    ends = []
    for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit"):
        if text(header, keyword) == "":
            continue
        try:
            value = int(text(header, keyword)) & ((1 << bits.allocated) - 1)
        except ValueError:
            raise ValueError(f"{label}: {keyword} is not one number; export it again") from None
        if bits.signed and value >> (bits.allocated - 1):
            value -= 1 << bits.allocated
        ends.append(value)
    if text(header, "PixelPaddingRangeLimit") and not text(header, "PixelPaddingValue"):
        raise ValueError(
            f"{label}: PixelPaddingRangeLimit without PixelPaddingValue: which values are padding "
            f"is unknown; export it again"
        )
    return (min(ends), max(ends)) if ends else None


def split(
    decoded: NDArray, bits: Layout, padding: tuple[int, int] | None, label: str
) -> tuple[NDArray, NDArray | None]:
    """Separate the values of pixels from what else their bits hold.

    Parameters
    ----------
    decoded : array of integers
        As a decoder gives them: any bits may be set. Float pixels are returned as they are.
    bits : Layout
    padding : (int, int) or None
        From :func:`padding_range`.
    label : str
        What messages call the file.

    Returns
    -------
    array
        Values, of the type of ``decoded``.
    bool array or None
        Where there is padding; None for nowhere.

    Raises
    ------
    ValueError
        Bits are set beside the value that nothing declares.
    """
    whole = decoded.dtype.itemsize * 8 == bits.allocated
    if decoded.dtype.kind not in "iu" or not whole or bits.stored == bits.allocated:
        return decoded, _within(decoded, padding)
    unsigned = np.dtype(decoded.dtype.str.replace("i", "u"))
    kind = np.dtype(unsigned.str.replace("u", "i")) if bits.signed else unsigned
    raw = decoded.view(unsigned)
    bits = _right_aligned(raw, bits)
    values = (decoded.view(kind) << (bits.allocated - 1 - bits.high)) >> (
        bits.allocated - bits.stored
    )
    outside = _within(decoded.view(kind), padding)  # padding may have bits that no value has
    stray = _stray(raw, values, bits)
    if outside is not None:
        stray &= ~outside
    if stray.any():
        raise ValueError(
            f"{label}: export it again: {int(stray.sum())} pixels have bits set "
            f"beside the {bits.stored} that the header says to hold the value (HighBit "
            f"{bits.high}), and no overlay is declared there"
        )
    again = _within(values, padding)  # negative padding stored without the bits of its sign
    if outside is None or again is None:
        return values, again if outside is None else outside
    return values, outside | again


def _right_aligned(raw: NDArray, bits: Layout) -> Layout:
    """Return the layout of values that lie in the lowest bits, whatever HighBit says.

    Values in the upper bits leave those below empty, and no others do (PS3.5 section 8.1.1 allows
    the lowest bits only, since 2014).
    """
    spare = bits.high + 1 - bits.stored
    if spare and int(raw.max()) >> bits.stored == 0 and (raw & raw.dtype.type(_mask(spare))).any():
        return replace(bits, high=bits.stored - 1)
    return bits


def _mask(count: int) -> int:
    return (1 << count) - 1


def _within(values: NDArray, padding: tuple[int, int] | None) -> NDArray | None:
    if padding is None:
        return None
    found = (values >= padding[0]) & (values <= padding[1])
    return found if found.any() else None


def _stray(raw: NDArray, values: NDArray, bits: Layout) -> NDArray:
    """Return where bits are set that are neither value, nor its sign, nor a declared overlay."""
    number = raw.dtype.type
    declared = sum(1 << bit for bit in set(bits.overlays))
    above = _mask(bits.allocated) & ~_mask(bits.high + 1) & ~declared
    below = _mask(bits.high + 1 - bits.stored) & ~declared
    set_above = raw & number(above)
    stray = (set_above != 0) | ((raw & number(below)) != 0)
    if bits.signed:
        stray &= ~((values < 0) & (set_above == number(above)) & ((raw & number(below)) == 0))
    return stray


def background(modality: str, padded: float) -> float:
    """Return the value that padding becomes: what the modality has where there is nothing.

    Parameters
    ----------
    modality : str
        ``CT`` or another.
    padded : float
        The padding itself, rescaled.
    """
    if modality != "CT":
        return 0.0
    return padded if AIR_HU[0] <= padded <= AIR_HU[1] else FLOOR_HU
