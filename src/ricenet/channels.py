"""Channels: what one is, and the one table of how each kind of channel is treated.

A channel has a kind, and an MRI also a visit and a sequence. A step that treats an MRI otherwise
than a dose reads a column of :data:`KINDS`; the name of a kind is compared nowhere. Standard
library only: the Snakefile reads this.

The code digest does not count this module, or a new kind would train all models again. A cell that
changes is a change of results: give its column another name, which those that read it do count.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple, Protocol

PLANNING_CT = "ct"  # as the subjects table calls it
# how a channel finds its place on the reference grid
REGISTRATION, CLAIMS, IMAGE = "registration", "images that claim it", "the image it was drawn on"
CHOSEN = ""  # interpolator: that of the settings, align.mri_interpolator
GREY, ISODOSES, OUTLINE = "grey values", "isodose lines", "outline"
ENHANCING = "T1ce"  # shows what contrast agent has reached; that of an MRI whose sequence is unsaid


class Sequence(NamedTuple):
    """What the header of an MRI must say for it to be of a sequence.

    Attributes
    ----------
    words : str
        What messages call it.
    t2 : bool
        Whether it is weighted by T2, with a long echo, and not by T1.
    inverted : bool
        Whether an inversion pulse suppresses water; of T1 it may be or not.
    agent : bool
        Whether it is taken with contrast agent, else of T1 without.
    """

    words: str
    t2: bool = False
    inverted: bool = False
    agent: bool = False


# in BIDS: T1w with ce-gadolinium, T1w, T2w, FLAIR
SEQUENCES = {
    "T1ce": Sequence("T1-weighted with contrast agent", agent=True),
    "T1": Sequence("T1-weighted without contrast agent"),
    "T2": Sequence("T2-weighted", t2=True),
    "FLAIR": Sequence("T2-weighted with the signal of water suppressed", t2=True, inverted=True),
}


class Kind(NamedTuple):
    """How a kind of channel is treated, from its raw data to the pictures.

    Attributes
    ----------
    words : str
        What messages call it.
    keys, needed : tuple of str
        Keys of the channel's settings that this kind alone takes, and those that it must have.
    is_input : bool
        Whether networks get it, so that each subject must have it. What is none is only measured
        and drawn.
    is_scan : bool
        Whether it is an image of anatomy that is registered by itself.
    modality : str
        Modality (0008,0060) of its images; empty where its objects are none.
    checked : tuple of str
        Files whose records have checks that may hold the subject back, as ``study.layout`` names
        them.
    in_gy : bool
        Whether its values are a dose: several plans in one volume, a ledger, a scale of its own.
    placed_by : str
        What brings it to the reference grid.
    interpolator : str
        Of its one interpolation; :data:`CHOSEN`: that of the settings.
    uncropped : str
        Its last whole volume, the one that the box is cut from; of an input.
    fill : str
        Key of ``occlusion_map`` with the value in a hidden cube; of an input.
    grey_values_change : bool
        Whether augmentation changes its values (noise, brightness, gamma), not its place alone.
    drawn : str
        How pictures show it.
    """

    words: str
    keys: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    is_input: bool = False
    is_scan: bool = False
    modality: str = ""
    checked: tuple[str, ...] = ()
    in_gy: bool = False
    placed_by: str = ""
    interpolator: str = "linear"
    uncropped: str = ""
    fill: str = ""
    grey_values_change: bool = False
    drawn: str = ""


KINDS = {
    "mri": Kind(
        words="an MRI",
        keys=("visit", "sequence"),
        is_input=True,
        is_scan=True,
        modality="MR",
        checked=("native", "brain_mask", "zscored"),
        placed_by=REGISTRATION,
        interpolator=CHOSEN,
        uncropped="zscored",
        fill="mri_fill",
        grey_values_change=True,
        drawn=GREY,
    ),
    "dose": Kind(
        words="a dose",
        is_input=True,
        checked=("native", "registered", "total"),
        in_gy=True,
        placed_by=CLAIMS,
        uncropped="total",
        fill="dose_fill",
        drawn=ISODOSES,
    ),
    "mask": Kind(
        words="a mask",
        keys=("of", "values", "volume_ml", "inside_brain"),
        needed=("of",),
        checked=("native", "registered"),
        placed_by=IMAGE,
        drawn=OUTLINE,
    ),
}
# The planning CT is no channel: it leads the dose to an MRI. It is ingested as an image.
CT_IMAGE = Kind(
    words="a planning CT", is_scan=True, modality="CT", checked=("native",), placed_by=REGISTRATION
)


class Channel(Protocol):
    """What the functions below need of a channel; see ``config.section.Channel``."""

    @property
    def name(self) -> str:
        """Column of the subjects table."""

    @property
    def kind(self) -> str:
        """Key of :data:`KINDS`."""

    @property
    def visit(self) -> str:
        """Visit of a scan, else empty."""

    @property
    def sequence(self) -> str:
        """Key of :data:`SEQUENCES` of a scan, else empty."""


def of_column(column: str) -> Kind:
    """Return how the image in a column of the subjects table is treated: MRI or planning CT."""
    return CT_IMAGE if column == PLANNING_CT else KINDS["mri"]


def by_name(names: str, kinds: str) -> dict[str, Kind]:
    """Read the names and the kinds of channels, both JSON texts, as rules pass them to steps."""
    rows = (KINDS[kind] for kind in json.loads(kinds))
    return dict(zip(json.loads(names), rows, strict=True))


def scans(channels: Iterable[Channel]) -> list[Channel]:
    """Return the channels that are images of anatomy, in their order."""
    return [channel for channel in channels if KINDS[channel.kind].is_scan]


def visits(channels: Iterable[Channel]) -> list[str]:
    """Return the visits in their order in time: that in which the channels first name them."""
    return list(dict.fromkeys(channel.visit for channel in scans(channels)))


def masked(channels: Iterable[Channel], reference: str) -> list[str]:
    """Return the scans of which a brain mask is made: those of the sequence of the reference."""
    of = {channel.name: channel.sequence for channel in scans(channels)}
    return [name for name, sequence in of.items() if sequence == of[reference]]


def registrations(channels: Iterable[Channel], reference: str) -> dict[str, str]:
    """Return what each scan but the reference is registered to.

    One of the reference's sequence to the reference; any other to the scan of that sequence of its
    own visit, which is the same head on the same day, or to the reference where there is none.
    """
    alike = masked(channels, reference)
    of_visit = {scan.visit: scan.name for scan in scans(channels) if scan.name in alike}
    return {
        scan.name: reference if scan.name in alike else of_visit.get(scan.visit, reference)
        for scan in scans(channels)
        if scan.name != reference
    }


def enhancement(channels: Iterable[Channel]) -> list[str]:
    """Return the two scans whose difference is new enhancement, the earlier one first.

    T1 with contrast agent of the first and of the last visit that has it; empty with fewer than two
    such visits.
    """
    order = visits(channels)
    found = [scan for scan in scans(channels) if scan.sequence == ENHANCING]
    found.sort(key=lambda scan: order.index(scan.visit))
    return [found[0].name, found[-1].name] if len(found) > 1 else []


def faults(channels: Iterable[Channel]) -> list[str]:
    """Return what contradicts itself: a visit with two scans of one sequence."""
    seen: dict[tuple[str, str], str] = {}
    return [
        f"{first} and {scan.name} are both {scan.sequence} of visit {scan.visit!r}; give one of "
        f"them another visit or sequence"
        for scan in scans(channels)
        if (first := seen.setdefault((scan.visit, scan.sequence), scan.name)) != scan.name
    ]
