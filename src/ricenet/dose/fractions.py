"""How many fractions a dose was given in, and according to what source.

The row (delivered) comes before the treatment records (delivered) and the plan (planned). What the
row alone says is taken, and ``dose-delivered`` holds the subject until something confirms it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

ROW_REMEDY = "write dose_kind and fractions in the subject's row"
BY_PLAN = (
    "write in fractions how many of each plan were delivered, in the order of dose_plan, such as "
    "5+10 for two plans"
)


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
        """Delivered over planned fractions; 1 where the plan does not say how many it plans."""
        return self.count / self.planned if self.count and self.planned else 1.0

    @property
    def by_row_alone(self) -> bool:
        """Whether the row contradicts the records, or, where there are none, the plan.

        What was planned is no witness against what was recorded.
        """
        witness = self.planned if self.recorded is None else self.recorded
        return self.source == "row" and witness is not None and self.count != witness


def fractions(
    row: str, recorded: int | None, planned: int | None, *, remedy: str = ""
) -> Fractions:
    """Return the fractions of one plan.

    Parameters
    ----------
    row : str
        What the subject's row says of it, the physicist's word; empty where it says nothing.
    recorded, planned : int or None
        From the treatment records and from the plan.
    remedy : str
        What to do where records and plan disagree; empty: of a single plan.

    Raises
    ------
    ValueError
        Records and plan disagree, and the row does not say what was delivered.
    """
    stated = int(row) if row else None
    shown = _shown(stated, recorded, planned)
    known = {n for n in (recorded, planned) if n is not None}
    if stated is None:
        if len(known) > 1:
            remedy = remedy or "write in fractions of the row how many were delivered"
            raise ValueError(f"{shown}; {remedy}")
        count = recorded if recorded is not None else planned
        source = "records" if recorded is not None else "plan" if planned is not None else None
        return Fractions(count, source, planned, recorded)
    source = "row and records" if stated == recorded else "row"
    differ = bool(known - {stated})
    return Fractions(stated, source, planned, recorded, [shown] if differ else [])


def _shown(stated: int | None, recorded: int | None, planned: int | None) -> str:
    says = [("the subject's row says", stated), ("the treatment records", recorded)]
    says.append(("the plan", planned))
    return ", ".join(f"{who} {n}" for who, n in says if n is not None) + " fractions"


def of_parts(
    row: str, recorded: Sequence[int | None], planned: Sequence[int | None]
) -> list[Fractions]:
    """Return the fractions of each plan that counts.

    Parameters
    ----------
    row : str
        ``fractions`` of the subject's row: one number for each plan, joined by ``+``, in the order
        of ``dose_plan``; or their sum; or empty.
    recorded, planned : sequence of int or None
        Of each plan, in that order.

    Raises
    ------
    ValueError
        Neither a number for each plan, nor the sum of the records or of the plans.
    """
    stated = row.split("+") if row else [""] * len(planned)
    if len(stated) == len(planned):
        remedy = BY_PLAN if len(planned) > 1 else ""
        each = zip(stated, recorded, planned, strict=True)
        return [fractions(n, r, p, remedy=remedy) for n, r, p in each]
    if len(stated) > 1:
        raise ValueError(
            f"fractions {row} in the subject's row has {len(stated)} numbers, but {len(planned)} "
            f"of the plans count; write one for each plan, in the order of dose_plan"
        )
    delivered = [p if r is None else r for r, p in zip(recorded, planned, strict=True)]
    for counts in (delivered, planned):
        known = [n for n in counts if n is not None]
        if len(known) == len(counts) and sum(known) == int(row):
            every = zip(known, recorded, planned, strict=True)
            return [fractions(str(n), r, p) for n, r, p in every]
    sums = [("the plans have", planned), ("the treatment records show", recorded)]
    shown = ", ".join(f"{who} {_sum(n)}" for who, n in sums if any(x is not None for x in n))
    raise ValueError(
        f"the subject's row says {row} fractions for {len(planned)} plans"
        f"{', but ' + shown if shown else ''}; {BY_PLAN}"
    )


def _sum(counts: Sequence[int | None]) -> str:
    return " + ".join("?" if n is None else str(n) for n in counts)


def require_whole(
    count: int | None,
    recorded: Sequence[int | None],
    planned: Sequence[int | None],
    *,
    together: bool,
) -> None:
    """Raise ``ValueError`` where a dose of several plans or groups was delivered in part.

    Such a dose is one grid: no factor gives what was delivered of one plan, or of one group, alone.

    Parameters
    ----------
    count : int or None
        Delivered fractions, as far as row or records say.
    recorded, planned : sequence of int or None
        Of each plan or group; ``recorded`` is empty where records do not tell them apart.
    together : bool
        Whether they may run in the same sessions, as the groups of one plan do: their number is
        then between the longest's and the sum.
    """
    known = [n for n in planned if n is not None]
    if len(known) < 2 or len(known) < len(planned):
        return
    lowest, highest = max(known) if together else sum(known), sum(known)
    partial = any(r not in (None, p) for r, p in zip(recorded, planned, strict=False))
    if partial if count is None else not lowest <= count <= highest:
        shown = f"{count} were delivered" if count is not None else f"records: {_sum(recorded)}"
        raise ValueError(
            f"export each plan's or group's own dose and name it in dose_plan: this one holds "
            f"{_sum(planned)} fractions in one grid, {shown}, and a part of it cannot be scaled"
        )


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
