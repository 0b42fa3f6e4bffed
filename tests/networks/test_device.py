"""Choice of the device."""

from types import SimpleNamespace

import pytest
import torch

from ricenet.networks import verdicts
from ricenet.networks.device import (
    choices_of_kernels,
    choose_device,
    computes_in_bf16,
    exact_float32,
    first_line,
    share_memory,
    without_paths,
)


def test_a_missing_gpu_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")
    with pytest.raises(ValueError, match="no GPU"):
        choose_device("cuda")


@pytest.mark.parametrize("named", ["cuda", "cuda:0"])
def test_a_share_of_memory_is_given_to_the_device_by_its_number(monkeypatch, named):
    """torch's own function, which refuses a device without a number, up to its driver call."""
    given = []
    monkeypatch.setattr(torch.cuda.memory, "_lazy_init", lambda: None)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda index: SimpleNamespace(total_memory=80e9)
    )
    monkeypatch.setattr(
        torch._C, "_cuda_setMemoryFraction", lambda *args: given.append(args), raising=False
    )
    share_memory(torch.device(named), 20.0)
    share_memory(torch.device(named), None)
    share_memory(torch.device(named), 100.0)
    assert given == [(0.25, 0), (1.0, 0)]


@pytest.mark.parametrize(
    ("limit", "computes"), [("avx2", False), ("AVX512_CORE", False), ("AVX512_CORE_BF16", True),
                            ("DEFAULT", True), (None, True)],
)  # fmt: skip
@pytest.mark.parametrize("name", ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"])
def test_a_limit_of_instructions_leaves_no_bf16(monkeypatch, name, limit, computes):
    for one in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
        monkeypatch.delenv(one, raising=False)
    if limit:
        monkeypatch.setenv(name, limit)
    supported = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    assert computes_in_bf16(torch.device("cpu")) == (computes and supported)


def test_paths_are_taken_out_of_errors():
    error = RuntimeError("g++ '/home/alice/bin/g++' failed in /tmp/x.cpp: 3/4 of a.b/c\nmore")
    assert first_line(error) == "g++ '<path>' failed in <path>: 3/4 of a.b/c"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no such file: '/data/Doe, John/scan (1).nii'", "no such file: '<path>'"),
        ("cannot read /home/Jane Doe/study/x.nii", "cannot read <path>"),
        ("cannot read ../patients/Mueller/x.nii, retry", "cannot read <path>, retry"),
        ("cannot read ~/patients/x", "cannot read <path>"),
        (r"cannot read C:\Users\Jane Doe\x.nii", "cannot read <path>"),
        ("3/4 of 1e-3 / s, and/or 224x224", "3/4 of 1e-3 / s, and/or 224x224"),
        ("size 2 GiB; set train_model.precision to fp32", None),
    ],
)
def test_no_form_of_a_path_stays(text, expected):
    assert without_paths(text) == (text if expected is None else expected)


def test_a_reference_on_a_gpu_is_not_computed_by_cudnn():
    """cuDNN must not be held against itself, and no matrix may be rounded to TF32."""
    before = torch.backends.cudnn.enabled, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    with exact_float32(torch.device("cuda"), own_kernels=True):
        assert not torch.backends.cudnn.enabled and not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
    with exact_float32(torch.device("cuda")):
        assert torch.backends.cudnn.enabled and not torch.backends.cudnn.allow_tf32
    assert torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = before[1]
    assert torch.backends.cudnn.enabled == before[0]


def test_choices_of_kernels_are_given_back():
    before = verdicts.choices()
    with choices_of_kernels():
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = not before[1]
        torch.backends.cudnn.allow_tf32 = not before[2]
        assert verdicts.choices() == [True, not before[1], not before[2]]
    assert verdicts.choices() == before
