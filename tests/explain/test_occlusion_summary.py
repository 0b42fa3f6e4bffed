"""The table of a cohort with planted importance, against formulas written here a second time."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import ndimage, stats
from torch import nn

from ricenet.explain import occlusion_summary
from ricenet.explain.occlusion.maps import occlusion_map
from step_run import put, put_record, run_step

SHAPE = (30, 34, 28)
AFFINE = np.diag([2.0, 2, 2, 1])
CHANNELS = {"postop": "mri", "event": "mri", "dose": "dose"}
SETTINGS = {"shifts": 150, "bootstrap_samples": 200, "confidence": 0.95, "seed": 1}
SUBJECTS = ("P1", "P2", "P3")
LESION = {"P1": (10, 12, 12), "P2": (18, 20, 14), "P3": (14, 22, 10)}


def head():
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    return sum(a**2 for a in axes) < 0.8


class Looker(nn.Module):
    """Looks for what is bright in one channel and not in another: a local network by hand."""

    def __init__(self):
        super().__init__()
        self.look = nn.Conv3d(3, 1, 1)
        self.act = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool3d(1)
        self.fc = nn.Linear(1, 2)
        with torch.no_grad():
            self.look.weight.copy_(torch.tensor([-1.0, 1.0, 0.0]).view(1, 3, 1, 1, 1))
            self.look.bias.fill_(-2.0)
            self.fc.weight.copy_(torch.tensor([[0.0], [60.0]]))
            self.fc.bias.zero_()

    def forward(self, x):
        return self.fc(torch.flatten(self.pool(self.act(self.look(x))), 1))


def volumes(subject):
    """MRI with a new lesion, and a dose around it, Gy."""
    rng = np.random.default_rng(list(subject.encode()))
    place = np.array(LESION[subject])[:, None, None, None]
    distance = np.sqrt(((np.indices(SHAPE) - place) ** 2).sum(axis=0))
    postop, event = (0.3 * rng.standard_normal(SHAPE) for _ in range(2))
    event[distance < 3.2] += 4
    dose = 62 * np.exp(-((distance / 14) ** 2))
    images = {"postop": postop, "event": event, "dose": dose}
    return {n: np.where(head(), v, 0).astype("f4") for n, v in images.items()}, distance


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    found = {}
    for subject in SUBJECTS:
        images, distance = volumes(subject)
        volume = torch.from_numpy(np.stack(list(images.values())))
        settings = {"cube": 4, "stride": 3, "batch_size": 64, "fill": (0.0,) * 3,
                    "precision": "fp32", "progress": lambda *_: None}  # fmt: skip
        maps = [
            occlusion_map([Looker().eval()], volume, head(), channels=hidden, **settings)
            for hidden in ([0, 1, 2], [0], [1], [2])
        ]
        assert maps[0].whole_because == ""
        own = folder / subject
        found[subject] = (maps[0].change, images, distance)
        put(folder / f"{subject}.nii.gz", maps[0].change, AFFINE)
        alone = np.stack([m.change for m in maps[1:]], axis=-1)
        put(folder / f"{subject}_channels.nii.gz", alone, AFFINE)
        put_record(folder / f"{subject}.json", channels=list(CHANNELS))
        put(own / "mask.nii.gz", head().astype("u1"), AFFINE)
        put_record(own / "dose_native.json", ledger={"prescription_gy": 60.0})
        for name, data in images.items():
            put(own / f"{name}.nii.gz", data, AFFINE)
    return folder, found


def run(folder, *, subjects=SUBJECTS, channels=CHANNELS, settings=SETTINGS, **changed):
    ledgers = [folder / s / "dose_native.json" for s in subjects] if "dose" in channels else []
    flags = {
        "subjects": json.dumps(list(subjects)),
        "maps": [folder / f"{s}.nii.gz" for s in subjects],
        "channel_maps": [folder / f"{s}_channels.nii.gz" for s in subjects],
        "map_records": [folder / f"{s}.json" for s in subjects],
        "images": [folder / s / f"{c}.nii.gz" for c in channels for s in subjects],
        "masks": [folder / s / "mask.nii.gz" for s in subjects],
        "ledgers": ledgers, "ablation": "postop-event-dose", "quantity": "physical",
        "channels": json.dumps(list(channels)), "kinds": json.dumps(list(channels.values())),
        "enhancement": json.dumps(["postop", "event"] if "postop" in channels else []),
    } | changed  # fmt: skip
    record = run_step(
        occlusion_summary.main, folder / "out.json", settings, **flags, out=folder / "out.tsv"
    )
    table = pd.read_csv(folder / "out.tsv", sep="\t", keep_default_na=False, na_values=[""])
    return table.set_index(["subject", "measure", "of"]).sort_index(), record["facts"]


@pytest.fixture(scope="module")
def table(made):
    return run(made[0])


def test_the_map_of_a_local_network_peaks_where_it_looks(made):
    for change, _, distance in made[1].values():
        height = ndimage.uniform_filter(np.abs(change), 3)
        assert distance[np.unravel_index(height.argmax(), SHAPE)] < 3.2


def test_shares_are_those_of_the_regions(made, table):
    for subject, (change, images, distance) in made[1].items():
        importance, brain = np.abs(change), head()
        row = table[0].loc[subject, "share"]
        isodose = brain & (images["dose"] >= 57)
        expected = importance[isodose].sum() / importance[brain].sum()
        assert row.loc["isodose-95", "value"] == pytest.approx(expected, rel=1e-5)
        volume = isodose.sum() / brain.sum()
        assert row.loc["isodose-95", "volume_share"] == pytest.approx(volume)
        lesion = importance[brain & (distance < 3.2)].sum() / importance[brain].sum()
        assert row.loc["enhancement", "value"] == pytest.approx(lesion, abs=0.1)
        assert row.loc["elsewhere", "value"] < 1 - lesion + 0.1


def test_importance_on_the_lesion_is_no_chance(table):
    share = table[0].xs("share", level="measure")
    for subject in (*SUBJECTS, "all subjects"):
        assert share.loc[subject, "enhancement"]["p"] < 0.02
        assert share.loc[subject, "enhancement"]["z"] > 3
        assert share.loc[subject, "elsewhere"]["p"] > 0.9
    # the mean of three is surer than one
    z = share["z"]
    assert z["all subjects", "enhancement"] > max(z[s, "enhancement"] for s in SUBJECTS)


def test_channels_that_the_network_does_not_read_have_no_share(made, table):
    for subject in SUBJECTS:
        row = table[0].loc[subject, "channel share"]["value"]
        assert row["dose"] == 0 and row["event"] > 0.8
        assert row.sum() == pytest.approx(1)


def test_rank_correlation_with_the_dose(made, table):
    for subject, (change, images, _) in made[1].items():
        pair = np.abs(change[head()]), images["dose"][head()]
        ranks = [stats.rankdata(x) for x in pair]
        found = table[0].loc[subject, "rank correlation", "dose"]["value"]
        assert found == pytest.approx(np.corrcoef(ranks)[0, 1], abs=1e-6)
        assert found > 0.1


def test_cohort_is_the_mean_without_an_interval_of_so_few(table):
    for measure, of in (("share", "enhancement"), ("rank correlation", "dose")):
        each = [table[0].loc[s, measure, of]["value"] for s in SUBJECTS]
        row = table[0].loc["all subjects", measure, of]
        assert row["value"] == pytest.approx(np.mean(each)) and row["n"] == 3
        assert np.isnan([row["low"], row["high"]]).all()  # of three there is no interval


def test_limits_of_the_regions_are_recorded(table):
    assert table[1]["P1"] == {
        "enhancement": "event - postop", "isodose_gy": 57.0, "isodose_of": "prescription",
    }  # fmt: skip


def test_seed_decides_the_null(made, table):
    folder = made[0]
    again, _ = run(folder)
    pd.testing.assert_frame_equal(again, table[0])
    other, _ = run(folder, settings=SETTINGS | {"seed": 2})
    key = ("P1", "share", "enhancement")
    assert other.loc[key]["null_mean"] != table[0].loc[key]["null_mean"]
    assert other.loc[key]["value"] == table[0].loc[key]["value"]


def test_study_without_dose_and_with_one_mri(made):
    two = {k: v for k, v in CHANNELS.items() if v == "mri"}
    found, facts = run(made[0], channels=two)
    assert set(found.loc["P1", "share"].index) == {"enhancement", "elsewhere"}
    assert "rank correlation" not in found.index.get_level_values("measure")
    assert "isodose_gy" not in facts["P1"]
    found, _ = run(made[0], channels={"event": "mri"})
    assert found.loc["P1", "share"]["value"].to_dict() == {"elsewhere": pytest.approx(1)}


def test_a_flat_map_has_no_shares_and_is_left_out_of_the_mean(made, tmp_path):
    folder, _ = made
    put(folder / "P0.nii.gz", np.zeros(SHAPE, "f4"), AFFINE)
    put(folder / "P0_channels.nii.gz", np.zeros((*SHAPE, 3), "f4"), AFFINE)
    put_record(folder / "P0.json", channels=list(CHANNELS))
    if not (folder / "P0").exists():
        (folder / "P0").symlink_to(folder / "P1")
    found, _ = run(folder, subjects=("P0", "P1"))
    assert np.isnan(found.loc["P0", "share", "enhancement"]["value"])
    row = found.loc["all subjects", "share", "enhancement"]
    assert row["value"] == found.loc["P1", "share", "enhancement"]["value"] and row["n"] == 1
    assert row["p"] == found.loc["P1", "share", "enhancement"]["p"]


def test_lists_that_do_not_fit_are_refused(made):
    with pytest.raises(ValueError, match="one of each"):
        run(made[0], masks=[made[0] / "P1" / "mask.nii.gz"])
    with pytest.raises(ValueError, match="of P1 do not stand"):
        run(made[0], masks=[made[0] / s / "mask.nii.gz" for s in reversed(SUBJECTS)])
