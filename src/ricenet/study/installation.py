"""The checkout that a run comes from, and what its jobs are told of it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import ricenet
from ricenet.provenance import planned
from ricenet.provenance.steps import STEPS, code_hash

STRICT = "set -euo pipefail; "  # what Snakemake puts before commands of bash, if nothing else is


def prefix(source: Path, *, alone: bool) -> str:
    """Return what goes before each command, so that its Python finds the package in ``source``.

    Parameters
    ----------
    source : path
        The folder ``src`` of this checkout.
    alone : bool
        Whether nothing else may be found by ``PYTHONPATH``. Another workflow that uses this one as
        a module may need what it holds.

    Raises
    ------
    ValueError
        A path that ``PYTHONPATH`` cannot hold, or that Snakemake would fill in.
    """
    if set(str(source)) & {os.pathsep, "{", "}"}:
        raise ValueError(
            f"move the checkout to a folder without '{os.pathsep}', '{{' and '}}' in its path: "
            f"{source.parent} cannot be told to Python or Snakemake"
        )
    rest = "" if alone else '"${PYTHONPATH:+:$PYTHONPATH}"'
    return f"export PYTHONPATH={shlex.quote(str(source))}{rest}; "


def prepare_jobs(workflow: Any, shell: Any, source: Path) -> None:
    """Tell the jobs of a run where their code lies and what it was when they were planned.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        As the Snakefile knows it.
    shell : type
        Snakemake's ``shell``. A prefix that another workflow has given it stays.
    source : path
        The folder ``src`` of this checkout.
    """
    require_own_package(source)
    require_all_rules(workflow)
    own, before = prefix(source, alone=is_main(workflow)), getattr(shell, "_process_prefix", None)
    if not before:
        before = STRICT if str(shell.get_executable() or "").endswith("bash") else ""
    if own not in before:  # a module is read once for each of its use statements
        # Snakemake reads braces as places to fill in
        shell.prefix((before + own).replace("{", "{{").replace("}", "}}"))
    # a job on a cluster reads the Snakefile again, perhaps after an edit: what was planned counts
    if getattr(workflow, "is_main_process", True) or planned.VARIABLE not in os.environ:
        os.environ[planned.VARIABLE] = planned.as_text({step: code_hash(step) for step in STEPS})


def is_main(workflow: Any) -> bool:
    """Return whether the Snakefile that is read is the run's own and no module of another."""
    return bool(workflow.modifier.is_main_snakefile())


def require_own_package(source: Path) -> None:
    """Raise ``ValueError`` where Python has loaded the package of another checkout."""
    loaded = Path(str(ricenet.__file__)).resolve().parents[1]
    if loaded != source.resolve():
        raise ValueError(
            f"use one checkout of RICE-NET in a workflow: the rules are those of {source.parent}, "
            f"but {loaded.parent} is loaded already"
        )


def require_all_rules(workflow: Any) -> None:
    """Raise ``ValueError`` where a module is asked for some of its rules only.

    Snakemake 9.27 then finds none of the others that they name (``rules.x.output``), and says no
    more than "There is no rule named x".
    """
    if getattr(workflow.modifier, "rule_whitelist", None):
        raise ValueError(
            "import all rules, `use rule * from ricenet as ricenet_*`, and none again by `use rule "
            "NAME from ... with`: threads and resources of one rule are set by --set-threads and "
            "--set-resources, everything else by the config of the module"
        )


def require_unmoved(workflow: Any, path: str) -> None:
    """Raise ``ValueError`` where a module's ``prefix`` would put results elsewhere.

    The steps and the board read the study's folder by the path that the settings give.

    Parameters
    ----------
    path : str
        Any result of the study.
    """
    modifier = getattr(getattr(workflow, "modifier", None), "path_modifier", None)
    moved = str(modifier.replace_prefix(path)) if modifier else path
    if moved != path:
        results = moved.removesuffix(path) + "<results>"
        raise ValueError(
            f"take prefix and replace_prefix out of the module statement and set results in its "
            f"config instead (results: {results}): with them {path} would be written to {moved}"
        )
