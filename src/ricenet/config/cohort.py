"""Settings of the step in ``cohort.smk``."""

from __future__ import annotations

from ricenet.config.section import Section


class Manifest(Section):
    """The list of a cohort's caches."""
