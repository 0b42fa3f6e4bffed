"""What is left of subjects who are no longer in the subjects table, and its removal.

``ricenet leftovers`` lists their files, the models that were trained on them, and the
tables, records and pages that name them. With ``--delete SUBJECT ...`` it removes the files. Cohort
files stay as they are: they are the history of who trained what.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import textwrap
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ricenet.cohort import tables
from ricenet.config import config, settings_files
from ricenet.study import layout, ownership, study_folder

# how a subject is written in each kind of text, between the two parts
AROUND = {
    ".tsv": (r"(?:^|(?<=\t))", r"(?=\t|$)"),
    ".json": (r"""(?<=["/])""", r"""(?=["/.])"""),
    ".html": (r"(?:(?<=>)|(?<=subject-))", r"""(?=["<])"""),
    ".log": (r"(?<![\w-])", r"(?![\w-])"),
}


class Leftovers(NamedTuple):
    """What was found, all paths relative to the study's folder.

    Attributes
    ----------
    files : dict
        Subject to files and links that are this subject's alone.
    models : dict
        Model to those of the subjects that it was trained or validated on.
    named : dict
        Other text files to the lines in which each subject is named.
    links : list
        Links that were not followed.
    """

    files: dict[str, list[Path]]
    models: dict[Path, list[str]]
    named: dict[Path, dict[str, int]]
    links: list[Path]


def listed(root: Path) -> Iterable[Path]:
    """Yield the files and links below a folder, relative to it; no link is followed."""
    for folder, names, files in os.walk(root, followlinks=False):
        links = [name for name in names if Path(folder, name).is_symlink()]
        for name in sorted((*files, *links)):
            yield Path(folder, name).relative_to(root)


def find(root: Path, present: Collection[str]) -> Leftovers:
    """Find everything of subjects who are not ``present``.

    Parameters
    ----------
    root : path
        Folder of the study's results.
    present : collection of str
        Subjects of the subjects table.
    """
    paths = list(listed(root))
    cohorts = study_folder.cohorts(root)
    owners = {path: ownership.owner(path, cohorts) for path in paths}
    trained = {path: _subjects_of_model(root / path) for path in paths if _is_of_model(path)}
    known = {s for s in owners.values() if s} | {s for names in trained.values() for s in names}
    gone = known - set(present)
    for path in paths:  # logs/<cohort>/<ablation>_<subject>_<step>.log
        inside = ownership.subjects_in(path, gone)
        if inside and not owners[path]:
            owners[path] = inside.pop()
    files: dict[str, list[Path]] = {s: [] for s in sorted(gone)}
    for path, subject in owners.items():
        if subject in gone:
            files[subject].append(path)
    others = [p for p, s in owners.items() if not s and not (root / p).is_symlink()]
    return Leftovers(
        files,
        {p: sorted(gone & s) for p, s in trained.items() if gone & s},
        {p: lines for p in others if (lines := named_in(root / p, gone))},
        [p for p, s in owners.items() if not s and (root / p).is_symlink()],
    )


def _is_of_model(path: Path) -> bool:
    parsed = layout.parse(path.as_posix())
    return parsed is not None and parsed.kind == "model_record"


def _subjects_of_model(record: Path) -> set[str]:
    facts = json.loads(record.read_text(encoding="utf-8")).get("facts", {})
    return {s for key in ("training_subjects", "validation_subjects") for s in facts.get(key, {})}


def named_in(path: Path, subjects: Collection[str]) -> dict[str, int]:
    """Return the lines of a text file in which each of some subjects is named."""
    if not subjects or path.suffix not in AROUND:
        return {}
    before, after = AROUND[path.suffix]
    pattern = re.compile(f"{before}({'|'.join(map(re.escape, sorted(subjects)))}){after}", re.M)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return dict(Counter(s for line in lines for s in sorted(set(pattern.findall(line)))))


def delete(root: Path, files: Iterable[Path]) -> list[Path]:
    """Remove files and links, and the folders that they leave empty; what was removed.

    A link goes, what it leads to stays. Nothing outside ``root`` is touched.

    Raises
    ------
    ValueError
        A path that does not lie below the folder without a link on the way.
    """
    removed = []
    real = root.resolve()
    for path in files:
        target = root / path
        if target.parent.resolve() != real / path.parent:
            raise ValueError(f"{path}: a link leads out of the study along this path; not removed")
        target.unlink()
        removed.append(path)
        for folder in path.parents[:-2]:  # subjects/<subject>, never subjects itself
            if any((root / folder).iterdir()):
                break
            (root / folder).rmdir()
    return removed


# --- words ----------------------------------------------------------------------------------------


def as_text(root: Path, left: Leftovers) -> str:
    """Format what was found for a terminal."""
    if not any((left.files, left.models, left.named)):
        return "nothing is left of subjects who are not in the subjects table"
    lines = []
    for subject, files in left.files.items():
        size = sum((root / path).lstat().st_size for path in files) / 1e6
        lines.append(f"{subject}: {len(files)} files, {size:.1f} MB")
        folders = Counter(path.parent.as_posix() for path in files)
        lines += [f"  {folder}  {count}" for folder, count in sorted(folders.items())]
    if left.models:
        lines += ["models that were trained on them; they stay until they are trained again:"]
        lines += [f"  {path.parent}: {', '.join(names)}" for path, names in left.models.items()]
    if left.named:
        lines += ["named in; the next run renews those of the current cohort, others are history:"]
        lines += [f"  {path}: {_counts(counts)}" for path, counts in left.named.items()]
    lines += [f"not looked into, as it is a link: {path}" for path in left.links]
    removable = [subject for subject, files in left.files.items() if files]
    if removable:
        command = f"ricenet leftovers --delete {' '.join(removable)}"
        lines += ["remove the files:", *textwrap.wrap(command, 90, initial_indent="  ")]
    return "\n".join(lines)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{s} ({n} line{'s' if n > 1 else ''})" for s, n in sorted(counts.items()))


def require_gone(subjects: Collection[str], present: Collection[str]) -> None:
    """Raise ``ValueError`` where a subject is still in the subjects table."""
    still = sorted(set(subjects) & set(present))
    if still:
        raise ValueError(f"{still} are in the subjects table; remove their rows first")


def main(argv: Sequence[str] | None = None) -> None:
    """List what is left, or remove the files of the subjects that are named."""
    parser = argparse.ArgumentParser(prog="ricenet leftovers", description=__doc__)
    parser.add_argument("--delete", nargs="+", default=[], metavar="SUBJECT")
    parser.add_argument("--configfile", nargs="+", default=[], type=Path, help="as for snakemake")
    args = parser.parse_args(argv)
    try:
        settings = config.validate(settings_files.merged(args.configfile))
        inputs, masks = ([c.name for c in of] for of in (settings.inputs, settings.masks))
        present = set(tables.read_subjects(settings.subjects, inputs, masks).index)
        root = Path(settings.results, settings.study)
        require_gone(args.delete, present)
        left = find(root, present)
        for subject in args.delete:
            removed = delete(root, left.files.get(subject, ()))
            print("\n".join(f"removed {path}" for path in removed))
            print(f"{subject}: {len(removed)} files removed")
        print(as_text(root, find(root, present) if args.delete else left))
    except ValueError as error:
        raise SystemExit(f"error: {error}") from None
