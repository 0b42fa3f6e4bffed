"""``python -m ricenet.audit``: what people ask a study; without a word, the rule's own step."""

from __future__ import annotations

import sys

from ricenet import program
from ricenet.audit import diff, export, main, verify, why

COMMANDS = {"verify": verify.main, "why": why.main, "diff": diff.main, "export": export.main}


def run() -> None:
    """Call the command that the first word names, or the step that the workflow runs."""
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    if word in COMMANDS:
        sys.exit(COMMANDS[word](sys.argv[2:]))
    if not word or not word.startswith("--"):
        sys.exit(f"usage: python -m ricenet.audit {{{'|'.join(COMMANDS)}}} --help")
    program.run(main)


if __name__ == "__main__":
    run()
