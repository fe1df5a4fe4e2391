"""Make torch_values.npz: what PyTorch computes in float64, forward, backward and step by step.

Run it where PyTorch is installed:  python tests/frozen/make_torch_values.py
The tests read the file and need no PyTorch. All sizes of a case differ, and the upstream gradient
is random, so that a swapped axis or a forgotten factor cannot hide.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

RNG = np.random.default_rng(20160323)
ARRAYS: dict[str, np.ndarray] = {}
CASES: dict[str, dict[str, Any]] = {}


def save(case: str, options: dict[str, Any], **arrays: Any) -> None:
    """Note a case: its options as JSON, its arrays under `case/name`."""
    CASES[case] = options
    for name, array in arrays.items():
        if isinstance(array, torch.Tensor):
            array = array.detach().numpy()
        ARRAYS[f"{case}/{name}"] = np.array(array, order="C")


def leaf(array: np.ndarray) -> torch.Tensor:
    """Make a float64 tensor that collects a gradient."""
    return torch.tensor(array, dtype=torch.float64, requires_grad=True)


def nchw(x: torch.Tensor) -> torch.Tensor:
    """(N, H, W, C) -> (N, C, H, W), PyTorch's layout; gradients find their way back through it."""
    return x.permute(0, 3, 1, 2)


def nhwc(x: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) -> (N, H, W, C)."""
    return x.permute(0, 2, 3, 1)


def pad(x: torch.Tensor, padding: Any, value: float = 0.0) -> torch.Tensor:
    """Pad (N, C, H, W) by ((top, bottom), (left, right))."""
    return F.pad(x, (*padding[1], *padding[0]), value=value)


def backward(y: torch.Tensor) -> np.ndarray:
    """Run the backward pass with a random upstream gradient, and return that."""
    dy = RNG.normal(size=tuple(y.shape))
    y.backward(torch.tensor(dy))
    return dy


def conv(case: str, x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> None:
    """Save one convolution; x and w are shapes."""
    tx, tw, tb = (leaf(RNG.normal(size=shape)) for shape in (x, w, w[3:]))
    filters = tw.permute(3, 2, 0, 1)
    y = nhwc(F.conv2d(pad(nchw(tx), padding), filters, tb, stride, 0, dilation, groups))
    dy = backward(y)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    save(case, options, x=tx, w=tw, b=tb, y=y, dy=dy, dx=tx.grad, dw=tw.grad, db=tb.grad)


def pool(case: str, x: Any, window: Any, stride: Any, padding: Any) -> None:
    """Save maximum and average pooling; the average divides by the real pixels."""
    values = RNG.normal(size=x) - 3.0  # mostly negative: a zero in the padding would win
    options = {"window": window, "stride": stride, "padding": padding}
    tx = leaf(values)
    y = nhwc(F.max_pool2d(pad(nchw(tx), padding, -np.inf), window, stride))
    save(f"max_pool2d/{case}", options, x=tx, y=y, dy=backward(y), dx=tx.grad)
    tx = leaf(values)
    total = F.avg_pool2d(pad(nchw(tx), padding), window, stride)
    share = F.avg_pool2d(pad(torch.ones_like(nchw(tx)), padding), window, stride)
    y = nhwc(total / share)
    save(f"average_pool2d/{case}", options, x=tx, y=y, dy=backward(y), dx=tx.grad)


def elementwise(case: str, function: Any, x: np.ndarray, **options: float) -> None:
    """Save one activation."""
    tx = leaf(x)
    y = function(tx)
    save(case, options, x=tx, y=y, dy=backward(y), dx=tx.grad)


def optimizer(case: str, make: Any, steps: int = 5, **options: Any) -> None:
    """Save a parameter after each of a few steps with random gradients."""
    p = leaf(RNG.normal(size=(2, 3)))
    start = p.detach().numpy().copy()
    stepper = make([p])
    g = RNG.normal(size=(steps, 2, 3)) * np.logspace(-3, 1, 3)  # small and large gradients
    after = []
    for gradient in g:
        p.grad = torch.tensor(gradient)
        stepper.step()
        after.append(p.detach().numpy().copy())
    save(case, options, p=start, g=g, after=np.array(after))


def loss(case: str, function: Any, outputs: np.ndarray, **targets: np.ndarray) -> None:
    """Save a loss and its gradient by the outputs."""
    ty = leaf(outputs)
    value = function(ty, **{name: torch.tensor(array) for name, array in targets.items()})
    value.backward()
    save(case, {}, outputs=ty, loss=value, dy=ty.grad, **targets)


def convolutions() -> None:
    """Cover stride, padding on every side, dilation and groups, alone and together."""
    none, one = [[0, 0], [0, 0]], [1, 1]
    conv("conv2d/plain", (2, 6, 7, 3), (3, 2, 3, 4), one, none, one, 1)
    conv("conv2d/padded", (2, 5, 6, 3), (3, 4, 3, 5), one, [[1, 2], [3, 0]], one, 1)
    conv("conv2d/strided", (3, 7, 9, 2), (3, 5, 2, 4), [2, 3], [[1, 0], [2, 1]], one, 1)
    conv("conv2d/dilated", (2, 6, 7, 3), (2, 3, 3, 4), one, [[0, 1], [1, 2]], [3, 2], 1)
    conv("conv2d/grouped", (2, 5, 7, 6), (3, 2, 2, 9), [1, 2], [[1, 1], [0, 1]], one, 3)
    conv("conv2d/depthwise", (2, 8, 7, 3), (3, 2, 1, 6), [2, 1], [[2, 1], [0, 3]], [2, 3], 3)
    conv("conv2d/pointwise", (3, 4, 5, 7), (1, 1, 7, 2), one, none, one, 1)


def pools() -> None:
    """Cover gaps and overlap between windows, and padding on every side."""
    none = [[0, 0], [0, 0]]
    pool("plain", (2, 4, 6, 3), [2, 3], [2, 3], none)
    pool("overlap", (3, 6, 5, 2), [4, 3], [1, 2], none)
    pool("padded", (2, 4, 5, 3), [3, 4], [2, 3], [[1, 2], [3, 0]])
    pool("gaps", (2, 7, 9, 3), [2, 1], [3, 4], [[1, 0], [0, 0]])
    tx = leaf(RNG.normal(size=(2, 4, 5, 3)))
    y = tx.mean(dim=(1, 2))
    save("global_average_pool2d", {}, x=tx, y=y, dy=backward(y), dx=tx.grad)


def dense() -> None:
    """Save the fully connected layer."""
    tx, tw, tb = (leaf(RNG.normal(size=shape)) for shape in ((3, 5), (5, 4), (4,)))
    y = tx @ tw + tb
    save("dense", {}, x=tx, w=tw, b=tb, y=y, dy=backward(y), dx=tx.grad, dw=tw.grad, db=tb.grad)


def activations() -> None:
    """Cover ordinary numbers and large ones of both signs."""
    x = np.concatenate([RNG.normal(size=27) * 3, [-800.0, -40.0, 0.0, 40.0, 800.0]]).reshape(4, 8)
    elementwise("relu", torch.relu, x)
    elementwise("leaky_relu", lambda t: F.leaky_relu(t, 0.2), x, slope=0.2)
    elementwise("sigmoid", torch.sigmoid, x)
    elementwise("tanh", torch.tanh, x)
    elementwise("gelu", lambda t: F.gelu(t, approximate="tanh"), x)
    elementwise("softmax", lambda t: torch.softmax(t, -1), x.reshape(2, 4, 4) * 2)


def optimizers() -> None:
    """Cover every form of every update."""
    sgd, rmsprop, adam, adamw = (
        torch.optim.SGD,
        torch.optim.RMSprop,
        torch.optim.Adam,
        torch.optim.AdamW,
    )
    for name, momentum, nesterov, decay in [
        ("plain", 0.0, False, 0.0),
        ("decay", 0.0, False, 0.3),
        ("momentum", 0.9, False, 0.1),
        ("nesterov", 0.8, True, 0.1),
    ]:
        options = {"momentum": momentum, "nesterov": nesterov, "weight_decay": decay}
        optimizer(
            f"sgd/{name}",
            lambda p, o=options: sgd(p, lr=0.05, **o),
            learning_rate=0.05,
            **options,
        )
    for name, momentum, decay in [("plain", 0.0, 0.0), ("momentum", 0.7, 0.2)]:
        options = {"momentum": momentum, "weight_decay": decay}
        optimizer(
            f"rmsprop/{name}",
            lambda p, o=options: rmsprop(p, lr=0.02, alpha=0.95, eps=1e-3, **o),
            learning_rate=0.02,
            rho=0.95,
            epsilon=1e-3,
            **options,
        )
    for name, make, decay in [
        ("plain", adam, 0.0),
        ("decay", adam, 0.2),
        ("decoupled", adamw, 0.2),
    ]:
        optimizer(
            f"adam/{name}",
            lambda p, make=make, d=decay: make(
                p, lr=0.03, betas=(0.85, 0.97), eps=1e-3, weight_decay=d
            ),
            learning_rate=0.03,
            beta1=0.85,
            beta2=0.97,
            epsilon=1e-3,
            weight_decay=decay,
            decoupled=make is adamw,
        )


def losses() -> None:
    """Cover soft targets and row weights; every loss is a mean over the batch."""
    scores, s = RNG.normal(size=(5, 3)) * 4, RNG.uniform(0.5, 2.0, size=5)
    q = RNG.uniform(size=(5, 3))
    q /= q.sum(axis=1, keepdims=True)
    p = RNG.uniform(0.1, 1.0, size=(5, 3))

    def categorical(t: torch.Tensor, q: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        r = t / t.sum(dim=1, keepdim=True)
        return -(s[:, None] * q * torch.log(r)).sum() / len(t)

    def cross_entropy(t: torch.Tensor, q: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        return (s * F.cross_entropy(t, q, reduction="none")).mean()

    def binary(t: torch.Tensor, q: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        return F.binary_cross_entropy_with_logits(t, q, weight=s)

    loss("softmax_cross_entropy", cross_entropy, scores, q=q, s=s)
    loss("categorical_crossentropy", categorical, p, q=q, s=s)
    logits, halves = np.array([-800.0, -3.0, 0.0, 0.5, 40.0, 700.0]), RNG.uniform(size=6)
    loss("binary_cross_entropy", binary, logits, q=halves, s=RNG.uniform(0.5, 2.0, size=6))
    loss("mean_squared_error", lambda y, t: F.mse_loss(y, t), scores, t=scores[::-1] * 0.5)


def main() -> None:
    """Write the file beside this script."""
    torch.set_num_threads(1)
    for part in (convolutions, pools, dense, activations, optimizers, losses):
        part()
    ARRAYS["cases"] = np.array(json.dumps({"torch": torch.__version__, "cases": CASES}))
    path = Path(__file__).with_name("torch_values.npz")
    np.savez_compressed(path, **ARRAYS)
    print(f"{path.name}: {len(CASES)} cases, {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
