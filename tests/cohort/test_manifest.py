"""manifest: who is in which fold, with caches that are what was written."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ricenet.cohort import manifest
from ricenet.cohort.manifest import voxel_twins
from step_run import run_step

ROWS = [
    {"subject": "007", "split": "train", "fold": 0, "label": 1},
    {"subject": "NA", "split": "train", "fold": 1, "label": 0},
    {"subject": "P3", "split": "test", "fold": -1, "label": 1},
]


def make(folder: Path, subject: str, seed: int, **facts) -> Path:
    path = folder / "caches" / f"{subject}.npy"
    path.parent.mkdir(exist_ok=True)
    np.save(path, np.random.default_rng(seed).random((2, 4, 4, 4)).astype(np.float16))
    facts = {
        "channels": ["postop", "event"], "kinds": ["mri", "mri"], "spacing_mm": 1.0,
        "shape": [4, 4, 4],
    } | facts  # fmt: skip
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    record = {"facts": facts, "outputs": {"out": [{"path": path.name, "digest": digest}]}}
    path.with_suffix(".json").write_text(json.dumps(record))
    return path


def run(folder: Path, caches: list[Path]) -> dict:
    (folder / "cohorts" / "c1").mkdir(parents=True, exist_ok=True)
    out = folder / "cohorts" / "c1" / "manifest.tsv"
    return run_step(
        manifest.main, out.with_suffix(".json"), caches=caches, rows=json.dumps(ROWS), out=out
    )


def three(folder: Path) -> list[Path]:
    return [make(folder, r["subject"], seed) for seed, r in enumerate(ROWS)]


def test_table_leads_to_every_cache(tmp_path: Path) -> None:
    caches = three(tmp_path)
    record = run(tmp_path, caches)
    out = tmp_path / "cohorts" / "c1" / "manifest.tsv"
    table = pd.read_csv(out, sep="\t", dtype=str, keep_default_na=False)
    assert table[["subject", "split", "fold", "label"]].to_dict("records") == [
        {k: str(v) for k, v in row.items()} for row in ROWS
    ]
    for path, cache, digest in zip(caches, table["cache"], table["digest"], strict=True):
        assert (out.parent / cache).resolve() == path
        assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert record["facts"]["shape"] == [4, 4, 4]
    before = out.read_bytes()
    run(tmp_path, caches[::-1])
    assert out.read_bytes() == before


def test_doses_are_compared_in_the_record_alone(tmp_path: Path) -> None:
    """The table, which training reads, is the same whatever the doses are."""
    caches = three(tmp_path)
    run(tmp_path, caches)
    table = (tmp_path / "cohorts" / "c1" / "manifest.tsv").read_bytes()
    for seed, row in enumerate(ROWS):
        make(tmp_path, row["subject"], seed, dose_near_maximum_gy={"dose": 60.0 - seed})
    found = run(tmp_path, caches)["facts"]["dose_outliers"]
    assert found == {"dose": {"not_made": "3 doses are too few to compare"}}
    assert (tmp_path / "cohorts" / "c1" / "manifest.tsv").read_bytes() == table


def test_one_patient_under_two_ids_is_refused(tmp_path: Path) -> None:
    caches = [*three(tmp_path)[:2], make(tmp_path, "P3", 0)]
    with pytest.raises(ValueError, match=r"two ids: \[\('007', 'P3'\)\]"):
        run(tmp_path, caches)
    assert not list((tmp_path / "cohorts" / "c1").iterdir())
    assert voxel_twins({"a": "1", "b": "2", "c": "1", "d": "1"}) == [("a", "c"), ("a", "d")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shape", [4, 4, 5]),
        ("channels", ["event", "postop"]),
        ("kinds", ["mri", "dose"]),
        ("spacing_mm", 2.0),
    ],
)
def test_caches_of_different_settings_are_refused(name: str, value, tmp_path: Path) -> None:
    caches = three(tmp_path)
    make(tmp_path, "P3", 5, **{name: value})
    with pytest.raises(ValueError, match=f"the cache of P3 has {name} .*others"):
        run(tmp_path, caches)


def test_flipped_bit_in_a_cache_is_caught(tmp_path: Path) -> None:
    """S4: otherwise the manifest would vouch for the damaged bytes."""
    caches = three(tmp_path)
    content = bytearray(caches[1].read_bytes())
    content[-3] ^= 1
    caches[1].write_bytes(content)
    with pytest.raises(ValueError, match=r"caches of \['NA'\] are not what was written"):
        run(tmp_path, caches)
