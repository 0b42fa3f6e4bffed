"""The step: files of trained networks and of a control in, one table out."""

import json

import numpy as np
import pandas as pd
import pytest

from ricenet.explain import cube_values, occlusion_statistics
from ricenet.explain.occlusion.cubes import corners
from step_run import put, put_record, run_step

SHAPE, AFFINE = (16, 16, 16), np.diag([2.0, 2, 2, 1])
CHANNELS = {"postop": "mri", "event": "mri", "dose": "dose"}
SUBJECTS = {"P1": (4, 8, 8), "P2": (11, 8, 8), "P3": (8, 4, 8), "P4": (8, 11, 8)}
CONTROLS = ["untrained-0001"]
SETTINGS = {"draws": 50, "confidence": 0.95, "seed": 1}


def head():
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    return sum(a**2 for a in axes) < 1


def cubes(path, place, strength, seed):
    """Two models whose probability of RICE, predicted, falls most where a place is hidden."""
    rng, found = np.random.default_rng(seed), corners(head(), cube=4, stride=4)
    away = np.abs(found + 1.5 - np.array(place)).max(axis=1)
    rice = 0.9 - 0.02 * rng.random((2, len(found))) - strength * (away < 4)
    hidden = np.stack([1 - rice, rice], axis=-1)
    clean = np.array([[0.1, 0.9]] * 2)
    cube_values.write(path, cube_values.CubeValues(clean, hidden, found, 4))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("statistics")
    for i, (subject, place) in enumerate(SUBJECTS.items()):
        own, rng = folder / subject, np.random.default_rng(i)
        far = np.sqrt(((np.indices(SHAPE) - np.array(place)[:, None, None, None]) ** 2).sum(axis=0))
        images = {name: 0.3 * rng.standard_normal(SHAPE) for name in ("postop", "event")}
        images["dose"] = 62 * np.exp(-((far / 6) ** 2))
        for name, data in images.items():
            put(own / f"{name}.nii.gz", np.where(head(), data, 0).astype("f4"), AFFINE)
        put(own / "mask.nii.gz", head().astype("u1"), AFFINE)
        put_record(own / "dose_native.json", ledger={"prescription_gy": 60.0})
        cubes(folder / f"{subject}.safetensors", place, 0.5, i)
        cubes(folder / f"{CONTROLS[0]}-{subject}.safetensors", place, 0.0, 10 + i)
    return folder


def run(folder, **changed):
    each = {
        "cubes": [folder / f"{s}.safetensors" for s in SUBJECTS],
        "control_cubes": [folder / f"{c}-{s}.safetensors" for c in CONTROLS for s in SUBJECTS],
        "images": [folder / s / f"{c}.nii.gz" for c in CHANNELS for s in SUBJECTS],
        "masks": [folder / s / "mask.nii.gz" for s in SUBJECTS],
        "ledgers": [folder / s / "dose_native.json" for s in SUBJECTS],
        "subjects": json.dumps(list(SUBJECTS)), "controls": json.dumps(CONTROLS),
        "ablation": "postop-event-dose", "quantity": "physical",
        "channels": json.dumps(list(CHANNELS)), "kinds": json.dumps(list(CHANNELS.values())),
        "enhancement": json.dumps(["postop", "event"]),
    } | changed  # fmt: skip
    record = run_step(
        occlusion_statistics.main, folder / "out.json", SETTINGS, **each, out=folder / "out.tsv"
    )
    table = pd.read_csv(folder / "out.tsv", sep="\t", keep_default_na=False, na_values=[""])
    return table.set_index(["networks", "subject", "measure", "of"]).sort_index(), record["facts"]


def test_the_table_has_trained_and_control_networks(folder):
    table, facts = run(folder)
    row = table.loc["trained", "all subjects", "share", "isodose-95"]
    own = [table.loc["trained", s, "share", "isodose-95"]["value"] for s in SUBJECTS]
    assert min(own) < row["value"] < max(own) and row["n"] == 4 and np.isnan(row["low"])
    assert row["exchange_p"] == pytest.approx(1 / 24) and row["value"] > 2 * row["others"]
    assert (row["verdict"], row["why"]) == ("not judged", "1 control networks, 19 are needed")
    assert row["below_controls"] == "no" and row["controls_p"] == 0.5
    control = [table.loc[CONTROLS[0], s, "share", "isodose-95"]["value"] for s in SUBJECTS]
    assert row["difference"] == pytest.approx(np.mean(own) - np.mean(control))
    change = table.loc["trained", "P1", "largest change", "logit"]["value"]
    assert 1.5 < change < 3  # from 0.9 to 0.4: log 9 - log(2 / 3) is 2.6
    assert facts["controls"] == CONTROLS and facts["regions"]["P1"]["isodose_gy"] == 57.0
    assert table.loc["permutation", "all subjects", "largest change", "logit"]["why"] == "not made"


def test_without_controls_nothing_is_judged(folder):
    table, _ = run(folder, controls="[]", control_cubes=[])
    row = table.loc["trained", "all subjects", "share", "isodose-95"]
    assert row["verdict"] == "not judged" and row["below_controls"] == "not made"


def test_lists_that_do_not_fit_are_refused(folder):
    with pytest.raises(ValueError, match="0 control cubes for 4 subjects; 4 are needed"):
        run(folder, control_cubes=[])
    masks = [folder / s / "mask.nii.gz" for s in reversed(SUBJECTS)]
    with pytest.raises(ValueError, match="of P1 do not stand"):
        run(folder, masks=masks)
