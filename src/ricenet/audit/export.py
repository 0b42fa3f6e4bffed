"""``export OUT``: a study as an RO-Crate."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Say that it is not there yet."""
    raise SystemExit("export is not there yet")
