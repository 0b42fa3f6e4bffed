"""``ricenet plan``: what a run would do, why, and about how long it would take; nothing is run.

It is a dry run of Snakemake: no analysis plan (``ricenet new-plan``), no radiotherapy plan. Reasons
are put into words by what has changed: settings, code, raw data, a row of a table. Durations are
those of earlier jobs of the study, from its benchmark files.
"""

from __future__ import annotations

import contextlib
import csv
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ricenet.provenance.steps import STEPS
from ricenet.study import layout, notices, preflight, run, study_folder

NOT_MADE, FOLLOWS = "not made yet", "follows from others"
CODE, SETTINGS, RAW, TABLES = "other code", "other settings", "other raw data", "a table's row"
COMMAND, INPUTS, FORCED, OTHER = "another command", "other input files", "forced", "another reason"
COLLECTING = {
    "all",
    "preprocess",
    "train",
    "controls",
    "explain",
    "predict",
}  # targets: they make no file


class Planned(NamedTuple):
    """A job that would run.

    Attributes
    ----------
    rule : str
    why : str
        One of the words above.
    benchmark : str
        File that will hold its duration; that of its last run, if there was one.
    older, newer : str
        Digests of the code that made the result, and of the code that would; empty if equal.
    """

    rule: str
    why: str
    benchmark: str
    older: str = ""
    newer: str = ""


def jobs(text: str, *, codes: Collection[str], settings: Collection[str]) -> Iterator[Planned]:
    """Read the jobs of a dry run.

    Parameters
    ----------
    text : str
        What Snakemake prints.
    codes, settings : collection of str
        Code digests and settings texts of all steps, as they are now.
    """
    for block in re.split(r"^(?=(?:local)?rule \w+:$)", text, flags=re.M)[1:]:
        rule = re.match(r"(?:local)?rule (\w+):", block)
        lines = dict(re.findall(r"^    (\w+): (.*)$", block, flags=re.M))
        if rule and rule[1] not in COLLECTING:
            text = lines.get("reason", "")
            why = reason(text, codes=codes, settings=settings)
            yield Planned(rule[1], why, lines.get("benchmark", ""), *changed_code(text, codes))


def reason(text: str, *, codes: Collection[str], settings: Collection[str]) -> str:
    """Describe Snakemake's reason for a job in words."""
    if text.startswith("Missing output"):
        return NOT_MADE
    if text.startswith("Params have changed"):
        now = re.findall(r"'([^']*)'", text.rpartition(" now: ")[2])
        others = [value for value in now if value not in codes and value not in settings]
        changes = {
            CODE: any(value in codes for value in now),
            SETTINGS: any(value in settings for value in now),
            RAW: any(re.fullmatch("[0-9a-f]{16,64}", value) for value in others),
        }
        return " and ".join(word for word, is_so in changes.items() if is_so) or TABLES
    starts = {
        "Input files updated by another job": FOLLOWS,
        "Updated input files": INPUTS,
        "Set of input files has changed": INPUTS,
        "Code has changed": COMMAND,
        "Forced execution": FORCED,
    }
    return next((word for start, word in starts.items() if text.startswith(start)), OTHER)


def changed_code(text: str, codes: Collection[str]) -> tuple[str, str]:
    """Return the digests of the code before and now in Snakemake's reason.

    Empty where it is the same.
    """
    before, _, now = text.partition(" now: ")
    older = re.findall(r"'([0-9a-f]{16})'", before)
    newer = [code for code in re.findall(r"'([0-9a-f]{16})'", now) if code in codes]
    return (older[0], newer[0]) if older and newer else ("", "")


def acceptable(planned: Iterable[Planned], steps: Mapping[str, str]) -> list[str]:
    """Return the rows of the table of accepted code that would keep the results of older code.

    Where the command or something else has changed as well, a row would keep nothing.

    Parameters
    ----------
    steps : dict of str to str
        From the digest of a step's code to the step.
    """
    pairs = Counter((job.newer, job.older) for job in planned if job.older and CODE in job.why)
    return [
        f"{steps[newer]}\t{newer}\t{older}\t<who>\t<why>" for (newer, older), _ in pairs.items()
    ]


def seconds_of(planned: Sequence[Planned], root: Path) -> dict[str, list[float]]:
    """Return the earlier durations of jobs of each rule, seconds.

    Those of the same jobs where there are any.

    Parameters
    ----------
    root : path
        Folder of the study's results.
    """
    seconds: dict[str, list[float]] = {}
    for rule in {job.rule for job in planned}:
        same = {Path(job.benchmark) for job in planned if job.rule == rule}
        kind = f"{rule}_benchmark"  # another workflow may have given the rule another name
        of_rule = study_folder.existing(root, kind) if kind in layout.FILES else ()
        files = [path for path in same if path.is_file()] or [path for path, _ in of_rule]
        seconds[rule] = [value for path in files for value in _seconds(path)]
    return seconds


def _seconds(path: Path) -> list[float]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [float(row["s"]) for row in rows if _is_number(row.get("s"))]


def _is_number(text: str | None) -> bool:
    return bool(text and re.fullmatch(r"\d+(?:\.\d+)?", text))


def as_text(planned: Sequence[Planned], seconds: Mapping[str, Sequence[float]]) -> str:
    """Return the table of the jobs by rule, in the order in which they are planned first."""
    if not planned:
        return "nothing would run"
    lines = [f"{'step':<22}{'jobs':>6}  {'hours':>8}  why"]
    hours, unknown = 0.0, 0

    def by_count(pair: tuple[str, int]) -> tuple[int, str]:
        return -pair[1], pair[0]

    for rule in dict.fromkeys(job.rule for job in planned):
        reasons = Counter(job.why for job in planned if job.rule == rule)
        count, earlier = sum(reasons.values()), seconds.get(rule)
        if earlier:
            own = count * sum(earlier) / len(earlier) / 3600
            hours, shown = hours + own, f"{own:.2f}"
        else:
            unknown, shown = unknown + count, "?"
        why = ", ".join(f"{n} {word}" for word, n in sorted(reasons.items(), key=by_count))
        lines.append(f"{rule:<22}{count:>6}  {shown:>8}  {why}")
    lines.append(f"{len(planned)} jobs, about {hours:.2f} hours, one after the other")
    if unknown:
        lines.append(f"{unknown} jobs are of steps that never ran here: not in the hours")
    return "\n".join(lines)


def dry_run(words: Sequence[str]) -> str:
    """Run Snakemake's planning, and return what it prints.

    Raises
    ------
    ValueError
        Snakemake does not plan; with its message.
    """
    command = [*words, "--dry-run", "--nocolor", "--nolock"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"Snakemake cannot plan this run:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def require_all(planned: Iterable[Planned], text: str) -> None:
    """Raise ``ValueError`` where not every job of Snakemake's own count was read."""
    stats = re.search(r"^Job stats:\n(?:.*\n){2}((?:\w+ +\d+\n)+)", text, flags=re.M)
    rows = re.findall(r"^(\w+) +(\d+)$", stats[1] if stats else "", flags=re.M)
    counted = Counter({name: int(n) for name, n in rows if name not in {*COLLECTING, "total"}})
    if counted != Counter(job.rule for job in planned):
        raise ValueError("this Snakemake prints its plan in another format; use snakemake -n")


def main(argv: Sequence[str] | None = None) -> int:
    """Print what a run would do; arguments are those of ``ricenet run``."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    words, configfiles = run.command(arguments, verb="plan")
    try:
        run.require_usable(configfiles)
        files = [path.absolute() for path in configfiles]
        with contextlib.chdir(run.folder(words)):
            study, warnings = preflight.read(files)
        text = dry_run(words)
        codes = {study.own_code(step): step for step in STEPS}
        settings = {study.settings(step) for step in STEPS}
        planned = list(jobs(text, codes=codes, settings=settings))
        require_all(planned, text)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    of_targets = re.findall(r"^warning: (.*)$", text, flags=re.M)
    for warning in notices.bounded([*warnings, *of_targets]):
        print(f"warning: {warning}", file=sys.stderr)
    print(as_text(planned, seconds_of(planned, Path(run.folder(words), study.root))))
    rows = acceptable(planned, codes)
    if rows:
        print(
            f"\nResults of older code that you know to be valid stay as they are with a row in "
            f"{study.config.accepted_code}\n(config/README.md, Accepted code):"
        )
        print("\n".join(rows))
    return 0
