"""Work around Snakemake's rescheduling timer."""

from __future__ import annotations

import sys
from typing import Any


def stop_alarms(workflow: Any) -> None:
    """Remove the limit of jobs a second from a scheduler that is about to start.

    With a limit, and by default there is one of 100 a second, Snakemake 9.27 starts a timer at the
    end of each round of scheduling, and the timer begins the next round: every job that ends adds
    one that never stops (https://github.com/snakemake/snakemake/pull/3744 describes it). After some
    hundred jobs the rounds take as much of a processor as the steps. Limits over longer times, as a
    cluster needs them, stay.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        As the Snakefile knows it, in its ``onstart``.
    """
    scheduler: Any = getattr(workflow, "scheduler", None)
    limiter = getattr(scheduler, "job_rate_limiter", None)
    # another version of Snakemake may have neither: then nothing is changed
    if limiter is not None and getattr(limiter, "timespan", 2) <= 1:
        scheduler.job_rate_limiter = None
        scheduler.resources["_job_count"] = sys.maxsize  # the scheduler insists on it
