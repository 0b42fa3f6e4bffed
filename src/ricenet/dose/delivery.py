"""What was delivered of a folder's plans, held against what the chosen doses hold."""

from __future__ import annotations

from collections.abc import Sequence

from ricenet.dose.collect import Found
from ricenet.dose.course import may_be_one_course
from ricenet.dose.fractions import require_whole
from ricenet.dose.objects import Plan
from ricenet.dose.plans import Candidate
from ricenet.dose.treatment_records import delivered


def only_plan_beside(found: Found) -> Plan | None:
    """Return the plan of a folder that no dose names, if it is the only plan there."""
    named = {uid for dose in found.doses for uid in dose.plans}
    plans_here = list(found.plans.values())
    alone = len(plans_here) == 1 and len(found.doses) == 1 and plans_here[0].uid not in named
    return plans_here[0] if alone else None


def require_delivered_whole(candidate: Candidate, found: Found, count: int | None) -> None:
    """Refuse a dose of several plans, or of several fraction groups, that was given in part."""
    if candidate.multi:
        uids = sorted(candidate.uids)
        planned = [found.plans[u].planned if u in found.plans else None for u in uids]
        recorded = [delivered(found.deliveries, u)[0] for u in uids]
        require_whole(count, recorded, planned, together=False)
    elif candidate.plan:
        require_whole(count, [], list(candidate.plan.fractions.values()), together=True)


def sum_may_be_one_course(candidate: Candidate, found: Found) -> bool:
    """Return whether a dose of several plans may hold one course twice, as after a replan.

    Treatment records of each plan say that it does not.
    """
    here = [found.plans[uid] for uid in sorted(candidate.uids) if uid in found.plans]
    recorded = here and all(delivered(found.deliveries, plan.uid)[0] for plan in here)
    return not recorded and may_be_one_course([_gy(p) for p in here], [p.planned for p in here])


def replaced_in_part(chosen: Sequence[Candidate], found: Found) -> list[str]:
    """Return which replaced plans were larger than the plan that counts in their place.

    The rest of a course is replanned with fewer fractions: the first ones may have been
    delivered by the plan before.
    """
    said = []
    for plan in [candidate.plan for candidate in chosen if candidate.plan]:
        for uid in sorted(plan.predecessors - {plan.uid}):
            if (earlier := found.plans.get(uid)) is None:
                said.append(
                    f"plan {plan.digest[:8]} replaces a plan that is not here: if that one was "
                    f"delivered in part, its dose is missing; add it"
                )
                continue
            pairs = [(earlier.planned, plan.planned), (_gy(earlier), _gy(plan))]
            if any(a and b and a > b * 1.01 for a, b in pairs):
                said.append(
                    f"plan {earlier.digest[:8]} ({earlier.planned or '?'} fractions) was replaced "
                    f"by {plan.digest[:8]} ({plan.planned or '?'} fractions): if it was delivered "
                    f"in part, name both in dose_plan, otherwise the second alone"
                )
    return said


def not_known_whole(chosen: Sequence[Candidate], found: Found) -> list[str]:
    """Return which doses are taken as delivered whole without a plan that says what whole is."""
    beside = only_plan_beside(found)
    without = [c for c in chosen if c.plan is None and not c.multi and not beside]
    said = []
    for candidate in without:
        counts = {delivered(found.deliveries, uid)[0] for uid in candidate.uids} - {None}
        recorded = f"; treatment records show {max(filter(None, counts))}" if counts else ""
        said.append(
            f"the plan of dose {candidate.digest} is not here, so that nothing says how many "
            f"fractions it holds{recorded}: it is taken as delivered whole; add the plan"
        )
    return said


def added_by_name(chosen: Sequence[Candidate], frames: Sequence[str | None]) -> str:
    """Return why doses of one frame of reference may not lie together; empty if nothing says so.

    A second planning CT is a second study, or a second structure set in the same one.
    """
    if len(chosen) < 2 or len(set(frames)) > 1:
        return ""
    studies = {dose.study for candidate in chosen for dose in candidate.doses}
    if len(studies) > 1:
        return f"doses of {len(studies)} studies are added by the one frame of reference they name"
    sets = {candidate.plan.structure_set for candidate in chosen if candidate.plan} - {""}
    if len(sets) > 1:
        return (
            f"doses of plans on {len(sets)} structure sets are added by the one frame of reference "
            f"they name"
        )
    return ""


def _gy(plan: Plan) -> float | None:
    return plan.group_prescription_gy or plan.prescription_gy


def delivered_elsewhere(chosen: Sequence[Candidate], found: Found) -> list[str]:
    """Return what records say was delivered of plans that do not count, or have no dose here."""
    own = {uid for candidate in chosen for uid in candidate.uids}
    if beside := only_plan_beside(found):
        own.add(beside.uid)
    others = sorted({d.plan for d in found.deliveries} - own - {""})
    said = []
    for uid in others:
        plan, n = found.plans.get(uid), delivered(found.deliveries, uid)[0]
        if n:
            name = f"plan {plan.digest[:8]}" if plan else "a plan that is not here"
            said.append(f"treatment records show {n} fractions of {name}, which does not count")
    return said
