"""Files that say what the occlusion maps of a study mean, as the rules ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ricenet.study.study import Study


class Explained:
    """The maps of a cohort's test subjects, all of one ablation together.

    Attributes
    ----------
    tested : dict
        For ``expand``: the test subjects filled in, other wildcards left to the job.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.ablations = study.config.occlusion_map.ablations if study.test_subjects else []
        self.tested: dict[str, Any] = {"subject": study.test_subjects, "allow_missing": True}

    def ledgers(self) -> list[str]:
        """List the records with the ledger of the test subjects' first dose; none without dose."""
        root, doses = self.study.root, self.study.dose[:1]
        return [
            f"{root}/subjects/{s}/{d}_native.json" for d in doses for s in self.study.test_subjects
        ]

    def natives(self) -> list[str]:
        """List the maps in the voxels of the native reference image."""
        return [
            f"{self.study.cohort_root}/{ablation}/occlusion/{subject}_native.nii.gz"
            for ablation in self.ablations
            for subject in self.study.test_subjects
        ]

    def summaries(self) -> list[str]:
        """Tables of what the maps say."""
        return [f"{self.study.cohort_root}/{a}/occlusion-summary.tsv" for a in self.ablations]

    def counterfactuals(self) -> list[str]:
        """Tables of probabilities under other doses, of those ablations that have a dose."""
        with_dose = [a for a in self.ablations if set(a.split("-")) & set(self.study.dose)]
        return [f"{self.study.cohort_root}/{a}/dose-counterfactuals.tsv" for a in with_dose]

    def files(self) -> list[str]:
        """All of them."""
        return [*self.natives(), *self.summaries(), *self.counterfactuals()]
