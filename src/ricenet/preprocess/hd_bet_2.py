"""HD-BET 2.x, an nnU-Net (Isensee et al., Hum Brain Mapp 40 (2019) 4952).

Arrays are ``(X, Y, Z)``; nnU-Net takes ``(Z, Y, X)``.
"""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

import numpy as np
import torch

from ricenet.image.volume import Volume
from ricenet.provenance import digests


def hd_bet_2(
    image: Volume,
    *,
    weights: str | None,
    weights_sha256: str | None,
    mode: str,
    device: torch.device,
) -> Volume:
    """Return the brain mask by HD-BET 2.x, an nnU-Net.

    Parameters
    ----------
    image : Volume
        T1-weighted head, axes RAS.
    weights : path
        Folder of the unpacked release (``dataset.json``, ``plans.json``,
        ``fold_all/checkpoint_final.pth``). Nothing is downloaded.
    weights_sha256 : str
        sha256 that ``fold_all/checkpoint_final.pth`` must have: nnU-Net's checkpoints are pickles,
        so only a known file is opened.

    Returns
    -------
    Volume
        1 in the brain, 0 elsewhere, on the image's grid.
    """
    checkpoint = checked_checkpoint(weights, weights_sha256)
    os.environ.setdefault("nnUNet_compile", "F")
    with contextlib.redirect_stdout(io.StringIO()):
        from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

        predictor = nnUNetPredictor(
            tile_step_size=0.5,
            use_gaussian=True,
            use_mirroring=mode == "accurate",
            perform_everything_on_device=True,
            device=device,
            allow_tqdm=False,
        )
        predictor.initialize_from_trained_model_folder(
            str(checkpoint.parent.parent), ("all",), checkpoint.name
        )
        properties = {"spacing": list(image.spacing_mm)[::-1]}
        array = np.ascontiguousarray(image.data.T, np.float32)[None]
        found = predictor.predict_single_npy_array(array, properties)
    return Volume(np.asarray(found).T.astype(np.float32), image.affine)


def checked_checkpoint(weights: str | None, sha256: str | None) -> Path:
    """Return the checkpoint of HD-BET 2.x in a folder of weights, after comparing its digest.

    Raises
    ------
    ValueError
        No folder, no checkpoint in it, no digest to compare with, or another digest.
    """
    remedy = "unpack HD-BET's release_v1.5.0.zip (zenodo.org/records/14445620) and set it"
    if not weights or not sha256:
        raise ValueError(f"brain_mask.weights and weights_sha256 are not set; {remedy}")
    checkpoint = Path(weights) / "fold_all" / "checkpoint_final.pth"
    if not checkpoint.is_file():
        raise ValueError(f"brain_mask.weights holds no fold_all/checkpoint_final.pth; {remedy}")
    found = digests.bytes_digest(checkpoint)
    if found != sha256:
        raise ValueError(f"brain_mask.weights have sha256 {found}, expected {sha256}; {remedy}")
    return checkpoint
