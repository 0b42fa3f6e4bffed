"""messages: a slip is named with its file, its key and the nearest right word."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ricenet.config import config, messages
from ricenet.config.settings_files import DEFAULTS, merged

ROOT = Path(__file__).parents[2]
SLIPS = {  # own settings: what is said of the last of its keys
    "trainmodel: {epochs: 3}": "trainmodel: unknown key; did you mean 'train_model'?",
    "train_model: {epoch: 3}": "train_model.epoch: unknown key; did you mean 'epochs'? (value: 3)",
    "register: {transform: Rigid}": "'rigid'?",
    "vote: {xyzzy: 1}": "vote.xyzzy: unknown key; possible are ",
    "study: my_study": "study: must be of letters, digits and '-'",
    "channels: [{name: Event, kind: mri}]": "channels.0.name: must be of lower-case letters",
    "train_model: 3": "train_model: must be a section with keys of its own (value: 3)",
}


@pytest.mark.parametrize("text", SLIPS)
def test_the_last_file_with_the_key_is_named(text: str, tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("results: elsewhere\n")
    second.write_text(text + "\n")
    files = [ROOT / DEFAULTS, first, second]
    with pytest.raises(ValueError, match="not usable") as caught:
        config.validate(merged(files[1:]), files)
    line = str(caught.value).splitlines()[1].strip()
    assert line.startswith(f"{second}: ") and SLIPS[text] in line


def test_every_key_of_the_defaults_is_recognised_with_a_letter_less() -> None:
    """No key is so near to another of its section that the wrong one is named."""
    values = yaml.safe_load((ROOT / DEFAULTS).read_text())
    sections = {"": values} | {k: v for k, v in values.items() if isinstance(v, dict)}
    for section in sections.values():
        for key in (key for key in section if len(key) > 5):
            slip = key[:3] + key[4:]
            assert messages.suggestion(slip, section) == f"; did you mean {key!r}?", slip
