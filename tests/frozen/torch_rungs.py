"""The functions that stand on all rungs, by PyTorch in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from .formula import numbers
from .torch_common import average, backward, leaf, nchw, nhwc, pad
from .values import Values


def conv(
    v: Values, name: str, x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> None:
    """Save one convolution; x and w are shapes."""
    case = f"conv2d/{name}"
    shapes = {"x": x, "w": w, "b": w[3:]}
    tx, tw, tb = (leaf(numbers(f"{case}/{n}", shape, 2.0)) for n, shape in shapes.items())
    filters = tw.permute(3, 2, 0, 1)
    y = nhwc(F.conv2d(pad(nchw(tx), padding), filters, tb, stride, 0, dilation, groups))
    dy = backward(y, case)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    v.save(case, options, x=tx, w=tw, b=tb, y=y, dy=dy, dx=tx.grad, dw=tw.grad, db=tb.grad)


def convolutions(v: Values) -> None:
    """Cover stride, padding on every side, dilation and groups, alone and together."""
    none, one = [[0, 0], [0, 0]], [1, 1]
    conv(v, "plain", (2, 6, 7, 3), (3, 2, 3, 4), one, none, one, 1)
    conv(v, "padded", (2, 5, 6, 3), (3, 4, 3, 5), one, [[1, 2], [3, 0]], one, 1)
    conv(v, "strided", (3, 7, 9, 2), (3, 5, 2, 4), [2, 3], [[1, 0], [2, 1]], one, 1)
    conv(v, "dilated", (2, 6, 7, 3), (2, 3, 3, 4), one, [[0, 1], [1, 2]], [3, 2], 1)
    conv(v, "grouped", (2, 5, 7, 6), (3, 2, 2, 9), [1, 2], [[1, 1], [0, 1]], one, 3)
    conv(v, "depthwise", (2, 8, 7, 3), (3, 2, 1, 6), [2, 1], [[2, 1], [0, 3]], [2, 3], 3)
    conv(v, "pointwise", (3, 4, 5, 7), (1, 1, 7, 2), one, none, one, 1)


def pool(v: Values, name: str, x: Any, window: Any, stride: Any, padding: Any) -> None:
    """Save maximum and average pooling; the average divides by the real pixels."""
    pixels = numbers(f"pool/{name}/x", x) - 0.75  # mostly negative: a zero in the padding would win
    options = {"window": window, "stride": stride, "padding": padding}
    case, tx = f"max_pool2d/{name}", leaf(pixels)
    y = nhwc(F.max_pool2d(pad(nchw(tx), padding, -np.inf), window, stride))
    v.save(case, options, x=tx, y=y, dy=backward(y, case), dx=tx.grad)
    case, tx = f"average_pool2d/{name}", leaf(pixels)
    y = nhwc(average(nchw(tx), window, stride, padding))
    v.save(case, options, x=tx, y=y, dy=backward(y, case), dx=tx.grad)


def pools(v: Values) -> None:
    """Cover gaps and overlap between windows, and padding on every side."""
    none = [[0, 0], [0, 0]]
    pool(v, "plain", (2, 4, 6, 3), [2, 3], [2, 3], none)
    pool(v, "overlap", (3, 6, 5, 2), [4, 3], [1, 2], none)
    pool(v, "padded", (2, 4, 5, 3), [3, 4], [2, 3], [[1, 2], [3, 0]])
    pool(v, "gaps", (2, 7, 9, 3), [2, 1], [3, 4], [[1, 0], [0, 0]])
    case = "global_average_pool2d"
    tx = leaf(numbers(f"{case}/x", (2, 4, 5, 3)))
    y = tx.mean(dim=(1, 2))
    v.save(case, {}, x=tx, y=y, dy=backward(y, case), dx=tx.grad)


def upsampling(v: Values) -> None:
    """Cover overlap, gaps and cut borders of transposed convolution; both ways of upsampling."""
    for name, w, b_stride, cut in [
        ("apart", (2, 2, 5, 3), (2, 2), (0, 0)),
        ("overlap", (3, 4, 2, 3), (2, 1), (1, 2)),
        ("gaps", (1, 2, 2, 3), (2, 3), (0, 0)),
    ]:
        case, shapes = f"conv_transpose2d/{name}", {"x": (2, 4, 5, 3), "w": w, "b": w[2:3]}
        tx, tw, tb = (leaf(numbers(f"{case}/{n}", shape, 2.0)) for n, shape in shapes.items())
        y = nhwc(F.conv_transpose2d(nchw(tx), tw.permute(3, 2, 0, 1), tb, b_stride, cut))
        options = {"stride": b_stride, "padding": [[p, p] for p in cut]}
        dy = backward(y, case)
        v.save(case, options, x=tx, w=tw, b=tb, y=y, dy=dy, dx=tx.grad, dw=tw.grad, db=tb.grad)
    for mode, factor in [("nearest", [2, 3]), ("bilinear", [2, 2]), ("bilinear", [3, 4])]:
        case = f"upsample2d/{mode} {factor[0]}x{factor[1]}"
        tx = leaf(numbers(f"{case}/x", (2, 4, 5, 3)))
        centres = {"align_corners": False} if mode == "bilinear" else {}
        y = nhwc(F.interpolate(nchw(tx), scale_factor=factor, mode=mode, **centres))
        options = {"factor": factor, "interpolation": mode}
        v.save(case, options, x=tx, y=y, dy=backward(y, case), dx=tx.grad)
    case, tx = "zero_pad2d", leaf(numbers("zero_pad2d/x", (2, 3, 4, 2)))
    y = nhwc(F.pad(nchw(tx), (3, 1, 0, 2)))
    around = {"padding": [[0, 2], [3, 1]]}
    v.save(case, around, x=tx, y=y, dy=backward(y, case), dx=tx.grad)


def dense(v: Values) -> None:
    """Save the fully connected layer."""
    shapes = {"x": (3, 5), "w": (5, 4), "b": (4,)}
    tx, tw, tb = (leaf(numbers(f"dense/{n}", shape, 2.0)) for n, shape in shapes.items())
    y = tx @ tw + tb
    dy = backward(y, "dense")
    v.save("dense", {}, x=tx, w=tw, b=tb, y=y, dy=dy, dx=tx.grad, dw=tw.grad, db=tb.grad)


def norm(v: Values, case: str, shape: Any, function: Any, **options: Any) -> None:
    """Save one normalization of `shape`, with `function` of x, gamma and beta."""
    shapes = {"x": shape, "gamma": shape[-1:], "beta": shape[-1:]}
    tx, tg, tb = (leaf(numbers(f"{case}/{n}", s, 3.0)) for n, s in shapes.items())
    y = function(tx, tg, tb)
    dy = backward(y, case)
    gradients = {"dx": tx.grad, "dgamma": tg.grad, "dbeta": tb.grad}
    v.save(case, options, x=tx, gamma=tg, beta=tb, y=y, dy=dy, **gradients)


def norms(v: Values) -> None:
    """Cover batch statistics, constants, and groups from one to one for each channel."""
    mean, variance = numbers("norm/mean", (5,)), numbers("norm/variance", (5,), 0.5) + 1
    own, given = {"epsilon": 1e-3}, {"mean": [*mean], "variance": [*variance], "epsilon": 1e-3}
    tm, tv = torch.tensor(mean), torch.tensor(variance)
    norm(v, "batch_norm/batch", (7, 5),
         lambda x, g, b: F.batch_norm(x, None, None, g, b, True, eps=1e-3), **own)  # fmt: skip
    norm(v, "batch_norm/constant", (7, 5),
         lambda x, g, b: F.batch_norm(x, tm, tv, g, b, False, eps=1e-3), **given)  # fmt: skip
    for groups in (1, 2, 3, 6):
        norm(v, f"group_norm/{groups}", (2, 4, 6),
             lambda x, g, b: F.group_norm(x.transpose(1, 2), groups, g, b, 1e-3).transpose(1, 2),  # noqa: B023
             groups=groups, **own)  # fmt: skip


def elementwise(v: Values, case: str, function: Any, x: np.ndarray, **options: float) -> None:
    """Save one activation."""
    tx = leaf(x)
    y = function(tx)
    v.save(case, options, x=tx, y=y, dy=backward(y, case), dx=tx.grad)


def activations(v: Values) -> None:
    """Cover ordinary numbers and large ones of both signs."""
    ordinary = numbers("activations/x", (27,), 6.0)
    x = np.concatenate([ordinary, [-800.0, -40.0, 0.0, 40.0, 800.0]]).reshape(4, 8)
    elementwise(v, "relu", torch.relu, x)
    elementwise(v, "leaky_relu", lambda t: F.leaky_relu(t, 0.2), x, slope=0.2)
    elementwise(v, "sigmoid", torch.sigmoid, x)
    elementwise(v, "tanh", torch.tanh, x)
    elementwise(v, "gelu", lambda t: F.gelu(t, approximate="tanh"), x)
    elementwise(v, "softmax", lambda t: torch.softmax(t, -1), x.reshape(2, 4, 4) * 2)


def updates(v: Values) -> None:
    """Cover every form of every update: a parameter after each of a few steps."""
    for name, options in {
        "plain": {"momentum": 0.0, "nesterov": False, "weight_decay": 0.0},
        "decay": {"momentum": 0.0, "nesterov": False, "weight_decay": 0.3},
        "momentum": {"momentum": 0.9, "nesterov": False, "weight_decay": 0.1},
        "nesterov": {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
    }.items():
        settings = {"learning_rate": 0.05, **options}
        update(v, f"sgd/{name}", torch.optim.SGD, settings, lr=0.05, **options)
    for name, momentum, decay in [("plain", 0.0, 0.0), ("momentum", 0.7, 0.2)]:
        options = {"momentum": momentum, "weight_decay": decay}
        settings = {"learning_rate": 0.02, "rho": 0.95, "epsilon": 1e-3, **options}
        own = {"lr": 0.02, "alpha": 0.95, "eps": 1e-3, **options}
        update(v, f"rmsprop/{name}", torch.optim.RMSprop, settings, **own)
    for name, make, decay in [
        ("plain", torch.optim.Adam, 0.0),
        ("decay", torch.optim.Adam, 0.2),
        ("decoupled", torch.optim.AdamW, 0.2),
    ]:
        settings = {"learning_rate": 0.03, "beta1": 0.85, "beta2": 0.97, "epsilon": 1e-3}
        settings |= {"weight_decay": decay, "decoupled": name == "decoupled"}
        own = {"lr": 0.03, "betas": (0.85, 0.97), "eps": 1e-3, "weight_decay": decay}
        update(v, f"adam/{name}", make, settings, **own)


def update(v: Values, case: str, make: Any, settings: dict[str, Any], **own: Any) -> None:
    """Save one: `settings` are the function's arguments, `own` are PyTorch's."""
    p = leaf(numbers(f"{case}/p", (2, 3)))
    start, after = p.detach().numpy().copy(), []
    stepper = make([p], **own)
    g = numbers(f"{case}/g", (5, 2, 3)) * [1 / 1024, 1 / 8, 16.0]  # small and large gradients
    for gradient in g:
        p.grad = torch.tensor(gradient)
        stepper.step()
        after.append(p.detach().numpy().copy())
    v.save(case, settings, p=start, g=g, after=np.array(after))


def loss(v: Values, case: str, function: Any, outputs: np.ndarray, **targets: np.ndarray) -> None:
    """Save a loss and its gradient by the outputs."""
    ty = leaf(outputs)
    value = function(ty, **{name: torch.tensor(array) for name, array in targets.items()})
    value.backward()
    v.save(case, {}, outputs=ty, loss=value, dy=ty.grad, **targets)


def losses(v: Values) -> None:
    """Cover soft targets and row weights; every loss is a mean over the batch."""
    scores, s = numbers("loss/scores", (5, 3), 8.0), numbers("loss/s", (5,), 0.5) + 1
    q = numbers("loss/q", (5, 3), 0.5) + 0.5
    q /= q.sum(axis=1, keepdims=True)
    p = numbers("loss/p", (5, 3), 0.5) + 0.75

    def categorical(t: torch.Tensor, q: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        r = t / t.sum(dim=1, keepdim=True)
        return -(s[:, None] * q * torch.log(r)).sum() / len(t)

    def cross_entropy(t: torch.Tensor, q: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        return (s * F.cross_entropy(t, q, reduction="none")).mean()

    def binary(t: torch.Tensor, q: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        return F.binary_cross_entropy_with_logits(t, q, weight=s)

    loss(v, "softmax_cross_entropy", cross_entropy, scores, q=q, s=s)
    loss(v, "categorical_crossentropy", categorical, p, q=q, s=s)
    logits, halves = np.array([-800.0, -3.0, 0.0, 0.5, 40.0, 700.0]), np.abs(numbers("half", (6,)))
    weights = numbers("loss/weights", (6,), 0.5) + 1
    loss(v, "binary_cross_entropy", binary, logits, q=halves, s=weights)
    loss(v, "mean_squared_error", lambda y, t: F.mse_loss(y, t), scores, t=scores[::-1] * 0.5)


def add(v: Values) -> None:
    """Compute all cases."""
    for part in (convolutions, pools, upsampling, dense, norms, activations, updates, losses):
        part(v)
