"""A methods paragraph of what was really run: versions, settings and counts from the records.

Each function writes the sentences of a few steps. A step without a record is not mentioned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import ricenet
from ricenet.normalisations import NORMALISATIONS
from ricenet.report import methods_of_results, recipe, references
from ricenet.report.methods_of_results import Rows, Tables
from ricenet.report.records import Runs

ANSWERS = {
    False: "the ensemble's answer is their majority vote, with the mean probability beside it.",
    True: "the ensemble's answer is their mean probability, as planned, with the vote beside it.",
}  # by whether the plan names the mean


class Methods(NamedTuple):
    """The text.

    Attributes
    ----------
    paragraphs : list of str
        With numbers of references in square brackets.
    references : list of str
    """

    paragraphs: list[str]
    references: list[str]

    def as_markdown(self, title: str, warning: str = "") -> str:
        """Return the text as Markdown, below a warning if there is one."""
        warned = [f"**{warning}**", ""] if warning else []
        lines = [
            f"# Methods of {title}",
            "",
            *warned,
            *_spaced(self.paragraphs),
            "## References",
            "",
        ]
        lines += [f"{i}. {text}" for i, text in enumerate(self.references, 1)]
        return "\n".join(lines) + "\n"


def _spaced(paragraphs: Sequence[str]) -> list[str]:
    return [line for paragraph in paragraphs for line in (paragraph, "")]


def version(runs: Runs, package: str, name: str = "") -> str:
    """Return a package with its version, as in "PyTorch 2.10.0"."""
    return f"{name or package} {runs.version(package)}".rstrip()


def span(values: Sequence[float], unit: str = "", digits: int = 0) -> str:
    """Return the range of some values, as in "20 to 33"."""
    low, high = (f"{value:.{digits}f}" for value in (min(values), max(values)))
    return f"{low} to {high}{unit}" if low != high else f"{low}{unit}"


def reading(runs: Runs) -> list[str]:
    """Write how images, doses and times were read."""
    found = []
    if n := len(runs.of("ingest_mri")):
        dicom = sum(run.facts.get("source") == "dicom" for run in runs.of("ingest_mri"))
        found.append(
            f"{n} images of {runs.subjects('ingest_mri')} patients were read, {dicom} of them from "
            f"DICOM with {version(runs, 'pydicom')} [@pydicom]."
        )
    if runs.have("ingest_mask"):
        found.append(f"Outlines read: {len(runs.of('ingest_mask'))}; no network was given one.")
    if n := len(runs.of("ingest_dose")):
        fractions = runs.numbers("ingest_dose", "ledger.fractions")
        of = f", of {span(fractions)} fractions" if fractions else ""
        found.append(
            f"{n} radiotherapy doses of {runs.subjects('ingest_dose')} patients were read{of}."
        )
    return found


def preparing(runs: Runs) -> list[str]:
    """Write how images and doses were brought to one grid."""
    found = []
    if runs.have("resample"):
        found.append(
            f"Images were resampled to isotropic voxels of "
            f"{runs.setting('resample', 'spacing_mm')} mm "
            f"({runs.setting('resample', 'interpolator')}, {version(runs, 'SimpleITK')} "
            f"[@simpleitk])."
        )
    if runs.have("brain_mask"):
        method = runs.fact("brain_mask", "method")
        cited = " [@hdbet]" if "hd-bet" in method else ""
        found.append(f"Brain masks: {method}{cited}.")
    if runs.have("register"):
        found.append(
            f"{len(runs.of('register'))} pairs of images were registered by "
            f"{runs.setting('register', 'transform')} transforms with "
            f"{version(runs, 'antspyx', 'ANTsPy')} [@ants]."
        )
    if runs.have("align"):
        found.append(
            "Images and doses were brought to the grid of the reference image by one interpolation "
            f"from their own voxels ({runs.setting('align', 'mri_interpolator')} for MRI)."
        )
    for name, row in NORMALISATIONS.items():
        if runs.have(name):
            cited = f" [@{name}]" if row.reference else ""
            found.append(f"MRI were scaled to {row.words}{cited}.")
    if runs.have("total_dose"):
        found.append(_dose(runs))
    if runs.have("crop"):
        shape = runs.setting("crop", "shape", lambda s: " x ".join(map(str, s)))
        found.append(f"All were cropped to a box of {shape} voxels around the brain.")
    if runs.have("cache"):
        found.append(_scaling(runs))
    if runs.have("quality"):
        accepted = int(sum(runs.numbers("quality", "accepted")))
        found.append(
            f"Checks of {runs.subjects('quality')} patients were gathered before training; "
            f"{accepted} "
            "that had not passed were accepted by a person."
        )
    return found


def _dose(runs: Runs) -> str:
    quantity = runs.setting("total_dose", "quantity")
    text = f"The dose of the whole course was taken as {quantity} dose"
    if "eqd2" in quantity:
        text = (
            f"The dose of the whole course was taken as {quantity}, with an alpha/beta of "
            f"{runs.setting('total_dose', 'alpha_beta_gy')} Gy [@lq]"
        )
    masked = runs.setting("total_dose", "mask_dose")
    return text + ("; outside the brain it was set to 0." if masked == "True" else ".")


def _scaling(runs: Runs) -> str:
    if runs.setting("cache", "dose_scaling") == "constant":
        return f"Doses were divided by {runs.setting('cache', 'dose_scale_gy')} Gy."
    return f"Doses were scaled: {runs.setting('cache', 'dose_scaling')}."


def training(runs: Runs) -> list[str]:
    """Write how the networks were trained."""
    if not runs.have("train_model"):
        return []
    models = runs.of("train_model")
    inputs = {run.facts["model"]["ablation"] for run in models}
    folds = {run.facts["model"]["fold"] for run in models}

    def setting(key: str, show: Callable[[Any], str] = str) -> str:
        return runs.setting("train_model", key, show)

    found = [
        f"{len(models)} networks were trained from random weights, one for each of {len(inputs)} "
        f"input combinations and {len(folds)} folds: {recipe.network(runs)}, feature maps times "
        f"{setting('model.width')}, stride {setting('model.stem_stride')} of the first "
        f"convolution{recipe.options(runs)}.",
        f"{recipe.optimiser(runs)} minimised the cross-entropy{recipe.smoothing(runs)} over "
        f"{setting('epochs')} epochs in batches of "
        f"{setting('batch_size')} with a learning rate of {setting('learning_rate')}"
        f"{recipe.schedule(runs)} and a weight "
        f"decay of {setting('weight_decay')} ({version(runs, 'torch', 'PyTorch')} [@torch], "
        f"{runs.fact('train_model', 'device')}); both classes were drawn equally often.",
        f"Each augmentation (rotation, scaling, elastic deformation, noise, brightness, gamma) was "
        f"applied with a probability of {setting('augmentation.probability')}"
        f"{recipe.mirroring(runs)}. {recipe.weights(runs)}; none was chosen by its validation "
        "figures.",
    ]
    if runs.have("predict"):
        patients = {s for run in runs.of("predict") for s in run.facts.get("test_subjects", ())}
        found.append(
            f"{len(patients)} test patients were predicted by the models of all folds; "
            + ANSWERS[runs.fact("open_test_set", "plan.ensemble") == "mean"]
        )
    return found


def program(runs: Runs) -> str:
    """State what was made with the workflow, as far as there are records of it."""
    workflow = (
        f"RICE-NET, a workflow of {version(runs, 'snakemake', 'Snakemake')} [@snakemake] in "
        f"{version(runs, 'python', 'Python')}"
    )
    written = f"This text was written by RICE-NET {ricenet.__version__}"
    if not runs.have("train_model"):
        return (
            f"Figures were computed with {workflow}, written after the method of [@ricenet]; how "
            f"the predictions were made is not on record. {written}."
        )
    return (
        f"Results were made with {workflow} after the method of [@ricenet]. {written}; versions of "
        "packages are those of the steps' records, and a package without one has no record."
    )


def methods(
    runs: Runs,
    tables: Tables,
    intervals: Sequence[str] = (),
    contrasts: Rows = (),
) -> Methods:
    """Return the methods paragraph with its references.

    Parameters
    ----------
    tables : mapping of str to rows
        By kind of file: what a step that ran could make of so few patients.
    intervals : sequence of str
        Methods that an evaluation's results name.
    contrasts : sequence of dict
        Those that it compared: set; few and same, where they were not tested.
    """
    parts = [
        [program(runs), *reading(runs)],
        preparing(runs),
        training(runs),
        methods_of_results.evaluating(runs, tables, intervals, contrasts),
        methods_of_results.explaining(runs),
    ]
    texts = [" ".join(part) for part in parts if part]
    return Methods(*references.numbered(texts))
