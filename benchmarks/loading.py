"""First load of a subject for training: its cache beside MONAI's LoadImage of three volumes.

All files are in the page cache of the machine. Ours checks the digest of the manifest on the way,
several subjects at once; the copy without it is shown beside it. In later epochs the volumes are in
memory and nothing is read.

    python benchmarks/loading.py --side 224
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from monai.transforms import LoadImage
from timing import place, race, table

from ricenet.cohort.dataset import Facts
from ricenet.cohort.loading import load_cohort
from ricenet.image.volume import Volume, save
from ricenet.provenance import digests

SUBJECTS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    device = torch.device("cpu")
    shape = (args.side,) * 3
    rng = np.random.default_rng(0)
    far = np.linalg.norm(np.indices(shape) - (args.side - 1) / 2, axis=0)
    brain = far < args.side * 0.31  # about 1400 ml at 1 mm
    volumes = rng.normal(size=(3, *shape)).astype(np.float32) * brain
    with tempfile.TemporaryDirectory(prefix="ricenet-loading-") as folder:
        images = [Path(folder) / f"{k}.nii.gz" for k in range(3)]
        for path, data in zip(images, volumes, strict=True):
            save(path, Volume(data, np.eye(4)))
        cache = Path(folder) / "S1.npy"
        np.save(cache, volumes.astype(np.float16))
        row = {"subject": "S1", "cache": str(cache), "digest": digests.bytes_digest(cache)}
        rows = pd.DataFrame([row] * SUBJECTS)
        facts = Facts(("postop", "event", "dose"), ("mri", "mri", "dose"), 1.0, shape, {})
        reader = LoadImage(image_only=True)

        def copied() -> torch.Tensor:
            for _ in range(SUBJECTS):
                found = torch.from_numpy(np.array(np.load(cache, mmap_mode="r")))
            return found

        rivals = {
            "ours": lambda: load_cohort(rows, facts, places=(0, 1, 2), device=device),
            "the copy alone": copied,
            "3 x MONAI LoadImage": lambda: [reader(path) for path in images * SUBJECTS],
        }
        found = race(rivals, repeats=args.repeats)
    print(
        f"{SUBJECTS} subjects of 3 x {args.side}^3, {place(device)}\n\n{table(found, ours='ours')}"
    )


if __name__ == "__main__":
    main()
