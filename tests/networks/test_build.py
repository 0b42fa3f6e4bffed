"""build: every network by one name; what it is, is the library's."""

import copy
from typing import get_args

import pytest
import torch
from monai.networks.nets import densenet121, resnet18

from built_networks import built
from ricenet.config.train import Model
from ricenet.networks import build
from ricenet.provenance.steps import NETWORKS

NAMES = get_args(Model.model_fields["network"].annotation)


def test_every_network_of_the_settings_is_built():
    assert set(NAMES) == set(NETWORKS) == {"resnet18", "densenet121", "local"}
    for name in NAMES:
        assert build.family(name).SAVING in ("small_stem", "checkpointed")
    with pytest.raises(ValueError, match="network 'vgg' is unknown"):
        build.family("vgg")


THEIRS = {
    "resnet18": lambda: resnet18(
        spatial_dims=3, n_input_channels=2, num_classes=2, conv1_t_size=7, conv1_t_stride=2,
        feed_forward=True, shortcut_type="B",
    ),
    "densenet121": lambda: densenet121(spatial_dims=3, in_channels=2, out_channels=2),
}  # fmt: skip


@pytest.mark.parametrize("name", THEIRS)
def test_at_stride_2_and_full_width_it_is_monais(name):
    """The same layers with the same options, the same names and shapes of weights."""
    with torch.device("meta"):
        ours = built(2, stem_stride=2, width=1.0, network=name)
        theirs = THEIRS[name]()
    assert repr(ours).split("\n")[1:] == repr(theirs).split("\n")[1:]
    shapes = [{k: v.shape for k, v in n.state_dict().items()} for n in (ours, theirs)]
    assert shapes[0] == shapes[1]
    assert ours(torch.zeros(2, 2, 64, 64, 64, device="meta")).shape == (2, 2)


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_is_a_network_of_its_own(name):
    """Validation copies the network: the copy must not ask the original."""
    network = built(1, stem_stride=1, width=0.125, network=name).eval()
    other, volumes = copy.deepcopy(network), torch.randn(1, 1, 16, 16, 16)
    with torch.no_grad():
        before = network(volumes)
        for p in network.parameters():
            p.zero_()
        assert torch.equal(other(volumes), before)
        assert not torch.equal(network(volumes), before)


def test_shapes_at_width_1():
    with torch.device("meta"):
        network = built(3, stem_stride=1, width=1.0)
        shapes = {}
        for name in ("conv1", "maxpool", "layer1", "layer2", "layer3", "layer4", "fc"):
            network.get_submodule(name).register_forward_hook(
                lambda _m, _i, out, name=name: shapes.update({name: tuple(out.shape)})
            )
        network.eval()(torch.zeros(1, 3, 224, 224, 224))
    assert shapes == {
        "conv1": (1, 64, 224, 224, 224),
        "maxpool": (1, 64, 112, 112, 112),
        "layer1": (1, 64, 112, 112, 112),
        "layer2": (1, 128, 56, 56, 56),
        "layer3": (1, 256, 28, 28, 28),
        "layer4": (1, 512, 14, 14, 14),
        "fc": (1, 2),
    }
    # He et al. table 1 with 3D kernels: stem, 4 stages of two blocks, 1x1x1 shortcuts, fc
    assert network.conv1.weight.shape == (64, 3, 7, 7, 7)
    assert sum(isinstance(m, torch.nn.Conv3d) for m in network.modules()) == 1 + 16 + 3


def test_shapes_of_the_densenet_are_table_1s():
    """Huang et al. 2017, table 1, DenseNet-121, with a third axis."""
    with torch.device("meta"):
        network = built(3, stem_stride=2, width=1.0, network="densenet121")
        shapes = {}
        for name, module in network.features.named_children():
            module.register_forward_hook(
                lambda _m, _i, out, name=name: shapes.update({name: (out.shape[1], out.shape[2])})
            )
        network.eval()(torch.zeros(1, 3, 224, 224, 224))
    wanted = {
        "conv0": (64, 112), "pool0": (64, 56), "denseblock1": (256, 56), "transition1": (128, 28),
        "denseblock2": (512, 28), "transition2": (256, 14), "denseblock3": (1024, 14),
        "transition3": (512, 7), "denseblock4": (1024, 7),
    }  # fmt: skip
    assert {name: shapes[name] for name in wanted} == wanted
    layers = [m for m in network.modules() if isinstance(m, torch.nn.Conv3d | torch.nn.Linear)]
    assert len(layers) == 121
