"""A network as a list of local layers, a global average, and what follows it.

The list is read from the network's own graph (torch.fx). Known are the layers whose output at one
voxel is a function of a window of their input: convolution, pooling, activations, batch norm with
stored statistics, thresholds, sums. A generalised mean is the average of a power, and its root
belongs to what follows. Anything else, such as instance norm or attention, is refused. Only the
exact classes of torch are known: a subclass may compute something else.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import fx, nn
from torch.nn import functional

from ricenet.explain.occlusion.boxes import POINT, Triple, Window
from ricenet.networks import optional_layers as ours

ALIASES = {nn.Identity, nn.Dropout, nn.Dropout3d}  # their output is their input, in evaluation
OURS = (ours.Thresholds, ours.InstanceNorm, ours.GlobalMean, ours.GeneralisedMean, ours.TopMean)
POINTWISE_MODULES = ALIASES | {nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.GELU, nn.SiLU}
SUMS = {operator.add, torch.add}
RELUS = {torch.relu, functional.relu}
# A sample's own values only, which a batch of crops cannot mix up
HEAD_MODULES = POINTWISE_MODULES | {nn.Flatten, nn.Linear}
HEAD_FUNCTIONS = RELUS | {torch.flatten}
HEAD_METHODS = {"size", "view", "reshape", "flatten", "squeeze"}


Step = Callable[[torch.Tensor], torch.Tensor]


class NotLocalError(ValueError):
    """The network has a layer that is not known to be local; the message names it."""


class Layer(NamedTuple):
    """One local layer.

    Attributes
    ----------
    name : str
        Name of its output.
    inputs : tuple of str
        Names of the outputs that it reads.
    window : Window
        What it reads of each of them.
    outside : float
        Value that it reads where its window leaves the volume.
    whole : function
        The layer as the network runs it.
    inside : function
        The same without padding.
    """

    name: str
    inputs: tuple[str, ...]
    window: Window
    outside: float
    whole: Callable[..., torch.Tensor]
    inside: Callable[..., torch.Tensor]


class LocalNetwork(NamedTuple):
    """A network in three parts.

    Attributes
    ----------
    volume : str
        Name of the input.
    layers : list of Layer
        In the order in which they run.
    last : str
        Name of the output that is averaged over all voxels.
    head : function
        From the (B, C, 1, 1, 1) averages to the (B, K) outputs.
    """

    volume: str
    layers: list[Layer]
    last: str
    head: Step


def local_network(network: nn.Module) -> LocalNetwork:
    """Split a network in evaluation mode into local layers.

    Raises
    ------
    NotLocalError
        It cannot be traced, or a layer is not known to be local.
    """
    try:
        traced = fx.GraphModule(network, _Tracer().trace(network))
    except Exception as error:  # whatever the network's own code raises on a symbolic input
        raise NotLocalError(f"the network cannot be traced ({type(error).__name__})") from error
    nodes, modules = list(traced.graph.nodes), dict(traced.named_modules())
    pools = [i for i, node in enumerate(nodes) if _is_global_average(node, modules)]
    if len(pools) != 1 or [n.op for n in nodes].count("placeholder") != 1:
        raise NotLocalError("the network has not one input and one global average pooling")
    layers = [_layer(node, modules) for node in nodes[1 : pools[0]]]
    node, pooling = nodes[pools[0]], modules[str(nodes[pools[0]].target)]
    head = _head(traced, node, nodes[pools[0] + 1 :], modules)
    averaged = node.args[0].name
    if isinstance(pooling, ours.GeneralisedMean):
        both = (pooling.powers, pooling.powers)
        layers.append(Layer(node.name, (averaged,), POINT, 0.0, *both))
        averaged, head = node.name, partial(_after_root, root=pooling.root, head=head)
    elif isinstance(pooling, ours.GlobalMean):
        head = partial(_after_root, root=None, head=head)
    return LocalNetwork(nodes[0].name, layers, averaged, head)


class _Tracer(fx.Tracer):
    """Reads a graph in which the project's own layers are one node each."""

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return isinstance(module, OURS) or super().is_leaf_module(module, name)


def _after_root(averages: torch.Tensor, *, root: Step | None, head: Step) -> torch.Tensor:
    """Go on from the (B, C, 1, 1, 1) averages where the project's poolings return (B, C)."""
    return head(root(averages.flatten(1)) if root else averages.flatten(1))


def _is_global_average(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    module = modules.get(str(node.target)) if node.op == "call_module" else None
    if isinstance(module, ours.TopMean):
        raise NotLocalError(f"layer {node.target!s} pools the largest voxels, wherever they are")
    if type(module) is nn.AdaptiveAvgPool3d:
        return _triple(module.output_size) == (1, 1, 1)
    return isinstance(module, ours.GlobalMean | ours.GeneralisedMean)


def _layer(node: fx.Node, modules: dict[str, nn.Module]) -> Layer:
    inputs = tuple(source.name for source in node.all_input_nodes)
    module = modules.get(str(node.target)) if node.op == "call_module" else None
    in_place = node.kwargs.get("inplace") or getattr(module, "inplace", False)
    if len(inputs) != len(node.args) or node.kwargs.keys() - {"inplace"}:
        raise NotLocalError(f"{node.name} ({node.target!s}) reads more than activations")
    if in_place and _overwrites(node, modules):
        raise NotLocalError(f"{node.name} ({node.target!s}) overwrites what another layer reads")
    if module is not None:
        return Layer(node.name, inputs, *_of_module(node, module))
    if node.op == "call_function" and node.target in SUMS | RELUS:
        function = operator.add if node.target in SUMS else torch.relu
        return Layer(node.name, inputs, POINT, 0.0, function, function)
    raise NotLocalError(f"{node.name} ({node.target!s}) is not known to be local")


def _overwrites(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Return whether a layer that works in place changes what another layer reads."""
    source = node.all_input_nodes[0]
    alias = type(modules.get(str(source.target))) in ALIASES
    shared = len(source.users) > 1 or source.op == "placeholder"
    return shared or (alias and _overwrites(source, modules))


Kind = tuple[Window, float, Step, Step]


def _of_module(node: fx.Node, module: Any) -> Kind:
    kind = type(module)
    if module._forward_hooks or module._forward_pre_hooks:
        raise NotLocalError(f"layer {node.target!s} has hooks, which may do anything")
    if kind is nn.Conv3d and module.padding_mode == "zeros" and module.padding != "same":
        return _convolution(module)
    if kind is nn.MaxPool3d and not (module.ceil_mode or module.return_indices):
        return _max_pool(module)
    if kind is nn.AvgPool3d and not (module.ceil_mode or module.divisor_override or _trims(module)):
        return _average_pool(module)
    statistics = kind is nn.BatchNorm3d and module.running_mean is not None
    if statistics or kind is ours.Thresholds or kind in POINTWISE_MODULES:
        return POINT, 0.0, module, module
    raise NotLocalError(f"layer {node.target!s} ({kind.__name__}) is not known to be local")


def _convolution(module: nn.Conv3d) -> Kind:
    padding = (0, 0, 0) if module.padding == "valid" else _triple(module.padding)
    window = Window(
        _triple(module.kernel_size), _triple(module.stride), padding, _triple(module.dilation)
    )

    def inside(crop: torch.Tensor) -> torch.Tensor:
        sizes = (window.stride, 0, window.dilation)
        return functional.conv3d(crop, module.weight, module.bias, *sizes, module.groups)

    return window, 0.0, module, inside


def _max_pool(module: nn.MaxPool3d) -> Kind:
    sizes = (module.kernel_size, module.stride, module.padding, module.dilation)
    window = Window(*map(_triple, sizes))

    def inside(crop: torch.Tensor) -> torch.Tensor:
        return functional.max_pool3d(crop, window.kernel, window.stride, 0, window.dilation)

    return window, -math.inf, module, inside


def _trims(module: nn.AvgPool3d) -> bool:
    """Return whether the average leaves out the padding: its divisor differs at the border."""
    return not module.count_include_pad and _triple(module.padding) != (0, 0, 0)


def _average_pool(module: nn.AvgPool3d) -> Kind:
    window = Window(*map(_triple, (module.kernel_size, module.stride, module.padding)))

    def inside(crop: torch.Tensor) -> torch.Tensor:
        return functional.avg_pool3d(crop, window.kernel, stride=window.stride)

    return window, 0.0, module, inside


def _head(
    traced: fx.GraphModule, pool: fx.Node, after: list[fx.Node], modules: dict[str, nn.Module]
) -> Step:
    """Make what follows the global average a function of its own."""
    graph = fx.Graph()
    copies = {pool: graph.placeholder("pooled")}
    for node in after:
        if not _in_head(node, modules) or not set(node.all_input_nodes) <= set(copies):
            raise NotLocalError(f"{node.op} {node.target!s} ({node.name}) after the global average")
        copies[node] = graph.node_copy(node, copies.__getitem__)
    return fx.GraphModule(traced, graph)


def _in_head(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    if node.op == "call_module":
        return type(modules[str(node.target)]) in HEAD_MODULES
    if node.op == "call_function":
        return node.target in HEAD_FUNCTIONS
    return node.op == "output" or (node.op == "call_method" and node.target in HEAD_METHODS)


def _triple(size: Any) -> Triple:
    """Return (X, Y, Z) of a size that torch stores as one number or three."""
    x, y, z = (size, size, size) if isinstance(size, int) else size
    return x, y, z
