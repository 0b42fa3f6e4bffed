"""Command line: ricenet scan FOLDER [--out subjects.tsv] [--key key.tsv] [--labels list.csv]."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from ricenet.provenance import atomic
from ricenet.scan import key as private
from ricenet.scan import label_list
from ricenet.scan.export import NO_PERSON, read_export
from ricenet.scan.table import lines, ordered

PREFIX = r"[A-Za-z0-9][A-Za-z0-9-]{0,31}"


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="ricenet scan",
        description="Propose rows of the subjects table for a raw DICOM export, read-only.",
    )
    parser.add_argument("folder", type=Path, help="the export, in any order of folders")
    parser.add_argument("--out", type=Path, help="table to write, outside the export; else shown")
    parser.add_argument("--prefix", default="P", help="of the pseudonyms: P gives P001, P002, ...")
    parser.add_argument(
        "--key",
        type=Path,
        help="table of pseudonyms and PatientIDs, outside the study and the export: patients keep "
        "their pseudonyms when the export is scanned again; made if it is not there",
    )
    parser.add_argument(
        "--labels",
        type=Path,
        help="table with the columns patient_id, label, event_date: fills in the labels and "
        "chooses the event scan by its day",
    )
    return parser.parse_args(argv)


def check(folder: Path, out: Path | None, prefix: str, *, must_have_parent: bool = True) -> None:
    """Refuse to write into the export or over a table, and unusable names.

    The folder of the table must be there, unless it is made with the table.

    Raises
    ------
    ValueError
        With the remedy.
    """
    if not folder.is_dir():
        raise ValueError("FOLDER is not a folder; give the one that holds the export")
    if not re.fullmatch(PREFIX, prefix):
        raise ValueError(f"--prefix {prefix[:40]!r} is not letters, digits and '-', at most 32")
    if out is None:
        return
    if out.resolve().is_relative_to(folder.resolve()):
        raise ValueError("--out lies inside the export, which is never written to; write elsewhere")
    if out.exists():
        raise ValueError("--out exists already and is not overwritten; give another name")
    if must_have_parent and not out.parent.is_dir():
        raise ValueError("the folder of --out does not exist; make it first")


def proposed(
    folder: Path,
    *,
    out: Path | None,
    prefix: str,
    key: Path | None,
    labels: Path | None,
    must_have_parent: bool = True,
) -> str:
    """Return the proposed table of an export as text, and keep the key of its pseudonyms.

    Parameters
    ----------
    out : Path or None
        File that the table is for; its paths are relative to that file's folder.
    key, labels : Path or None
        See :mod:`ricenet.scan.key`, :mod:`ricenet.scan.label_list`.
    must_have_parent : bool
        Whether the folder of the table must be there already.

    Raises
    ------
    ValueError
        With the remedy.
    """
    check(folder, out, prefix, must_have_parent=must_have_parent)
    if key is not None:
        private.require_private(key, folder)
    known = {} if key is None else private.read(key)
    listed = None if labels is None else label_list.read(labels)
    export = read_export(folder)
    ids = private.extended(known, ordered(export.patients), prefix=prefix)
    if key is not None:
        private.write(key, {p: subject for p, subject in ids.items() if p != NO_PERSON})
    parent = out.parent if out else None
    return "\n".join(lines(export, folder, ids=ids, listed=listed, relative_to=parent)) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Read the export, write or show the table; bad arguments end in one line."""
    a = parse(argv)
    try:
        text = proposed(a.folder, out=a.out, prefix=a.prefix, key=a.key, labels=a.labels)
    except ValueError as problem:
        print(f"ricenet scan: {problem}", file=sys.stderr)
        return 1
    if a.out:
        atomic.write_text(a.out, text)
    else:
        sys.stdout.write(text)
    return 0
