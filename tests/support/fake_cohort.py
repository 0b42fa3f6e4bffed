"""A small cohort for tests: caches, manifest and record as the workflow writes them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

CHANNELS = {"postop": "mri", "event": "mri", "dose": "dose"}
SHAPE = (16, 18, 20)
# With a stem of stride 1 no map of this has 2 voxels along its first axis: half precision is right
# on every processor, see layer_errors.
SOUND_IN_BF16 = (34, 12, 10)
AUGMENTATION = {
    "probability": 0.5,
    "rotation_deg": 10.0,
    "scaling": 0.1,
    "elastic_mm": 1.0,
    "elastic_spacing_mm": 8.0,
    "noise": 0.1,
    "brightness": 0.1,
    "gamma": 0.1,
    "mirror": 0.0,
}
TRAIN = {
    "seed": 1,
    "epochs": 30,
    "batch_size": 4,
    "learning_rate": 0.001,
    "weight_decay": 0.0,
    "precision": "fp32",
    "validation_precision": "fp32",
    "norm_statistics": "running",
    "device": "cpu",
    "memory_gb": None,
    "deterministic": False,
    "checkpoint_epochs": 2,
    "model": {"stem_stride": 2, "width": 0.125},
    "augmentation": AUGMENTATION,
}


def train_settings(**changes):
    """The section ``train_model`` as a step reads it."""
    from ricenet.config import introduced
    from ricenet.config.train import TrainModel

    return TrainModel.model_validate(introduced.fill_in("train_model", {**TRAIN, **changes}))


def brain(shape=SHAPE):
    axes = [np.linspace(-1, 1, n) for n in shape]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    return x**2 + y**2 + z**2 < 0.9


def volume(rng, label, shape=SHAPE):
    """(C, X, Y, Z): noise in the brain; RICE is bright in one octant of the event image."""
    data = rng.standard_normal((len(CHANNELS), *shape))
    data[2] = np.abs(data[2])
    octant = tuple(slice(n // 2, None) for n in shape)
    data[(1, *octant)] += 4 * label
    return (data * brain(shape)).astype(np.float16)


def make_cohort(folder: Path, *, train=18, test=3, folds=3, shape=SHAPE) -> Path:
    """Write caches and manifest; the path of the manifest."""
    rng = np.random.default_rng(7)
    (folder / "caches").mkdir(parents=True)
    root = folder / "cohorts" / "demo"
    root.mkdir(parents=True)
    lines = ["subject\tsplit\tfold\tlabel\tcache\tdigest"]
    for i in range(train + test):
        # labels alternate within each fold
        label = (i // folds) % 2 if i < train else i % 2
        split, fold = ("train", i % folds) if i < train else ("test", -1)
        path = folder / "caches" / f"s{i:02d}.npy"
        np.save(path, volume(rng, label, shape))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"s{i:02d}\t{split}\t{fold}\t{label}\t../../caches/{path.name}\t{digest}")
    manifest = root / "manifest.tsv"
    manifest.write_text("\n".join(lines) + "\n")
    facts = {
        "channels": list(CHANNELS),
        "kinds": list(CHANNELS.values()),
        "spacing_mm": 1.0,
        "shape": list(shape),
    }
    manifest.with_suffix(".json").write_text(json.dumps({"facts": facts}))
    return manifest


def train_arguments(manifest, folder, *, ablation, fold, settings):
    return [
        "--manifest", str(manifest), "--ablation", ablation, "--fold", str(fold),
        "--out", str(folder / "model.safetensors"), "--history", str(folder / "history.tsv"),
        "--predictions", str(folder / "predictions.tsv"), "--settings", json.dumps(settings),
        "--record", str(folder / "model.json"), "--log", str(folder / "log"), "--threads", "1",
    ]  # fmt: skip


def fake_model(path, manifest, *, ablation, fold, seed=0, **model):
    """An untrained model with the metadata of a trained one."""
    import torch

    from built_networks import built
    from ricenet.networks import weights

    model = {**TRAIN["model"], **model}
    torch.manual_seed(seed)
    channels = len(ablation.split("-"))
    metadata = {
        "ablation": ablation,
        "fold": fold,
        "manifest": hashlib.sha256(manifest.read_bytes()).hexdigest(),
        "in_channels": channels,
        "validation_precision": TRAIN["validation_precision"],
        **model,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    weights.save_model(path, built(channels, **model), metadata=metadata)
    return path
