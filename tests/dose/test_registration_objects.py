"""Registration objects: from which frame to which, in which direction, and which are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dicom_phantoms import CANARIES, FRAME, UID, dose, read_dose, registration, write
from grids import rigid
from ricenet.dicom.files import find, uid_digest
from ricenet.dose.frames import refusals, route
from ricenet.dose.registration_objects import is_rigid, read_links, without_contradictions

OTHER = f"{UID}.99"
TURN, SHIFT = rigid((10, -20, 30), (0, 0, 0)), rigid((0, 0, 0), (40, -7, 12))
LPS = np.diag([-1.0, -1, 1, 1])


def links_of(folder: Path, *objects) -> list:
    return [link for file in find(write(folder, *objects))[0] for link in read_links(file)]


def test_matrix_leads_from_the_items_frame_to_the_objects(tmp_path: Path) -> None:
    """Point by point: rotate, then shift, in LPS (PS3.3 C.20.2.1.1)."""
    (link,) = links_of(tmp_path, registration(OTHER, TURN, SHIFT))
    assert (link["from"], link["to"]) == (uid_digest(OTHER), uid_digest(FRAME))
    for point in np.random.default_rng(1).normal(0, 80, (5, 3)):
        expected = TURN[:3, :3] @ point + SHIFT[:3, 3]
        found = np.asarray(link["matrix"]) @ [-point[0], -point[1], point[2], 1]
        np.testing.assert_allclose(found[:3] * [-1, -1, 1], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("matrix", "kind", "why"),
    [
        (np.diag([1.1, 1.1, 1.1, 1]), "RIGID_SCALE", "of type RIGID_SCALE, not RIGID"),
        (np.eye(4), "AFFINE", "of type AFFINE, not RIGID"),
        (np.eye(4), "CANARY", "of type unknown, not RIGID"),
        (np.diag([1.01, 1, 1, 1]), "RIGID", "labelled RIGID whose matrix is not rigid"),
        (np.diag([-1.0, 1, 1, 1]), "RIGID", "labelled RIGID whose matrix is not rigid"),
    ],
)
def test_other_than_rigid_is_refused(matrix, kind, why: str, tmp_path: Path) -> None:
    links = links_of(tmp_path, registration(OTHER, matrix, kind=kind))
    assert why in links[0]["refused"] and "matrix" not in links[0]
    assert route(uid_digest(OTHER), [uid_digest(FRAME)], links) is None
    assert refusals(uid_digest(OTHER), links) == [links[0]["refused"]]
    assert refusals("another", links) == refusals(None, links) == []


def test_rigid_is_a_proper_rotation_and_a_shift() -> None:
    assert is_rigid(TURN) and is_rigid((SHIFT @ TURN).round(4))
    assert not is_rigid(TURN @ np.diag([1, 1, 1.002, 1]))
    projective = TURN.copy()
    projective[3, 0] = 0.01
    assert not is_rigid(projective)


def test_object_without_matrix_or_frame(tmp_path: Path) -> None:
    (link,) = links_of(tmp_path / "a", registration(OTHER))
    assert link["refused"] == "a registration without a matrix"
    nameless = registration(OTHER, TURN)
    del nameless.FrameOfReferenceUID
    with pytest.raises(ValueError, match="without a frame of reference"):
        links_of(tmp_path / "b", nameless)


def test_two_objects_that_disagree_are_refused() -> None:
    def link(start: str, end: str, matrix: np.ndarray) -> dict:
        return {"from": start, "to": end, "matrix": matrix.tolist()}

    near = SHIFT.copy()
    near[0, 3] += 0.05
    assert without_contradictions([link("a", "b", SHIFT), link("a", "b", near)]) == [
        link("a", "b", SHIFT)
    ]
    turned = link("b", "a", np.linalg.inv(near))
    (kept,) = without_contradictions([link("a", "b", SHIFT), turned])
    np.testing.assert_allclose(kept["matrix"], SHIFT)
    for other in (link("a", "b", TURN), link("b", "a", SHIFT)):
        (kept,) = without_contradictions([link("a", "b", SHIFT), other])
        assert "disagree" in kept["refused"] and "matrix" not in kept


def test_route_goes_both_ways_and_through_others() -> None:
    links = [
        {"from": "dose", "to": "ct", "matrix": TURN.tolist()},
        {"from": "mr", "to": "ct", "matrix": SHIFT.tolist()},
    ]
    goal, matrix = route("dose", ["x", "mr"], links)
    assert goal == "mr"
    np.testing.assert_allclose(matrix, np.linalg.inv(SHIFT) @ TURN, atol=1e-12)
    assert route("dose", ["mr", "ct"], links)[0] == "ct"  # the shorter way
    assert route("dose", ["x"], links) is None
    np.testing.assert_array_equal(route("dose", ["dose"], [])[1], np.eye(4))


def test_facts_keep_digests_and_ras_matrix(tmp_path: Path) -> None:
    facts = read_dose(write(tmp_path, dose(), registration(OTHER, TURN, SHIFT)))[1]
    (link,) = facts["registrations"]
    assert {link["from"], link["to"]} == {uid_digest(OTHER), uid_digest(FRAME)}
    expected = LPS @ SHIFT @ TURN @ LPS
    if link["from"] == uid_digest(FRAME):
        expected = np.linalg.inv(expected)
    np.testing.assert_allclose(link["matrix"], expected, atol=1e-6)
    assert not any(c in str(facts) for c in CANARIES)
