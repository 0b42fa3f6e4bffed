"""page: numbers as people write them; anything else is said to be missing."""

import pytest

from ricenet.report import page


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), "", "text"])
def test_number_without_value(value):
    assert page.number(value) == "n/a"


def test_numbers_and_limits():
    assert page.number(0.825) in ("0.82", "0.83") and page.number("0.9161", 3) == "0.916"
    assert page.limits({"at_least": "0.9", "at_most": ""}) == "≥ 0.9"
    assert page.limits({"at_least": "0", "at_most": "0.001"}) == "≥ 0, ≤ 0.001"


def test_a_value_that_the_template_lacks_is_an_error():
    with pytest.raises(Exception, match="undefined"):
        page.render("status.html.j2", {"title": "x"})
