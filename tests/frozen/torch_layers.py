"""Every exported layer, with its options and activations, by PyTorch in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from .formula import hashes, numbers
from .torch_common import average, backward, leaf, nchw, nhwc, pad
from .values import Values

ACTIVATIONS: dict[str | None, Callable[[torch.Tensor], torch.Tensor]] = {
    None: lambda t: t,
    "relu": torch.relu,
    "leaky_relu": lambda t: F.leaky_relu(t, 0.01),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "gelu": lambda t: F.gelu(t, approximate="tanh"),
    "softmax": lambda t: torch.softmax(t, -1),
}
IMAGE, ROWS = (2, 7, 6, 4), (3, 5)


def save(v: Values, name: str, layer: str, config: dict[str, Any], shapes: Any, f: Any) -> None:
    """Save a layer: `shapes` of x and the parameters by name, `f` of them as tensors."""
    case = f"{layer}/{name}"
    inputs = {key: leaf(numbers(f"{case}/{key}", shape, 2.0)) for key, shape in shapes.items()}
    y = f(*inputs.values())
    dy = backward(y, case)
    gradients = {f"d{key}": t.grad for key, t in inputs.items()}
    v.save(case, config, **inputs, y=y, dy=dy, **gradients)


def same(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """TensorFlow's padding, in which an odd pixel goes behind."""
    total = max((-(-size // stride) - 1) * stride + dilation * (kernel - 1) + 1 - size, 0)
    return total // 2, total - total // 2


def conv(v: Values, name: str, filters: int, kernel: tuple[int, int], **config: Any) -> None:
    """Save a Conv2D; `around` is its padding in numbers where `config` has a word."""
    stride, dilation = config.get("stride", (1, 1)), config.get("dilation", (1, 1))
    groups, padding = config.get("groups", 1), config.get("padding", "valid")
    around = padding
    if padding == "valid":
        around = ((0, 0), (0, 0))
    elif padding == "same":
        sides = zip(IMAGE[1:3], kernel, stride, dilation, strict=True)
        around = tuple(same(*side) for side in sides)
    shapes = {"x": IMAGE, "w": (*kernel, IMAGE[3] // groups, filters)}
    if config.get("use_bias", True):
        shapes["b"] = (filters,)

    def f(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor | None = None) -> torch.Tensor:
        z = F.conv2d(pad(nchw(x), around), w.permute(3, 2, 0, 1), b, stride, 0, dilation, groups)
        return ACTIVATIONS[config.get("activation")](nhwc(z))

    save(v, name, "Conv2D", {"filters": filters, "kernel_size": kernel, **config}, shapes, f)


def convolutions(v: Values) -> None:
    for activation in ACTIVATIONS:
        conv(v, str(activation), 3, (3, 2), activation=activation)
    conv(v, "same", 5, (2, 3), padding="same")
    conv(v, "same with stride", 5, (3, 4), padding="same", stride=(2, 3), activation="relu")
    conv(v, "padded", 3, (2, 3), padding=((1, 0), (2, 1)), dilation=(1, 2))
    conv(v, "grouped", 6, (3, 2), groups=2, stride=(2, 1), use_bias=False)
    conv(v, "depthwise", 8, (2, 3), groups=4, padding=((1, 1), (0, 2)), activation="tanh")


def enlarging(v: Values) -> None:
    """Save the layers that make images larger, and those that filter channel by channel."""
    shapes = {"x": IMAGE, "w": (2, 2, 3, 4), "b": (3,)}
    config = {"filters": 3, "kernel_size": 2, "stride": 2, "activation": "relu"}
    save(v, "U-Net's", "ConvTranspose2D", config, shapes, lambda x, w, b: torch.relu(
        nhwc(F.conv_transpose2d(nchw(x), w.permute(3, 2, 0, 1), b, 2))))  # fmt: skip
    shapes = {"x": IMAGE, "w": (3, 2, 1, 8), "b": (8,)}
    config = {"kernel_size": (3, 2), "depth_multiplier": 2, "padding": ((1, 0), (0, 1))}
    save(v, "two each", "DepthwiseConv2D", config, shapes, lambda x, w, b: nhwc(F.conv2d(
        pad(nchw(x), config["padding"]), w.permute(3, 2, 0, 1), b, groups=4)))  # fmt: skip
    shapes = {"x": IMAGE, "depthwise_w": (3, 3, 1, 4), "pointwise_w": (1, 1, 4, 5), "b": (5,)}
    own = {"filters": 5, "kernel_size": 3, "activation": "gelu"}

    def separable(x: torch.Tensor, d: torch.Tensor, p: torch.Tensor, b: torch.Tensor) -> Any:
        z = F.conv2d(nchw(x), d.permute(3, 2, 0, 1), groups=4)
        return ACTIVATIONS["gelu"](nhwc(F.conv2d(z, p.permute(3, 2, 0, 1), b)))

    save(v, "gelu", "SeparableConv2D", own, shapes, separable)
    twice = {"scale_factor": 2, "mode": "bilinear", "align_corners": False}
    bilinear = {"factor": 2, "interpolation": "bilinear"}
    save(v, "bilinear", "UpSampling2D", bilinear, {"x": IMAGE},
         lambda x: nhwc(F.interpolate(nchw(x), **twice)))  # fmt: skip
    save(v, "plain", "ZeroPadding2D", {"padding": 1}, {"x": IMAGE},
         lambda x: nhwc(F.pad(nchw(x), (1, 1, 1, 1))))  # fmt: skip


def dense(v: Values) -> None:
    def f(activation: str | None) -> Any:
        return lambda x, w, b=0.0: ACTIVATIONS[activation](x @ w + b)

    shapes = {"x": ROWS, "w": (5, 4), "b": (4,)}
    for activation in ACTIVATIONS:
        config = {"units": 4, "activation": activation}
        save(v, str(activation), "Dense", config, shapes, f(activation))
    bare = {"x": ROWS, "w": (5, 4)}
    save(v, "without bias", "Dense", {"units": 4, "use_bias": False}, bare, f(None))


def pools(v: Values) -> None:
    config = {"window": (3, 2), "stride": (2, 1), "padding": ((1, 0), (0, 1))}
    around, image = config["padding"], {"x": IMAGE}
    maximum = lambda x: nhwc(  # noqa: E731
        F.max_pool2d(pad(nchw(x), around, -np.inf), (3, 2), (2, 1))
    )
    save(v, "padded", "MaxPool2D", config, image, maximum)
    save(v, "plain", "MaxPool2D", {"window": 2}, image, lambda x: nhwc(F.max_pool2d(nchw(x), 2)))
    mean = lambda x: nhwc(average(nchw(x), (3, 2), (2, 1), around))  # noqa: E731
    save(v, "padded", "AveragePool2D", config, image, mean)
    whole = {"window": 2, "padding": "same"}
    odd = ((0, 1), (0, 0))  # of 7 rows, 6 columns
    mean = lambda x: nhwc(average(nchw(x), (2, 2), (2, 2), odd))  # noqa: E731
    save(v, "same", "AveragePool2D", whole, image, mean)
    save(v, "plain", "GlobalAveragePool2D", {}, image, lambda x: x.mean(dim=(1, 2)))
    save(v, "plain", "Flatten", {}, image, lambda x: x.reshape(x.shape[0], -1))


def activations(v: Values) -> None:
    rows = {"x": (4, 3, 5)}
    for layer, name in (
        ("ReLU", "relu"),
        ("Sigmoid", "sigmoid"),
        ("Tanh", "tanh"),
        ("GELU", "gelu"),
        ("Softmax", "softmax"),
    ):
        save(v, "plain", layer, {}, rows, ACTIVATIONS[name])
    save(v, "steep", "LeakyReLU", {"slope": 0.2}, rows, lambda x: F.leaky_relu(x, 0.2))
    save(v, "plain", "Identity", {}, rows, lambda x: x + 0)


def norms(v: Values) -> None:
    """In training; PyTorch's LayerNorm of the last axis is the one here."""
    shapes = {"x": (2, 3, 5, 4), "gamma": (4,), "beta": (4,)}

    def batch(activation: str | None) -> Any:
        return lambda x, g, b: ACTIVATIONS[activation](
            nhwc(F.batch_norm(nchw(x), None, None, g, b, True, eps=1e-3))
        )

    for activation in (None, "relu", "gelu"):
        config = {"epsilon": 1e-3, "activation": activation}
        save(v, str(activation), "BatchNorm", config, shapes, batch(activation))
    rows = {"x": ROWS, "gamma": (5,), "beta": (5,)}
    own = {"epsilon": 1e-3}
    save(v, "rows", "BatchNorm", own, rows,
         lambda x, g, b: F.batch_norm(x, None, None, g, b, True, eps=1e-3))  # fmt: skip
    save(v, "plain", "LayerNorm", own, shapes,
         lambda x, g, b: F.layer_norm(x, (4,), g, b, 1e-3))  # fmt: skip
    save(v, "plain", "GroupNorm", {"groups": 2, **own}, shapes,
         lambda x, g, b: nhwc(F.group_norm(nchw(x), 2, g, b, 1e-3)))  # fmt: skip


def dropout(v: Values) -> None:
    """Dropout's mask is a hash by definition; what PyTorch is asked for is the rest."""
    keep = (hashes(11, 60) >> np.uint64(40)) / 2**24 >= 0.4
    scale = torch.tensor(keep.reshape(4, 3, 5) / (1 - 0.4))
    save(v, "key 11", "Dropout", {"rate": 0.4}, {"x": (4, 3, 5)}, lambda x: x * scale)


def same_conv(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Filters of odd size, padding of half of it."""
    size = w.shape[0] // 2
    return nhwc(F.conv2d(nchw(x), w.permute(3, 2, 0, 1), b, padding=size))


def containers(v: Values) -> None:
    """What `CONTAINERS` of test_torch_layers.py builds, under the names of the parameters."""

    def conv_shapes(name: str, size: int, c: int, f: int) -> dict[str, tuple[int, ...]]:
        return {f"{name}.w": (size, size, c, f), f"{name}.b": (f,)}

    def residual(x: Any, w: Any, b: Any, w2: Any, b2: Any, *short: Any) -> torch.Tensor:
        body = same_conv(torch.tanh(same_conv(x, w, b)), w2, b2)
        return torch.relu(body + (same_conv(x, *short) if short else x))

    def dense_block(x: Any, w: Any, b: Any, w2: Any, b2: Any) -> torch.Tensor:
        more = torch.cat([x, torch.tanh(same_conv(x, w, b))], -1)
        return torch.cat([more, same_conv(more, w2, b2)], -1)

    def branches(x: Any, w: Any, b: Any) -> tuple[torch.Tensor, ...]:
        return same_conv(x, w, b), x, torch.tanh(x)

    first, second = "sequential_1.conv2d_1", "sequential_1.conv2d_2"
    image, one = {"x": IMAGE}, conv_shapes("conv2d_1", 3, 4, 4)
    body = {**image, **conv_shapes(first, 3, 4, 5), **conv_shapes(second, 3, 5, 4)}
    save(v, "identity", "Residual", {}, body, residual)
    body |= {**conv_shapes(second, 3, 5, 6), **conv_shapes("conv2d_1", 1, 4, 6)}
    save(v, "projected", "Residual", {}, body, residual)
    save(v, "three", "Add", {}, {**image, **one}, lambda *a: sum(branches(*a)))
    save(v, "three", "Concatenate", {}, {**image, **one}, lambda *a: torch.cat(branches(*a), -1))
    grows = {**conv_shapes("conv2d_1", 3, 4, 2), **conv_shapes("conv2d_2", 3, 6, 3)}
    save(v, "two", "DenseBlock", {}, {**image, **grows}, dense_block)


def add(v: Values) -> None:
    """Compute all cases."""
    parts = (containers, convolutions, enlarging, dense, pools, norms, activations, dropout)
    for part in parts:
        part(v)
