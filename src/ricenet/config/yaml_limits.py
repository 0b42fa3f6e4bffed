"""How large a configuration may be, counted before anything prints, copies or compares it.

In YAML a few hundred bytes can name one list a thousand million times: each mention is the same
object, and whatever walks the tree, ``repr`` among it, never ends. As a program it looks at a file
that came from elsewhere before Snakemake does, which has no such limit::

    ricenet check study.yaml
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

# The shipped configuration has some 200 values, 4 deep, in 3 kB.
MAX_VALUES = 5_000
MAX_DEPTH = 20
MAX_CHARACTERS = 200_000
MAX_ALIASES = 12  # spread over levels in the worst way they multiply by 3**4
MAX_BITS = 64  # of a whole number
CODE = "__use_yte__"  # with this key Snakemake runs Python code from the file


def require_small(values: Any) -> None:
    """Refuse a tree that is too large, every alias counted at its full size.

    Raises
    ------
    ValueError
        More values, levels, characters or digits than a configuration can need.
    """
    waiting = [(values, 0)]
    count = characters = 0
    while waiting:
        value, depth = waiting.pop()
        count += 1
        if isinstance(value, dict):
            waiting += [(v, depth + 1) for pair in value.items() for v in pair]
        elif isinstance(value, list | tuple | set | frozenset):
            waiting += [(v, depth + 1) for v in value]
        elif isinstance(value, str | bytes):
            characters += len(value)
        elif isinstance(value, int) and value.bit_length() > MAX_BITS:
            raise ValueError(f"the configuration has a whole number of {value.bit_length()} bits")
        _require(count + len(waiting), MAX_VALUES, "values, aliases counted in full")
        _require(depth, MAX_DEPTH, "levels of nesting")
        _require(characters, MAX_CHARACTERS, "characters of text")


def _require(found: int, limit: int, what: str) -> None:
    if found > limit:
        raise ValueError(
            f"the configuration has more than {limit} {what}: it is damaged or hostile (YAML "
            f"aliases can multiply without end); write each value once"
        )


def require_plain(path: Path) -> None:
    """Refuse a YAML file that could take Snakemake's time, memory or command; nothing is built.

    Raises
    ------
    ValueError
        Not readable, too large, too many aliases, nested too deep, or with code in it.
    """
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_CHARACTERS + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path.name}: not a readable text file ({type(error).__name__})"
        ) from None
    _require(len(text), MAX_CHARACTERS, "characters of text")
    if CODE in text:
        raise ValueError(f"{CODE} makes Snakemake run code from this file; remove it")
    aliases = depth = 0
    try:
        # events, not values: an alias is one of them, whatever it stands for
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            aliases += isinstance(event, yaml.AliasEvent)
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            _require(aliases, MAX_ALIASES, "aliases")
            _require(depth, MAX_DEPTH, "levels of nesting")
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML ({type(error).__name__}); correct it") from None
