"""schedule: the rates are torch's own; a training that is resumed meets the same ones."""

import json

import pytest
import torch
from safetensors.torch import load_file

from fake_cohort import AUGMENTATION, make_cohort, train_arguments, train_settings
from ricenet.train import loop, schedule, train_model

STEPS = 5
RATE = train_settings().learning_rate
RECIPE = {
    "epochs": 4, "checkpoint_epochs": 2, "schedule": "cosine", "warmup": 0.1,
    "optimizer": "adamw", "weight_decay": 0.05, "label_smoothing": 0.1, "averaged_weights": 0.9,
    "model": {"stem_stride": 2, "width": 0.125, "dropout": 0.3},
}  # fmt: skip


def of_torch(epochs: int, rising: int) -> list[float]:
    """Rates of a linear rise, then of a cosine to 0."""
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=RATE)
    total = epochs * STEPS
    parts = [
        torch.optim.lr_scheduler.LinearLR(optimizer, 1 / rising, total_iters=rising - 1),
        torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total - rising),
    ]
    both = torch.optim.lr_scheduler.SequentialLR(optimizer, parts, milestones=[rising])
    found = []
    for _ in range(total):
        found.append(both.get_last_lr()[0])
        optimizer.step()
        both.step()
    return found


def test_cosine_after_a_rise_is_torchs() -> None:
    settings = train_settings(epochs=8, schedule="cosine", warmup=0.25)
    found = [r for epoch in range(8) for r in schedule.rates(settings, epoch=epoch, steps=STEPS)]
    assert found == pytest.approx(of_torch(8, 10), rel=1e-9)


def test_by_default_the_rate_is_one_and_the_same() -> None:
    settings = train_settings(epochs=3)
    assert set(schedule.rates(settings, epoch=2, steps=STEPS)) == {RATE}


def trained(manifest, out, **changes):
    mirror = {"augmentation": {**AUGMENTATION, "mirror": 0.5}}
    settings = train_settings(**{**RECIPE, **mirror, **changes}).model_dump(mode="json")
    train_model.main(train_arguments(manifest, out, ablation="dose", fold=0, settings=settings))
    return load_file(out / "model.safetensors")


def test_a_recipe_that_is_interrupted_and_resumed_ends_with_the_same_bits(tmp_path, monkeypatch):
    manifest = make_cohort(tmp_path)
    whole = trained(manifest, tmp_path / "whole")
    calls, true = iter(range(100)), loop.train_epoch

    def fail_in_the_third(*args, **kwargs):
        if next(calls) == 2:
            raise KeyboardInterrupt
        return true(*args, **kwargs)

    monkeypatch.setattr(loop, "train_epoch", fail_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        trained(manifest, tmp_path / "cut")
    monkeypatch.undo()
    resumed = trained(manifest, tmp_path / "cut")
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)
    history = (tmp_path / "cut" / "history.tsv").read_text().splitlines()
    column = history[0].split("\t").index("learning_rate")
    rates = [float(line.split("\t")[column]) for line in history[1:]]
    assert rates == sorted(rates, reverse=True) and rates[-1] < 0.2 * RATE
    assert json.loads((tmp_path / "whole/model.json").read_text())["settings"]["warmup"] == 0.1


@pytest.fixture(scope="module")
def one_epoch(tmp_path_factory):
    """A cohort, and the weights after an epoch of the whole recipe."""
    folder = tmp_path_factory.mktemp("one")
    manifest = make_cohort(folder)
    return manifest, trained(manifest, folder / "out", epochs=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("optimizer", "adam"),
        ("schedule", "constant"),
        ("label_smoothing", 0.0),
        ("averaged_weights", 0.0),
        ("augmentation", AUGMENTATION),
    ],
)
def test_each_part_of_the_recipe_changes_the_weights(one_epoch, tmp_path, name, value) -> None:
    manifest, whole = one_epoch
    other = trained(manifest, tmp_path / "out", epochs=1, **{name: value})
    assert any(not torch.equal(whole[key], other[key]) for key in whole)
