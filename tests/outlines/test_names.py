"""Choosing outlines by name, and what messages show of names."""

import pytest

from ricenet.outlines.names import Named, choose, listed, shown

THREE = [Named(1, "GTV_p"), Named(4, "PTV 60"), Named(5, "CANARY lesion")]


@pytest.mark.parametrize(
    "wanted, places",
    [("GTV_p", [0]), ("gtv_P", [0]), ("ptv60", [1]), ("#5", [2]), ("#5; GTV_p;#5", [2, 0])],
)
def test_name_number_and_several(wanted, places):
    assert choose(THREE, wanted, "gtv_name") == places


def test_the_only_one_needs_no_name():
    assert choose(THREE[:1], "", "gtv_name") == [0]


@pytest.mark.parametrize(
    "outlines, wanted, message",
    [
        (THREE, "", "holds 3 outlines"),
        (THREE, "CTV", "no outline has a name"),
        (THREE, "GTV_p;", "no outline has a name"),
        (THREE, "4", "no outline has a name"),
        ([Named(1, "GTV"), Named(2, "GTV")], "GTV", "2 outlines have the name"),
        ([], "", "holds no outline"),
    ],
)
def test_what_is_in_doubt_is_refused_with_the_numbers(outlines, wanted, message):
    with pytest.raises(ValueError, match=message) as caught:
        choose(outlines, wanted, "gtv_name")
    text = str(caught.value)
    assert "CANARY" not in text and len(text) < 400
    assert not outlines or "#1" in text


def test_an_exact_name_comes_before_a_similar_one():
    assert choose([Named(1, "gtv"), Named(2, "GTV")], "GTV", "x") == [1]


@pytest.mark.parametrize(
    "name, words",
    [
        ("GTV_p", "GTV …"), ("PTV60", "PTV 60"), ("CTV1_5940", "CTV …"), ("Smith^Jane", "…"),
        ("PTV 14.03.1950", "PTV …"), ("lesion left 2", "lesion left 2"), ("", ""),
    ],
)  # fmt: skip
def test_only_usual_words_are_shown(name, words):
    assert shown(Named(7, name)) == f'#7 "{words}"'


def test_a_long_list_is_cut():
    assert listed([Named(k, "GTV") for k in range(50)]).endswith("and 44 more")


def test_an_outline_with_nothing_drawn_is_called_so():
    for wanted in ("ctv", "#9"):
        with pytest.raises(ValueError, match="nothing drawn"):
            choose(THREE, wanted, "gtv_name", empty=[Named(9, "CTV")])
