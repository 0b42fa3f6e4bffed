"""The table of probabilities, against the networks run by hand."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from fake_cohort import brain, fake_model, make_cohort
from ricenet.explain import dose_counterfactual
from ricenet.explain.dose_changes import SCALES
from ricenet.networks import weights
from step_run import put, run_step


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    return make_cohort(folder, train=4, test=3, folds=2)


def run(manifest, ablation):
    folder = manifest.parent / ablation
    models = [
        fake_model(folder / f"{k}.safetensors", manifest, ablation=ablation, fold=k, seed=k)
        for k in (0, 1)
    ]
    masks = [
        put(folder / s / "mask.nii.gz", brain().astype("u1"), np.eye(4))
        for s in ("s06", "s05", "s04")
    ]
    run_step(
        dose_counterfactual.main, folder / "out.json", {"device": "cpu"}, manifest=manifest,
        models=models, masks=masks, subjects=json.dumps(["s06", "s05", "s04"]),
        ablation=ablation, dose_scaling="constant",
        out=folder / "out.tsv",
    )  # fmt: skip
    networks = [weights.load_model(m, device=torch.device("cpu"))[0] for m in models]
    return networks, pd.read_csv(folder / "out.tsv", sep="\t")


@pytest.mark.parametrize(("ablation", "places"), [("event-dose", [1, 2]), ("dose", [2])])
def test_probabilities_are_those_of_the_changed_input(study, ablation, places):
    networks, table = run(study, ablation)
    assert len(table) == 3 * (len(SCALES) + 6 + 1) and set(table["ablation"]) == {ablation}
    for i, subject in enumerate(("s04", "s05", "s06")):
        own = table[table["subject"] == subject].set_index(["change", "amount"])
        data = np.load(study.parent / f"../../caches/{subject}.npy")[places].astype("f4")
        after = ("s05", "s06", "s04")[i]
        other = np.load(study.parent / f"../../caches/{after}.npy")[2].astype("f4")
        own_dose = data[-1].copy()
        for key, dose in {
            ("scaled", "0.8"): 0.8 * own_dose, ("scaled", "1"): own_dose, ("swapped", after): other,
        }.items():  # fmt: skip
            data[-1] = dose
            with torch.no_grad():
                rice = [
                    torch.softmax(n(torch.from_numpy(data[None])), 1)[0, 1].item() for n in networks
                ]
            row = own.loc[key]
            assert row["probability_rice"] == pytest.approx(np.mean(rice), abs=1e-6)
            assert (row["lowest"], row["highest"]) == pytest.approx((min(rice), max(rice)))
        assert own["probability_rice"].nunique() > 8


def test_wrong_inputs_are_refused(study):
    with pytest.raises(ValueError, match="no dose"):
        run(study, "event")
    with pytest.raises(ValueError, match=r"brain masks of \['s99'\]"):
        dose_counterfactual.require_masks({"s01": brain()}, ["s01", "s99"])
