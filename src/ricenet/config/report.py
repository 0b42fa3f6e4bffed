"""Settings of the steps in ``audit.smk`` and ``report.smk``."""

from __future__ import annotations

from pydantic import Field

from ricenet.config.section import Section


class Audit(Section):
    """The collection of all records."""


class Report(Section):
    """The HTML page."""

    title: str
    statements: str | None = Field(
        description="file of what only people know, for the reporting sheets; null = none"
    )
    synthetic: bool = Field(
        description="patients are simulated, and the pages say so; phantoms of ricenet phantom as "
        "DICOM are known without it"
    )
