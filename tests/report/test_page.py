"""page: numbers as people write them; anything else is said to be missing."""

import pytest

from ricenet.report import page


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), "", "text"])
def test_number_without_value(value):
    assert page.number(value) == "n/a"


def test_numbers_and_limits():
    assert page.number(0.825) == "0.82" and page.number("0.9161", 3) == "0.916"
    assert page.limits({"at_least": "0.9", "at_most": ""}) == "≥ 0.9"
    assert page.limits({"at_least": "0", "at_most": "0.001"}) == "≥ 0, ≤ 0.001"


def test_a_value_that_the_template_lacks_is_an_error():
    with pytest.raises(Exception, match="undefined"):
        page.render("status.html.j2", {"title": "x"})


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"p": "0.0476190476190476", "draws": "20"}, "no p of 20 draws"),  # 1 / 21
        ({"p": "0.02", "draws": "198"}, "no p of 198 draws"),
        ({"p": str(1 / 200), "draws": "199"}, "p ≤ 0.005 (199 draws)"),  # the smallest there is
        ({"p": str(2 / 200), "draws": "199"}, "p 0.010 (199 draws)"),
        ({"p": str(1 / 10_001), "draws": "10000"}, "p ≤ < 0.001 (10000 draws)"),
        ({"p": "0.3", "draws": ""}, "no p: draws not on record"),
        ({"p": "", "draws": "999"}, "no p"),
    ],
)
def test_a_p_value_of_draws_has_their_number_and_is_none_below_199(row: dict, text: str) -> None:
    assert page.p_drawn(row) == text


def test_how_few_patients_there_are_in_words() -> None:
    words = [page.smaller_class(n) for n in (0, 1, 2)]
    assert words[0] == "No patient of one class" and "1 patient of" in words[1]
    assert words[2] == "Only 2 patients of the smaller class"
