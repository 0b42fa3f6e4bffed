"""The records of what was really run for a cohort, as the report's texts read them.

The audit lists every record and has held it against its files; what it lists is read here. Of an
earlier run, another cohort, a control (whose trainings are no results) or a subject who has left,
nothing is read.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ricenet.config import introduced
from ricenet.study import layout


@dataclass(frozen=True)
class Run:
    """One run of a step.

    Attributes
    ----------
    name : str
        Path of the record within the study's folder.
    step, subject : str
        The subject is empty for a cohort's step.
    settings, facts, versions : dict
        As the step has written them; settings with the keys that came later.
    checks : sequence of dict
    seconds : float
    """

    name: str
    step: str
    subject: str
    settings: Mapping[str, Any]
    facts: Mapping[str, Any]
    versions: Mapping[str, str]
    checks: Sequence[Mapping[str, Any]]
    seconds: float


class Runs:
    """All runs for a cohort.

    Parameters
    ----------
    runs : iterable of Run
    """

    def __init__(self, runs: Iterable[Run]) -> None:
        self._by_step: dict[str, list[Run]] = {}
        for run in runs:
            self._by_step.setdefault(run.step, []).append(run)

    def of(self, step: str) -> list[Run]:
        """Return the runs of a step."""
        return self._by_step.get(step, [])

    def have(self, *steps: str) -> bool:
        """Return whether each of some steps was run."""
        return all(self.of(step) for step in steps)

    def subjects(self, step: str) -> int:
        """Return of how many subjects a step was run."""
        return len({run.subject for run in self.of(step)})

    def setting(self, step: str, key: str, show: Callable[[Any], str] = str) -> str:
        """Return the value of a setting that was run with; several with their numbers of runs.

        Parameters
        ----------
        key : str
            Dotted for a key within a key.
        show : callable
            Makes the text of a value.
        """
        return self._told([_at(run.settings, key) for run in self.of(step)], show)

    def fact(self, step: str, key: str, show: Callable[[Any], str] = str) -> str:
        """Return the value of a fact of a step's records; several with their numbers of runs."""
        return self._told([_at(run.facts, key) for run in self.of(step)], show)

    def numbers(self, step: str, key: str) -> list[float]:
        """Return a fact of all runs that know it as a number."""
        found = [_at(run.facts, key) for run in self.of(step)]
        return [float(v) for v in found if isinstance(v, int | float) and not isinstance(v, bool)]

    def version(self, package: str) -> str:
        """Return the version of a package that the runs used; empty where none is known."""
        every = [run.versions for runs in self._by_step.values() for run in runs]
        return self._told([v[package] for v in every if package in v], str)

    def seconds(self, step: str) -> float:
        """Return how long all runs of a step took together."""
        return sum(run.seconds for run in self.of(step))

    @staticmethod
    def _told(values: Iterable[Any], show: Callable[[Any], str]) -> str:
        counted = Counter(show(value) for value in values if value is not None)
        if len(counted) < 2:
            return "".join(counted)
        return ", ".join(f"{text} ({count} runs)" for text, count in counted.most_common())


def _at(values: Mapping[str, Any], key: str) -> Any:
    found: Any = values
    for part in re.split(r"\.", key):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def read(root: Path, names: Iterable[str], *, subjects: Collection[str], cohort: str) -> Runs:
    """Return the runs behind a report.

    Parameters
    ----------
    root : Path
        The study's folder.
    names : iterable of str
        Records that the audit lists, relative to it.
    subjects : collection of str
        Whose records count.
    cohort : str
        Whose records count besides.
    """
    found = []
    for name in dict.fromkeys(names):
        place = layout.parse(name)
        if place is None or layout.FILES[place.kind].startswith((layout.ARRIVAL, layout.CONTROL)):
            continue
        subject = place.names.get("subject", "")
        if place.names.get("cohort", cohort) != cohort or (subject and subject not in subjects):
            continue
        path = root / name
        if path.suffix == ".json" and path.is_file():
            found.append(_run(name, subject, json.loads(path.read_text(encoding="utf-8"))))
    return Runs(found)


def _run(name: str, subject: str, content: Mapping[str, Any]) -> Run:
    step = str(content["step"])
    return Run(
        name, step, subject, introduced.fill_in(step, content["settings"]), content["facts"],
        content["versions"], content["checks"], float(content.get("seconds", 0)),
    )  # fmt: skip
