"""The program: ``ricenet <verb>`` for people, ``python -m ricenet <step>`` in the rules.

Without an installation, ``python -m ricenet <verb>`` is the same. A module is loaded when its verb
or step is called, so that ``--help`` is quick and no step loads what another needs.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from ricenet import __version__
from ricenet.provenance.steps import STEPS


class Verb(NamedTuple):
    """A command of the program: the module whose ``main`` runs it, and a line of help."""

    module: str
    summary: str


VERBS = {
    "new": Verb("ricenet.scan.new_study", "write the folder of a new study, from a few questions"),
    "scan": Verb("ricenet.scan.command", "propose the subjects table from a DICOM export"),
    "check": Verb("ricenet.study.preflight", "check settings, tables and raw paths before a run"),
    "check-device": Verb(
        "ricenet.device_check.command",
        "check precision, memory and hours of the device that trains",
    ),
    "plan": Verb("ricenet.study.plan", "show what a run would do, why, and for how many hours"),
    "run": Verb("ricenet.study.run", "run the workflow: Snakemake with this repository's profile"),
    "status": Verb(
        "ricenet.report.status", "show who is ready, held back or failed, and what to do"
    ),
    "freeze": Verb("ricenet.study.freeze_cohort", "freeze a cohort, or extend one by new patients"),
    "new-plan": Verb("ricenet.study.new_plan", "write a draft of an analysis plan"),
    "leftovers": Verb("ricenet.study.leftovers", "list or delete files of patients who have left"),
    "explain-dose": Verb(
        "ricenet.ingest.explain_dose", "explain in words how a total dose was computed"
    ),
    "verify": Verb("ricenet.audit.verify", "prove every file of a study"),
    "why": Verb("ricenet.audit.why", "trace a file back to the raw series"),
    "diff": Verb("ricenet.audit.diff", "compare two runs of a study"),
    "export": Verb("ricenet.export.export", "write a study as an RO-Crate"),
    "phantom": Verb("ricenet.phantom.command", "make synthetic patients as DICOM, with truth"),
    "schemas": Verb("ricenet.config.schemas", "write the JSON schema of the settings"),
}
RESEARCH_USE = "Research use only: no medical device, not for clinical decisions."


def usage() -> str:
    """Return the help that lists all verbs."""
    width = max(map(len, VERBS))
    lines = [f"  {name:<{width}}  {verb.summary}" for name, verb in VERBS.items()]
    return "\n".join(
        [
            "usage: ricenet <verb> [--help]",
            "",
            *lines,
            "",
            "The workflow itself runs its steps by: python -m ricenet <step> [--help], with one of",
            *_wrapped(sorted(STEPS)),
            "",
            RESEARCH_USE,
        ]
    )


def _wrapped(words: Sequence[str]) -> list[str]:
    import textwrap

    return textwrap.wrap(" ".join(words), 98, initial_indent="  ", subsequent_indent="  ")


def main(argv: Sequence[str] | None = None) -> None:
    """Run what the first word of the command line names, and exit with its status."""
    try:
        _main(sys.argv[1:] if argv is None else argv)
    except BrokenPipeError:  # whoever reads has seen enough, as in ricenet --help | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _main(argv: Sequence[str]) -> None:
    word, *rest = list(argv) or ["--help"]
    if word in STEPS:
        from ricenet.step import program  # brings numpy, which no help needs

        step = STEPS[word]
        work = partial(_call, step.module, rest)
        program.run(work, step=word, argv=rest, memory_mb=step.memory_mb, seconds=step.seconds)
    elif word in VERBS:
        sys.exit(_call(VERBS[word].module, rest))
    elif word in ("-h", "--help", "help"):
        print(usage())
    elif word == "--version":
        print(f"ricenet {__version__}")
    else:
        sys.exit(f"error: unknown command {word!r}\n\n{usage()}")


def _call(module: str, argv: Sequence[str]) -> int | None:
    return importlib.import_module(module).main(argv)


def former(module: str, verb: str, argv: Sequence[str]) -> None:
    """Run what ``python -m ricenet.<module>`` ran, and print its present name."""
    print(f"python -m ricenet.{module} is now: ricenet {verb}", file=sys.stderr)
    main([verb, *argv])
