import numpy as np
import pytest

from ricenet.explain import cube_values


def test_what_is_written_is_read(tmp_path):
    rng = np.random.default_rng(0)
    values = cube_values.CubeValues(
        rng.random((2, 2)), rng.random((2, 5, 2)), rng.integers(0, 9, (5, 3)), 4
    )
    cube_values.write(tmp_path / "a.safetensors", values)
    found = cube_values.read(tmp_path / "a.safetensors")
    for a, b in zip(values, found, strict=True):
        np.testing.assert_array_equal(a, b)
    cube_values.write(tmp_path / "b.safetensors", values)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_another_file_is_refused(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"a\.safetensors holds no values"):
        cube_values.read(tmp_path / "a.safetensors")
