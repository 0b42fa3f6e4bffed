"""Choice of the device."""

from types import SimpleNamespace

import pytest
import torch

from ricenet.networks.device import choose_device, computes_in_bf16, first_line, share_memory


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
