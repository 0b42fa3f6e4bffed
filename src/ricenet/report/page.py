"""HTML pages from the templates: no script, nothing fetched, every value escaped."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import jinja2

from ricenet.statistics import wording

TEMPLATES = Path(__file__).parent / "templates"
NOT_AVAILABLE = "n/a"
FEWEST_DRAWS = 199  # of a p value: with fewer none is below 0.005
BEYOND = 1e300  # a table of checks has no infinity: the audit writes this for what is no number


def number(value: Any, digits: int = 2) -> str:
    """Format with a fixed number of digits; what is missing or not finite is "n/a"."""
    try:
        value = float(value)
    except (TypeError, ValueError):
        return NOT_AVAILABLE
    return wording.fixed(value, digits) if math.isfinite(value) else NOT_AVAILABLE


def measured(value: Any) -> str:
    """Return four significant digits, for values of any size; other text is left as it is."""
    try:
        value = float(value)
    except (TypeError, ValueError):
        return str(value or NOT_AVAILABLE)
    return f"{value:.4g}" if abs(value) < BEYOND else NOT_AVAILABLE


def with_unit(check: dict[str, str]) -> str:
    """Return the value of a check with its unit; a value that is none has no unit."""
    value = measured(check["value"])
    return value if value == NOT_AVAILABLE else f"{value} {check['unit']}".rstrip()


def limits(check: dict[str, str]) -> str:
    """Return the limits of a check, as in ``≥ 0.9, ≤ 1``."""
    signs = (("at_least", "≥"), ("at_most", "≤"))
    return ", ".join(f"{sign} {measured(check[key])}" for key, sign in signs if check[key])


def inputs_of(ablation: str) -> str:
    """Return the channels of an input combination, joined by plus signs."""
    return " + ".join(ablation.split("-"))


def set_words(of: str) -> str:
    """Return a set of patients in words: "validation" means other patients outside this field."""
    return of.replace("validation", "cross-validation")


def interval(estimate: dict[str, Any]) -> str:
    """Return the limits of an estimate with its ``n``, or that there are none."""
    return wording.interval(estimate.get("low"), estimate.get("high"), int(float(estimate["n"])))


def smaller_class(count: int) -> str:
    """Return how few patients the smaller class has, in words."""
    return {0: "No patient of one class", 1: "Only 1 patient of the smaller class"}.get(
        count, f"Only {count} patients of the smaller class"
    )


def how_published(figure: dict[str, Any]) -> str:
    """Return how the interval of a published figure was made."""
    if figure.get("right"):
        return "exact, of the counts that follow from it"
    return "exact, as if the folds were pooled; the paper does not state the epoch"


def p_drawn(row: dict[str, Any]) -> str:
    """Return a p value by random draws with their number; of too few draws there is none.

    A share of draws cannot fall below 1 / (draws + 1): there it is an upper limit.
    """
    draws = int(float(row.get("draws") or 0))
    if not row.get("p"):
        return "no p"
    if draws < FEWEST_DRAWS:
        return f"no p of {draws} draws" if draws else "no p: draws not on record"
    p = float(row["p"])
    limit = "≤ " if p <= (1 + 1e-9) / (1 + draws) else ""
    return f"p {limit}{wording.p_value(p)} ({draws} draws)"


def render(template: str, content: dict[str, Any]) -> str:
    """Fill a template; every value is escaped, a missing one is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"few": {}, "fewest_draws": FEWEST_DRAWS}  # no set is too small
    environment.tests |= {
        "match_no_record": lambda text: text.lower().startswith("no record"),
        "match_not_stated": lambda text: text.startswith("not stated"),
    }
    environment.filters |= {
        "number": number, "measured": measured, "with_unit": with_unit, "limits": limits,
        "inputs": inputs_of, "set_words": set_words, "of": wording.number,
        "interval": interval, "p_value": wording.p_value,
        "p_drawn": p_drawn, "smaller_class": smaller_class, "how_published": how_published,
    }  # fmt: skip
    return environment.get_template(template).render(content)
