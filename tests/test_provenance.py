"""provenance: what changes a digest, and what must not."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from ricenet import provenance
from ricenet.volume import Volume, save

TOP = '''"""Top."""

from ricenet import middle


def f(x):
    """Add one."""
    return middle.g(x) + 1  # one
'''
MIDDLE = '''import math

from ricenet.deep.leaf import CONSTANT


class Box:
    """A box."""


def g(x):
    return math.floor(x) * CONSTANT
'''
FILES = {
    "__init__.py": "",
    "top.py": TOP,
    "middle.py": MIDDLE,
    "deep/__init__.py": "",
    "deep/leaf.py": "CONSTANT = 3\n",
    "other.py": "def h():\n    return 1\n",
}


def forget() -> None:
    for function in (provenance.code_hash, provenance._code):
        function.cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch):
    """A package in a folder; the returned function edits a file and gives the digest of ``top``."""
    monkeypatch.setattr(provenance, "SOURCE", tmp_path)

    def edit(name: str = "", old: str = "", new: str = "") -> str:
        if name:
            text = (tmp_path / name).read_text()
            assert old in text
            (tmp_path / name).write_text(text.replace(old, new))
        forget()
        return provenance.code_hash("ricenet.top")

    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    yield edit
    forget()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("top.py", "Add one.", "Add 1.\n\n    Longer.\n    "),
        ("top.py", "  # one", "  # a comment"),
        ("top.py", "middle.g(x) + 1", "(\n        middle.g( x )\n        + 1\n    )"),
        ("top.py", '    """Add one."""\n', ""),
        ("top.py", '"""Top."""', ""),
        ("middle.py", '    """A box."""', "    pass"),
        ("other.py", "return 1", "return 2"),
    ],
)
def test_code_hash_is_blind_to(package, name: str, old: str, new: str) -> None:
    before = package()
    assert package(name, old, new) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("top.py", "+ 1", "+ 2"),
        ("top.py", "def f(x)", "def f(x, y=0)"),
        ("middle.py", "floor", "ceil"),
        ("deep/leaf.py", "3", "4"),
        ("top.py", "from ricenet import middle", "from ricenet import middle, other"),
    ],
)
def test_code_hash_sees(package, name: str, old: str, new: str) -> None:
    before = package()
    after = package(name, old, new)
    assert after != before
    assert package(name, new, old) == before


def test_code_hash_of_the_real_package_follows_imports() -> None:
    tree = provenance.ast.parse("from ricenet import step, volume\nimport numpy\n")
    assert provenance._imported_modules(tree) == ["ricenet.step", "ricenet.volume"]
    assert len({provenance.code_hash(f"ricenet.{m}") for m in ("zscore", "crop", "cache")}) == 3


def test_file_digest_is_blind_to_compression_and_sees_voxel_affine_and_type(tmp_path: Path) -> None:
    data = np.zeros((4, 5, 6), np.float32)
    volume = Volume(data, np.eye(4))
    path = tmp_path / "v.nii.gz"

    def digest(v: Volume, level: int | None = None) -> str:
        save(path, v)
        if level is not None:
            path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), level, mtime=9))
        return provenance.file_digest(path)

    same = {digest(volume), digest(volume, 0), digest(volume, 9), provenance.volume_digest(volume)}
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
    assert provenance.file_digest(tmp_path / "a.npy") == hashlib.sha256(b"abc").hexdigest()


def test_write_json_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    provenance.write_json(path, {"b": 1, "a": 2})
    old = path.read_bytes()
    with pytest.raises(ValueError):
        provenance.write_json(path, {"x": float("nan")})
    assert path.read_bytes() == old and [p.name for p in tmp_path.iterdir()] == ["r.json"]
    assert list(json.loads(old)) == ["a", "b"]


# --- what a folder of somebody else may hold ------------------------------------------------------
