"""The end of every run: who is ready, who was held back or failed, why, and what to do.

Snakemake calls :func:`show` when a run has ended, with or without errors. ``ricenet status`` shows
the same at any time. It writes ``status.tsv`` and ``status.html`` into the study's folder.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ricenet.provenance import atomic
from ricenet.study import board, layout, notices, synthetic
from ricenet.study.board import Row

if TYPE_CHECKING:
    from ricenet.study.study import Study

WIDTH = 100
QUIET = ("ready", "unfinished")  # states that need no paragraph of their own


def as_text(rows: Sequence[Row]) -> str:
    """Return the board for a terminal: one paragraph for each subject that needs attention."""
    numbers = ", ".join(f"{n} {state}" for state, n in board.counts(rows).items())
    lines = [f"subjects: {numbers or 'none'}"]
    waiting = [row["subject"] for row in rows if row["state"] == "unfinished"]
    if waiting:
        lines += textwrap.wrap(
            f"unfinished (not started, running, or killed): {', '.join(waiting)}",
            WIDTH,
            subsequent_indent="  ",
            break_on_hyphens=False,
        )
    remarks = [row["subject"] for row in rows if row["state"] == "ready" and row["why"]]
    if remarks:
        lines += textwrap.wrap(
            f"ready, with remarks (checks not made, doses unlike the others'; status.tsv says "
            f"which): {', '.join(remarks)}",
            WIDTH,
            subsequent_indent="  ",
            break_on_hyphens=False,
        )
    for row in rows:
        if row["state"] in QUIET:
            continue
        lines.append(f"\n{row['subject']}  {row['state']}  {row['where']}")
        for word, key in (("why", "why"), ("do", "what_to_do")):
            if row[key]:
                start = f"  {word:<4}"
                lines += textwrap.wrap(
                    row[key], WIDTH, initial_indent=start, subsequent_indent=" " * 6
                )
    return "\n".join(lines)


def write(root: Path, rows: Sequence[Row], title: str, warning: str = "") -> None:
    """Write ``status.tsv`` and ``status.html``; the names hold the old or the new whole files."""
    from ricenet.report import page  # a template engine is not needed to plan a run

    root.mkdir(parents=True, exist_ok=True)
    files = {row["subject"]: layout.path("overview", subject=row["subject"]) for row in rows}
    pictures = {subject for subject, file in files.items() if (root / file).exists()}
    start, end = layout.path("overview").split("{subject}")
    html = page.render(
        "status.html.j2",
        {
            "title": title,
            "warning": warning,
            "board": rows,
            "states": board.counts(rows),
            "pictures": pictures,
            "link_start": start,
            "link_end": end,
        },
    )
    atomic.write_text(root / layout.path("status"), board.as_tsv(rows))
    atomic.write_text(root / layout.path("status_page"), html)


def show(study: Study) -> None:
    """Write the board of a study and print it."""
    root = Path(study.root)
    subjects = map(str, study.subjects.index)
    rows = board.rows(root, subjects, study.excluded, study.accepted)
    settings, everyone = study.config.report, [str(s) for s in study.subjects.index]
    warning = synthetic.warning(synthetic.phantoms(study), everyone, stated=settings.synthetic)
    write(root, rows, settings.title, warning)
    print(f"\n{as_text(rows)}\n\nThe same: {root}/status.html, status.tsv", file=sys.stderr)


def main(argv: Sequence[str] | None = None) -> None:
    """Show the board of the study that some settings files describe."""
    from ricenet.study.study import from_files

    parser = argparse.ArgumentParser(prog="ricenet status", description=__doc__)
    parser.add_argument("configfile", nargs="*", type=Path, help="as for snakemake --configfile")
    try:
        study = from_files(parser.parse_args(argv).configfile)
    except ValueError as error:
        raise SystemExit(f"error: {error}") from None
    for text in notices.bounded(study.notices):
        print(f"warning: {text}", file=sys.stderr)
    show(study)
