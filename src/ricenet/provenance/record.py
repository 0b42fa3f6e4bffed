"""The JSON record beside every output: what was made, from what, by which code, how well.

Nothing here knows a raw path: what lies outside the study is named by digest alone.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ricenet.provenance import digests, raw_files

Files = Mapping[str, Sequence[Path]]


@dataclass(frozen=True)
class Names:
    """Files of a step by the name of their flag.

    Attributes
    ----------
    inputs, outputs : mapping of str to paths
        Files of the study.
    raw : mapping of str to paths
        Files outside it.
    """

    inputs: Files
    outputs: Files
    raw: Files


@dataclass
class Known:
    """What the step has found about its files while running.

    Attributes
    ----------
    staged : dict
        Final path to the temporary one that holds the content until the end.
    digests, described : dict
        Digest, and shape, spacing, range, of files that were loaded or saved.
    """

    staged: dict[Path, Path] = field(default_factory=dict)
    digests: dict[Path, str] = field(default_factory=dict)
    described: dict[Path, dict[str, Any]] = field(default_factory=dict)


def of_files(names: Names, known: Known, folder: Path) -> dict[str, Any]:
    """List inputs, raw inputs and outputs for the record, relative to its folder.

    Raises
    ------
    RuntimeError
        An output was never written.
    """
    missing = [p.name for paths in names.outputs.values() for p in paths if p not in known.staged]
    if missing:
        raise RuntimeError(f"the step ended without writing {missing}")
    return {
        "inputs": {
            name: [_entry(p, p, known, folder) for p in paths]
            for name, paths in names.inputs.items()
        },
        "raw": {name: [_raw_entry(p) for p in paths] for name, paths in names.raw.items()},
        "outputs": {
            name: [_entry(p, known.staged[p], known, folder) for p in paths]
            for name, paths in names.outputs.items()
        },
    }


def _entry(path: Path, on_disk: Path, known: Known, folder: Path) -> dict[str, Any]:
    digest = known.digests.get(path) or digests.file_digest(on_disk)
    entry = {
        "path": os.path.relpath(path, folder),
        "digest": digest,
        "bytes": on_disk.stat().st_size,
    }
    return entry | known.described.get(path, {})


def _raw_entry(path: Path) -> dict[str, Any]:
    files = len(raw_files.listed(path))
    return {"files": files, "digest": raw_files.digest(path, memory={})}


def command(
    step: str, argv: Sequence[str], study_files: Sequence[Path], raw_flags: set[str], folder: Path
) -> list[str]:
    """Return the command as it ran.

    Study files relative to the record's folder, raw paths left out.
    """
    known = {str(path): os.path.relpath(path, folder) for path in study_files}
    shown, flag = [], ""
    for argument in argv:
        name, equals, value = argument.partition("=")
        if not argument.startswith("--"):
            name, equals, value = "", "", argument
        flag = name or flag
        value = known.get(str(Path(value)), value) if value else value
        shown.append(name + equals + ("<raw>" if flag in raw_flags and value else value))
    return ["python", "-m", "ricenet", step, *shown]


def seal(content: Mapping[str, Any]) -> str:
    """Return the digest of a record's content, which the record itself holds.

    One edited by hand shows.
    """
    rest = {name: value for name, value in content.items() if name != "seal"}
    as_read = json.loads(json.dumps(rest))  # keys that are numbers become text, and sort as such
    return hashlib.sha256(json.dumps(as_read, sort_keys=True).encode()).hexdigest()
