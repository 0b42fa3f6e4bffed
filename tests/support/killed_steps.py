"""A step in a process of its own, which a test may kill: its child has to find this by name."""

from __future__ import annotations

import importlib
from pathlib import Path
from unittest import mock

import numpy as np

from ricenet.image.volume import Volume, load
from ricenet.preprocess.hd_bet import Brain
from ricenet.provenance.steps import STEPS


def known_brain(truth: Path) -> Brain:
    """Stand-in of HD-BET: the phantom's brain on its own grid."""
    true = load(truth)
    return Brain(Volume((true.data > 0).astype(np.float32), true.affine), "known", "not made")


def run_step(step: str, argv: list[str], truth: str) -> None:
    module = importlib.import_module(STEPS[step].module)
    if step != "brain_mask":
        module.main(argv)
        return
    name = Path(argv[argv.index("--out") + 1]).name.removesuffix(".nii.gz")

    def extract(image: Volume, **_: object) -> Brain:
        return known_brain(Path(truth) / f"{name}.nii.gz")

    with mock.patch.object(module, "extract", extract):
        module.main(argv)
