"""plan: the counted memory is that of the tensors torch keeps; what cannot fit is refused."""

import pytest
import torch

from ricenet import model, plan, stem
from saved_tensors import saved_bytes


def kept_a_sample(shape, channels, *, bf16, small_stem, **settings):
    """Saved bytes of two samples less those of one: without weights."""
    network = model.build(channels, **settings)
    if bf16:
        network.to(memory_format=torch.channels_last_3d)

    def forward(samples):
        batch = torch.zeros(samples, channels, *shape)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            return stem.forward(network, batch) if small_stem else network(batch)

    two, one = (saved_bytes(lambda n=n: forward(n)) for n in (2, 1))
    return two - one


# the plain stem in bf16 is left out: on a CPU, unlike on a GPU, torch pools in float32 then
@pytest.mark.parametrize(("small_stem", "bf16"), [(True, True), (True, False), (False, False)])
@pytest.mark.parametrize(
    ("shape", "channels", "stem_stride", "width"),
    [((32, 32, 32), 3, 1, 0.5), ((33, 40, 35), 1, 1, 0.25), ((64, 48, 40), 2, 2, 0.5)],
)
def test_the_count_is_torchs(shape, channels, stem_stride, width, bf16, small_stem):
    settings = {"stem_stride": stem_stride, "width": width}
    asked = plan.need(shape, channels, **settings, bf16=bf16, small_stem=small_stem)
    found = kept_a_sample(shape, channels, bf16=bf16, small_stem=small_stem, **settings)
    assert asked.kept == pytest.approx(found, rel=0.01)


@pytest.mark.parametrize(("channels", "width"), [(1, 0.125), (3, 1.0)])
def test_parameters(channels, width):
    with torch.device("meta"):
        network = model.build(channels, stem_stride=1, width=width)
    expected = sum(p.numel() for p in network.parameters())
    assert plan.parameters(channels, width=width) == expected


def full(**changes):
    return plan.need(
        (224, 224, 224),
        3,
        **{"stem_stride": 1, "width": 1.0, "bf16": True, "small_stem": True} | changes,
    )


def test_a_sample_of_full_size_keeps_less_than_half():
    assert full().kept <= 2.5e9
    assert full(small_stem=False).kept > 5.5e9
    assert full(small_stem=False, bf16=False).kept > 10e9


def test_batches_are_split_evenly_and_the_impossible_is_refused():
    asked = plan.Need(kept=3 * 10**9, passing=10**9, fixed=10**9)
    needed = {n: asked.bytes(n) for n in (1, 2, 3, 4)}
    assert needed[1] == pytest.approx(5e9 / 0.85)
    for memory, samples in ((1e12, 4), (needed[4], 4), (needed[3], 2), (needed[1], 1)):
        assert plan.samples_at_once(4, asked, memory=memory) == samples
    with pytest.raises(ValueError, match=r"5\.9 GB \(3\.0 kept.* there are 4\.0 GB; set model"):
        plan.samples_at_once(4, asked, memory=4e9)
