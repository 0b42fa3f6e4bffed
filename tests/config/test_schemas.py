"""The schema and config/README.md say what the model, config.yaml and the tables say."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from ricenet.cohort import overrides, tables
from ricenet.config import schemas
from ricenet.study import accepted_code

ROOT = Path(__file__).parents[2]
README = ROOT / "config" / "README.md"
STORED = ROOT / "workflow" / "schemas" / schemas.FILE_NAME


def leaves(value, prefix=""):
    """Dotted keys of nested settings with their values; lists of mappings count as one value."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{prefix}.{key}" if prefix else key)
    else:
        yield prefix, value


def described(heading):
    """First cell in backquotes, and all cells, of the table rows below a heading of level 2."""
    text = README.read_text(encoding="utf-8")
    body = re.search(rf"^## {heading}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    lines = [line for line in body[1].splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row for row in cells}


@pytest.fixture(scope="module")
def settings():
    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))


def test_stored_schema_is_that_of_the_model(tmp_path):
    schemas.main(["--out", str(tmp_path / "new")])
    written = (tmp_path / "new" / schemas.FILE_NAME).read_text(encoding="utf-8")
    assert STORED.read_text(encoding="utf-8") == written, (
        "run: ricenet schemas --out workflow/schemas"
    )


def test_schema_accepts_the_default_settings(settings):
    jsonschema.validate(settings, json.loads(STORED.read_text(encoding="utf-8")))


@pytest.mark.parametrize("wrong", [{"colour": "blue"}, {"study": "no spaces"}, {"crop": {}}])
def test_schema_refuses_what_the_model_refuses(settings, wrong):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(settings | wrong, json.loads(STORED.read_text(encoding="utf-8")))


def test_every_key_is_explained_and_no_other(settings):
    assert set(described("Settings")) == dict(leaves(settings)).keys()


def test_explained_defaults_are_those_of_the_file(settings):
    rows = described("Settings")
    for key, value in leaves(settings):
        assert yaml.safe_load(rows[key][2].strip("`")) == value, key


def test_every_column_is_explained_and_no_other():
    header = (ROOT / "config" / "subjects.tsv").read_text(encoding="utf-8").splitlines()[0]
    columns = header.split("\t")
    assert set(tables.OPTIONAL_COLUMNS) < set(columns)
    assert list(described("The subjects table")) == columns
    assert tuple(described("The overrides table")) == overrides.COLUMNS
    assert tuple(described("Accepted code")) == accepted_code.COLUMNS
    assert list(described("Cohort files")) == ["subject", "split", "fold"]
