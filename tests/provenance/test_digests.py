"""provenance: what changes a digest, and what must not."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from ricenet.image.volume import Volume, save
from ricenet.provenance import atomic, digests


def test_file_digest_is_blind_to_compression_and_sees_voxel_affine_and_type(tmp_path: Path) -> None:
    data = np.zeros((4, 5, 6), np.float32)
    volume = Volume(data, np.eye(4))
    path = tmp_path / "v.nii.gz"

    def digest(v: Volume, level: int | None = None) -> str:
        save(path, v)
        if level is not None:
            path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), level, mtime=9))
        return digests.file_digest(path)

    same = {digest(volume), digest(volume, 0), digest(volume, 9), digests.volume_digest(volume)}
    flipped, moved = data.copy(), np.eye(4)
    flipped[1, 2, 3], moved[0, 3] = 1e-30, 1e-3
    others = {
        digest(Volume(flipped, np.eye(4))),
        digest(Volume(data, moved)),
        digest(Volume(data.astype(np.uint8), np.eye(4))),
        digest(Volume(data.reshape(5, 4, 6), np.eye(4))),
        digest(Volume(np.flip(flipped, 0), np.eye(4))),
    }
    assert len(same) == 1 and len(others) == 5 and not same & others


def test_file_digest_of_other_files_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(b"abc")
    assert digests.file_digest(tmp_path / "a.npy") == hashlib.sha256(b"abc").hexdigest()


def test_write_json_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    atomic.write_json(path, {"b": 1, "a": 2})
    old = path.read_bytes()
    with pytest.raises(ValueError):
        atomic.write_json(path, {"x": float("nan")})
    assert path.read_bytes() == old and [p.name for p in tmp_path.iterdir()] == ["r.json"]
    assert list(json.loads(old)) == ["a", "b"]


# --- what a folder of somebody else may hold ------------------------------------------------------


def test_folder_digest_sees_names_and_bytes_and_no_dates(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a").write_text("1")
    (tmp_path / "sub" / "b").write_text("2")
    before = digests.folder_digest(tmp_path)
    os.utime(tmp_path / "a", (0, 0))
    assert digests.folder_digest(tmp_path) == before
    (tmp_path / "a").write_text("3")
    assert digests.folder_digest(tmp_path) != before
    (tmp_path / "a").write_text("1")
    (tmp_path / "sub" / "b").rename(tmp_path / "b")
    assert digests.folder_digest(tmp_path) != before
