"""What the report shows of the probes: whether something simpler does as well as a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from ricenet.evaluate import added_value
from ricenet.report import plots
from ricenet.report.page import inputs_of
from ricenet.report.svg import BLUE, GREY, TEAL
from ricenet.statistics import wording

Row = Mapping[str, str]
Tables = Mapping[str, Sequence[Row]]
WORDS = {
    "dose_max": "dose maximum and scheme", "dose_volume": "dose-volume figures",
    "dose_in_lesion": "dose in the outline", "lesion": "size and place of the outline",
    "shape": "shape of the outline", "first_order": "first-order features in the outline",
    "brain": "brain volume and asymmetry", "mask_only": "box around the brain",
    "time": "times", "scanner": "scanner and sequence", "quality": "quality of registration",
    "missing": "what is missing", "all": "all together", "id": "drawn from the id",
}  # fmt: skip
NOT_RUN = "this was not run"
AHEAD, AS_WELL, NOT_WORSE, BETTER = "ahead", "as well", "not worse", "better"  # outcomes
NO_BAR, UNTOLD = "no bar", "untold"  # of models that are not shown to know anything
UNKNOWN = "age, sex, centre, scanner maker and field strength (not known to this study)"
# outcomes that speak against the network, the worst first: what a model is, and beside the network
AGAINST = {
    AHEAD: ("is ahead", "is ahead of"),
    AS_WELL: ("does as well", "does as well as"),
    NOT_WORSE: ("is not shown to be worse", "is not shown to be worse than"),
}
FEW = 3  # features that are named one by one
# endings of names; what stands before one is the image or dose, as in "dose per fraction"
FEATURES = {
    "slice_mm": "slice thickness", "pixel_mm": "pixel size", "echo_ms": "echo time",
    "repetition_ms": "repetition time", "inversion_ms": "inversion time",
    "prescription_gy": "prescription", "per_fraction_gy": "per fraction",
    "after_radiotherapy_d": "days after radiotherapy", "between_images_d": "days between images",
    "radiotherapy_d": "days of radiotherapy", "hottest_gy": "near-maximum",
}  # fmt: skip


def feature_words(name: str) -> str:
    """Return a feature in words, as in "event slice thickness"."""
    end = next((end for end in FEATURES if name.endswith(end)), "")
    words = f"{name.removesuffix(end)}{FEATURES[end]}" if end else name
    return words.replace("_", " ")


def described(row: Row) -> str:
    """Return what a probe really used: its features where they are few, else its group's name."""
    words = WORDS.get(row["group"], row["group"])
    used = [name for name in row.get("used", "").split(", ") if name]
    if not used or row["group"] == "id":
        return words
    measured = row.get("measured", "")
    of = f"{len(used)} of {measured}" if measured else f"{len(used)}"
    count = f"{of} feature{'' if of == '1' else 's'}"
    if len(used) > FEW:
        return f"{words} ({count})"
    named = ", ".join(map(feature_words, used))
    return f"{named} ({count} of: {words})"


def alone(row: Row) -> str:
    """Return what a probe really used, few features by their names, as in "slice thickness alone".

    Parameters
    ----------
    row : dict
        Of ``probes.tsv``.
    """
    names = [feature_words(name) for name in row.get("used", "").split(", ") if name]
    few = 0 < len(names) <= FEW and row["group"] != "id"
    return f"{', '.join(names) if few else WORDS.get(row['group'], row['group'])} alone"


def as_model(tables: Tables, row: Row) -> str:
    """Return the model of a row of ``added-value.tsv`` as the subject of a sentence."""
    used = next((r.get("used", "") for r in tables["probes"] if r["group"] == row["group"]), "")
    names = [feature_words(name) for name in used.split(", ") if name]
    if not 0 < len(names) <= FEW:
        return f"A model of {row['words']}, without any image,"
    listed = ", ".join(names)
    return f"One number, the {listed}," if len(names) == 1 else f"{len(names)} numbers ({listed})"


def tried(probes: Sequence[Row]) -> tuple[list[str], list[str]]:
    """Return which groups of features were tried, in words, and which were not."""
    made = {row["group"]: row for row in probes if not row["note"]}
    names = {g: w for g, w in WORDS.items() if g not in ("id", "all")}
    own = [described(made[group]) for group in names if group in made]
    return own, [*(words for group, words in names.items() if group not in made), UNKNOWN]


def shortcuts(tables: Tables, main: str) -> dict[str, Any]:
    """Return the content of the section, and the sentences for page one.

    Parameters
    ----------
    tables : mapping of str to rows
        By kind of file; a kind that is not there was not made.
    main : str
        Input combination whose network is put beside the probes.
    """
    rows = [{**row, "words": described(row)} for row in tables.get("probes", ())]
    made = [row for row in rows if not row["note"]]
    beyond = besides(tables, main)
    return {
        "main": main,
        "probes": made,
        "added": beyond,
        "margin": added_value.MARGIN,
        "missing": _missing(rows, "probes" in tables),
        "tried": tried(tables["probes"]) if "probes" in tables else None,
        "sentences": sentences(beyond, main),
        "plot": plot(made, beyond),
    }


def besides(tables: Tables, main: str) -> list[dict[str, str]]:
    """Return the rows of ``added-value.tsv`` of one network, with what each probe really used."""
    names = {row["group"]: described(row) for row in tables.get("probes", ())}
    found = []
    for row in tables.get("added_value", ()):
        if row["ablation"] == main:
            words = names.get(row["group"], WORDS.get(row["group"], row["group"]))
            outcome = added_value.outcome_of(row)
            said = added_value.verdict(outcome, words) if outcome else row["verdict"]
            found.append({**row, "words": words, "outcome": outcome, "verdict": said})
    return found


def of_groups(beyond: Sequence[Row]) -> dict[str, Row]:
    """Return for each group the one of its models that speaks most against the network.

    Both models of a group are fitted to the same features: they are one question. Ties go to the
    larger area. Controls are left out.
    """
    ranks = {outcome: i for i, outcome in enumerate(AGAINST)}
    ranks |= {BETTER: len(AGAINST) + 1, UNTOLD: len(AGAINST) + 2, NO_BAR: len(AGAINST) + 2}

    def rank(row: Row) -> tuple[int, float]:
        return ranks.get(row["outcome"], len(AGAINST)), -float(row["auc_probe"])

    found: dict[str, Row] = {}
    for row in beyond:
        if row["kind"] != "control" and (
            row["group"] not in found or rank(row) < rank(found[row["group"]])
        ):
            found[row["group"]] = row
    return dict(sorted(found.items(), key=lambda pair: rank(pair[1])))


def difference(row: Row) -> str:
    """Return the difference of the areas of network and probe with its interval."""
    return wording.estimate(row["difference"], row["low"], row["high"], int(row["n"]))


def _missing(rows: Sequence[Row], was_run: bool) -> dict[str, str]:
    """Return why which probes were not made: reason to groups."""
    if not was_run:
        return {NOT_RUN: ""}
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["note"]:
            groups = found.setdefault(row["note"].removeprefix("not made: "), [])
            groups += [row["words"]] * (row["words"] not in groups)
    return {why: ", ".join(groups) for why, groups in found.items()}


def sentences(beyond: Sequence[Row], main: str) -> list[str]:
    """Return one sentence for each probe that the network is not shown to be better than.

    Only probes that are better than chance; see :func:`ricenet.evaluate.added_value.verdict`.

    Parameters
    ----------
    beyond : sequence of dict
        Rows of ``added-value.tsv`` of one network, from :func:`besides`.
    """
    inputs = inputs_of(main)
    found = []
    for row in of_groups(beyond).values():
        if row["outcome"] in AGAINST:
            found.append(
                f"A model of {row['words']} alone {AGAINST[row['outcome']][1]} the network with "
                f"{inputs}: AUC within folds {_estimate(row, 'auc_probe', 'probe')}, network "
                f"{_estimate(row, 'auc_network', 'network')}, network less model "
                f"{difference(row)}, {row['n']} patients"
                + (
                    " (a confounder: it is known without looking at the lesion)."
                    if row["kind"] == "confounder"
                    else "."
                )
            )
    return found


def _estimate(row: Row, value: str, of: str) -> str:
    return wording.estimate(row[value], row[f"{of}_low"], row[f"{of}_high"], int(row["n"]))


def plot(made: Sequence[Row], beyond: Sequence[Row]) -> Markup | str:
    """Draw the areas of the probes out of fold, chance and the network as lines."""
    own = [row for row in made if row["set"] == "validation"]
    if not own:
        return ""
    order = {kind: place for place, kind in enumerate(dict.fromkeys(r["kind"] for r in own))}
    rows = [
        {"name": f"{row['words'].partition(' (')[0]}, {row['model']} ({row['kind']})",
         "value": row["auc"], "low": row["low"], "high": row["high"], "n": row["n"], "colour": TEAL,
         "says": f"; by chance {row['null_low'][:4]} to {row['null_high'][:4]}"}
        for row in sorted(own, key=lambda r: order[r["kind"]])
    ]  # fmt: skip
    lines = [("chance", 0.5, GREY, "-")]
    if beyond:
        first = beyond[0]
        lines.append(("the network", float(first["auc_network"]), BLUE, "--"))
        rows.insert(0, {
            "name": f"network, {' + '.join(first['ablation'].split('-'))}", "n": first["n"],
            "value": first["auc_network"], "low": first["network_low"],
            "high": first["network_high"],
        })  # fmt: skip
    return plots.forest(
        rows, lines, label=f"AUC within folds, Newcombe (n = {own[0]['n']})", name="probes",
        alt="Areas under the curve of models of few features with intervals; as in the table below",
    )  # fmt: skip
