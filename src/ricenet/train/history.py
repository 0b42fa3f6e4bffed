"""The history of a training, epoch by epoch, and the predictions that come of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from ricenet.cohort.loading import Subjects
from ricenet.statistics.confusion import macro_f1
from ricenet.train.checkpoint import State


def check_gradients(network: nn.Module, norms: torch.Tensor, *, epoch: int) -> None:
    """Raise ``ValueError`` with the layer where a gradient of an epoch is not finite.

    Parameters
    ----------
    norms : (steps, parameters) tensor
        Of the gradients, see :func:`ricenet.train.epoch.train_epoch`.
    """
    finite = torch.isfinite(norms).cpu()
    if finite.all():
        return
    step_of_epoch = int((~finite).any(dim=1).nonzero()[0]) + 1
    names = [name for name, _ in network.named_parameters()]
    # backward runs from the last layer to the first: the last one in the network failed first
    place = int((~finite[step_of_epoch - 1]).nonzero()[-1])
    raise ValueError(
        f"the gradient of {names[place]} is NaN or infinite in epoch {epoch}, step "
        f"{step_of_epoch}; lower learning_rate, or set precision to fp32"
    )


def note_epoch(
    state: State,
    losses: torch.Tensor,
    norms: torch.Tensor,
    logits: torch.Tensor,
    labels: torch.Tensor,
    learning_rate: float,
) -> None:
    """Add an epoch's results to the state, and to its best epoch if it is that.

    Best is the highest macro F1 on the validation fold; the lower loss decides where it is equal.

    Parameters
    ----------
    losses : (batches,) tensor
        Of the training.
    norms : (steps, parameters) tensor
        Of the gradients; the history has the length of the whole gradient.
    logits, labels : (N, 2) float32 tensor, (N,) int64 tensor
        Of the validation subjects.
    """
    loss = F.cross_entropy(logits, labels).item()
    if not math.isfinite(loss + losses.sum().item()):
        raise ValueError(
            f"the loss is NaN or infinite in epoch {state.epoch + 1}; lower learning_rate"
        )
    lengths = torch.linalg.vector_norm(norms, dim=1)  # (steps,)
    rice = torch.softmax(logits, dim=1)[:, 1].tolist()
    f1 = macro_f1(labels.cpu().numpy(), np.asarray(rice) > 0.5)
    state.epoch += 1
    state.last = rice
    state.history.append(
        {
            "epoch": state.epoch,
            "train_loss": losses.mean().item(),
            "validation_loss": loss,
            "validation_macro_f1": f1,
            "learning_rate": learning_rate,
            "gradient_norm_median": lengths.median().item(),
            "gradient_norm_largest": lengths.max().item(),
        }
    )
    rank = [-1.0 if math.isnan(f1) else f1, -loss]
    if not state.best or rank > state.best["rank"]:
        state.best = {"epoch": state.epoch, "rank": rank, "probabilities": state.last}


def predictions(state: State, validation: Subjects, identity: dict[str, Any]) -> pd.DataFrame:
    """Return the table of validation probabilities after the last and after the best epoch."""
    common = {name: identity[name] for name in ("ablation", "fold")}
    subjects = {"subject": validation.names, "label": validation.labels.tolist()}
    last = {"epoch": state.epoch, "which": "last", **subjects, "probability_rice": state.last}
    best = {"epoch": state.best["epoch"], "which": "best", **subjects}
    best["probability_rice"] = state.best["probabilities"]
    return pd.concat([pd.DataFrame({**common, **part}) for part in (last, best)])
