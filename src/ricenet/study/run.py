"""``ricenet run``: the workflow by Snakemake, after its settings files were checked."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ricenet.config.settings_files import CHECKOUT
from ricenet.study.preflight import require_safe

PROFILE = "workflow/profiles/local"
SNAKEFILE = CHECKOUT / "Snakefile"
WHAT = {
    "run": "Run the workflow.",
    "plan": "Say which jobs a run would start, why, and about how long they take. Nothing is run.",
}


def command(argv: Sequence[str], *, verb: str = "run") -> tuple[list[str], list[Path]]:
    """Return the command of Snakemake for the words after the verb, and its settings files.

    Targets and options are Snakemake's own. The profile is that of one machine where neither the
    command line nor ``SNAKEMAKE_PROFILE`` names another. In another folder than the checkout, the
    Snakefile is the checkout's.
    """
    parser = argparse.ArgumentParser(
        prog=f"ricenet {verb}",
        usage=f"ricenet {verb} [TARGET ...] [--configfile FILE ...] [any option of snakemake]",
        description=f"{WHAT[verb]} Targets: preprocess, train, controls, explain, predict, "
        f"check_device; without one, everything up to the report. The profile is {PROFILE} unless "
        "--profile or SNAKEMAKE_PROFILE names another.",
        allow_abbrev=False,
    )
    parser.add_argument("--configfile", nargs="+", default=[], type=Path, help="settings files")
    parser.add_argument("--profile", default=os.environ.get("SNAKEMAKE_PROFILE", PROFILE))
    parser.add_argument("--snakefile", "-s", help=argparse.SUPPRESS)
    parser.add_argument("--directory", "-d", help=argparse.SUPPRESS)
    args, rest = parser.parse_known_args(argv)
    words = [sys.executable, "-m", "snakemake", *rest, "--profile", _here(args.profile)]
    snakefile = args.snakefile or ("" if Path("Snakefile").is_file() else str(SNAKEFILE))
    words += ["--snakefile", snakefile] if snakefile else []
    if args.configfile:
        words += ["--configfile", *map(str, args.configfile)]
    words += ["--directory", args.directory] if args.directory else []
    return words, args.configfile


def folder(words: Sequence[str]) -> str:
    """Return the folder that a command of Snakemake works in."""
    return words[words.index("--directory") + 1] if "--directory" in words else "."


def _here(profile: str) -> str:
    """Return a profile as it is named, or the checkout's where only that has it."""
    own = CHECKOUT / profile
    return str(own) if own.is_dir() and not Path(profile).exists() else profile


def require_usable(configfiles: Sequence[Path]) -> None:
    """Raise ``ValueError`` where there is no workflow, and for settings files that are not safe."""
    if not Path("Snakefile").is_file() and not SNAKEFILE.is_file():
        raise ValueError("there is no Snakefile here; change to the root of the repository")
    for path in configfiles:
        if not path.is_file():
            raise ValueError(f"{path}: no such settings file")
        require_safe(path)


def main(argv: Sequence[str] | None = None) -> int:
    """Check the settings files, then run Snakemake in this process."""
    words, configfiles = command(sys.argv[1:] if argv is None else argv)
    try:
        require_usable(configfiles)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    os.execv(words[0], words)
