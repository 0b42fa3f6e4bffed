"""Facts about patients, images and doses for the reporting sheets; empty where nothing was run."""

from __future__ import annotations

from statistics import median

from ricenet.normalisations import NORMALISATIONS
from ricenet.report import methods
from ricenet.report.known import Known, plain
from ricenet.report.label_provenance import label_provenance
from ricenet.report.methods import span

UNITS = (("repetition_ms", "repetition time"), ("echo_ms", "echo time"),
         ("inversion_ms", "inversion time"))  # fmt: skip
GATED = (
    "ingest_mri", "ingest_dose", "ingest_mask", "timeline", "resample", "brain_mask", "register",
    "align", "align_mask", *NORMALISATIONS, "total_dose", "crop", "quality",
)  # fmt: skip


def labels(k: Known) -> str:
    """Return how the labels are known, where the subjects table says it."""
    found = label_provenance(k.tables)
    return str(found["sentence"]) if found["stated"] else ""


def data(k: Known) -> str:
    """Return what was read."""
    return plain(methods.reading(k.runs))


def times(k: Known) -> str:
    """Return days between images; calendar dates stay in the hospital."""
    if not k.runs.have("timeline"):
        return ""
    found: dict[str, list[float]] = {}
    for run in k.runs.of("timeline"):
        days = run.facts.get("days", {})
        for name, day in days.items():
            if isinstance(day, int | float):
                found.setdefault(name, []).append(float(day))
    if not found:
        return ""
    parts = [f"{name.replace('_', ' ')}: day {span(days)} (n = {len(days)})"
             for name, days in sorted(found.items())]  # fmt: skip
    return f"Days from the first image: {'; '.join(parts)}. No calendar date leaves the hospital."


def exclusions(k: Known) -> str:
    """Return who left and why, and the checks that everybody has to pass."""
    if not k.flow:
        return ""
    left = [
        f"{out['count']} {out['what']}"
        + "".join(f" ({len(who)}: {why})" for why, who in out["reasons"] if why)
        for step in k.flow for out in step["left"]
    ]  # fmt: skip
    names = {check["check"] for step in GATED for run in k.runs.of(step) for check in run.checks}
    text = (
        "No record of the criteria. Of those in the subjects table left on the way: "
        f"{'; '.join(left) or 'nobody'}; who was screened is not known."
    )
    return text + (f" Checks with limits: {', '.join(sorted(names))}." if names else "")


def preparation(k: Known) -> str:
    """Return how images and doses were prepared."""
    return plain(methods.preparing(k.runs))


def selection(k: Known) -> str:
    """Return what was left out of the raw data."""
    if not k.runs.have("ingest_mri"):
        return ""
    images = k.runs.of("ingest_mri")
    left = sum(len(run.facts.get("left_out_series") or ()) for run in images)
    twice = int(sum(k.runs.numbers("ingest_mri", "dropped_duplicates")))
    return (
        f"One series was taken for each of {len(images)} images; {left} further series of the "
        f"folders "
        f"and {twice} repeated slices were left out."
    )


def deidentification(k: Known) -> str:
    """Return what records hold of identities; whether texts leaked is verify's to say."""
    if not k.runs.have("ingest_mri"):
        return ""
    return (
        "Patients have ids that a person assigned; records hold shortened digests in "
        "place "
        "of UIDs, and days in place of dates. Whether any file identifies a patient: not made "
        "here, ricenet verify looks for them."
    )


def missing(k: Known) -> str:
    """Return what was missing, and what was done about it."""
    found = []
    if k.runs.have("quality"):
        lacking = sum(len(run.facts.get("not_made", ())) for run in k.runs.of("quality"))
        found.append(
            f"{lacking} checks of {k.runs.subjects('quality')} patients could not be made."
        )
    if "missingness" in k.tables:
        rows = k.tables["missingness"]
        found.append(
            f"{len(rows)} simple features are missing in some patients and known in others."
            if rows
            else "No simple feature is missing in some patients and known in others."
        )
    if k.runs.have("cache"):
        found.append("Networks get only patients who have all channels; nothing was imputed.")
    if k.made("probes") and k.tables.get("missingness"):
        found.append("Probes take medians of the training patients, with an indicator.")
    return " ".join(found)


def acquisition(k: Known) -> str:
    """Return the range of what the headers say of the images."""
    images = k.runs.of("ingest_mri")
    told = [run.facts["acquisition"] for run in images if run.facts.get("acquisition")]
    if not images:
        return ""
    parts = []
    for key, words in UNITS:
        values = [float(one[key]) for one in told if isinstance(one.get(key), int | float)]
        if values:
            parts.append(f"{words} {span(values, ' ms', 1)} (n = {len(values)})")
    kinds = sorted({"+".join(map(str, one["sequence"])) for one in told if one.get("sequence")})
    agent = sum(run.facts.get("contrast_agent") is True for run in images)
    text = (
        f"{len(images)} images, {len(told)} with acquisition data; contrast agent named in {agent}."
    )
    if kinds:
        text += f" Sequences: {', '.join(kinds)}."
    return f"{text} {'; '.join(parts)}." if parts else text


def predictor_readers(k: Known) -> str:
    """Return whether people measured inputs, where images were read."""
    if not k.runs.have("ingest_mri"):
        return ""
    if k.runs.have("ingest_mask"):
        return "Outlines were read from files; who drew them: no record. No other reader on record."
    return "No reader on record: images and doses were read from files and prepared by programs."


def treatment(k: Known) -> str:
    """Return the doses; surgery and drugs are for people to say."""
    highest = k.runs.numbers("total_dose", "maximum_gy")
    if not highest:
        return ""
    fractions = k.runs.numbers("ingest_dose", "ledger.fractions")
    text = f"Maximum of the total dose: {span(highest, ' Gy', 1)} (n = {len(highest)})"
    return text + (f"; fractions: {span(fractions)} (n = {len(fractions)})." if fractions else ".")


def partition(k: Known) -> str:
    """Return who trains and who tests."""
    if not k.manifest:
        return ""
    folds = {row["fold"] for row in k.manifest if row["split"] == "train"}
    return (
        f"A frozen cohort file assigns each patient: {k.count('train')} to training in "
        f"{len(folds)} "
        f"folds, {k.count('test')} to the test set."
    ) + (
        " By that file, each training patient is predicted by the model whose fold holds this "
        "patient out; whether the trainings kept to it is on record where there are records of "
        "trainings. No record says whether settings were chosen on these patients."
        if k.ablations and k.runs.have("train_model")
        else " By that file, each training patient is predicted by the model whose fold holds this "
        "patient out; that the training kept to it is not on record, nor is it whether settings "
        "were chosen on these patients."
        if k.ablations
        else ""
    )


def disjoint(k: Known) -> str:
    """Return at which level sets are disjoint, and what was looked for."""
    if not k.manifest:
        return ""
    text = "The patient: an id is in one fold or in the test set. "
    if "near_duplicates" not in k.tables:
        return text + "Whether two ids are one person: not made."
    alike = sum(row["alike"] == "yes" for row in k.tables["near_duplicates"])
    looked = len(k.tables["near_duplicates"])
    return (
        text + f"{alike} of {looked} pairs of ids that were looked at closely look like one person."
    )


def size(k: Known) -> str:
    """Return the number of patients that was reached; what was intended has no record."""
    if not k.manifest:
        return ""
    parts = [
        f"{k.count(split)} {words} patients, {k.count(split, '1')} with RICE"
        for split, words in (("train", "training"), ("test", "test")) if k.count(split)
    ]  # fmt: skip
    return f"No record of the intended size. Reached: {'; '.join(parts)}."


def flow(k: Known) -> str:
    """Return the flow as a line."""
    return ", ".join(f"{step['count']} {step['name']}" for step in k.flow)


def characteristics(k: Known) -> str:
    """Return the doses of each class and set."""
    highest = {
        run.subject: float(run.facts["maximum_gy"])
        for run in k.runs.of("total_dose") if "maximum_gy" in run.facts
    }  # fmt: skip
    parts = []
    for split, words in (("train", "training"), ("test", "test")):
        for label, name in (("1", "RICE"), ("0", "recurrence")):
            own = [
                highest[row["subject"]] for row in k.manifest
                if (row["split"], row["label"]) == (split, label) and row["subject"] in highest
            ]  # fmt: skip
            if own:
                parts.append(
                    f"{words}, {name} (n = {len(own)}): maximum dose {median(own):.1f} Gy, "
                    f"{span(own, ' Gy', 1)}"
                )
    return f"{'; '.join(parts)} (median, range)." if parts else ""
