"""The table of accepted code: older results that a person declares valid under the present code.

After an upgrade Snakemake would make again what an edited step has made. Where somebody knows that
the edit does not change these results, a row states it and they stay: the digest the rules show
to Snakemake is then the older one. No file is touched, and records keep the digest of the
code that made them. A row that is taken out makes the step run again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ricenet.cohort import tables
from ricenet.provenance.steps import STEPS

COLUMNS = ("step", "code", "accepts", "who", "why")
DIGEST = "[0-9a-f]{16}"


class Accepted(NamedTuple):
    """Older results of a step that are declared valid.

    Attributes
    ----------
    code : str
        Digest of the code that made them.
    who, why : str
        Whose decision it is, and the reason.
    """

    code: str
    who: str
    why: str


def read(path: str | Path, *, digest: Callable[[str], str]) -> dict[str, Accepted]:
    """Read and check the table; rows about code that is no longer there are history.

    Parameters
    ----------
    path : path
        Tab-separated: ``step``, ``code`` (digest of the step's code when it was decided),
        ``accepts`` (digest of the older code), ``who`` decided, and ``why``.
    digest : callable
        From a step to the digest of its code.

    Raises
    ------
    ValueError
        An unknown step, not a digest, an empty cell, two rows about one code of a step.
    """
    table = tables.read_table(Path(path), COLUMNS, COLUMNS)
    accepted: dict[str, Accepted] = {}
    seen: set[tuple[str, str]] = set()
    for row in table.itertuples(index=False):
        step, code, older = str(row.step), str(row.code), str(row.accepts)
        where = f"{path}: the row of {step[:40]!r}"
        if step not in STEPS:
            raise ValueError(f"{where}: there is no such step; python -m ricenet --help lists them")
        if not (re.fullmatch(DIGEST, code) and re.fullmatch(DIGEST, older)):
            raise ValueError(
                f"{where}: code and accepts are 16 hexadecimal digits, as ricenet plan prints them"
            )
        if not row.who or not row.why:
            raise ValueError(f"{where}: a decision needs who took it, and why")
        if (step, code) in seen:
            raise ValueError(f"{where}: two rows are about the code {code}; keep one")
        seen.add((step, code))
        if code == digest(step):
            accepted[step] = Accepted(older, str(row.who), str(row.why))
    return accepted
