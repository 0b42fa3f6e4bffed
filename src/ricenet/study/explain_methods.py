"""Explanation methods: the one table of what draws maps of the test subjects.

A method is a step that gets the manifest, the models of an input combination, the cropped brain
mask, the names of combination and subject, and writes a map on the grid of that mask. It is run for
the input combinations that its settings name, under its own name: key ``ablations``. From its row
follow its files and logs (:mod:`ricenet.study.layout`, :mod:`ricenet.study.job_files`), its rule
(``explain.smk``), what is checked before a run, and what ``explain`` and the audit wait for.
"""

from __future__ import annotations

from typing import NamedTuple

OCCLUSION = "occlusion_map"  # its rule is written out: pictures and tables are made from its maps


class Method(NamedTuple):
    """Where the maps of an explanation method lie, and what its rule asks of a machine.

    Attributes
    ----------
    folder : str
        Name of the folder below that of an input combination; no other method's.
    gpu : int
        GPUs of a job.
    threads, memory_mb, minutes : int
        Cores, memory and time of a job.
    """

    folder: str
    gpu: int = 1
    threads: int = 4
    memory_mb: int = 16000
    minutes: int = 720


METHODS = {  # by the name of the step, which is also that of the rule and of the map's kind of file
    OCCLUSION: Method("occlusion"),
}


def further() -> dict[str, Method]:
    """Return the methods whose rules are made from their rows."""
    return {step: method for step, method in METHODS.items() if step != OCCLUSION}


def files(combination: str) -> dict[str, str]:
    """Return the kinds of files of all methods with their paths, as rows of the layout's table.

    Parameters
    ----------
    combination : str
        Folder of an input combination, as a template.
    """
    found: dict[str, str] = {}
    for step, method in METHODS.items():
        place = f"{combination}/{method.folder}/{{subject}}"
        found |= {step: f"{place}.nii.gz", f"{step}_record": f"{place}.json"}
    return found
