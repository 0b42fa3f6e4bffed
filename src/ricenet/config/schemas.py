"""The JSON schema of the configuration, generated from its model.

Editors use it to complete and check a configuration file while it is written. The model in
:mod:`ricenet.config.config` is the source; the file is never edited by hand.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from ricenet.config.config import Config

FILE_NAME = "config.schema.json"


def config_schema() -> str:
    """Make the schema of a complete configuration as JSON text, the same for the same model."""
    return json.dumps(Config.model_json_schema(), indent=2, sort_keys=True) + "\n"


def main(argv: Sequence[str] | None = None) -> None:
    """Write the schema to a folder."""
    parser = argparse.ArgumentParser(
        prog="ricenet schemas", description="Write the schema of the configuration."
    )
    parser.add_argument("--out", type=Path, required=True, help="folder, such as workflow/schemas")
    folder = parser.parse_args(argv).out
    folder.mkdir(parents=True, exist_ok=True)
    folder.joinpath(FILE_NAME).write_text(config_schema(), encoding="utf-8")
