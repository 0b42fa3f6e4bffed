"""plan: the counted memory is that of the tensors torch keeps; what cannot fit is refused."""

import pytest
import torch
import yaml

from fake_cohort import TRAIN
from ricenet.networks import memory_plan, model, resnet_stem
from ricenet.train.fit_to_device import planned
from saved_tensors import saved_bytes
from studies import CONFIG, make


def kept_a_sample(shape, channels, *, bf16, small_stem, **settings):
    """Saved bytes of two samples less those of one: without weights."""
    network = model.build(channels, **settings)
    if bf16:
        network.to(memory_format=torch.channels_last_3d)

    def forward(samples):
        batch = torch.zeros(samples, channels, *shape)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            return resnet_stem.WithStem(network)(batch) if small_stem else network(batch)

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
    asked = memory_plan.need(shape, channels, **settings, bf16=bf16, small_stem=small_stem)
    found = kept_a_sample(shape, channels, bf16=bf16, small_stem=small_stem, **settings)
    assert asked.kept == pytest.approx(found, rel=0.01)


@pytest.mark.parametrize(("channels", "width"), [(1, 0.125), (3, 1.0)])
def test_parameters(channels, width):
    with torch.device("meta"):
        network = model.build(channels, stem_stride=1, width=width)
    expected = sum(p.numel() for p in network.parameters())
    assert memory_plan.parameters(channels, width=width) == expected


def full(**changes):
    return memory_plan.need(
        (224, 224, 224),
        3,
        **{"stem_stride": 1, "width": 1.0, "bf16": True, "small_stem": True} | changes,
    )


def test_a_sample_of_full_size_keeps_less_than_half():
    assert full().kept <= 2.5e9
    assert full(small_stem=False).kept > 5.5e9
    assert full(small_stem=False, bf16=False).kept > 10e9


def test_batches_are_split_evenly_and_the_impossible_is_refused():
    asked = memory_plan.Need(kept=2 * 10**9, passing=10**9, stem=10**9, together=2, fixed=10**9)
    needed = {n: asked.bytes(n) for n in (1, 2, 3, 4)}
    assert needed[1] == pytest.approx(5e9 / 0.85)
    assert needed[4] == pytest.approx((4 * 3e9 + 2 * 1e9 + 1e9) / 0.85)
    for memory, samples in ((1e12, 4), (needed[4], 4), (needed[3], 2), (needed[1], 1)):
        assert memory_plan.samples_at_once(4, asked, memory=memory) == samples
    with pytest.raises(ValueError, match=r"5\.9 GB \(2\.0 kept.* there are 4\.0 GB; set model"):
        memory_plan.samples_at_once(4, asked, memory=4e9)


def test_a_study_is_refused_before_any_job(tmp_path):
    def study(folder, **changes):
        section = yaml.safe_load(CONFIG.read_text())["train_model"] | changes
        return make(tmp_path / folder, train_model=section)

    whole = full().bytes(2)
    assert study("free").training_mb == round(whole / 1e6)
    assert study("half", memory_gb=whole / 1e9 - 1).training_mb == round(full().bytes(1) / 1e6)
    assert study("float", precision="fp32").training_mb > 1.5 * whole / 1e6
    assert study("cpu", device="cpu").training_mb == study("32", precision="fp32").training_mb
    with pytest.raises(ValueError, match=r"one training sample needs \d+\.\d GB .* 4\.0 GB; set"):
        study("small", memory_gb=4.0)


def test_a_training_is_fitted_to_its_memory():
    def means(gb, **changes):
        s = {**TRAIN, "batch_size": 4, "precision": "fp32", "memory_gb": gb} | changes
        fit = planned(s, 80, (224, 224, 224), 3)
        return fit.samples, fit.small_stem, fit.resident

    settings = TRAIN["model"]
    plain, small = (
        memory_plan.need((224, 224, 224), 3, **settings, bf16=False, small_stem=small)
        for small in (False, True)
    )
    cohort = 80 * 3 * 224**3 * 2
    assert means(None) == (4, False, True)
    assert means((plain.bytes(4) + cohort) / 1e9 + 0.01) == (4, False, True)
    assert means((plain.bytes(4) + 0.9 * cohort) / 1e9) == (4, False, False)
    assert means(plain.bytes(4) / 1e9 - 0.1) == (
        4 if small.bytes(4) < plain.bytes(4) - 1e8 else 2,
        True,
        False,
    )
    assert means(small.bytes(1) / 1e9 + 0.01) == (1, True, False)
    with pytest.raises(ValueError, match="one training sample needs"):
        means(small.bytes(1) / 1e9 - 0.01)
