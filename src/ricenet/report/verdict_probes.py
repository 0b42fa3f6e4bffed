"""Sentences of the box about models of few features: the network beside the simplest of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ricenet.evaluate.added_value import MARGIN
from ricenet.evaluate.contrasts import OUT_OF_FOLD_LEVEL
from ricenet.report import shortcuts
from ricenet.report.results import best_probe
from ricenet.report.sentence import NOT_MADE, NOT_SHOWN, SHOWN, Sentence, mark
from ricenet.report.verdict_counts import DOSE_MAP
from ricenet.report.verdict_sets import signed
from ricenet.statistics import wording

Row = Mapping[str, Any]
PICKED = "the best was picked afterwards, which flatters it"
Tables = Mapping[str, Sequence[Row]]


def beside_the_simplest(
    tables: Tables, main: str, right: int, pairs: Sequence[Row] = ()
) -> list[Sentence]:
    """Say how many patients the best simple model gets right, and how many the network.

    Of models that tell the classes apart, the one that gets most right. Nothing without any.

    Parameters
    ----------
    tables : mapping of str to rows
        By kind of file.
    main : str
        Input combination of the network.
    right : int
        How many patients the network gets right out of fold.
    pairs : sequence of dict
        Contrasts of input combinations: that with the dose map says what images add.
    """
    rows = [
        row for row in shortcuts.besides(tables, main)
        if row["kind"] != "control" and row.get("only_probe_right") and tells_apart(row)
    ]  # fmt: skip
    if not rows:
        return []

    def right_of(row: Row) -> int:
        return right - int(row["only_network_right"]) + int(row["only_probe_right"])

    best = max(rows, key=lambda row: (right_of(row), float(row["auc_probe"])))
    own, n, p = right_of(best), int(best["n"]), float(best["mcnemar_p"])
    more = right > own and p <= OUT_OF_FOLD_LEVEL
    if p <= OUT_OF_FOLD_LEVEL and right != own:
        words = (
            "gets fewer of these patients right" if more else "gets more of these patients right"
        )
    elif own >= right:
        words = "gets as many of these patients right"
    else:
        words = "is not shown to get fewer of these patients right"
    text = (
        f"{shortcuts.as_model(tables, best)} {words}: {own} of {n}, the network {right} "
        f"({best['only_network_right']} right by the network only, {best['only_probe_right']} by "
        f"the simple model only, p {signed(wording.p_value(p))}).{_adds(best)}"
        f"{_images(pairs, main)}"
    )
    shown = more and best["outcome"] == shortcuts.BETTER
    method = f"n = {n}; out of fold; exact McNemar, shown at {OUT_OF_FOLD_LEVEL:g}; {PICKED}"
    return [Sentence(text, SHOWN if shown else NOT_SHOWN, method, mark(best))]


def ranks_besides(tables: Tables, main: str) -> str:
    """Say how the best model of few features ranks the patients whom a network ranks, and a gain.

    Parameters
    ----------
    main : str
        Input combination of the network.
    """
    probes = tables.get("probes", ())
    best = best_probe(probes, "validation")
    if best is None:
        return " Whether a model of few features ranks as well was not examined."
    area = wording.estimate(best["auc"], best["low"], best["high"], int(best["n"]))
    tried = {row["group"] for row in probes if not row["note"] and row["kind"] != "control"}
    groups = f"the best of {len(tried)} group{'s' if len(tried) > 1 else ''} tried"
    outcomes = [
        row["outcome"] for row in shortcuts.besides(tables, main)
        if (row["group"], row["model"]) == (best["group"], best["model"])
    ]  # fmt: skip
    gain = {shortcuts.BETTER: "a gain over it is shown", "": "whether it gains: not made"}.get(
        outcomes[0] if outcomes else "", "no gain over it is shown"
    )
    words = shortcuts.alone(best)
    return f" {words[0].upper()}{words[1:]}: AUC {area}, {groups}: {gain}."


def right_besides(tables: Tables, of: str, *, few: bool) -> str:
    """Return how many patients of a set the best model of few features gets right, if any.

    Picked by its area in cross-validation. Of few patients the rest of a sentence, else one.
    """
    best = best_probe(tables.get("probes", ()), "validation")
    labels = {row["subject"]: row["label"] for row in tables.get("manifest", ())}
    if best is None:
        return ""
    answers = [
        (float(row["probability_rice"]) > 0.5) == (labels[row["subject"]] == "1")
        for row in tables.get("probe_predictions", ())
        if (row["set"], row["group"], row["model"]) == (of, best["group"], best["model"])
        and row["subject"] in labels and row["probability_rice"]
    ]  # fmt: skip
    if not answers:
        return ""
    words = f"{shortcuts.alone(best)} {sum(answers)} of {len(answers)}"
    return f"; {words}" if few else f" {words[0].upper()}{words[1:]} right."


def _adds(row: Row) -> str:
    """Say what the areas decide about the network beside one model, both ways."""
    figure = f"AUC, network less model: {shortcuts.difference(row)}"
    return {
        shortcuts.AHEAD: f" By the AUC the simple model is ahead ({figure}).",
        shortcuts.AS_WELL: (
            f" By the AUC it does as well ({figure}, all of it below {MARGIN:.2f}): no reason to "
            "use a network is shown."
        ),
        shortcuts.BETTER: f" By the AUC the network is better ({figure}).",
    }.get(
        row["outcome"],
        f" That the network adds anything to it is not shown; nor that it adds nothing ({figure}).",
    )


def _images(pairs: Sequence[Row], main: str) -> str:
    """Say so where no contrast shows that images add something to the dose map of a network."""
    if DOSE_MAP not in main.split("-"):
        return ""
    for row in pairs:
        if row["set"] == "validation" and {row["first"], row["second"]} == {main, DOSE_MAP}:
            one, other = ("first", "second") if row["first"] == main else ("second", "first")
            gain = str(row["verdict"]) == SHOWN and row[f"right_{one}"] > row[f"right_{other}"]
            counts = f"{row[f'right_{one}']} against {row[f'right_{other}']} of {row['n']}"
            return "" if gain else f" Nor that images add anything to the dose map ({counts})."
    return ""


def tells_apart(row: Row) -> bool:
    """Return whether a model of few features is itself shown to tell the classes apart."""
    return row["outcome"] not in (shortcuts.NO_BAR, shortcuts.UNTOLD)


def of_probes(tables: Tables, main: str) -> Sentence:
    """Say whether the network is better than each group of few features that knows anything.

    Groups are counted, not models: both models of a group ask one question of the same features.
    The network is better than a group only if it is better than both. A group that does not tell
    the classes apart is no bar.
    """
    groups = shortcuts.of_groups(shortcuts.besides(tables, main))
    best = best_probe(tables.get("probes", ()), "validation")
    if not groups or best is None:
        return Sentence("Whether a model of few features does as well: not made.", NOT_MADE)
    rows, n = list(groups.values()), int(best["n"])
    bars = [row for row in rows if tells_apart(row)]
    area = wording.estimate(best["auc"], best["low"], best["high"], n)
    text = (
        f"The best model of few features ({shortcuts.described(best)}, {best['model']}) "
        f"has an AUC of {area}, the network {_network(rows[0])}."
    )
    method = f"n = {n}; within folds, Newcombe; differences: DeLong, uncorrected; {PICKED}"
    better = sum(row["outcome"] == shortcuts.BETTER for row in bars)
    of = f"{len(bars)} group{'s' if len(bars) > 1 else ''} of features"
    if not bars:
        text += " No group of features that was tried tells the classes apart"
        return Sentence(f"{text}: to be better than they says nothing.", NOT_SHOWN, method)
    if better == len(bars):
        text += f" The network is better than each of {of}."
    else:
        tell = "tell" if len(bars) > 1 else "tells"
        text += f" That the network is better is shown for {better} of {of} that {tell} the "
        text += f"classes apart.{_against(bars)}"
    tone = SHOWN if better == len(bars) else NOT_SHOWN
    return Sentence(text + _no_bars(rows), tone, method, mark(best))


def _no_bars(rows: Sequence[Row]) -> str:
    names = [
        f"{row['words']} (AUC {wording.number(row['auc_probe'], int(row['n']))})"
        for row in rows if not tells_apart(row)
    ]  # fmt: skip
    if not names:
        return ""
    return (
        f" Not shown to tell the classes apart, so that to be better says nothing: "
        f"{'; '.join(names)}."
    )


def of_untried(tables: Tables) -> list[Sentence]:
    """Say which shortcuts nobody looked for."""
    if "probes" not in tables:
        return []
    tried, untried = shortcuts.tried(tables["probes"])
    text = f"Shortcuts: tried were {', '.join(tried) or 'none'}; not tried {', '.join(untried)}."
    return [Sentence(text, NOT_MADE)]


def _against(rows: Sequence[Row]) -> str:
    """Name the groups that are ahead, do as well, or are not shown to be worse."""
    said = ""
    for outcome, (words, _) in shortcuts.AGAINST.items():
        own = [row for row in rows if row["outcome"] == outcome]
        if not own:
            continue
        first, *others = (f"{row['words']} alone" for row in own)
        margin = f", all of it below {MARGIN:.2f}" if outcome == shortcuts.AS_WELL else ""
        said += f" A model of {first} {words} (difference {shortcuts.difference(own[0])}{margin})"
        for name, row in zip(others, own[1:], strict=True):
            said += f"; of {name} (difference {shortcuts.difference(row)}{margin})"
        said += "."
    known = [
        row["words"] for row in rows
        if row["kind"] == "confounder" and row["outcome"] in shortcuts.AGAINST
    ]  # fmt: skip
    return said + (f" Known without looking at the lesion: {', '.join(known)}." if known else "")


def _network(row: Row) -> str:
    """Return the area of the network, of a row of ``added-value.tsv``."""
    low, high = row["network_low"], row["network_high"]
    return wording.estimate(row["auc_network"], low, high, int(row["n"]))
