"""Files of the controls, and what they cost; their trainings can never be mistaken for results.

They lie in a folder of their own, ``controls/``, and each file's name begins with ``control-``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ricenet.cohort import control_manifest
from ricenet.config import config, introduced
from ricenet.provenance.seeds import derive_seed

if TYPE_CHECKING:
    from ricenet.study.study import Study

TABLES = ("control_metrics", "control_summary")


class ControlFiles:
    """The controls that a study's settings ask for."""

    def __init__(self, study: Study) -> None:
        self.study = study
        own = study.config.controls
        self.ablations = list(own.ablations) or [study.ablations[-1]]
        self.controls = [
            *(f"permutation-{k:04d}" for k in range(1, own.permutations + 1)),
            *(f"seed-{k:04d}" for k in range(1, own.seeds + 1)),
            *(f"learning-{percent:03d}" for percent in sorted(set(own.learning_percent))),
        ]

    def trained(self) -> list[tuple[str, str, int]]:
        """List control, input combination and fold of each training."""
        return [(c, a, k) for c in self.controls for a in self.ablations for k in self.study.folds]

    @property
    def are_accepted(self) -> bool:
        """Whether a person has agreed to that many trainings."""
        return len(self.trained()) <= self.study.config.controls.accepted_trainings

    def _files(self, kind: str) -> list[str]:
        at = self.study.at
        return [at(kind, control=c, ablation=a, fold=k) for c, a, k in self.trained()]

    def predictions(self) -> list[str]:
        """Return the predictions of each training."""
        return self._files("control_predictions")

    def of(self) -> list[list[str]]:
        """Return control and input combination of each of :meth:`predictions`."""
        return [[c, a] for c, a, _ in self.trained()]

    def observed(self) -> list[str]:
        """Return the study's own validation predictions of the same input combinations."""
        at, folds = self.study.at, self.study.folds
        return [at("validation_predictions", ablation=a, fold=k)
                for a in self.ablations for k in folds]  # fmt: skip

    def tabled(self) -> list[str]:
        """Return the kinds of tables that audit and report wait for; none without controls."""
        made = self.controls and self.are_accepted and len(self.study.cohort)
        return list(TABLES) if made else []

    def tables(self) -> list[str]:
        """Return the files of :meth:`tabled`."""
        return [self.study.at(kind) for kind in self.tabled()]

    def asked(self, w: Any) -> list[str]:
        """Input function of the target ``controls``.

        Raises
        ------
        ValueError
            No control is asked for, or nobody has agreed to what they cost.
        """
        if not self.controls:
            raise ValueError(
                "no control is asked for: set controls.permutations, controls.seeds or "
                "controls.learning_percent"
            )
        if not self.are_accepted:
            raise ValueError(self.cost())
        return self.tables()

    def settings(self, w: Any) -> str:
        """Return the settings of a control's training (params function): for a seed, another."""
        kind, number = control_manifest.parts_of(w.control)
        values = self.study.config.train_model.model_dump(mode="json")
        if kind == control_manifest.SEED:
            values["seed"] = derive_seed("control", values["seed"], kind, number)
        return config.json_text(introduced.leave_out("train_model", values))

    def notices(self) -> list[str]:
        """Say what controls cost before any of them is trained; nothing once they all are."""
        if not self.controls or not len(self.study.cohort) or not self._left():
            return []
        return [self.cost()]

    def _left(self) -> int:
        return sum(not Path(path).exists() for path in self._files("control_model_record"))

    def cost(self) -> str:
        """Return number and hours of the controls' trainings in words."""
        count, left = len(self.trained()), self._left()
        known = self._seconds()
        if known:
            hours = left * sum(known) / len(known) / 3600
            about = f"about {hours:.1f}" if hours >= 0.1 else "less than 0.1"
            time = f"{about} hours, one after the other, by {len(known)} earlier ones"
        else:
            time = "how long is unknown, as no training of theirs was timed here before"
        said = (
            f"controls: {', '.join(self._counts())} of {', '.join(self.ablations)} in "
            f"{len(self.study.folds)} folds are {count} trainings, {left} of them not made yet; "
            f"{time}"
        )
        if self.are_accepted:
            return said
        return f"{said}. None is made before controls.accepted_trainings is at least {count}"

    def _counts(self) -> list[str]:
        kinds = [control_manifest.parts_of(control)[0] for control in self.controls]
        words = {"permutation": "permutations of labels", "seed": "other seeds",
                 "learning": "shares of the training subjects"}  # fmt: skip
        return [f"{kinds.count(kind)} {words[kind]}" for kind in dict.fromkeys(kinds)]

    def _seconds(self) -> list[float]:
        """Return how long earlier trainings of these input combinations took, seconds."""
        at, found = self.study.at, []
        for ablation in self.ablations:
            files = [
                at("train_model_benchmark", ablation=ablation, fold=k) for k in self.study.folds
            ]
            for path in filter(Path.is_file, map(Path, files)):
                header, *rows = path.read_text(encoding="utf-8").splitlines()
                if rows and header.split("\t")[0] == "s":
                    found += [float(row.split("\t")[0]) for row in rows]
        return found
