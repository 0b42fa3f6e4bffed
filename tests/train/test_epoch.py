"""epoch: the plain loop's losses, nothing read twice, nothing waited for."""

import json
import random

import numpy as np
import pytest
import torch
from monai.networks.nets import resnet18
from torch.utils._python_dispatch import TorchDispatchMode

from fake_cohort import (
    AUGMENTATION,
    CHANNELS,
    SHAPE,
    SOUND_IN_BF16,
    TRAIN,
    make_cohort,
    train_arguments,
    train_settings,
)
from ricenet.cohort import dataset, loading
from ricenet.config.train import Augmentation
from ricenet.networks import memory_plan
from ricenet.provenance.seeds import derive_seed
from ricenet.train import augment, checkpoint, epoch, history, train_model
from ricenet.train.fit_to_device import Fit, prepare, start

CPU = torch.device("cpu")
ORDER = [int(i) for i in np.random.default_rng(5).integers(12, size=80)]
QUICK = {"epochs": 6, "checkpoint_epochs": 1, "batch_size": 4}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("study"))


def setup(**ranges):
    """How samples are changed; not at all without a probability."""
    found = Augmentation(**{**AUGMENTATION, "probability": 0.0, **ranges})
    return augment.Setup(SHAPE, 1.0, tuple(CHANNELS.values()), (1, 2), found)


def order(places):
    return epoch.Order(places, range(len(places)))


def run(manifest, name, **changes):
    folder = manifest.parent / name
    settings = {**TRAIN, **QUICK, **changes}
    arguments = train_arguments(manifest, folder, ablation="event-dose", fold=0, settings=settings)
    train_model.main(arguments)
    return folder


def fit_of(samples, *, small_stem=False, bf16=False):
    return Fit(
        samples=samples,
        small_stem=small_stem,
        resident=True,
        bf16=bf16,
        folded=bf16,
        gather="library",
        fused=False,
    )


def subjects_of(manifest):
    table, facts = dataset.read_manifest(manifest)
    rows = table[(table["split"] == "train") & (table["fold"] != 0)]
    return rows, loading.load_subjects(rows, facts, places=(1, 2), device=CPU)


def reference_losses(rows, *, batch_size):
    """Train plainly in float32: MONAI's network, torch's Adam, no trick; losses of each step."""
    torch.manual_seed(derive_seed(TRAIN["seed"], "weights", "event-dose", 0))
    network = resnet18(
        spatial_dims=3,
        n_input_channels=2,
        num_classes=2,
        conv1_t_size=7,
        conv1_t_stride=TRAIN["model"]["stem_stride"],
        widen_factor=TRAIN["model"]["width"],
        shortcut_type="B",
    )
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), lr=TRAIN["learning_rate"])
    criterion = torch.nn.CrossEntropyLoss()
    losses = []
    for step in range(len(ORDER) // batch_size):
        chosen = rows.iloc[ORDER[step * batch_size : (step + 1) * batch_size]]
        images = [np.load(path)[[1, 2]].astype(np.float32) for path in chosen["cache"]]
        labels = torch.tensor(chosen["label"].to_list())
        optimizer.zero_grad()
        loss = criterion(network(torch.from_numpy(np.stack(images))), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses)


def our_losses(subjects, *, batch_size, samples, small_stem):
    seed = derive_seed(TRAIN["seed"], "weights", "event-dose", 0)
    network, optimizer = start(train_settings(), 2, CPU, seed=seed, fused=False)
    execution = prepare(network, fit_of(samples, small_stem=small_stem), name="resnet18")
    return epoch.train_epoch(
        network,
        optimizer,
        subjects,
        order(ORDER),
        setup=setup(),
        execution=execution,
        batch_size=batch_size,
    )[0].numpy()


@pytest.mark.parametrize(("small_stem", "bound"), [(False, 0), (True, 2e-4)])
def test_losses_are_the_plain_loops(manifest, monkeypatch, small_stem, bound):
    # stride 1 and a low rate: with norms over four values, as stride 2 has here at the end, and
    # Adam's first steps of full length for every gradient, rounding alone grows to tenths
    monkeypatch.setitem(TRAIN, "model", {"stem_stride": 1, "width": 0.125})
    monkeypatch.setitem(TRAIN, "learning_rate", 1e-4)
    rows, subjects = subjects_of(manifest)
    expected = reference_losses(rows, batch_size=4)
    found = our_losses(subjects, batch_size=4, samples=4, small_stem=small_stem)
    assert len(found) == 20 and expected[-5:].mean() < 0.7 * expected[:5].mean()
    assert np.abs(found - expected).max() <= bound
    assert np.abs(found - expected)[:3].max() <= 1e-5


def test_a_split_batch_is_the_mean_of_its_parts(manifest, monkeypatch):
    monkeypatch.setitem(TRAIN, "model", {"stem_stride": 1, "width": 0.125})
    _, subjects = subjects_of(manifest)
    networks = [start(train_settings(), 2, CPU, seed=1, fused=False)[0] for _ in range(2)]
    # plain descent: Adam would not see a gradient that is four times as long
    ours, theirs = (torch.optim.SGD(n.parameters(), lr=0.01) for n in networks)
    execution = prepare(networks[0], fit_of(2), name="resnet18")
    found = epoch.train_epoch(
        networks[0],
        ours,
        subjects,
        order(ORDER[:16]),
        setup=setup(),
        execution=execution,
        batch_size=8,
    )[0]
    assert len(found) == 8
    networks[1].train()
    for batch in (ORDER[:8], ORDER[8:16]):
        losses = [
            torch.nn.functional.cross_entropy(
                networks[1](subjects.volumes[batch[i : i + 2]].float()),
                subjects.labels[batch[i : i + 2]],
            )
            for i in range(0, 8, 2)
        ]
        theirs.zero_grad()
        torch.stack(losses).mean().backward()
        theirs.step()
    for a, b in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


class Waits(TorchDispatchMode):
    """Counts the operations for which a host waits for its device."""

    NAMES = ("_local_scalar_dense", "nonzero", "masked_select", "equal")

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name().removeprefix("aten::").split(".")[0]
        self.found += [name] * (name in self.NAMES)
        return func(*args, **(kwargs or {}))


def test_nothing_waits_within_an_epoch(manifest):
    _, subjects = subjects_of(manifest)
    network, _ = start(train_settings(), 2, CPU, seed=1, fused=False)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)  # as on a GPU
    execution = prepare(network, fit_of(2, bf16=True, small_stem=True), name="resnet18")

    with Waits() as waits:
        losses, _ = epoch.train_epoch(
            network,
            optimizer,
            subjects,
            order(ORDER[:8]),
            setup=setup(probability=1.0),
            execution=execution,
            batch_size=4,
        )
        assert waits.found == []
        losses[0].item()
    assert waits.found == ["_local_scalar_dense"]  # the counter counts


def test_files_are_read_before_the_first_epoch_only(tmp_path, monkeypatch):
    manifest = make_cohort(tmp_path)
    whole = run(manifest, "whole")

    def spoil(*args, **kwargs):
        for path in (tmp_path / "caches").iterdir():
            with path.open("r+b") as file:  # in place: a memory map would see it
                file.write(bytes(path.stat().st_size))
        return note(*args, **kwargs)

    note = history.note_epoch
    monkeypatch.setattr(history, "note_epoch", spoil)
    spoilt = run(manifest, "spoilt")
    for name in ("model.safetensors", "history.tsv", "predictions.tsv"):
        assert (spoilt / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_five_interruptions_leave_no_trace(tmp_path, monkeypatch, precision):
    manifest = make_cohort(tmp_path, shape=SOUND_IN_BF16)
    model = {"stem_stride": 1, "width": 0.125}
    # two of four samples at once: resuming must not care for the parts of a batch either
    monkeypatch.setattr(memory_plan, "samples_at_once", lambda *args, **kwargs: 2)
    whole = run(manifest, f"whole-{precision}", precision=precision, model=model)
    facts = json.loads((whole / "model.json").read_text())["facts"]
    assert facts["samples"] == 2
    name, apply, chance = f"cut-{precision}", augment.apply, random.Random(precision)
    for _ in range(5):
        left = chance.randrange(1, 14)  # an epoch has six parts

        def cut(*args, **kwargs):
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
            return apply(*args, **kwargs)

        monkeypatch.setattr(augment, "apply", cut)
        with pytest.raises(KeyboardInterrupt):
            run(manifest, name, precision=precision, model=model)
    monkeypatch.setattr(augment, "apply", apply)
    resumed = run(manifest, name, precision=precision, model=model)
    assert "resumed after epoch" in (resumed / "log").read_text()
    for file in ("model.safetensors", "history.tsv", "predictions.tsv"):
        assert (resumed / file).read_bytes() == (whole / file).read_bytes(), file


def test_an_error_of_the_writing_thread_is_raised(tmp_path):
    network = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(network.parameters())
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(OSError), checkpoint.Writer() as writer:
        writer.save(blocked / "resume", network, optimizer, checkpoint.State())


def test_the_thread_writes_what_was_at_the_time(tmp_path, monkeypatch):
    network = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(network.parameters())
    before = network.weight.detach().clone()
    path, write = tmp_path / "resume", checkpoint.write

    def later(*args):
        with torch.no_grad():
            network.weight.zero_()
        write(*args)

    monkeypatch.setattr(checkpoint, "write", later)
    with checkpoint.Writer() as writer:
        writer.save(path, network, optimizer, checkpoint.State(3))
    other = torch.nn.Linear(2, 2)
    state = checkpoint.restore(checkpoint.read(path), other, torch.optim.Adam(other.parameters()))
    assert state.epoch == 3 and torch.equal(other.weight, before)


def test_determinism_is_switched_on(manifest, monkeypatch):
    seen = []
    monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda on, **_: seen.append(on))
    run(manifest, "deterministic", deterministic=True, epochs=1)
    assert seen[0] is True  # then the gate's reference goes without
