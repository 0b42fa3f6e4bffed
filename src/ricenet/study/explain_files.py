"""Maps of a study, and files that summarise them, as the rules ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from ricenet.study import explain_methods, notices
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
        settings = getattr(self.study.config, step)
        return list(settings.ablations) if self.study.test_set.is_shown else []

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

    def counterfactuals(self) -> list[str]:
        """List the tables of probabilities under other doses, of ablations that have a dose."""
        with_dose = [a for a in self.ablations if set(a.split("-")) & set(self.study.dose)]
        at = self.study.at
        return self.study.test_set.files([at("dose_counterfactual", ablation=a) for a in with_dose])

    def files(self) -> list[str]:
        """Return all of them."""
        found = [*self.natives(), *self.summaries(), *self.counterfactuals()]
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
