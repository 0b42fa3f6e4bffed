"""Settings of the steps in ``audit.smk`` and ``report.smk``."""

from __future__ import annotations

from ricenet.config.section import Section


class Audit(Section):
    """The collection of all records."""


class Report(Section):
    """The HTML page."""

    title: str
