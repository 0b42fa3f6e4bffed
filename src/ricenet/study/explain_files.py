"""Maps of a study, and files that summarise them, as the rules ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from ricenet.cohort import control_manifest
from ricenet.config import config, introduced
from ricenet.study import explain_methods, notices
from ricenet.study.control_files import ControlFiles
from ricenet.study.test_set import LOCKED

if TYPE_CHECKING:
    from ricenet.study.study import Study


class ExplainFiles:
    """The maps of a cohort's test subjects, all of one ablation together.

    Attributes
    ----------
    tested : dict
        For ``expand``: the test subjects filled in, other wildcards left to the job.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.ablations = self._asked_of(explain_methods.OCCLUSION)
        self.tested: dict[str, Any] = {"subject": study.test_subjects, "allow_missing": True}

    def _asked_of(self, step: str) -> list[str]:
        """List the input combinations that an explanation method is run for."""
        asked = getattr(self.study.config, step).ablations
        asked = self.study.ablations if asked == "all" else asked
        return list(asked) if self.study.test_set.is_shown else []

    def ledgers(self) -> list[str]:
        """List the records with the ledger of the test subjects' first dose; none without dose."""
        at, doses = self.study.at, self.study.dose[:1]
        tested = self.study.test_subjects
        return [at("native_record", subject=s, channel=d) for d in doses for s in tested]

    def mapped(self) -> list[tuple[str, str]]:
        """List ablation and subject of each map that the settings ask for."""
        return self._all_mapped() if self.pictures() else []

    def _all_mapped(self) -> list[tuple[str, str]]:
        return list(product(self.ablations, self.study.test_subjects))

    def _maps(self, kind: str, ablations: Sequence[str]) -> list[str]:
        at, tested = self.study.at, self.study.test_subjects
        maps = [at(kind, ablation=a, subject=s) for a, s in product(ablations, tested)]
        return self.study.test_set.files(maps)

    def pictures(self) -> list[str]:
        """List the pictures of the maps that the settings ask for."""
        return self._maps("occlusion_picture", self.ablations)

    def natives(self) -> list[str]:
        """List the maps in the voxels of the native reference image."""
        return self._maps("occlusion_native", self.ablations)

    def further_maps(self) -> list[str]:
        """List the maps of the other explanation methods, which nothing is made from."""
        steps = explain_methods.further()
        return [file for step in steps for file in self._maps(step, self._asked_of(step))]

    def summaries(self) -> list[str]:
        """List the tables that summarise the maps."""
        at = self.study.at
        return self.study.test_set.files(
            [at("occlusion_summary", ablation=a) for a in self.ablations]
        )

    def statistics(self) -> list[str]:
        """List the tables of what the maps can show, beside controls."""
        at = self.study.at
        return self.study.test_set.files(
            [at("occlusion_statistics", ablation=a) for a in self.ablations]
        )

    def settings(self, w: Any) -> str:
        """Return the settings of a map (params function): where all are asked for, its own inputs.

        So a map stays as it is where maps of other inputs are asked for too.
        """
        values = self.study.config.occlusion_map.model_dump(mode="json")
        if values["ablations"] == "all":
            values["ablations"] = [w.ablation]
        return config.json_text(introduced.leave_out("occlusion_map", values))

    def controls(self, ablation: str) -> list[str]:
        """List the controls whose maps stand beside those of an input combination."""
        controls = ControlFiles(self.study)
        own = self.study.config.controls
        if ablation not in controls.ablations:
            return []
        random = [f"untrained-{k:04d}" for k in range(1, own.untrained + 1)]
        permuted = [c for c in controls.controls if c.startswith(control_manifest.PERMUTATION)]
        return [*random, *(permuted if controls.are_accepted else [])]

    def control_cubes(self, w: Any) -> list[str]:
        """List the hidden cubes of the controls of an input combination (input function)."""
        at, tested = self.study.at, self.study.test_subjects
        return [
            at("control_cubes", control=c, ablation=w.ablation, subject=s)
            for c, s in product(self.controls(w.ablation), tested)
        ]

    def controls_text(self, w: Any) -> str:
        """Return the names of these controls as JSON text (params function)."""
        return config.json_text(self.controls(w.ablation))

    def control_models(self, w: Any) -> list[str]:
        """List the models of a control (input function): untrained, those that give the form."""
        trained = w.control.startswith(control_manifest.PERMUTATION)
        kind, names = ("control_model", {"control": w.control}) if trained else ("model", {})
        at = self.study.at
        return [at(kind, ablation=w.ablation, fold=k, **names) for k in self.study.folds]

    def counterfactuals(self) -> list[str]:
        """List the tables of probabilities under other doses, of ablations that have a dose."""
        with_dose = [a for a in self.ablations if set(a.split("-")) & set(self.study.dose)]
        at = self.study.at
        return self.study.test_set.files([at("dose_counterfactual", ablation=a) for a in with_dose])

    def files(self) -> list[str]:
        """Return all of them."""
        found = [*self.natives(), *self.summaries(), *self.statistics(), *self.counterfactuals()]
        return [*found, *self.further_maps()]

    def asked(self, w: Any) -> list[str]:
        """Input function of the target ``explain``; reports where there is nothing to explain."""
        study = self.study
        if not self.mapped() and not self.further_maps():
            locked = study.test_set.state == LOCKED
            notices.say(
                [
                    f"nothing to explain: the cohort file {study.config.cohort} has "
                    f"{len(study.test_subjects)} test subjects{', which are locked' * locked}, and "
                    f"{' and '.join(map(self._named, explain_methods.METHODS))}"
                ]
            )
        return [*self.pictures(), *self.files()]

    def _named(self, step: str) -> str:
        return f"{step}.ablations is {getattr(self.study.config, step).ablations}"
