"""Several doses on one grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from scipy.ndimage import map_coordinates

from dicom_phantoms import FRAME, STORED, UID, dose, plan, read_dose, registration, write
from dose_objects import BOOST, digests, refusal
from grids import rigid
from ricenet.dose import parts
from ricenet.dose.ledger import checks
from ricenet.dose.parts import finest, in_one_frame, stack
from ricenet.image.volume import Volume

RNG = np.random.default_rng(12)
FINE = Volume(RNG.uniform(0, 60, (8, 7, 6)).astype(np.float32), np.diag([-2.0, -2, 2, 1]))


def coarse(origin=(-9.0, -5, 3)) -> Volume:
    affine = np.diag([-3.0, -2.5, 4, 1])
    affine[:3, 3] = origin
    return Volume(RNG.uniform(0, 60, (5, 6, 4)).astype(np.float32), affine)


def test_identical_grids_are_stacked_exactly() -> None:
    other = Volume(FINE.data[::-1].copy(), FINE.affine + 1e-5)
    volume, warnings = stack([FINE, other])
    assert warnings == []
    np.testing.assert_array_equal(volume.data, np.stack([FINE.data, other.data], -1))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_finest_is_exact_and_others_are_linear(order) -> None:
    """Against scipy, voxel centre by voxel centre, inside the coarse part's centres."""
    both = [FINE, coarse()]
    given = [both[i] for i in order]
    volume, warnings = stack(given)
    assert "1 of 2 parts (voxels of 3 x 2.5 x 4 mm) interpolated linearly" in warnings[0]
    fine, other = (volume.data[..., order.index(i)] for i in (0, 1))
    index = np.indices(volume.data.shape[:3]).reshape(3, -1)
    points = volume.affine[:3, :3] @ index + volume.affine[:3, 3:]

    def places(part: Volume) -> np.ndarray:
        inverse = np.linalg.inv(part.affine)
        return inverse[:3, :3] @ points + inverse[:3, 3:]

    own = np.rint(places(FINE)).astype(int)
    np.testing.assert_allclose(places(FINE), own, atol=1e-9)  # its own lattice
    inside = ((own >= 0) & (own < np.reshape(FINE.data.shape, (3, 1)))).all(0)
    assert inside.sum() == FINE.data.size
    np.testing.assert_array_equal(fine.ravel()[inside], FINE.data[tuple(own[:, inside])])
    assert not fine.ravel()[~inside].any()
    where, shape = places(both[1]), np.reshape(both[1].data.shape, (3, 1))
    within = ((where >= 0) & (where <= shape - 1)).all(0)
    beyond = ((where < -0.5) | (where > shape - 0.5)).any(0)
    expected = map_coordinates(both[1].data, where, order=1)
    np.testing.assert_allclose(other.ravel()[within], expected[within], atol=1e-3)
    assert within.sum() > 200 and beyond.any() and not other.ravel()[beyond].any()


def test_union_holds_every_corner() -> None:
    other = coarse((30.0, 20, -15))
    volume, _ = stack([FINE, other])
    inverse = np.linalg.inv(volume.affine)
    for part in (FINE, other):
        for corner in ((0, 0, 0), np.array(part.data.shape) - 1):
            place = (inverse @ part.affine @ [*corner, 1])[:3]
            assert (place > -1e-6).all() and (
                place < np.array(volume.data.shape[:3]) - 1 + 1e-6
            ).all()
    assert volume.data[..., 0].sum() == pytest.approx(FINE.data.sum())


def test_parts_far_apart_are_refused(monkeypatch) -> None:
    monkeypatch.setattr(parts, "MAX_VOXELS", 10_000)
    with pytest.raises(ValueError, match="lie so far apart"):
        stack([FINE, coarse((500.0, 0, 0))])


def test_finest_is_the_smallest_voxel() -> None:
    assert finest([coarse(), FINE, FINE]) == 1


def test_other_frame_only_through_a_registration() -> None:
    matrix = rigid((5, 0, -10), (12, -9, 3))
    link = {"from": "b", "to": "a", "matrix": matrix.tolist()}
    other = coarse()
    moved, frame, warnings = in_one_frame([FINE, other], ["a", "b"], [link])
    assert frame == "a" and len(warnings) == 1
    np.testing.assert_allclose(moved[1].affine, matrix @ other.affine)
    np.testing.assert_array_equal(moved[0].affine, FINE.affine)
    for frames, links in ((["a", "b"], []), (["a", None], [link]), ([None, "b"], [link])):
        with pytest.raises(ValueError, match="2 frames of reference, and no registration object"):
            in_one_frame([FINE, other], frames, links)
    affine = {"from": "b", "to": "a", "refused": "a registration of type AFFINE, not RIGID"}
    with pytest.raises(ValueError, match="and a registration of type AFFINE, not RIGID"):
        in_one_frame([FINE, other], ["a", "b"], [affine])


def test_parts_without_a_frame_are_added_on_one_grid_only() -> None:
    """Two missing identifiers are not one identifier."""
    same = Volume(FINE.data[::-1].copy(), FINE.affine + 1e-5)
    assert in_one_frame([FINE, same], [None, None], [])[1:] == (None, [])
    with pytest.raises(ValueError, match="name no frame of reference and lie on different grids"):
        in_one_frame([FINE, coarse()], [None, None], [])


def test_parts_of_two_planning_images_in_one_frame_are_held(tmp_path: Path) -> None:
    """A replan on a second CT: de-identification may put it into the frame of the first."""
    boost = dose(number=2, plan=BOOST, stored=STORED // 2)
    for study, structures, held in (
        (1, "", ""), (1, f"{UID}.60", ""), (77, "", "2 studies"), (1, f"{UID}.61", "2 structure"),
    ):  # fmt: skip
        boost.StudyInstanceUID = f"{UID}.{study}"
        plans = plan(), plan(uid=BOOST)
        for one, uid in zip(plans, (f"{UID}.60", structures), strict=True):
            item = Dataset()
            item.ReferencedSOPInstanceUID = uid
            one.ReferencedStructureSetSequence = [item] if structures else []
        folder = write(tmp_path / f"{study}{structures}", dose(), boost, *plans)
        row = {"dose_plan": "+".join(digests(refusal(folder)).values())}
        verdicts = {c["name"]: c for c in checks(read_dose(folder, row)[1]["ledger"])}
        assert ("doses-together" in verdicts) == bool(held)
        if held:
            assert held in verdicts["doses-together"]["reason"]
            assert verdicts["doses-together"]["holds"]


def test_boost_of_another_frame_is_refused_or_moved(tmp_path: Path) -> None:
    """A shift of the boost by whole voxels: (x 4, y 2.5, z 3) mm LPS."""
    boost = dose(number=2, plan=BOOST, stored=STORED // 2)
    boost.FrameOfReferenceUID = f"{UID}.99"
    objects = (dose(), boost, plan(), plan(uid=BOOST))
    shift = np.eye(4)
    shift[:3, 3] = 4, 2.5, 3
    for name, more in (("a", ()), ("b", (registration(f"{UID}.99", shift, target=FRAME),))):
        folder = write(tmp_path / name, *objects, *more)
        known = digests(refusal(folder))
        row = {"dose_plan": f"{known['60.00']}+{known['30.00']}"}
        if not more:
            assert "2 frames of reference" in refusal(folder, row)
            continue
        volume, _ = read_dose(folder, row)
        assert volume.data.shape == (7, 6, 5, 2)
        np.testing.assert_allclose(volume.data[:6, :5, :4, 0], STORED.T * 0.5)
        np.testing.assert_allclose(volume.data[1:, 1:, 1:, 1], (STORED // 2).T * 0.5, atol=1e-4)
