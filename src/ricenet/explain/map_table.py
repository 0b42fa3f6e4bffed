"""The table of what maps can show: trained networks and controls in the same rows.

Pure functions from maps to rows. ``N`` patients in one common box, in the order in which they are
given; a map of one patient is also measured on the regions of all others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ricenet.cohort.labels import EVERYONE
from ricenet.explain import map_changes, map_places, map_statistics, map_verdict
from ricenet.statistics import agreement, over_patients
from ricenet.statistics.exchange import exchange

TRAINED = "trained"
PRIMARY = "isodose-95"  # the one test that is named before; the other regions are corrected
TESTED = (PRIMARY, "enhancement")  # nobody claims that importance lies elsewhere
COLUMNS = (
    "ablation", "networks", "subject", "measure", "of", "value", "low", "high", "n",
    "volume_share", "others", "exchange_p", "family_p", "permutations", "place_p", "controls",
    "controls_value", "controls_p", "difference", "difference_low", "difference_high",
    "below_controls", "verdict", "why",
)  # fmt: skip
COUNTS = ("n", "permutations", "controls")


class Maps(NamedTuple):
    """What one set of networks shows of all patients.

    Attributes
    ----------
    shares : (N, N, R) array
        Share of the importance of patient i's map in region r of patient j.
    largest : (N,) array
        Largest change of the logit.
    against : (N,) array
        Share of the importance that speaks against the predicted class.
    spearman, icc : (N,) array
        Agreement of the models on the cubes: mean of all pairs, and ICC(2,1).
    place_p : (N, R) array
        Against the same map at other places of the brain; NaN where it cannot be moved.
    """

    shares: NDArray
    largest: NDArray
    against: NDArray
    spearman: NDArray
    icc: NDArray
    place_p: NDArray


def measured(
    maps: Iterator[tuple[NDArray, NDArray]],
    codes: Sequence[NDArray],
    *,
    draws: int,
    rng: Callable[[int], np.random.Generator],
) -> Maps:
    """Measure the maps of one set of networks.

    Parameters
    ----------
    maps : iterator
        Of each patient the map of changes of the logit (X, Y, Z) and the cubes' changes (M, P).
    codes : sequence of (X, Y, Z) int array
        Regions of each patient.
    draws : int
        Places that each map is moved to; 0 for none.
    rng : function
        Random numbers of a patient, by number.
    """
    regions = len(map_statistics.REGIONS)
    rows: list[tuple[Any, ...]] = []
    for i, (change, cubes) in enumerate(maps):
        importance = np.abs(change).astype(np.float64)
        shares = [map_statistics.shares(importance, region) for region in codes]
        parts = map_changes.parts(change)
        whole = parts.for_it + parts.against
        pairs = agreement.pairwise_spearman(cubes)
        drawn = (
            map_places.draw(importance, codes[i] > 0, draws=draws, rng=rng(i)) if draws else None
        )
        place_p = np.full(regions, np.nan)
        if drawn is not None:
            null = map_statistics.shifted_shares(importance, codes[i], drawn)
            place_p = np.array(
                [map_statistics.chance(float(shares[i][r]), null[:, r]).p for r in range(regions)]
            )
        rows.append((
            shares, importance.max(), parts.against / whole if whole else np.nan,
            pairs.mean() if len(pairs) else np.nan, agreement.icc_2_1(cubes), place_p,
        ))  # fmt: skip
    return Maps(*(np.array(column, dtype=float) for column in zip(*rows, strict=True)))


def subject_rows(
    networks: str, found: Maps, subjects: Sequence[str], there: Sequence[str], volumes: NDArray
) -> Iterator[dict[str, Any]]:
    """Yield the rows of each patient: points, without intervals and tests over patients.

    ``volumes`` are the regions' shares (N, R) of the brain.
    """
    for i, subject in enumerate(subjects):
        row = {"networks": networks, "subject": subject, "n": 1}
        for r, region in _places(there):
            yield row | {
                "measure": "share", "of": region, "value": found.shares[i, i, r],
                "volume_share": volumes[i, r], "place_p": found.place_p[i, r],
            }  # fmt: skip
        yield row | {"measure": "largest change", "of": "logit", "value": found.largest[i]}
        yield row | {"measure": "against", "of": "logit", "value": found.against[i]}
        yield row | {"measure": "agreement", "of": "spearman", "value": found.spearman[i]}
        yield row | {"measure": "agreement", "of": "icc", "value": found.icc[i]}


def cohort_rows(
    found: Maps,
    controls: Mapping[str, Sequence[Maps]],
    there: Sequence[str],
    volumes: NDArray,
    *,
    draws: int,
    confidence: float,
    seed: int,
) -> Iterator[dict[str, Any]]:
    """Yield the rows over all patients: of the trained networks with the verdict, of controls.

    Parameters
    ----------
    controls : mapping
        Kind of control to its networks; a kind without any was not made.
    """
    own = {"networks": TRAINED, "subject": EVERYONE}
    level = level_of(controls)
    typical = float(np.median(found.largest))
    tests = exchange(found.shares, draws=draws, seed=seed)
    tested = [r for r, region in _places(there) if region in TESTED]
    family = dict(zip(tested, exchange(found.shares[:, :, tested], draws=draws, seed=seed).p_family,
                      strict=True)) if tested else {}  # fmt: skip
    others = controls.get("untrained", ())
    for r, region in _places(there):
        shares = np.einsum("iir->ir", found.shares)[:, r]
        estimate = over_patients.share(shares, confidence=confidence)
        row = own | {"measure": "share", "of": region, **estimate._asdict()}
        row |= {"n": int(np.isfinite(shares).sum()), "volume_share": volumes[:, r].mean()}
        row |= against_controls(shares, [np.einsum("iir->ir", c.shares)[:, r] for c in others],
                                confidence=confidence)  # fmt: skip
        if region in TESTED:
            row |= {"others": tests.others[r], "exchange_p": tests.p[r],
                    "family_p": family[r], "permutations": tests.tried}  # fmt: skip
            means = np.array([np.nanmean(np.einsum("iir->ir", c.shares)[:, r]) for c in others])
            p = tests.p[r] if region == PRIMARY else family[r]
            verdict = map_verdict.judge(
                float(np.nanmean(shares)) if np.isfinite(shares).any() else np.nan, means,
                exchange_p=p, largest=typical, level=level,
            )  # fmt: skip
            row |= {"verdict": verdict.word, "why": verdict.reason}
        yield row | {"below_controls": below(typical, level)}
    yield from _further(own, found, controls, typical, level, confidence=confidence)


def _further(
    own: dict[str, Any],
    found: Maps,
    controls: Mapping[str, Sequence[Maps]],
    typical: float,
    level: float,
    *,
    confidence: float,
) -> Iterator[dict[str, Any]]:
    """Yield the rows over all patients that are no shares, and those of the controls' changes."""
    n = len(found.largest)
    of = {"measure": "largest change", "of": "logit"}
    yield own | of | {
        "value": typical, "n": n, "below_controls": below(typical, level), "controls_value": level,
        "controls": sum(map(len, controls.values())),
    }  # fmt: skip
    for measure, what, values in (
        ("against", "logit", found.against),
        ("agreement", "spearman", found.spearman),
        ("agreement", "icc", found.icc),
    ):
        estimate = over_patients.mean(values, confidence=confidence)
        count = int(np.isfinite(values).sum())
        yield own | {"measure": measure, "of": what, **estimate._asdict(), "n": count}
    for kind, several in controls.items():
        row = {"networks": kind, "subject": EVERYONE, **of, "controls": len(several)}
        if not several:
            yield row | {"why": map_verdict.NOT_MADE}
            continue
        largest = np.concatenate([c.largest for c in several])
        yield row | {"value": float(np.median(largest)), "n": n,
                     "high": over_patients.level_of_controls(largest)}  # fmt: skip


def against_controls(
    shares: NDArray, controls: Sequence[NDArray], *, confidence: float
) -> dict[str, Any]:
    """Return a share (N,) beside those of control networks: difference over patients, and rank."""
    row: dict[str, Any] = {"controls": len(controls)}
    if not controls:
        return row
    means = np.array([np.nanmean(c) for c in controls])
    gain = over_patients.mean(shares - np.mean(controls, axis=0), confidence=confidence)
    return row | {
        "controls_value": float(means.mean()),
        "controls_p": map_verdict.p_of_controls(float(np.nanmean(shares)), means),
        "difference": gain.value, "difference_low": gain.low, "difference_high": gain.high,
    }  # fmt: skip


def level_of(controls: Mapping[str, Sequence[Maps]]) -> float:
    """Return what 95 % of the controls' largest changes stay below; NaN without controls.

    Networks with permuted labels where there are any: they have learned something, of noise.
    """
    made = controls.get("permutation") or controls.get("untrained") or ()
    return over_patients.level_of_controls(
        np.concatenate([c.largest for c in made]) if made else np.array([])
    )


def below(value: float, level: float) -> str:
    """Return whether a largest change is below that of the controls, in words."""
    if not np.isfinite(level):
        return map_verdict.NOT_MADE
    return "yes" if value < level else "no"


def as_table(ablation: str, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as the table, with whole numbers where something was counted."""
    table = pd.DataFrame([{"ablation": ablation, **row} for row in rows])
    return table.reindex(columns=list(COLUMNS)).astype(dict.fromkeys(COUNTS, "Int64"))


def _places(there: Sequence[str]) -> list[tuple[int, str]]:
    return [(r, name) for r, name in enumerate(map_statistics.REGIONS) if name in there]
