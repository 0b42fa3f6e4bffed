"""How many fractions a dose was given in, and according to what source.

The row (delivered) comes before the treatment records (delivered) and the plan (planned).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

ROW_REMEDY = "write dose_kind and fractions in the subject's row"


@dataclass(frozen=True)
class Fractions:
    """Number of fractions of one plan.

    Attributes
    ----------
    count : int or None
        Delivered; None where it is unknown.
    source : str or None
        ``row``, ``row and records``, ``records`` or ``plan``.
    planned, recorded : int or None
        What plan and treatment records state.
    warnings : list of str
        What a person should know.
    """

    count: int | None
    source: str | None
    planned: int | None = None
    recorded: int | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def delivered_share(self) -> float:
        """Delivered over planned fractions, where row and records agree that they differ."""
        if self.source == "row and records" and self.planned and self.count:
            return self.count / self.planned
        return 1.0


def fractions(row: str, recorded: int | None, planned: int | None) -> Fractions:
    """Return the fractions of the only plan.

    Parameters
    ----------
    row : str
        ``fractions`` of the subject's row; empty where it is not stated.
    recorded, planned : int or None
        From the treatment records and from the plan.

    Raises
    ------
    ValueError
        They disagree, and it is unknown which one is right.
    """
    stated = int(row) if row else None
    shown = _shown(stated, recorded, planned)
    known = {n for n in (recorded, planned) if n is not None}
    if stated is None:
        if len(known) > 1:
            raise ValueError(f"{shown}; write in fractions of the row how many were delivered")
        count = recorded if recorded is not None else planned
        source = "records" if recorded is not None else "plan" if planned is not None else None
        return Fractions(count, source, planned, recorded)
    if known and stated not in known:
        raise ValueError(
            f"{shown}; correct the row, or leave it empty if the plan was delivered as planned"
        )
    source = "row and records" if stated == recorded else "row"
    return Fractions(stated, source, planned, recorded, [shown] if len(known) > 1 else [])


def _shown(stated: int | None, recorded: int | None, planned: int | None) -> str:
    says = [("the subject's row says", stated), ("the treatment records", recorded)]
    says.append(("the plan", planned))
    return ", ".join(f"{who} {n}" for who, n in says if n is not None) + " fractions"


def of_parts(
    row: str, recorded: Sequence[int | None], planned: Sequence[int | None]
) -> list[Fractions]:
    """Return the fractions of each of several plans, of which the row gives the sum.

    Raises
    ------
    ValueError
        The sum is neither that of the records nor that of the plans.
    """
    if len(planned) == 1:
        return [fractions(row, recorded[0], planned[0])]
    if not row:
        return [fractions("", r, p) for r, p in zip(recorded, planned, strict=True)]
    delivered = [p if r is None else r for r, p in zip(recorded, planned, strict=True)]
    for counts in (delivered, planned):
        known = [n for n in counts if n is not None]
        if len(known) == len(counts) and sum(known) == int(row):
            every = zip(known, recorded, planned, strict=True)
            return [fractions(str(n), r, p) for n, r, p in every]
    raise ValueError(
        f"the subject's row says {row} fractions, the treatment records {_sum(delivered)}, the "
        f"plans {_sum(planned)} ({len(planned)} plans added); correct the row: the sum over all, "
        f"or empty"
    )


def _sum(counts: Sequence[int | None]) -> str:
    return " + ".join("?" if n is None else str(n) for n in counts)


def require_believable(found: Fractions, *, needed: bool, lowest: int, highest: int) -> None:
    """Raise ``ValueError`` where the number is outside the limits, or needed but unknown."""
    if found.count is None:
        if needed:
            raise ValueError(
                f"a dose of one fraction, and neither row nor plan says how many; {ROW_REMEDY}"
            )
    elif not lowest <= found.count <= highest:
        raise ValueError(
            f"{found.count} fractions (from the {found.source}) are outside {lowest} to {highest}; "
            f"correct the {found.source}, or min_fractions and max_fractions in the configuration"
        )
