"""A study as the Snakefile sees it: validated settings, tables, and where things lie."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ricenet import ablations
from ricenet.cohort import overrides, tables
from ricenet.config import config, introduced, settings_files
from ricenet.networks import memory_plan
from ricenet.provenance import digests, steps
from ricenet.study import accepted_code, layout
from ricenet.study.ingest_files import PLANNING_CT, RawInputs

NOTHING = "(?!)"  # a pattern that no name matches
# sections whose settings, and modules whose code, decide what a cache holds
PREPROCESSING = (
    "ingest_mri", "ingest_dose", "resample", "register", "align", "brain_mask", "zscore",
    "total_dose", "crop", "cache",
)  # fmt: skip


class Study:
    """Configuration and tables of one study, checked.

    Parameters
    ----------
    values : dict
        The configuration as Snakemake merged it.
    memory : path
        File that remembers the digests of raw files between runs (see
        :func:`ricenet.provenance.raw_files.digest`); it may be deleted at any time.

    Raises
    ------
    ValueError
        Configuration or tables that are not usable.
    """

    def __init__(self, values: dict[str, Any], memory: Path) -> None:
        self.config = config.validate(values)
        for text in config.warnings(self.config):
            warnings.warn(text, stacklevel=2)
        channels = self.config.channels
        self.channels = [c.name for c in channels]
        self.mri = [c.name for c in channels if c.kind == "mri"]
        self.dose = [c.name for c in channels if c.kind == "dose"]
        everyone = tables.read_subjects(self.config.subjects, self.channels)
        self.overrides = overrides.read(self.config.overrides, everyone.index)
        self.accepted_code = accepted_code.read(self.config.accepted_code)
        self.decided = set(self.overrides["subject"])
        self.excluded = overrides.excluded(self.overrides)
        # who was withdrawn is not in the table any more
        self.subjects = everyone.drop(index=list(self.excluded), errors="ignore")
        self.cohort = tables.read_cohort(self.config.cohort, everyone, self.excluded)
        self.cohort_name = Path(self.config.cohort).stem
        self.folds = sorted(set(self.cohort["fold"]) - {-1})
        self.test_subjects = list(self.cohort.index[self.cohort["split"] == "test"])
        self.ablations = list(ablations.ablations(self.channels))
        self.mri_pattern = "|".join([*self.mri, PLANNING_CT])
        self.dose_pattern = "|".join(self.dose) or NOTHING
        self.channels_text = json.dumps(self.channels, separators=(",", ":"))
        self.kinds_text = json.dumps([c.kind for c in channels], separators=(",", ":"))
        syn = self.config.registration.transform == "syn"
        self.transform_suffix = "h5" if syn else "tfm"
        self.root = f"{self.config.results}/{self.config.study}"
        self.cohort_root = f"{self.root}/{layout.COHORT.format(cohort=self.cohort_name)}"
        self.raw = RawInputs(
            self.subjects,
            Path(self.config.subjects).parent,
            mri=self.mri,
            dose=self.dose,
            memory=memory,
        )
        self._check_ablations()
        self._warn_of_withdrawn()
        self.training_mb = memory_plan.study_mb(
            self.config.train_model.model_dump(), self.config.crop.shape, len(channels)
        )
        self._warn_of_missing()

    def _check_ablations(self) -> None:
        c = self.config
        named = {
            "occlusion_map.ablations": c.occlusion_map.ablations,
            "arrival.ablations": c.arrival.ablations,
            "evaluate.contrasts": [name for pair in c.evaluate.contrasts or () for name in pair],
        }
        for key, names in named.items():
            unknown = set(names) - set(self.ablations)
            if unknown:
                raise ValueError(
                    f"{key}: {sorted(unknown)} are not input combinations of this study; possible "
                    f"are {self.ablations}"
                )

    def _warn_of_missing(self) -> None:
        for subject, column in self.raw.missing():
            warnings.warn(
                f"subject {subject}: the path in column {column!r} of {self.config.subjects} does "
                f"not exist; its jobs will fail, the others continue",
                stacklevel=3,
            )

    def _warn_of_withdrawn(self) -> None:
        gone, manifest = overrides.withdrawn(self.overrides), Path(self.cohort_root, "manifest.tsv")
        if not gone or not manifest.is_file():
            return
        listed = {line.split("\t")[0] for line in manifest.read_text("utf-8").splitlines()}
        if listed.intersection(gone):
            warnings.warn(
                f"the models of cohort {self.cohort_name} were trained with "
                f"{sorted(listed.intersection(gone))}, who were withdrawn: the next run trains "
                f"them again without. To keep the old models as they are, continue with a cohort "
                f"that extends this one (ricenet freeze)",
                stacklevel=3,
            )

    def settings(self, section: str) -> str:
        """Return a step's settings as sorted JSON text, see :mod:`ricenet.config.introduced`."""
        field = "registration" if section == "register" else section
        values = getattr(self.config, field).model_dump(mode="json")
        return config.json_text(introduced.leave_out(section, values))

    def code(self, step: str) -> str:
        """Return the digest of a step's code, or of older code whose results are declared valid."""
        accepted = self.accepted_code.get(step)
        return accepted.code if accepted else steps.code_hash(step)

    def preprocessing(self) -> str:
        """Return settings and code digests of each step that a cache follows from, as JSON text."""
        found = {
            step: [
                digests.text_digest(self.settings(step)),
                self.code(step),
            ]
            for step in PREPROCESSING
        }
        grid = [self.config.reference, self.config.dose_anchor]
        return config.json_text({**found, "reference": [digests.text_digest(str(grid)), ""]})

    def at(self, kind: str, **names: str | int) -> str:
        """Return the path of a file of the study, see :func:`ricenet.study.layout.path`."""
        own = {"cohort": self.cohort_name, "transform": self.transform_suffix}
        return f"{self.root}/{layout.path(kind, **{**own, **names})}"

    def size(self) -> dict[str, Any]:
        """Return how large the study is, and the settings of what takes long.

        No path, no subject.
        """
        c, per_fold = self.config, self.cohort[self.cohort["split"] == "train"]
        validation = round(len(per_fold) / max(1, len(self.folds)))
        sections = ("train_model", "occlusion_map", "brain_mask")
        found = {name: getattr(c, name).model_dump(mode="json") for name in sections}
        found["brain_mask"] |= {"weights": None, "weights_sha256": None}
        return {
            **found,
            "shape": list(c.crop.shape),
            "spacing_mm": c.resample.spacing_mm,
            "kinds": [channel.kind for channel in c.channels],
            "folds": len(self.folds),
            "training_subjects": len(per_fold) - validation,
            "validation_subjects": validation,
            "test_subjects": len(self.test_subjects),
            "subjects": len(self.subjects),
            "trainings": len(self.ablations) * len(self.folds),
            "channels_of_maps": [len(a.split("-")) for a in c.occlusion_map.ablations],
        }


def from_files(configfiles: Iterable[Path]) -> Study:
    """Read the study that settings files describe, as ``snakemake --configfile`` would."""
    values = settings_files.merged(configfiles)
    return Study(values, memory=Path(".snakemake/ricenet-raw-digests.json"))
