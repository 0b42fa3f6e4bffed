"""The peak of a map, its heading, and the step on files."""

import json

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

from ricenet.explain import occlusion_picture
from ricenet.image.volume import Volume, save
from ricenet.pictures.scene import cut, draw_page

SHAPE = (24, 28, 20)
FACTS = {"predicted": "RICE", "clean_probability": 0.75, "cube_mm": 16.0, "stride_mm": 8.0}


@pytest.fixture
def brain():
    inside = np.zeros(SHAPE, bool)
    inside[3:21, 3:25, 3:17] = True
    return inside


def test_peak_is_the_largest_change_of_either_sign_in_the_brain(brain):
    change = np.zeros(SHAPE, np.float32)
    change[8:13, 8:13, 8:13] = 0.2
    change[14:19, 17:22, 8:13] = -0.4
    change[0, 0, 0] = 9
    assert occlusion_picture.peak(change, brain) == (16, 19, 10)


def test_heading_says_what_was_predicted():
    text = occlusion_picture.heading("P007", FACTS)
    assert "P007" in text and "RICE, probability 0.75" in text and "cube 16 mm" in text


def arguments(folder, names):
    kinds = ["dose" if n == "dose" else "mri" for n in names]
    return [
        "--map", str(folder / "P007.nii.gz"), "--occlusion-record", str(folder / "P007.json"),
        "--images", *(str(folder / f"{n}.nii.gz") for n in names),
        "--mask", str(folder / "mask.nii.gz"), "--channels", json.dumps(names),
        "--kinds", json.dumps(kinds), "--reference", "event",
        "--out", str(folder / "P007.png"), "--record", str(folder / "P007_picture.json"),
    ]  # fmt: skip


@pytest.fixture
def folder(tmp_path, brain):
    rng = np.random.default_rng(0)
    images = {
        "event": np.where(brain, rng.normal(size=SHAPE), 0),
        "dose": np.where(brain, np.linspace(0, 60, SHAPE[0])[:, None, None], 0),
        "P007": np.where(brain, np.linspace(-0.1, 0.3, SHAPE[1])[None, :, None], 0),
    }
    for name, data in images.items():
        save(tmp_path / f"{name}.nii.gz", Volume(data.astype("f4"), np.eye(4)))
    save(tmp_path / "mask.nii.gz", Volume(brain.astype("u1"), np.eye(4)))
    (tmp_path / "P007.json").write_text(json.dumps({"facts": FACTS}))
    return tmp_path


@pytest.mark.parametrize("names", [["event"], ["event", "dose"]])
def test_step_draws_two_rows(folder, names):
    occlusion_picture.main(arguments(folder, names))
    assert Image.open(folder / "P007.png").size == (1240, 64 + 2 * 356)


def test_record_without_a_prediction_is_refused(folder):
    (folder / "P007.json").write_text(json.dumps({"facts": {}}))
    with pytest.raises(ValueError, match="predicted"):
        occlusion_picture.main(arguments(folder, ["event"]))
    assert not (folder / "P007.png").exists()


@pytest.mark.parametrize("name", ["recurrence", "RICE"])
def test_no_words_are_cut_at_the_edge_of_the_page(brain, name):
    scene = cut({"event": brain.astype("f4")}, brain, (1.0, 1.0, 1.0), (12, 14, 10), 2.0)
    row = occlusion_picture.overlay_row(scene, "event", brain * 0.1, name)
    figure = draw_page([row], occlusion_picture.heading("P007", FACTS), scene)
    renderer = FigureCanvasAgg(figure).get_renderer()
    for words in figure.findobj(Text):
        if words.get_visible() and words.get_text():
            box = words.get_window_extent(renderer)
            assert box.x0 >= 0 and box.x1 <= figure.bbox.x1, words.get_text()
