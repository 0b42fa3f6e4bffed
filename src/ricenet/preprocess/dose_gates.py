"""Gates on a dose that was brought to the reference grid: does it cover what it must, and where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ricenet.dose.coverage import cut_dose, share_inside, view_holds_grid
from ricenet.image.volume import Volume
from ricenet.preprocess import routes
from ricenet.step import Check, not_made

MIN_COVERAGE = 0.5  # a dose grid that misses half of the brain is more likely misplaced than meant
MAX_CUT_DOSE = 0.1  # of the maximum: more at the grid's edge is dose that the export cut off
INTEGRAL_TOLERANCE = 0.02


def of_grid(native: Volume, moved: Volume, views: Sequence[NDArray], brain: NDArray) -> list[Check]:
    """Check what only a dose's own grid allows: coverage of the brain, edge, integral."""
    before = native.data if native.data.ndim == 4 else native.data[..., None]
    after = moved.data if moved.data.ndim == 4 else moved.data[..., None]
    cut, integrals, beyond = 0.0, [], []
    for place, inside in enumerate(views):
        maximum = float(before[..., place].max())
        cut = max(cut, cut_dose(after[..., place], inside, brain) / maximum)
        if view_holds_grid(inside):
            given, found = (x[..., place].sum(dtype=np.float64) for x in (before, after))
            integrals.append(float(found * moved.voxel_ml / (given * native.voxel_ml)))
        else:
            beyond.append(f"dose-integral-part-{place + 1}")
    covered = share_inside(np.logical_or.reduce(views), brain)
    reason = "the dose grid reaches beyond the reference's field of view"
    return [
        Check(
            "dose-coverage",
            covered,
            at_least=MIN_COVERAGE,
            advice="the dose grid misses much of the brain: look at the overview picture; check "
            "that dose and images belong together, or export the dose on a larger grid",
        ),
        _check_of_edge(covered, cut),
        *_check_of_integral(integrals),
        *(not_made(name, reason) for name in (beyond if integrals else ["dose-integral"])),
    ]


def _check_of_edge(covered: float, cut: float) -> Check:
    if not covered:
        return not_made("dose-at-edge", "the dose grid does not reach the brain")
    return Check(
        "dose-at-edge",
        cut,
        at_most=MAX_CUT_DOSE,
        advice="share of the maximum where the dose grid ends inside the brain: dose beyond it "
        "is lost and counts as 0; export the dose on a larger grid",
    )


def _check_of_integral(ratios: Sequence[float]) -> list[Check]:
    if not ratios:
        return []
    return [
        Check(
            "dose-integral",
            max(ratios, key=lambda ratio: abs(ratio - 1)),
            at_least=1 - INTEGRAL_TOLERANCE,
            at_most=1 + INTEGRAL_TOLERANCE,
            advice="dose times volume changed when the dose was resampled; compare the dose with "
            "its grid in the overview picture",
        )
    ]


def of_frames(
    found: Sequence[routes.Claim], claim: routes.Claim, worst_mm: float, *, limit_mm: float
) -> list[Check]:
    """Check how far apart the claims on a dose are, or say that nothing verifies them."""
    if len(found) > 1 and not (routes.without_witness(found) and worst_mm <= limit_mm):
        return [
            Check(
                "frames-agree",
                worst_mm,
                at_most=limit_mm,
                unit="mm",
                advice="images that claim the dose (one frame of reference, a registration "
                "object, or dose_frame) put it at places this far apart in the brain: a wrong "
                "identifier, as de-identification leaves it, or a wrong registration; it now "
                f"follows {claim.image}: look at dose and anatomy in the overview; if they do not "
                "fit, name the right image in dose_frame; then accept",
            )
        ]
    if routes.without_witness(found) or routes.not_compared(found):
        return [
            not_made(
                "frames-agree",
                routes.not_compared(found) or "no planning CT of the dose's own study claims it",
                holds=routes.without_witness(found),
                advice=f"only the {claim.how} of {claim.image} places the dose on it, which "
                "de-identification may have made alike for every image: give the planning CT of "
                "the dose's own study in column 'ct'; or look at dose and anatomy in the "
                "overview, and name the image in 'dose_frame' or accept where they fit",
            )
        ]
    return []
