"""A study as the Snakefile sees it: validated settings, tables, and where things lie."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ricenet import ablations, channels
from ricenet.channels import PLANNING_CT
from ricenet.cohort import label_sources, overrides, tables
from ricenet.config import analysis_plan, config, introduced, settings_files
from ricenet.normalisations import NORMALISATIONS
from ricenet.provenance import digests, steps
from ricenet.study import accepted_code, before_a_run, layout, resources, synthetic
from ricenet.study.ingest_files import RawInputs
from ricenet.study.test_set import TestSet

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
    files : sequence of path
        Settings files that were merged into the configuration; messages name them.

    Attributes
    ----------
    notices : list of str
        What a person should know before a run, and what stops nothing.

    Raises
    ------
    ValueError
        Configuration or tables that are not usable.
    """

    def __init__(self, values: dict[str, Any], memory: Path, files: Sequence[Path] = ()) -> None:
        self.config = config.validate(values, files)
        inputs = self.config.inputs
        self.channels = [c.name for c in inputs]
        self.mri = [c.name for c in channels.scans(inputs)]
        self.dose = [c.name for c in inputs if c.row.in_gy]
        self.masks = [c.name for c in self.config.masks]
        everyone = tables.read_subjects(self.config.subjects, self.channels, self.masks)
        self.overrides = overrides.read(self.config.overrides, everyone.index)
        self.network = self.config.train_model.model.network
        self.normalisation = self.config.zscore.method
        self.accepted_code = accepted_code.read(self.config.accepted_code, digest=self.own_code)
        self.decided = set(self.overrides["subject"])
        self.accepted = overrides.accepted_checks(self.overrides)
        self.excluded = label_sources.excluded(everyone, self.config.mixed_histology)
        self.excluded |= overrides.excluded(self.overrides)
        # who was withdrawn is not in the table any more
        self.subjects = everyone.drop(index=list(self.excluded), errors="ignore")
        self.cohort = tables.read_cohort(self.config.cohort, everyone, self.excluded)
        self.cohort_name = Path(self.config.cohort).stem
        self.folds = sorted(set(self.cohort["fold"]) - {-1})
        self.test_subjects = list(self.cohort.index[self.cohort["split"] == "test"])
        self.ablations = ablations.chosen(self.channels, self.config.input_combinations)
        self.mri_pattern = "|".join([*self.mri, PLANNING_CT])
        self.dose_pattern = "|".join(self.dose) or NOTHING
        self.channels_text = json.dumps(self.channels, separators=(",", ":"))
        self.kinds_text = json.dumps([c.kind for c in inputs], separators=(",", ":"))
        syn = self.config.registration.transform == "syn"
        self.transform_suffix = "h5" if syn else "tfm"
        self.root = f"{self.config.results}/{self.config.study}"
        self.raw = RawInputs(
            self.subjects,
            Path(self.config.subjects).parent,
            mri=self.mri,
            dose=self.dose,
            masks=self.config.masks,
            memory=memory,
        )
        self.plan = analysis_plan.named(self.config.analysis_plan)
        self.test_set = TestSet(self)
        before_a_run.require_possible(self)
        self.training_mb = resources.training_mb(
            self.config.train_model, self.config.crop.shape, len(inputs)
        )
        self.notices = before_a_run.notices(self)

    @property
    def plan_text(self) -> str:
        """Canonical text of the analysis plan; empty without one."""
        return analysis_plan.text(self.plan) if self.plan else ""

    @property
    def mask_pattern(self) -> str:
        """Pattern of the names of masks."""
        return "|".join(self.masks) or NOTHING

    @property
    def input_pattern(self) -> str:
        """Pattern of the names of channels that are no masks."""
        return "|".join(self.channels)

    @property
    def masked(self) -> list[str]:
        """Scans of which a brain mask is made."""
        return channels.masked(self.config.inputs, self.config.reference)

    @property
    def visits_text(self) -> str:
        """Visit of each MRI, in their order in time, as JSON text."""
        return json.dumps({scan.name: scan.visit for scan in channels.scans(self.config.inputs)})

    @property
    def enhancement_text(self) -> str:
        """Scans whose difference is new enhancement, see :mod:`ricenet.channels`, as JSON text."""
        found = channels.enhancement(self.config.inputs) if self._is_standardised else []
        return json.dumps(found)

    @property
    def subtracted(self) -> list[str]:
        """MRI of which pictures show the difference of z-scores to the reference."""
        return self.masked if self._is_standardised else []

    @property
    def _is_standardised(self) -> bool:
        return NORMALISATIONS[self.normalisation].standardised

    def sequence(self, w: Any) -> str:
        """Return the sequence of an MRI, empty for the planning CT (params function)."""
        found = (c.sequence for c in self.config.inputs if c.name == w.mri)
        return next(found, "")

    def phantoms(self, w: Any) -> str:
        """Return the subjects that are phantoms, as JSON text (params function)."""
        return json.dumps(synthetic.phantoms(self))

    def settings(self, section: str) -> str:
        """Return a step's settings as sorted JSON text, see :mod:`ricenet.config.introduced`.

        Normalisations have one section together.
        """
        section = "zscore" if section in NORMALISATIONS else section
        field = "registration" if section == "register" else section
        values = getattr(self.config, field).model_dump(mode="json")
        return config.json_text(introduced.leave_out(section, values))

    def code(self, step: str) -> str:
        """Return the digest of a step's code, or of older code whose results are declared valid."""
        accepted = self.accepted_code.get(step)
        return accepted.code if accepted else self.own_code(step)

    def own_code(self, step: str) -> str:
        """Return the digest of a step's code as it is now."""
        return steps.code_hash(step, self.network)

    def preprocessing(self) -> str:
        """Return settings and code digests of each step that a cache follows from, as JSON text."""
        by_step = {
            step: [
                digests.text_digest(self.settings(step)),
                self.code(self.normalisation if step == "zscore" else step),
            ]
            for step in PREPROCESSING
        }
        grid = [self.config.reference, self.config.dose_anchor, *self._declared()]
        return config.json_text({**by_step, "reference": [digests.text_digest(str(grid)), ""]})

    def _declared(self) -> list[str]:
        """Return the scans that are no T1 with agent of a visit of their own, as text."""
        return [
            f"{scan.name} {scan.visit} {scan.sequence}"
            for scan in channels.scans(self.config.inputs)
            if (scan.visit, scan.sequence) != (scan.name, channels.ENHANCING)
        ]

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
            "kinds": [channel.kind for channel in c.inputs],
            "folds": len(self.folds),
            "training_subjects": len(per_fold) - validation,
            "validation_subjects": validation,
            "test_subjects": len(self.test_subjects),
            "subjects": len(self.subjects),
            "trainings": len(self.ablations) * len(self.folds),
            "channels_of_maps": [
                len(a.split("-"))
                for a in (
                    self.ablations
                    if c.occlusion_map.ablations == "all"
                    else c.occlusion_map.ablations
                )
            ],
        }


def from_files(configfiles: Iterable[Path]) -> Study:
    """Read the study that settings files describe, as ``snakemake --configfile`` would."""
    files = list(configfiles)
    values = settings_files.merged(files)
    return Study(values, memory=Path(".snakemake/ricenet-raw-digests.json"), files=files)
