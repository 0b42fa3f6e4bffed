"""What is wrong with settings, in words: the file, the key, the value, what is allowed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

LONGEST = 60  # characters of a value that are shown
MOST = 12  # keys of a section that are listed where none is near the one that was given
WORDS = {  # kinds of errors, as pydantic calls them
    "missing": "this key has no value; config/config.yaml shows one",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "model_type": "must be a section with keys of its own",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "too_short": "must have at least {min_length} entries, not {actual_length}",
    "too_long": "must have at most {max_length} entries, not {actual_length}",
    "literal_error": "must be {expected}",
}
PATTERNS = {
    r"^[a-z][a-z0-9]{0,31}$": "lower-case letters and digits, a letter first, at most 32",
    r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}$": "letters, digits and '-', no '-' first, at most 63",
}


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that is most like one that is not known; empty where none is."""
    by_case = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), by_case, n=1)
    return by_case[near[0]] if near else ""


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean ...?`` with the nearest known word, or nothing where none is near."""
    near = nearest(word, known)
    return f"; did you mean {near!r}?" if near else ""


def of(
    error: ValidationError, model: type[BaseModel], sources: Mapping[str, Any] | None = None
) -> list[str]:
    """Return a line for each wrong key.

    Parameters
    ----------
    model : type
        The model that refused the values.
    sources : dict, optional
        Name of each settings file to its values, later ones taking precedence: the file that sets
        the key is named.
    """
    lines = []
    for found in error.errors():
        place = [part for part in found["loc"] if not _is_choice(part)]
        where = [_file_of(place, sources or {}), ".".join(map(str, place))]
        lines.append(": ".join([*filter(None, where), _what(found, model)]) + _value(found))
    return list(dict.fromkeys(lines))


def short(value: object) -> str:
    """Return a value as text that fits on a line."""
    text = repr(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def read(paths: Sequence[Path]) -> dict[str, Any]:
    """Return the values of settings files by their name, without those that cannot be read."""
    found = {}
    for path in paths:
        try:
            found[str(path)] = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            continue
    return found


def _value(found: ErrorDetails) -> str:
    """Return the value that was refused; where keys contradict each other, none."""
    several = found["type"] == "value_error" and isinstance(found["input"], Mapping)
    return "" if several or found["type"] == "missing" else f" (value: {short(found['input'])})"


def _what(found: ErrorDetails, model: type[BaseModel]) -> str:
    kind, details = found["type"], found.get("ctx", {})
    if kind == "extra_forbidden":
        *section, key = found["loc"]
        known = sorted(_keys(_section(model, section)))
        near = suggestion(str(key), known)
        some = ", ".join(known[:MOST]) + (", ..." if len(known) > MOST else "")
        return f"unknown key{near}" if near else f"unknown key; possible are {some}"
    if kind == "value_error":
        return str(details["error"])
    if kind == "string_pattern_mismatch":
        pattern = details["pattern"]
        return f"must be of {PATTERNS[pattern]}" if pattern in PATTERNS else f"must match {pattern}"
    words = WORDS.get(kind, "").format(**details) or found["msg"]
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", details["expected"])
        words += suggestion(str(found["input"]), choices)
    return words


def _is_choice(part: object) -> bool:
    """Whether a part of a place names a branch of a union, which is no key of a settings file."""
    return isinstance(part, str) and ("[" in part or part in ("str", "int", "float", "bool"))


def _section(model: type[BaseModel], place: Sequence[Any]) -> type[BaseModel]:
    """Return the model of the section at a place."""
    for part in place:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if part in fields:
            model = _model_in(fields[part].annotation) or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _file_of(place: Sequence[Any], sources: Mapping[str, Any]) -> str:
    """Return the last settings file that has a place, or nothing."""
    return next((name for name in reversed(list(sources)) if _has(sources[name], place)), "")


def _has(values: Any, place: Sequence[Any]) -> bool:
    for part in place:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return False
    return bool(place)
