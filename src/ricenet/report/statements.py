"""What people write for the reporting sheets and the model card: one YAML file of a study.

Each key is a sentence or two. A key that is left empty is "not stated": nothing is made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from ricenet.config.yaml_limits import require_plain
from ricenet.provenance import digests

NOT_STATED = "not stated"
KEYS = (
    "title", "abstract", "background", "intended_use", "inequalities", "aims", "design", "goal",
    "data_sources", "dates", "setting", "eligibility", "treatment", "reference_standard",
    "reference_rationale", "annotators", "test_annotation", "rater_variability", "blinding",
    "sample_size", "demographics", "ethics", "funding", "conflicts", "registration", "protocol",
    "data_availability", "model_availability", "public_involvement", "interpretation",
    "limitations", "implications", "users", "next_steps",
)  # fmt: skip


def checked(path: str | None) -> tuple[list[str], str]:
    """Return the file of a study as a list, and its digest; nothing where none is named.

    Raises
    ------
    ValueError
        As :func:`read`; before any job starts.
    """
    if path is None:
        return [], ""
    read(Path(path))
    return [path], digests.bytes_digest(path)


def read(path: Path) -> dict[str, str]:
    """Return the statements of a file; what is empty is left out.

    Raises
    ------
    ValueError
        Not a table of keys, an unknown key, or a value that is no text.
    """
    require_plain(path)
    content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    if not isinstance(content, Mapping):
        raise ValueError(
            f"{path.name}: expected lines of `key: text`, found {type(content).__name__}; "
            "start from config/reporting.yaml"
        )
    unknown = sorted(map(str, set(content) - set(KEYS)))
    if unknown:
        raise ValueError(
            f"{path.name}: unknown keys {unknown}; those of config/reporting.yaml are known"
        )
    odd = {key: value for key, value in content.items() if not isinstance(value, str | None)}
    if odd:
        raise ValueError(f"{path.name}: {odd} is no text; put it in quotation marks")
    return {key: value.strip() for key, value in content.items() if value and value.strip()}
