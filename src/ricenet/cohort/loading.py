"""Subjects' volumes on the device that computes, read from their caches once.

Tensors are ``(N, C, X, Y, Z)``, RAS+ axes, one row a subject in the manifest's order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from ricenet.cohort.dataset import Facts, read_cache
from ricenet.networks.device import first_line


class Subjects(NamedTuple):
    """Some subjects on a device.

    Attributes
    ----------
    names : list of str
    labels : (N,) int64 tensor
        0 recurrence, 1 RICE.
    volumes : (N, C, X, Y, Z) float16 tensor
    """

    names: list[str]
    labels: torch.Tensor
    volumes: torch.Tensor


def load_cohort(
    rows: pd.DataFrame,
    facts: Facts,
    *,
    places: Sequence[int],
    device: torch.device,
    pinned: bool = False,
    say: Callable[[str], None] = print,
) -> torch.Tensor:
    """Load the chosen channels of some subjects to a device, every file verified and read once.

    Parameters
    ----------
    rows : DataFrame
        Rows of the manifest.
    facts : Facts
        Of the manifest.
    places : sequence of int
        Places of the channels in the cache.
    device : torch.device
        Where the tensor is kept.
    pinned : bool
        Whether a tensor on the host can be copied to a GPU without a wait.
    say : callable
        Called with a message where that is not possible.

    Returns
    -------
    (N, C, X, Y, Z) float16 tensor
        Subjects in the order of the rows, channels in the order of ``places``.
    """
    volumes = torch.empty(
        (len(rows), len(places), *facts.shape), dtype=torch.float16, device=device
    )
    if pinned:
        volumes = pin(volumes, say)

    def fill(place: int, subject: str, path: str, digest: str) -> None:
        cache = read_cache(path, subject=subject, digest=digest, shape=facts.cache_shape)
        for c, channel in enumerate(places):  # a channel is contiguous in the file
            volumes[place, c].copy_(torch.from_numpy(np.array(cache[channel])))

    # digests take most of the time and leave Python's lock to the others
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        done = pool.map(fill, range(len(rows)), rows["subject"], rows["cache"], rows["digest"])
        list(done)  # raises the error of a thread
    return volumes


def pin(tensor: torch.Tensor, say: Callable[[str], None]) -> torch.Tensor:
    """Return a copy of a host's tensor in pinned memory.

    The tensor itself where that is not to be had.
    """
    try:
        return tensor.pin_memory()
    except RuntimeError as error:  # the system's limit of locked memory, or no more memory
        say(f"memory could not be pinned, copies to the device take longer: {first_line(error)}")
        return tensor


def load_subjects(
    rows: pd.DataFrame,
    facts: Facts,
    *,
    places: Sequence[int],
    device: torch.device,
    resident: bool = True,
    say: Callable[[str], None] = print,
) -> Subjects:
    """Load names, labels and volumes of some subjects to a device.

    Where they are not to be ``resident`` there, the volumes stay in pinned memory of the host.
    """
    labels = torch.tensor(rows["label"].to_list(), dtype=torch.int64, device=device)
    home = device if resident else torch.device("cpu")
    pinned = home != device
    volumes = load_cohort(rows, facts, places=places, device=home, pinned=pinned, say=say)
    return Subjects(rows["subject"].to_list(), labels, volumes)
