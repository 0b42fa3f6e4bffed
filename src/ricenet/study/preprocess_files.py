"""Files of a subject, and what is passed to its steps, for the rules of ``preprocess.smk``.

Methods that take ``wildcards`` are input and params functions of rules. They depend on one
subject's row alone, so that a new row in the table touches nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ricenet import channels
from ricenet.channels import KINDS, PLANNING_CT
from ricenet.cohort import overrides
from ricenet.config import config

if TYPE_CHECKING:
    from ricenet.study.study import Study


class PreprocessFiles:
    """Volumes, transforms and records on the way from raw images to a cache."""

    def __init__(self, study: Study) -> None:
        self.study = study

    def registration_masks(self, w: Any) -> list[str]:
        """Return the brain masks that there are of both images (input function)."""
        at, masked = self.study.at, self.study.masked
        both = [name for name in (w.mri, w.target) if name in masked]
        return [at("brain_mask", subject=w.subject, channel=name) for name in both]

    def sequences(self, w: Any) -> str:
        """Return the sequences of moving and fixed image, as JSON text (params function)."""
        of = {c.name: c.sequence for c in self.study.config.inputs}
        return config.json_text([of.get(w.mri, ""), of[w.target]])

    def registrations(self, subject: str) -> list[tuple[str, str]]:
        """Return moving and fixed image of each of a subject's registrations."""
        c, has_ct = self.study.config, self.study.raw.has_ct(subject)
        found = list(channels.registrations(c.inputs, c.reference).items())
        return found + ([(PLANNING_CT, c.dose_anchor)] if has_ct else [])

    def pairs(self, w: Any) -> list[tuple[str, str]]:
        """Return the registrations that can lead the channel to the reference grid."""
        found = self.registrations(w.subject)
        return _chain(w.channel, found) if w.channel in self.study.mri else found

    def transforms(self, w: Any) -> list[str]:
        """Return the transforms of :meth:`pairs` (input function)."""
        return [
            self.study.at("transform", subject=w.subject, moving=moving, fixed=fixed)
            for moving, fixed in self.pairs(w)
        ]

    def links(self, w: Any) -> str:
        """Return images that each of the transforms joins, as JSON text (params function)."""
        return config.json_text(self.pairs(w))

    def sharing(self, w: Any) -> list[str]:
        """Return the images whose frame of reference the channel may share, if it is a dose."""
        return [] if w.channel in self.study.mri else self.study.raw.images(w.subject)

    def frame_images(self, w: Any) -> str:
        """Return :meth:`sharing` as JSON text (params function)."""
        return config.json_text(self.sharing(w))

    def frames(self, w: Any) -> list[str]:
        """Return records of :meth:`sharing` (input function)."""
        at = self.study.at
        return [at("native_record", subject=w.subject, channel=n) for n in self.sharing(w)]

    def mask_image(self, w: Any) -> str:
        """Return the native image that a mask was drawn on (input function)."""
        return self.study.at("native", subject=w.subject, channel=self.drawn_on(w))

    def mask_image_record(self, w: Any) -> str:
        """Return the record of that image (input function)."""
        return self.study.at("native_record", subject=w.subject, channel=self.drawn_on(w))

    def drawn_on(self, w: Any) -> str:
        """Return the name of that image (params function)."""
        return self.study.raw.drawn_on(w.subject, w.mask)

    def mask_pairs(self, w: Any) -> list[tuple[str, str]]:
        """Return the registrations that lead a mask to the reference grid."""
        return _chain(self.drawn_on(w), self.registrations(w.subject))

    def mask_transforms(self, w: Any) -> list[str]:
        """Return the transforms of :meth:`mask_pairs` (input function)."""
        return [
            self.study.at("transform", subject=w.subject, moving=moving, fixed=fixed)
            for moving, fixed in self.mask_pairs(w)
        ]

    def mask_links(self, w: Any) -> str:
        """Return :meth:`mask_pairs` as JSON text (params function)."""
        return config.json_text(self.mask_pairs(w))

    def inside_brain(self, w: Any) -> str:
        """Return a mask's least share inside the brain, empty: the section's (params function)."""
        least = self.study.raw.masks[w.mask].inside_brain
        return "" if least is None else str(least)

    def outlines(self, w: Any) -> list[str]:
        """Return the masks of a subject on the reference grid (input function)."""
        names = self.study.raw.masks_of(w.subject)
        return [self.study.at("registered", subject=w.subject, channel=n) for n in names]

    def outline_names(self, w: Any) -> str:
        """Return the names of the masks, as JSON text (params function)."""
        return config.json_text(self.study.raw.masks_of(w.subject))

    def uncropped(self, w: Any) -> list[str]:
        """Return volumes to crop, in the order of the channels (input function)."""
        study = self.study
        return [
            study.at(c.row.uncropped, subject=w.subject, channel=c.name)
            for c in study.config.inputs
        ]

    def quality_records(self, w: Any) -> list[str]:
        """Return records of a subject with checks that may hold it back (input function)."""
        study, moved = self.study, self.registrations(w.subject)
        of_channels = [
            *(("native", name) for name in (*study.raw.images(w.subject), *study.dose)),
            *(
                (made, name)
                for name in study.mri
                for made in KINDS["mri"].checked[1:]
                if made != "brain_mask" or name in study.masked
            ),
        ]
        of_doses = [(made, name) for name in study.dose for made in KINDS["dose"].checked[1:]]
        masks = study.raw.masks_of(w.subject)
        of_masks = [(made, name) for name in masks for made in KINDS["mask"].checked]
        at = study.at
        return [
            at("timeline_record", subject=w.subject),
            *(at(f"{made}_record", subject=w.subject, channel=n) for made, n in of_channels),
            *(at("transform_record", subject=w.subject, moving=a, fixed=b) for a, b in moved),
            *(at(f"{made}_record", subject=w.subject, channel=n) for made, n in of_doses),
            at("crop_record", subject=w.subject),
            *(at(f"{made}_record", subject=w.subject, channel=n) for made, n in of_masks),
        ]

    def accepted(self, w: Any) -> str:
        """Return a subject's checks that a person has accepted, as JSON text (params function)."""
        if w.subject not in self.study.decided:  # nearly everybody
            return config.json_text({})
        return config.json_text(overrides.accepted(self.study.overrides, w.subject))

    def kind(self, w: Any) -> str:
        """Return the kind of an input (params function)."""
        return next(c.kind for c in self.study.config.inputs if c.name == w.channel)

    def whole_heads(self, w: Any) -> list[str]:
        """Return MRI channels on the reference grid, with the skull (input function)."""
        return [self.study.at("registered", subject=w.subject, channel=n) for n in self.study.mri]

    def caches(self, subjects: Iterable[str]) -> list[str]:
        """Return the cache files of some subjects."""
        return [self.study.at("cache", subject=s) for s in subjects]

    def overviews(self, subjects: Iterable[str]) -> list[str]:
        """Return the overview pictures of some subjects."""
        return [self.study.at("overview", subject=s) for s in subjects]


def _chain(image: str, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the registrations that lead an image to the reference, in their order."""
    steps, found = dict(pairs), []
    while image in steps:
        found.append((image, steps[image]))
        image = steps[image]
    return found
