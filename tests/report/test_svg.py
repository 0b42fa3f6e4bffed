"""svg: text stays text, ids are the figure's own, and what is pointed at speaks."""

from __future__ import annotations

from xml.etree import ElementTree

from ricenet.report import svg


def drawn(name: str) -> str:
    figure, (axes,) = svg.panels(1)
    svg.say(axes.plot([0, 1], [0, 2], "o")[0], "a < b & $x_1$, n = 2")
    axes.fill_between([0, 1], [0, 1])
    axes.set_title("costs $5 and $6")
    return svg.inline(figure, name=name, alt='a "quoted" <alt>')


def test_an_element_is_whole_by_itself() -> None:
    root = ElementTree.fromstring(drawn("one"))
    assert root.attrib["aria-label"] == 'a "quoted" <alt>' and root.attrib["role"] == "img"
    names = {element.tag for element in root.iter()}
    assert not names & {"style", "metadata", "script", "image"}
    assert [e.text for e in root.iter("title")] == ["a < b & $x_1$, n = 2"]
    texts = [e.text for e in root.iter("text")]
    assert "costs $5 and $6" in texts  # no mathematics
    ids = {e.attrib["id"] for e in root.iter() if "id" in e.attrib}
    used = {e.attrib["href"][1:] for e in root.iter("use")}
    used |= {e.attrib["clip-path"][5:-1] for e in root.iter() if "clip-path" in e.attrib}
    assert used == ids and all(name.startswith("one-") for name in ids)


def test_a_figure_is_the_same_again_and_its_ids_are_not_another_figures() -> None:
    first, other = drawn("one"), drawn("two")
    assert drawn("one") == first and first.replace("one-", "two-") == other
