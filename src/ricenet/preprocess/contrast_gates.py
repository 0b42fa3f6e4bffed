"""Gates on the registration of two scans of one visit and of unlike contrast, as T2 and T1.

Brightness of one says little of that of the other in a straight line, so that likeness is measured
by mutual information, and the sign of the correlation tells the sequences from each other: water is
dark in T1, bright in T2 and dark in FLAIR. T1 with and without agent differ by what agent reaches,
a few bright voxels (vessels, choroid plexus, lesions): their difference is skewed. The moving image
has no brain mask; the fixed one's is taken, brought there by the registration back.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from scipy.stats import skew

from ricenet.channels import ENHANCING, SEQUENCES
from ricenet.config.preprocess import Register
from ricenet.image import transforms
from ricenet.image.information import normalised_mutual_information
from ricenet.image.interpolation import sample
from ricenet.image.volume import Volume
from ricenet.preprocess import left_right, registration_gates
from ricenet.preprocess.left_right import correlation
from ricenet.step import Check, not_made

NEARBY_MM, NEARBY_DEG = 3.0, 4.0  # a brain's surface moves by 5 mm where it is turned by 4 degrees
# Correlation in the brain with T1 with agent: at least, at most. Of a real glioma in slices of
# 5.5 mm T1 0.5, T2 -0.5, FLAIR 0.4; of a phantom 0.9, -0.7, 0.6.
WITH_T1 = {"T1": (0.3, None), "T1ce": (0.3, None), "T2": (None, -0.1), "FLAIR": (0.0, None)}
# Skewness of T1ce less T1 in the brain: 2.6 of a real glioma, 3.3 of a metastasis, 1.6 of a
# phantom; as much below 0 where the two are exchanged.
MIN_AGENT_SKEWNESS = 0.3


def of_contrasts(
    fixed: Volume,
    moving: Volume,
    brain: Volume,
    there: sitk.Transform,
    back: sitk.Transform,
    *,
    sequences: tuple[str, str],
    limits: Register,
) -> tuple[list[Check], dict[str, Any]]:
    """Check likeness, sides and sequence of a moving scan; also return facts for the record.

    Parameters
    ----------
    brain : Volume
        Mask on the grid of the fixed scan.
    there, back : sitk.Transform
        Points of the fixed to the moving scan, and the other way.
    sequences : (str, str)
        Of the moving and of the fixed scan, keys of :data:`ricenet.channels.SEQUENCES`.
    """
    inside = brain.data > 0
    moved = sample(
        moving, fixed.data.shape, fixed.affine, interpolator="linear", transform=there
    ).data
    moving_brain = sample(
        brain, moving.data.shape, moving.affine, interpolator="nearest", transform=back
    )
    margin = left_right.margin(fixed, moving, [moving_brain, brain], there, unlike=True)
    coarse = left_right.pair_of(
        fixed, moving, [moving_brain, brain], there, left_right.GRID_MM, unlike=True
    )
    shared = normalised_mutual_information(fixed.data, moved, inside)
    checks = [
        Check(
            "brain-information",
            shared,
            at_least=limits.min_information,
            unit="of both entropies",
            advice="the brains do not show the same anatomy: look at the edges in the overview; "
            "check that both series belong to this patient and visit, and try another "
            "register.seed",
        ),
        of_neighbours(coarse),
        registration_gates.of_sides(margin, least=limits.min_left_right_information),
        of_sequence(correlation(fixed.data, moved, inside), *sequences),
    ]
    if sequences == ("T1", ENHANCING):
        checks.append(of_agent(fixed.data[inside], moved[inside]))
    return checks, {"information_mirrored": round(margin.mirrored, 4)}


def of_neighbours(pair: left_right.Pair) -> Check:
    """Check that no pose nearby makes two scans more alike than that of the registration."""
    found = pair.likeness([])
    best = max(pair.likeness([step]) for step in nearby(left_right.centre_mm_of(pair.brain)))
    return Check(
        "information-nearby",
        best / found if found > 0 else 2.0,
        at_most=1.0,
        unit="of what the brains share as registered",
        advice=f"shifted by {NEARBY_MM:g} mm or turned by {NEARBY_DEG:g} degrees the brains are "
        "more alike: the registration is beside the right one; look at the edges in the overview, "
        "try another register.seed",
    )


def nearby(centre_mm: NDArray) -> list[sitk.Transform]:
    """Return small rigid motions of a brain: one shift and one turn each way, along each axis."""
    found = []
    for axis, sign in product(range(3), (-1, 1)):
        shift, turn = np.eye(4), np.eye(4)
        shift[axis, 3] = sign * NEARBY_MM
        angle = Rotation.from_euler("xyz"[axis], sign * NEARBY_DEG, degrees=True)
        turn[:3, :3] = angle.as_matrix()
        turn[:3, 3] = centre_mm - turn[:3, :3] @ centre_mm
        found += [transforms.from_matrix_ras(matrix) for matrix in (shift, turn)]
    return found


def of_sequence(found: float, moving: str, fixed: str) -> Check:
    """Check that two registered scans are related in brightness as their sequences are.

    Parameters
    ----------
    found : float
        Correlation in the brain.
    moving, fixed : str
        Sequences, keys of :data:`ricenet.channels.SEQUENCES`.
    """
    name = "brain-contrast"
    if SEQUENCES[fixed].t2:
        return not_made(name, f"what {moving} looks like beside {fixed} is not known; T1 is asked")
    least, most = WITH_T1[moving]
    return Check(
        name,
        found,
        at_least=least,
        at_most=most,
        unit="correlation",
        advice=f"the scan is not as bright and dark as {SEQUENCES[moving].words} is beside "
        f"{SEQUENCES[fixed].words}: two series may be exchanged; correct the subject's row, or "
        f"accept where disease alone makes it so",
    )


def of_agent(with_agent: NDArray, without: NDArray) -> Check:
    """Check that contrast agent brightens the scan that is said to have it, and not the other.

    Parameters
    ----------
    with_agent, without : (n,) array
        Voxels of the brain in the two scans, in any units.
    """
    spread = with_agent.std(), without.std()
    known = min(spread) > 0
    difference = with_agent / spread[0] - without / spread[1] if known else np.zeros(1)
    return Check(
        "agent-brightens",
        float(skew(difference)) if difference.std() > 0 else 0.0,
        at_least=MIN_AGENT_SKEWNESS,
        unit="skewness",
        advice="T1 with contrast agent is not brighter than T1 without where agent gathers "
        "(vessels, choroid plexus, lesions): the two series may be exchanged, or are the same; "
        "correct the subject's row, or accept where no agent was given",
    )
