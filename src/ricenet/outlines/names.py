"""Which of the outlines that an object holds is meant, and how a message calls them.

Names of outlines are typed by hand and may hold anything. Messages show the number of an outline,
and of its name the words that are usual in radiotherapy.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ricenet.dicom.describe import HIDDEN, PROTOCOL_WORDS

SEPARATOR = ";"  # between the names of outlines that are joined
LISTED = 6
LONGEST_NUMBER = 4  # 59.4
# Words that name a target, an organ or a stage, never a person
VOCABULARY = """
    gtv ctv ptv itv gtvp gtvn ctvp ctvn boost tumor tumour tumeur lesion lesions met mets metastasis
    cavity resection bed edema oedema ödem necrosis enhancing enhancement core residual recurrence
    brain brainstem chiasm optic nerve nerves eye eyes lens cochlea hippocampus pituitary external
    body skin couch bolus isocenter isocentre ring dose left right l r cc eval opt total union
    high low intermediate risk segment label mask roi volume target planning
    """
WORDS = PROTOCOL_WORDS | frozenset(VOCABULARY.split())
_PART = re.compile(r"[^\W\d_]+|\d+(?:\.\d+)?")


class Named(NamedTuple):
    """An outline of an object: its number in the object, and its name.

    Attributes
    ----------
    number : int
    name : str
        Never shown as it is.
    """

    number: int
    name: str


def shown(outline: Named) -> str:
    """Return an outline in words, for example ``#3 "GTV 1"``.

    Words that are not known become an ellipsis, and numbers unless there is one short one: several
    may be a date.
    """
    words: list[str] = _PART.findall(outline.name[:200])
    numbers = [word for word in words if word[0].isdigit()]
    known = {numbers[0]} if len(numbers) == 1 and len(numbers[0]) <= LONGEST_NUMBER else set()
    parts: list[str] = []
    for word in words:
        seen = word if word in known or word.lower() in WORDS else HIDDEN
        if seen != HIDDEN or parts[-1:] != [HIDDEN]:
            parts.append(seen)
    return f'#{outline.number} "{" ".join(parts)}"'


def listed(outlines: Sequence[Named]) -> str:
    """Return the first outlines in words, and how many more there are."""
    more = len(outlines) - LISTED
    words = ", ".join(shown(outline) for outline in outlines[:LISTED])
    return words + (f" and {more} more" if more > 0 else "")


def choose(
    outlines: Sequence[Named], wanted: str, column: str, *, empty: Sequence[Named] = ()
) -> list[int]:
    """Find the outlines that count.

    Parameters
    ----------
    outlines : sequence of Named
        Those that the object holds, with something drawn.
    wanted : str
        Names as they stand in the object, or ``#`` and the number, several with ``;`` between
        them. Empty: the only one.
    column : str
        Where ``wanted`` stands, for messages.
    empty : sequence of Named
        Those with nothing drawn.

    Returns
    -------
    list of int
        Places in ``outlines``, none twice.

    Raises
    ------
    ValueError
        No such outline, several of one name, or several and nothing is wanted.
    """
    if not outlines:
        raise ValueError("the object holds no outline with a contour; export it again")
    if not wanted:
        if len(outlines) == 1:
            return [0]
        raise ValueError(
            f"the object holds {len(outlines)} outlines: {listed(outlines)}; write the name, or # "
            f"and the number, of the one that is meant into the column {column}"
        )
    found = [_one(outlines, word.strip(), column, empty) for word in wanted.split(SEPARATOR)]
    return list(dict.fromkeys(found))


def _called(outlines: Sequence[Named], word: str) -> list[int]:
    """Return the places of the outlines that a word calls: by number, exactly, or but for case."""
    tests = (
        lambda o: f"#{o.number}" == word,
        lambda o: o.name.strip() == word,
        lambda o: _plain(o.name) == _plain(word),
    )
    found = ([i for i, outline in enumerate(outlines) if test(outline)] for test in tests)
    return next(filter(None, found), [])


def _one(outlines: Sequence[Named], word: str, column: str, empty: Sequence[Named]) -> int:
    places = _called(outlines, word)
    if len(places) == 1:
        return places[0]
    if places:
        raise ValueError(
            f"{len(places)} outlines have the name in the column {column}: "
            f"{listed([outlines[place] for place in places])}; write # and the number there"
        )
    if _called(empty, word):
        raise ValueError(
            f"the outline in the column {column} has nothing drawn; name another, or empty the "
            f"subject's cells where there is no outline"
        )
    raise ValueError(
        f"no outline has a name listed in the column {column}; there are {listed(outlines)}; "
        f"correct it"
    )


def _plain(name: str) -> str:
    """Return a name without case and spaces."""
    return "".join(name.casefold().split())
