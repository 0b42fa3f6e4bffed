"""Freeze a cohort: a new file that assigns subjects to training folds and the test set.

``ricenet freeze NEW --extends OLD`` copies the rows of the old cohort as they are
and adds the labelled subjects who are in no row yet: nobody ever changes fold or split. Where a new
subject goes follows from the name of the new cohort, the old rows, and the other new subjects of
the same label; the order of the tables plays no part.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ricenet.cohort import overrides, tables
from ricenet.config import config, settings_files
from ricenet.provenance import atomic, digests
from ricenet.study import layout

COLUMNS = tables.COHORT_COLUMNS


class Choice(NamedTuple):
    """What a person decides about a new cohort.

    Attributes
    ----------
    name : str
        Name of the cohort, from which the seed is derived.
    folds : int
        Number of folds.
    test_share : float
        Share of each class that the test set of the whole cohort comes up to, with new subjects
        only; 0 leaves all new subjects in training.
    train, test : collection of str
        New subjects that are placed by name.
    """

    name: str
    folds: int
    test_share: float
    train: Collection[str] = ()
    test: Collection[str] = ()


def shuffled(subjects: Collection[str], name: str) -> list[str]:
    """Return subjects in a pseudo-random order that follows from the cohort's name alone."""
    return sorted(subjects, key=lambda s: hashlib.sha256(f"{name}/{s}".encode()).digest())


def chosen_for_test(old: pd.DataFrame, new: Mapping[str, int], choice: Choice) -> list[str]:
    """List the new subjects that join the test set: by name, then up to the share of each class.

    Parameters
    ----------
    old : DataFrame
        Rows of the old cohort with their labels.
    new : mapping of str to int
        Labels of the new subjects.
    """
    chosen = [s for s in new if s in choice.test]
    for label in tables.LABELS.values():
        mine = old[old["label"] == label]
        members = [s for s in new if new[s] == label]
        wanted = round(choice.test_share * (len(mine) + len(members)))
        there = int((mine["split"] == "test").sum()) + sum(s in chosen for s in members)
        free = [s for s in members if s not in chosen and s not in choice.train]
        chosen += shuffled(free, choice.name)[: max(0, wanted - there)]
    return chosen


def assign_folds(old: pd.DataFrame, new: Mapping[str, int], choice: Choice) -> dict[str, int]:
    """Return the fold of each new training subject.

    The one that has fewest of the class, then fewest at all.

    See :func:`chosen_for_test`.
    """
    train = old[old["split"] == "train"]
    size = {fold: int((train["fold"] == fold).sum()) for fold in range(choice.folds)}
    fold_of: dict[str, int] = {}
    for label in tables.LABELS.values():
        mine = train.loc[train["label"] == label, "fold"]
        of_class = {fold: int((mine == fold).sum()) for fold in size}
        for subject in shuffled([s for s in new if new[s] == label], choice.name):
            fold = min(size, key=lambda k: (of_class[k], size[k], k))
            fold_of[subject] = fold
            of_class[fold] += 1
            size[fold] += 1
    return fold_of


def extended(old: pd.DataFrame, new: Mapping[str, int], choice: Choice) -> pd.DataFrame:
    """Return the rows of the new cohort: the old ones as they are, then the new ones by name.

    Returns
    -------
    DataFrame
        Columns subject, split, fold (-1 for test) and label, indexed by subject.
    """
    test = chosen_for_test(old, new, choice)
    folds = assign_folds(old, {s: label for s, label in new.items() if s not in test}, choice)
    rows = [
        (s, "test" if s in test else "train", -1 if s in test else folds[s], new[s])
        for s in sorted(new)
    ]
    added = pd.DataFrame(rows, columns=[*COLUMNS, "label"]).set_index("subject", drop=False)
    return pd.concat([old[[*COLUMNS, "label"]], added]) if len(old) else added


def require_placeable(choice: Choice, old: pd.DataFrame, subjects: pd.DataFrame) -> None:
    """Raise ``ValueError`` where a subject cannot join the split that it is named for."""
    placed = {(s, "train") for s in choice.train} | {(s, "test") for s in choice.test}
    twice = sorted(set(choice.train) & set(choice.test))
    if twice:
        raise ValueError(f"{twice} are named for training and for test; name each once")
    for subject, split in sorted(placed):
        if subject in old.index:
            raise ValueError(
                f"{subject} is a {old.at[subject, 'split']!s} subject of the cohort that is "
                f"extended and stays one; leave out --{split} {subject}"
            )
        if subject not in subjects.index:
            raise ValueError(
                f"{subject} is not in the subjects table, or was left out or withdrawn"
            )
        if not subjects.loc[subject, "label"]:
            raise ValueError(f"{subject} has no label; a cohort needs every label")


def text_of(cohort: pd.DataFrame, remark: str) -> str:
    """Return the cohort as a table, with a comment above it."""
    lines = [f"# {remark}", "\t".join(COLUMNS)]
    lines += [
        "\t".join((str(r.subject), str(r.split), "" if r.split == "test" else str(r.fold)))
        for r in cohort.itertuples(index=False)
    ]
    return "\n".join(lines) + "\n"


def summary(old: pd.DataFrame, cohort: pd.DataFrame) -> list[str]:
    """Summarise the old and the new subjects of each split, by class."""
    lines = []
    for what, rows in (("kept", cohort.index[: len(old)]), ("added", cohort.index[len(old) :])):
        members = cohort.loc[rows]
        for split in ("train", "test"):
            labels = members.loc[members["split"] == split, "label"]
            counts = ", ".join(f"{int((labels == v).sum())} {k}" for k, v in tables.LABELS.items())
            lines.append(f"{what} {split}: {counts}")
    return lines


# --- program --------------------------------------------------------------------------------------


def _require_free(path: Path, study: Path) -> None:
    if path.is_file() and len(tables.read_table(path, COLUMNS, COLUMNS)):
        raise ValueError(f"{path}: this cohort is frozen; give the new one another name")
    manifest = study / layout.path("manifest", cohort=path.stem)
    if manifest.exists():
        raise ValueError(
            f"{manifest.parent} holds results of a cohort of this name; give the new one another "
            f"name"
        )


def _folds(asked: int | None, old: pd.DataFrame) -> int:
    if old.empty:
        return 5 if asked is None else asked
    there = int(old["fold"].max()) + 1
    if asked not in (None, there):
        raise ValueError(f"the cohort that is extended has {there} folds, not {asked}; they stay")
    return there


def freeze(args: argparse.Namespace) -> str:
    """Read the tables, make the new cohort, write its file; return a summary.

    Raises
    ------
    ValueError
        Tables that are not usable, a file that exists, subjects that cannot be placed, or too few
        of a class.
    """
    settings = config.validate(settings_files.merged(args.configfile))
    folder, root = Path(settings.cohort).parent, Path(settings.results, settings.study)
    inputs, masks = ([c.name for c in of] for of in (settings.inputs, settings.masks))
    everyone = tables.read_subjects(settings.subjects, inputs, masks)
    decisions = overrides.read(settings.overrides, everyone.index)
    excluded, gone = overrides.excluded(decisions), overrides.withdrawn(decisions)
    path = folder / f"{args.new}.tsv"
    _require_free(path, root)
    old_path = folder / f"{args.extends}.tsv" if args.extends else None
    # an excluded subject keeps its place, as the decision may be taken back; a withdrawn one leaves
    old = tables.read_cohort(old_path, everyone, gone) if old_path else _empty()
    share = args.test_share
    if share is None and old_path is None:
        raise ValueError("a first cohort needs --test-share, for example 0.13; 0 for no test set")
    choice = Choice(args.new, _folds(args.folds, old), share or 0.0, args.train, args.test)
    present = everyone.drop(index=list(excluded), errors="ignore")
    require_placeable(choice, old, present)
    labels = present.loc[~present.index.isin(old.index), "label"]
    new = {str(s): tables.LABELS[label] for s, label in labels.items() if label}
    cohort = extended(old, new, choice)
    tables.check_folds(path, cohort[~cohort["subject"].isin(excluded)])
    atomic.write_text(path, text_of(cohort, _remark(args, old_path, choice)))
    return "\n".join(
        [
            f"{path}: {len(old)} subjects kept, {len(new)} added, {choice.folds} folds",
            *summary(old, cohort),
            f"without a label, not added: {', '.join(labels.index[labels == '']) or 'none'}",
            f"excluded, not added: {', '.join(s for s in excluded if s not in gone) or 'none'}",
            f"withdrawn, not carried over: {', '.join(gone) or 'none'}",
        ]
    )


def _empty() -> pd.DataFrame:
    return pd.DataFrame(columns=[*COLUMNS, "label"])


def _remark(args: argparse.Namespace, old: Path | None, choice: Choice) -> str:
    base = f"extends {old.stem} (sha256 {digests.bytes_digest(old)[:16]})" if old else "first"
    return f"frozen by ricenet.freeze_cohort: {base}, test share {choice.test_share:g}; do not edit"


def main(argv: Sequence[str] | None = None) -> None:
    """Freeze a cohort from the command line."""
    parser = argparse.ArgumentParser(prog="ricenet freeze", description=__doc__)
    parser.add_argument("new", help="name of the new cohort; its file lies beside the study's")
    parser.add_argument("--extends", metavar="OLD", help="cohort whose rows are kept as they are")
    parser.add_argument("--test-share", type=float, help="of each class; default 0 with --extends")
    parser.add_argument("--folds", type=int, help="of a first cohort; default 5")
    parser.add_argument("--train", nargs="+", default=[], metavar="SUBJECT")
    parser.add_argument("--test", nargs="+", default=[], metavar="SUBJECT")
    parser.add_argument("--configfile", nargs="+", default=[], type=Path, help="as for snakemake")
    args = parser.parse_args(argv)
    try:
        if not re.fullmatch(tables.ID_PATTERN, args.new):
            raise ValueError(f"{args.new!r}: a cohort's name is letters, digits and '-'")
        if not 0 <= (args.test_share or 0) < 1:
            raise ValueError(f"--test-share {args.test_share}: a share is from 0 to below 1")
        print(freeze(args))
    except ValueError as error:
        raise SystemExit(f"error: {error}") from None
