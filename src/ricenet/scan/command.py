"""Command line: ricenet scan FOLDER [--out subjects.tsv] [--prefix P]."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from ricenet.provenance import atomic
from ricenet.scan.export import read_export
from ricenet.scan.table import lines

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
    return parser.parse_args(argv)


def check(folder: Path, out: Path | None, prefix: str) -> None:
    """Refuse to write into the export or over a table, and unusable names.

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
    if not out.parent.is_dir():
        raise ValueError("the folder of --out does not exist; make it first")


def main(argv: Sequence[str] | None = None) -> int:
    """Read the export, write or show the table; bad arguments end in one line."""
    arguments = parse(argv)
    folder, out = arguments.folder, arguments.out
    try:
        check(folder, out, arguments.prefix)
    except ValueError as problem:
        print(f"ricenet.scan: {problem}", file=sys.stderr)
        return 1
    export = read_export(folder)
    parent = out.parent if out else None
    text = "\n".join(lines(export, folder, prefix=arguments.prefix, relative_to=parent)) + "\n"
    if out:
        atomic.write_text(out, text)
    else:
        sys.stdout.write(text)
    return 0
