"""``export OUT``: a study as an RO-Crate, with the workflow, every step that ran, and its results.

It follows the profile Provenance Run Crate 0.5 (https://w3id.org/ro/wfrun/provenance/0.5): the
Snakefile is the workflow, each step's program a tool, each record a run of it. Images are named
with their digests, and copied only on request: they show faces.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ricenet.audit import records
from ricenet.audit.verify import verify

IMAGES = (".nii.gz", ".npy", ".png", ".html")  # of heads, or pages that hold such


def export(root: Path, out: Path, *, images: bool, licence: str, processes: int = 1) -> int:
    """Write the crate; return the number of runs in it.

    Raises
    ------
    ValueError
        The folder is not empty, or the study has files that are not proved.
    """
    from ricenet.export.rocrate import Crate  # no other command needs its library

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out.name} already exists; give a new folder")
    verdict = verify(root, processes=processes)
    if verdict.problems:
        first = verdict.problems[0]
        raise ValueError(
            f"{len(verdict.problems)} problems with the study, the first is {first.file} "
            f"({first.kind}: {first.why}); run ricenet verify and fix them"
        )
    study = records.read(root)
    crate = Crate(study, licence=licence, root_digest=verdict.root_digest)
    for name in study.outputs():
        crate.add_result(name, copied=images or not name.endswith(IMAGES))
    crate.add_ledgers()
    for record in study.records.values():
        crate.add_run(record)
    crate.finish()
    crate.write(out)
    return len(study.records)


def main(argv: Sequence[str] | None = None) -> int:
    """Export the study that the command line names."""
    parser = argparse.ArgumentParser(
        prog="ricenet export",
        description="Write a study as an RO-Crate (Provenance Run Crate).",
    )
    parser.add_argument("study", type=Path, help="folder of a study, results/<study>")
    parser.add_argument("out", type=Path, help="folder to write, new or empty")
    parser.add_argument("--with-images", action="store_true", help="copy images, which show faces")
    parser.add_argument(
        "--licence", default="All rights reserved by the owner of the data", help="text or URL"
    )
    args = parser.parse_args(argv)
    try:
        if not args.study.is_dir():
            raise ValueError(f"{args.study} is not a folder; give the folder of a study")
        runs = export(args.study, args.out, images=args.with_images, licence=args.licence)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{runs} runs written to {args.out}")
    return 0
