"""What the planning has to say to a person that stops nothing, said so that it is seen.

Python's own ``warnings`` are no way: a warning that is given while a Snakefile is read belongs to a
module without a name, and Python drops it. Snakemake's logger shows it on the terminal and keeps it
in the log of the run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

MOST = 20  # lines; a table whose folder was moved has thousands of missing paths
_said: set[str] = set()


def bounded(texts: Iterable[str]) -> list[str]:
    """Return the texts, each once; of many the first, and how many more there are."""
    distinct = list(dict.fromkeys(texts))
    if len(distinct) <= MOST:
        return distinct
    more = f"{len(distinct) - MOST} more warnings; ricenet check --configfile FILE lists all"
    return [*distinct[:MOST], more]


def say(texts: Iterable[str]) -> None:
    """Show texts by Snakemake's logger, each once a process."""
    from snakemake.logging import logger

    for text in bounded(texts):
        if text not in _said:
            _said.add(text)
            logger.warning(f"warning: {text}")


def of_planning(workflow: Any, texts: Iterable[str]) -> None:
    """Show texts where the workflow is planned, not again in each job that reads the Snakefile.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        As the Snakefile knows it.
    """
    if getattr(workflow, "is_main_process", True):
        say(texts)


@contextmanager
def errors_without_traceback() -> Iterator[None]:
    """Show what is wrong with settings or tables, and end, without the lines that found it.

    Whatever a Snakefile raises, Snakemake prints with the files and lines of all calls.
    """
    from snakemake.logging import logger

    try:
        yield
    except ValueError as error:
        logger.error(f"error: {error}")
        sys.exit(1)
