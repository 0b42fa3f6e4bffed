"""Settings files as Snakemake merges them, for the Snakefile and for programs beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ricenet.config import yaml_limits

DEFAULTS = Path("config/config.yaml")
CHECKOUT = Path(__file__).parents[3]
TABLES = ("subjects", "cohort", "overrides", "accepted_code")


def completed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings over the defaults that the workflow comes with.

    A table that only the defaults name is looked for where the run is started, then in the
    checkout.

    Raises
    ------
    ValueError
        Settings too large to be walked over, or a package that was installed without its workflow.
    """
    from snakemake.utils import update_config

    yaml_limits.require_small(values)
    path = CHECKOUT / DEFAULTS
    if not path.is_file():
        raise ValueError(
            f"{path}: no such settings file; install RICE-NET from a clone, --editable"
        )
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name in TABLES:
        if not Path(found[name]).exists():
            found[name] = str(CHECKOUT / found[name])
    update_config(found, values)
    return found


def merged(paths: Iterable[Path]) -> dict[str, Any]:
    """Return ``config/config.yaml`` updated by other files in turn; later ones take precedence.

    ``config/config.yaml`` is that of the working directory, as Snakemake reads it; what no file
    sets comes from :func:`completed`.
    """
    from snakemake.utils import update_config

    values: dict[str, Any] = {}
    for path in (*([DEFAULTS] if DEFAULTS.is_file() else []), *paths):
        if not path.is_file():
            raise ValueError(f"{path}: no such settings file; run this where you run snakemake")
        update_config(values, yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    return completed(values)
