"""Which of several plans count: doses grouped by plan, and a person's choice where there is doubt.

A candidate is shown by 8 hex digits of its file's sha256, never by label or UID.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ricenet.dose.objects import Dose, Plan


@dataclass(frozen=True)
class Candidate:
    """The doses of one plan, which may count or not.

    Attributes
    ----------
    doses : list of Dose
        At least one.
    plan : Plan or None
        Their plan, where it is at hand.
    """

    doses: list[Dose]
    plan: Plan | None

    @property
    def digest(self) -> str:
        """What the row calls it: of the RTPLAN, or of the RTDOSE where there is none."""
        return (self.plan.digest if self.plan else min(d.digest for d in self.doses))[:8]

    @property
    def multi(self) -> bool:
        """Whether it is the sum of several plans already."""
        return any(d.summation == "MULTI_PLAN" for d in self.doses)

    @property
    def uids(self) -> frozenset[str]:
        """UIDs of the plans that it covers. Never shown."""
        return frozenset(uid for dose in self.doses for uid in dose.plans)

    def describe(self) -> str:
        """Describe what a person needs to distinguish it from the others."""
        kinds = ", ".join(sorted({d.summation for d in self.doses}))
        if self.plan:
            groups = [str(n or "?") for n in self.plan.fractions.values()]
            about = (
                f"{self.plan.approval}, {' + '.join(groups) or '?'} fractions, "
                f"{len(self.plan.beams)} beams"
            )
        else:
            about = "sum of several plans" if self.multi else "its plan is not there"
        return f"{self.digest} ({about}, {kinds}, maximum {self._maximum()})"

    def _maximum(self) -> str:
        try:
            return f"{max(float(d.volume.data.max()) for d in self.doses):.2f} Gy"
        except ValueError:
            return "not readable"


def group(doses: Sequence[Dose], plans: Mapping[str, Plan]) -> list[Candidate]:
    """Return the doses grouped by plan.

    One that names no plan, or several, is a group of its own.
    """
    groups: dict[str, list[Dose]] = {}
    for dose in doses:
        alone = dose.summation == "MULTI_PLAN" or not dose.plan
        groups.setdefault(f"alone {dose.digest}" if alone else dose.plan, []).append(dose)
    return [Candidate(found, plans.get(key)) for key, found in groups.items()]


def select(
    candidates: Sequence[Candidate], plans: Mapping[str, Plan], *, named: str
) -> tuple[list[Candidate], list[str], list[str]]:
    """Return the candidates that count.

    Parameters
    ----------
    candidates : sequence of Candidate
        From :func:`group`.
    plans : mapping
        Every plan that is there by UID: one may replace another without a dose of its own.
    named : str
        ``dose_plan`` of the subject's row: digests joined by ``+``, or empty.

    Returns
    -------
    list of Candidate
        Those that are added.
    list of str
        Decision codes.
    list of str
        Warnings.

    Raises
    ------
    ValueError
        More than one could count, or none; the candidates are listed.
    """
    if named:
        return _named(candidates, named)
    replaced = {
        uid for p in plans.values() if p.approval == "APPROVED" for uid in p.predecessors - {p.uid}
    }
    dropped = {id(c): why for c in candidates if (why := _unfit(c, replaced))}
    left = [c for c in candidates if id(c) not in dropped]
    if len(left) != 1:
        listed = [
            c.describe() + (f", {dropped[id(c)]}" if id(c) in dropped else "") for c in candidates
        ]
        raise ValueError(
            f"{len(left)} of {len(candidates)} plans could count: {'; '.join(listed)}; write in "
            f"dose_plan which was delivered, several joined by '+'"
        )
    warnings = [
        f"plan {c.digest} does not count: {dropped[id(c)]}" for c in candidates if id(c) in dropped
    ]
    if (plan := left[0].plan) and plan.approval != "APPROVED":
        warnings.append("the plan is not marked as approved")
    return left, (["other-plans-dropped"] if dropped else []), warnings


def _unfit(candidate: Candidate, replaced: set[str]) -> str:
    if candidate.plan and candidate.plan.approval == "REJECTED":
        return "it was rejected"
    if not candidate.multi and candidate.uids & replaced:
        return "an approved plan replaces it"
    return ""


def _named(
    candidates: Sequence[Candidate], named: str
) -> tuple[list[Candidate], list[str], list[str]]:
    wanted = named.split("+")
    by_digest = {c.digest: c for c in candidates}
    unknown = [digest for digest in wanted if digest not in by_digest]
    if unknown or len(set(wanted)) < len(wanted) or len(by_digest) < len(candidates):
        raise ValueError(
            f"dose_plan {named!r} does not name each plan that counts once; there are: "
            f"{'; '.join(c.describe() for c in candidates)}"
        )
    chosen = [by_digest[digest] for digest in wanted]
    _refuse_counting_twice(chosen)
    left_out = [c for c in candidates if c.digest not in wanted]
    warnings = [f"plan {c.digest} does not count: the row names others" for c in left_out]
    for candidate in chosen:
        if candidate.plan and candidate.plan.approval != "APPROVED":
            warnings.append(f"the row names {candidate.digest}, which is {candidate.plan.approval}")
    return chosen, ["plan-named-by-row"], warnings


def _refuse_counting_twice(chosen: Sequence[Candidate]) -> None:
    """Refuse a sum of plans beside one of its own plans, which would count twice."""
    for candidate in chosen:
        others = frozenset(uid for c in chosen if c is not candidate for uid in c.uids)
        if candidate.multi and len(chosen) > 1 and (not candidate.uids or candidate.uids & others):
            raise ValueError(
                f"dose_plan names {candidate.digest}, which is the sum of several plans, beside "
                f"plans that it may hold already; name the sum alone, or its plans"
            )
