"""Sentences of the box about contrasts: which input combination beats which, and what that says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ricenet.report.page import inputs_of
from ricenet.report.results import FEWEST_TO_ESTIMATE, class_sizes, constant, headline, same_call
from ricenet.report.sentence import IMPOSSIBLE, NOT_MADE, NOT_SHOWN, SHOWN, Sentence, mark
from ricenet.report.verdict_sets import ALL, SETS, beats, signed
from ricenet.statistics import wording

Row = Mapping[str, Any]
BARELY = 1.25  # a difference below this many detectable ones is probably an overestimate


def of_contrasts(rows: Sequence[Row], of: str, ablations: Mapping[str, Row]) -> list[Sentence]:
    """Say what the contrasts of one set decide, all those that decide nothing in one sentence.

    A difference is shown on page one only where the better input is itself above guessing: to beat
    who knows less than nothing is no success.

    Parameters
    ----------
    rows : sequence of dict
        Contrasts of the set.
    of : str
        The set.
    ablations : mapping of str to mapping
        Summaries by input combination.
    """
    if not rows:
        return [] if of == "test" else [Sentence("Contrasts of inputs: not made.", NOT_MADE)]
    n = int(rows[0]["n"])
    first = headline(next(iter(ablations.values())), of)
    if min(class_sizes(first)) < FEWEST_TO_ESTIMATE:
        text = (
            f"{SETS[of]} (n = {n}): no contrast between inputs is tested on fewer than "
            f"{FEWEST_TO_ESTIMATE} patients of a class; the order of the inputs says nothing."
        )
        return [Sentence(text, IMPOSSIBLE, f"n = {n}")]
    rows = judged(rows, ablations)
    alike = [row for row in rows if same_call(row, ablations)]
    found = [_of_ahead(row, rows, of, ablations) for row in rows if row["ahead"]]
    if alike:
        text = (
            f"{SETS[of]} (n = {n}): {len(alike)} of {len(rows)} contrasts between inputs compare "
            "nothing, as both give everybody the same answer; more patients would not change it."
        )
        found.append(Sentence(text, NOT_MADE, f"n = {n}"))
    open_rows = [row for row in rows if not _shown(row) and row not in alike]
    if not open_rows:
        return found
    impossible = all(str(row["verdict"]).startswith(IMPOSSIBLE) for row in open_rows)
    word = "cannot be decided on so few patients" if impossible else "are not shown"
    text = (
        f"{SETS[of]} (n = {n}): {len(open_rows)} of {len(rows)} contrasts between inputs {word}; "
        "the order of the inputs says nothing."
    )
    marks = "; ".join(dict.fromkeys(mark(row) for row in open_rows))
    tone = IMPOSSIBLE if impossible else NOT_SHOWN
    return [*found, Sentence(text, tone, _method(rows), marks)]


def judged(rows: Sequence[Row], ablations: Mapping[str, Row]) -> list[dict[str, Any]]:
    """Return contrasts with the verdict that page, table and plot share.

    A difference that the table shows is shown only where the better input is itself above guessing.
    ``ahead`` keeps that the p of the family is at its level.
    """
    found = []
    for row in rows:
        ahead, words = _shown(row), str(row["verdict"])
        better, other = _better(row)
        if ahead and not _above(better, row["set"], ablations):
            weak = "neither is" if not _above(other, row["set"], ablations) else (
                f"{inputs_of(better)} is not"
            )  # fmt: skip
            words = f"not shown: {weak} shown to be above guessing"
        found.append({**row, "verdict": words, "ahead": ahead})
    return found


def _shown(row: Row) -> bool:
    return str(row["verdict"]) == SHOWN


def _better(row: Row) -> tuple[str, str]:
    pair = str(row["first"]), str(row["second"])
    return pair if float(row["difference"]) > 0 else pair[::-1]


def _method(rows: Sequence[Row]) -> str:
    return f"n = {rows[0]['n']}; Tango's interval, exact McNemar, max-T over {len(rows)} contrasts"


def _of_ahead(row: Row, rows: Sequence[Row], of: str, ablations: Mapping[str, Row]) -> Sentence:
    """Say by how much one input beats another, what each is worth, and what it does not beat."""
    n, (better, other) = int(row["n"]), _better(row)
    limits = [float(row[key]) for key in ("difference", "low", "high")]
    value, low, high = limits if limits[0] > 0 else (-limits[0], -limits[2], -limits[1])
    figure = wording.estimate(value, low, high, n)
    p = f"p {signed(wording.p_value(row['p_max_t']))}, corrected for {len(rows)} contrasts (max-T)"
    counts, named = _counts(row, better), inputs_of(better)
    if _shown(row):
        text = f"{named} gets more patients right than {inputs_of(other)}{counts}: "
        text += f"difference in accuracy {figure}, {p}."
    else:
        text = f"{named}: more patients right than with {inputs_of(other)}{counts}, difference in "
        text += f"accuracy {figure}, {p}, but {row['verdict'].partition(': ')[2]}."
    text = (
        f"{SETS[of]}, {text}{_worth((other, better), of, ablations)}"
        f"{_beside(better, rows)}{_overestimate(row)}"
    )
    method = f"{_method(rows)}; shown, if p of the family is at most {row.get('level') or '0.05'}"
    method += " and the better input is itself above guessing"
    return Sentence(text, SHOWN if _shown(row) else NOT_SHOWN, method, mark(row))


def _counts(row: Row, better: str) -> str:
    if row.get("right_first") is None:
        return ""
    one, other = ("first", "second") if better == row["first"] else ("second", "first")
    return f" ({row[f'right_{one}']} against {row[f'right_{other}']} of {row['n']})"


def _above(name: str, of: str, ablations: Mapping[str, Row]) -> bool:
    if name not in ablations:
        return False
    own = headline(ablations[name], of)
    return beats(own, of, sum(class_sizes(own)))


def _worth(names: Sequence[str], of: str, ablations: Mapping[str, Row]) -> str:
    """Name the inputs that are not above guessing; empty where all are."""
    weak = [name for name in names if name in ablations and not _above(name, of, ablations)]
    if not weak:
        return ""
    found = {name: headline(ablations[name], of) for name in weak}
    pair = class_sizes(found[weak[0]])
    words = ALL[constant(*pair)[0]]
    others = pair[1] if words == "recurrence" else pair[0]
    rights = ", ".join(
        f"{inputs_of(name)} ({own['right'].partition(' of ')[0]} right)"
        for name, own in found.items()
    )
    return f" Not shown to be above guessing: {rights}; {others} if all are called {words}."


def _beside(better: str, rows: Sequence[Row]) -> str:
    """Name the inputs that the better one is not shown to beat."""
    names = []
    for row in rows:
        if row["ahead"] or better not in (row["first"], row["second"]):
            continue
        place = "second" if row["first"] == better else "first"
        right = row.get(f"right_{place}")
        names.append(inputs_of(row[place]) + (f" ({right} right)" if right is not None else ""))
    return f" Not shown to be better than: {', '.join(names)}." if names else ""


def _overestimate(row: Row) -> str:
    """Say so where a difference only just exceeds what so many patients can be expected to show."""
    least = row.get("detectable")
    if least in (None, "") or abs(float(row["difference"])) > BARELY * float(least):
        return ""
    return (
        f" So many patients find differences from {float(least):.2f} on: one that only just "
        "exceeds that is probably an overestimate."
    )
