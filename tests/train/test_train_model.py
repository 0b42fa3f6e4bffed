import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from fake_cohort import SOUND_IN_BF16, TRAIN, make_cohort, train_arguments
from ricenet import step
from ricenet.networks import inference, weights
from ricenet.statistics import confusion
from ricenet.train import checkpoint, epoch, fit_to_device, loop, train_model


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def trained(manifest):
    return run(manifest, "trained")


def run(manifest, name, *, ablation="event-dose", fold=0, **changes):
    folder = manifest.parent / name
    settings = {**TRAIN, **changes}
    train_model.main(
        train_arguments(manifest, folder, ablation=ablation, fold=fold, settings=settings)
    )
    return folder


def test_learns_a_planted_signal(trained):
    history = pd.read_csv(trained / "history.tsv", sep="\t")
    assert list(history["epoch"]) == list(range(1, TRAIN["epochs"] + 1))
    assert history["train_loss"].iloc[-3:].mean() < 0.5 * history["train_loss"].iloc[0]
    assert history["validation_macro_f1"].iloc[-1] >= 0.9


def test_does_not_learn_without_the_signal(manifest):
    folder = run(manifest, "blind", ablation="postop")
    history = pd.read_csv(folder / "history.tsv", sep="\t")
    assert history["validation_macro_f1"].iloc[-1] < 0.9


def test_predictions_are_of_the_validation_fold_only(manifest, trained):
    table = pd.read_csv(manifest, sep="\t")
    found = pd.read_csv(trained / "predictions.tsv", sep="\t")
    expected = set(table["subject"][(table["split"] == "train") & (table["fold"] == 0)])
    for which, rows in found.groupby("which"):
        assert set(rows["subject"]) == expected and len(rows) == len(expected), which
    last = found[found["which"] == "last"]
    assert set(last["epoch"]) == {TRAIN["epochs"]}
    truth = table.set_index("subject").loc[last["subject"], "label"]
    assert (truth.to_numpy() == last["label"].to_numpy()).all()


def test_record_lists_the_subjects_and_no_test_subject(manifest, trained):
    facts = json.loads((trained / "model.json").read_text())["facts"]
    table = pd.read_csv(manifest, sep="\t").set_index("subject")
    used = facts["training_subjects"] | facts["validation_subjects"]
    assert set(used) == set(table.index[table["split"] == "train"])
    assert not set(facts["training_subjects"]) & set(facts["validation_subjects"])
    assert used == {subject: table.loc[subject, "digest"] for subject in used}


def test_opens_no_test_subject(tmp_path):
    manifest = make_cohort(tmp_path)
    for subject in ("s18", "s19", "s20"):
        (tmp_path / "caches" / f"{subject}.npy").unlink()
    run(manifest, "without", epochs=1)


def test_best_epoch_is_kept_apart(trained):
    history = pd.read_csv(trained / "history.tsv", sep="\t")
    found = pd.read_csv(trained / "predictions.tsv", sep="\t")
    best = history.sort_values(
        ["validation_macro_f1", "validation_loss"], ascending=[False, True]
    ).iloc[0]
    assert set(found.loc[found["which"] == "best", "epoch"]) == {best["epoch"]}


def test_resumed_equals_uninterrupted_bit_by_bit(manifest, trained, monkeypatch):
    whole = step.Job.say

    def stop(job, message):
        whole(job, message)
        if "epoch 7/" in message:
            raise KeyboardInterrupt

    monkeypatch.setattr(step.Job, "say", stop)
    with pytest.raises(KeyboardInterrupt):
        run(manifest, "resumed")
    folder = manifest.parent / "resumed"
    assert not (folder / "model.safetensors").exists()
    assert len(list(folder.glob("resume-*"))) == 1
    monkeypatch.setattr(step.Job, "say", whole)
    run(manifest, "resumed")
    assert "resumed after epoch 6" in (folder / "log").read_text()
    for name in ("model.safetensors", "history.tsv", "predictions.tsv"):
        assert (folder / name).read_bytes() == (trained / name).read_bytes(), name
    assert not list(folder.glob("resume-*"))


def test_other_settings_do_not_resume(manifest, monkeypatch):
    monkeypatch.setattr(checkpoint, "remove_all", lambda folder: None)
    monkeypatch.setattr(loop, "say_progress", lambda *a, **k: None)
    folder = run(manifest, "stale", epochs=3)
    assert list(folder.glob("resume-*"))
    run(manifest, "stale", epochs=3, learning_rate=0.002)
    assert "resumed" not in (folder / "log").read_text()


def test_seed_changes_the_weights(manifest, trained):
    other = run(manifest, "seed", epochs=1, seed=2)
    same = run(manifest, "same", epochs=1, seed=2)
    a, b = (load_file(f / "model.safetensors") for f in (other, same))
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert not torch.equal(
        a["conv1.weight"], load_file(trained / "model.safetensors")["conv1.weight"]
    )


def test_every_epoch_and_fold_draws_anew_and_ablations_augment_alike(manifest, monkeypatch):
    seeds, samples = [], []
    draw, sample = loop.draw_subjects, loop.sample_seeds
    monkeypatch.setattr(
        loop, "draw_subjects", lambda *a, seed: seeds.append(seed) or draw(*a, seed=seed)
    )
    monkeypatch.setattr(loop, "sample_seeds", lambda *a: samples.append(a) or sample(*a))
    for ablation, fold in (("dose", 0), ("dose", 1), ("event", 0)):
        run(manifest, f"drawn-{ablation}-{fold}", ablation=ablation, fold=fold, epochs=2)
    assert len(set(seeds)) == 6
    # seed of the study and epoch only: the fold and the ablation have no part in it
    assert [(seed, epoch) for seed, _, epoch in samples] == [(TRAIN["seed"], e) for e in (0, 1)] * 3


@pytest.mark.parametrize("batch_size", [5, 11, 16])
def test_no_batch_is_ever_too_small(manifest, batch_size):
    # 12 training subjects: 5 leaves 2, 11 leaves 1, 16 is more than there are
    run(manifest, f"batch-{batch_size}", epochs=1, batch_size=batch_size)


def test_divergence_is_an_error(manifest):
    with pytest.raises(ValueError, match="learning_rate"):
        run(manifest, "diverged", epochs=8, learning_rate=1e25)
    assert not (manifest.parent / "diverged" / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("ablation", "fold", "message"),
    [("dose-event", 0, "does not exist"), ("dose", 9, "no subject")],
)
def test_unknown_ablation_or_fold(manifest, ablation, fold, message):
    with pytest.raises(ValueError, match=message):
        run(manifest, "wrong", ablation=ablation, fold=fold)


def test_macro_f1_of_one_class_is_nan():
    assert np.isnan(confusion.macro_f1([1, 1], [1, 0]))
    assert confusion.macro_f1([0, 1], [0, 1]) == 1


def test_precision_auto_is_bf16_on_a_gpu_only():
    assert not fit_to_device.use_bf16("auto", torch.device("cpu"))
    assert fit_to_device.use_bf16("bf16", torch.device("cpu"))
    assert not fit_to_device.use_bf16("fp32", torch.device("cuda"))


def test_statistics_over_all_training_subjects(tmp_path):
    """By hand, for the first norm: means of the batches' moments, all subjects, no augmentation."""
    manifest = make_cohort(tmp_path)
    folder = run(manifest, "recomputed", epochs=2, norm_statistics="recomputed")
    usual = run(manifest, "usual", epochs=2)
    after, before = (load_file(f / "model.safetensors") for f in (folder, usual))
    assert torch.equal(after["conv1.weight"], before["conv1.weight"])
    table = pd.read_csv(manifest, sep="\t")
    rows = table[(table["split"] == "train") & (table["fold"] != 0)]
    volumes = [np.load(manifest.parent / path)[1:].astype(np.float32) for path in rows["cache"]]
    maps = torch.nn.functional.conv3d(
        torch.from_numpy(np.stack(volumes)), after["conv1.weight"], stride=2, padding=3
    )  # (12, C, X, Y, Z)
    batches = maps.split(TRAIN["batch_size"])
    expected = {
        "mean": torch.stack([b.mean(dim=(0, 2, 3, 4)) for b in batches]).mean(0),
        "var": torch.stack([b.transpose(0, 1).flatten(1).var(1) for b in batches]).mean(0),
    }
    for name, value in expected.items():
        torch.testing.assert_close(after[f"bn1.running_{name}"], value, atol=1e-5, rtol=1e-4)
        assert not torch.allclose(before[f"bn1.running_{name}"], value, rtol=0.01)
    last = pd.read_csv(folder / "predictions.tsv", sep="\t").query("which == 'last'")
    network, _ = weights.load_model(folder / "model.safetensors", device=torch.device("cpu"))
    caches = table.set_index("subject")["cache"]
    for subject, found in zip(last["subject"], last["probability_rice"], strict=True):
        data = np.load(manifest.parent / caches[subject])[None, 1:].astype(np.float32)
        asked = inference.probabilities(network, torch.from_numpy(data), precision="fp32")
        assert found == pytest.approx(asked[0, 1].item(), abs=1e-6)


def test_statistics_that_do_not_fit_the_device_are_the_hosts(tmp_path, monkeypatch):
    manifest = make_cohort(tmp_path)
    usual = run(manifest, "usual", epochs=1, norm_statistics="recomputed")
    right, tried = epoch.update_bn, []

    def full_at_first(batches, network):
        tried.append(network)
        if len(tried) > 1:
            return right(batches, network)
        network.bn1.reset_running_stats()  # as torch does before its first batch
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(epoch, "update_bn", full_at_first)
    host = run(manifest, "host", epochs=1, norm_statistics="recomputed")
    assert len(tried) == 2
    assert "computed on the host: CUDA out of memory" in (host / "log").read_text()
    found, expected = (load_file(f / "model.safetensors") for f in (host, usual))
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_bf16_runs_on_the_cpu_too_and_is_validated_in_float32(tmp_path):
    manifest = make_cohort(tmp_path, shape=SOUND_IN_BF16)
    model_settings = {"stem_stride": 1, "width": 0.125}
    folder = run(manifest, "bf16", epochs=3, precision="bf16", model=model_settings)
    table = pd.read_csv(folder / "predictions.tsv", sep="\t").query("which == 'last'")
    network, metadata = weights.load_model(folder / "model.safetensors", device=torch.device("cpu"))
    caches = pd.read_csv(manifest, sep="\t").set_index("subject")["cache"]
    for subject, found in zip(table["subject"], table["probability_rice"], strict=True):
        data = np.load(manifest.parent / caches[subject])[None, 1:].astype(np.float32)
        batch = torch.from_numpy(data)
        logits = network(batch).detach().double()
        expected = torch.softmax(logits, dim=1)[0, 1].item()
        assert found == pytest.approx(expected, abs=1e-5)
        half = inference.probabilities(network, batch, precision="bf16")[0, 1].item()
        assert half != pytest.approx(expected, abs=1e-5)  # it would be seen
    assert metadata["validation_precision"] == "fp32"
