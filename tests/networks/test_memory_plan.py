"""memory_plan: what the families count is what torch keeps; what cannot fit is refused."""

import contextlib

import pytest
import torch

from built_networks import built, model_of
from ricenet.networks import build, memory_plan
from saved_tensors import saved_bytes

FULL = (224, 224, 224)


def need(shape=FULL, channels=3, *, bf16=True, saving=True, **options):
    return build.need(model_of(**options), shape, channels, bf16=bf16, saving=saving)


def kept_a_sample(shape, channels, *, bf16, saving, device="cpu", **options):
    """Saved bytes of two samples less those of one: without weights."""
    with torch.device(device):
        network = built(channels, **options)
    call = network
    if saving:
        family = build.family(options.get("network", "resnet18"))
        call = family.saving(network, folded=False, gather="library")

    def forward(samples):
        batch = torch.zeros(samples, channels, *shape, device=device)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            return call(batch)

    two, one = (saved_bytes(lambda n=n: forward(n)) for n in (2, 1))
    return two - one


# the plain stem in bf16 is left out: on a CPU, unlike on a GPU, torch pools in float32 then
@pytest.mark.parametrize(("saving", "bf16"), [(True, True), (True, False), (False, False)])
@pytest.mark.parametrize(
    ("shape", "channels", "stem_stride", "width"),
    [((32, 32, 32), 3, 1, 0.5), ((33, 40, 35), 1, 1, 0.25), ((64, 48, 40), 2, 2, 0.5)],
)
def test_the_count_is_torchs(shape, channels, stem_stride, width, bf16, saving):
    options = {"stem_stride": stem_stride, "width": width}
    asked = need(shape, channels, bf16=bf16, saving=saving, **options)
    found = kept_a_sample(shape, channels, bf16=bf16, saving=saving, **options)
    assert asked.kept == pytest.approx(found, rel=0.01)


@pytest.fixture
def meta_without_autocast(monkeypatch):
    """The rewritten stem asks for autocast, which the meta device does not know."""
    known, autocast = torch.is_autocast_enabled, torch.autocast

    def no_autocast(kind, *args, **options):
        return contextlib.nullcontext() if kind == "meta" else autocast(kind, *args, **options)

    monkeypatch.setattr(torch, "is_autocast_enabled", lambda kind: kind != "meta" and known(kind))
    monkeypatch.setattr(torch, "autocast", no_autocast)


@pytest.mark.parametrize("saving", [False, True])
@pytest.mark.parametrize("stem_stride", [1, 2])
@pytest.mark.parametrize("network", ["resnet18", "densenet121", "local"])
def test_the_count_is_torchs_at_full_size(network, stem_stride, saving, meta_without_autocast):
    """On the meta device nothing is computed: 40 GB are counted in a second."""
    options = {"network": network, "stem_stride": stem_stride, "width": 1.0}
    found = kept_a_sample(FULL, 3, bf16=False, saving=saving, device="meta", **options)
    assert need(bf16=False, saving=saving, **options).kept == pytest.approx(found, rel=0.01)


@pytest.mark.parametrize("saving", [False, True])
@pytest.mark.parametrize("shape", [(32, 36, 41), (33, 40, 35)])
def test_odd_sizes_and_widths_of_the_densenet(shape, saving):
    options = {"network": "densenet121", "stem_stride": 1, "width": 0.3}
    found = kept_a_sample(shape, 2, bf16=False, saving=saving, device="meta", **options)
    asked = need(shape, 2, bf16=False, saving=saving, **options)
    assert asked.kept == pytest.approx(found, rel=0.01)


LOCAL = {"network": "local", "width": 0.5}
OPTIONS = [
    {**LOCAL, "thresholds": [1.5, 2.5, -1.5]},
    {**LOCAL, "pooling": "mean", "stem_kernel": 7},
    {**LOCAL, "pooling": "top_k", "norm": "instance", "dropout": 0.3},
    {"width": 0.25, "thresholds": [2.0], "stem_kernel": 3, "pooling": "generalised_mean"},
    {"width": 0.25, "norm": "instance", "pooling": "top_k", "dropout": 0.5},
    {"network": "densenet121", "width": 0.3, "thresholds": [2.0], "stem_kernel": 5,
     "pooling": "generalised_mean"},
]  # fmt: skip


@pytest.mark.parametrize("saving", [False, True])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options_are_counted(options, saving):
    shape = (33, 40, 35)
    device = "meta" if options.get("network") == "densenet121" else "cpu"
    found = kept_a_sample(shape, 2, bf16=False, saving=saving, device=device, **options)
    assert need(shape, 2, bf16=False, saving=saving, **options).kept == pytest.approx(
        found, rel=0.01
    )
    with torch.device("meta"):
        weights = sum(p.numel() for p in built(2, **options).parameters())
    assert need(shape, 2, bf16=False, saving=saving, **options).fixed == 16 * weights


@pytest.mark.parametrize("saving", [False, True])
def test_half_precision_of_the_local_network_is_counted(saving):
    for options in OPTIONS[:2]:
        found = kept_a_sample((32, 36, 41), 2, bf16=True, saving=saving, **options)
        asked = need((32, 36, 41), 2, bf16=True, saving=saving, **options)
        assert asked.kept == pytest.approx(found, rel=0.01)


def test_an_instance_norm_of_few_voxels_is_refused():
    for network in ("resnet18", "densenet121"):
        model = {"network": network, "stem_stride": 2, "norm": "instance"}
        with pytest.raises(
            ValueError, match=r"leaves 1 voxels of a volume of 32 x 32 x 32, .* needs 8"
        ):
            need((32, 32, 32), **model)
        assert need((128, 128, 128), **model).kept


@pytest.mark.parametrize("network", ["resnet18", "densenet121"])
def test_half_the_bytes_in_bf16_but_for_the_places_of_maxima(network):
    half, full = (
        need(network=network, stem_stride=2, saving=False, bf16=bf16).kept for bf16 in (True, False)
    )
    places = 8 * 64 * 56**3
    assert half - places == (full - places) / 2


@pytest.mark.parametrize("network", ["resnet18", "densenet121", "local"])
@pytest.mark.parametrize(("channels", "width"), [(1, 0.125), (3, 1.0)])
def test_the_weights_are_counted(network, channels, width):
    with torch.device("meta"):
        built_one = built(channels, stem_stride=1, width=width, network=network)
    expected = sum(p.numel() for p in built_one.parameters())
    found = need(channels=channels, width=width, network=network, bf16=False).fixed
    assert found == expected * (4 + 4 + 8)


def test_a_sample_of_full_size_keeps_less_than_half():
    assert need().kept <= 2.5e9
    assert need(saving=False).kept > 5.5e9
    assert need(saving=False, bf16=False).kept > 10e9
    dense = {"network": "densenet121", "stem_stride": 2}
    assert need(**dense).kept < 0.35 * need(**dense, saving=False).kept


def test_volumes_too_small_for_a_network_are_refused():
    dense = {"network": "densenet121", "stem_stride": 2}
    assert need((32, 32, 32), **dense).kept
    with pytest.raises(ValueError, match=r"32 x 20 x 32 voxels to nothing; set crop\.shape .* 32 "):
        need((32, 20, 32), **dense)


def test_batches_are_split_evenly_and_the_impossible_is_refused():
    asked = memory_plan.Need(kept=2 * 10**9, passing=10**9, stem=10**9, together=2, fixed=10**9)
    needed = {n: asked.bytes(n) for n in (1, 2, 3, 4)}
    assert needed[1] == pytest.approx(5e9 / 0.85)
    assert needed[4] == pytest.approx((4 * 3e9 + 2 * 1e9 + 1e9) / 0.85)
    for memory, samples in ((1e12, 4), (needed[4], 4), (needed[3], 2), (needed[1], 1)):
        assert memory_plan.samples_at_once(4, asked, memory=memory) == samples
    with pytest.raises(ValueError, match=r"5\.9 GB \(2\.0 kept.* there are 4\.0 GB; set model"):
        memory_plan.samples_at_once(4, asked, memory=4e9)
