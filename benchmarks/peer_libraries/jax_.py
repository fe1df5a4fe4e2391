"""The workloads on JAX, compiled with jit."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import numpy as np

from ..workloads import JOB_EPOCHS, LEARNING_RATE, SHAPES, Workload

LAYOUT = ("NHWC", "HWIO", "NHWC")
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def setup(threads: int, variant: str) -> None:
    """JAX takes its threads from the processors that the process may use."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def conv(x: Any, w: Any, stride: int, padding: Any) -> Any:
    from jax import lax

    return lax.conv_general_dilated(x, w, (stride, stride), padding, dimension_numbers=LAYOUT)


def logits(p: list[Any], x: Any) -> Any:
    import jax.numpy as jnp
    from jax import lax

    w1, b1, w2, b2, w3, b3, w4, b4 = p
    for w, b in ((w1, b1), (w2, b2)):
        x = jnp.maximum(conv(x, w, 1, "VALID") + b, 0)
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    x = jnp.maximum(x.reshape(x.shape[0], -1) @ w3 + b3, 0)
    return x @ w4 + b4


def loss(p: list[Any], x: Any, labels: Any) -> Any:
    import jax
    import jax.numpy as jnp

    logp = jax.nn.log_softmax(logits(p, x))
    return -jnp.mean(jnp.take_along_axis(logp, labels[:, None], axis=1))


def adam(p: list[Any], m: list[Any], v: list[Any], t: Any, grads: list[Any]) -> Any:
    import jax.numpy as jnp

    m = [BETA1 * a + (1 - BETA1) * g for a, g in zip(m, grads, strict=True)]
    v = [BETA2 * a + (1 - BETA2) * g * g for a, g in zip(v, grads, strict=True)]
    rate = LEARNING_RATE / (1 - BETA1**t)
    size = [jnp.sqrt(a / (1 - BETA2**t)) + EPSILON for a in v]
    return [a - rate * b / s for a, b, s in zip(p, m, size, strict=True)], m, v


def step(p: list[Any], m: list[Any], v: list[Any], t: Any, x: Any, labels: Any) -> Any:
    import jax

    value, grads = jax.value_and_grad(loss)(p, x, labels)
    return *adam(p, m, v, t, grads), value


class Train:
    def __init__(self, data: dict[str, Any]) -> None:
        import jax
        import jax.numpy as jnp

        self.p = [jnp.asarray(data[name]) for name in SHAPES]
        self.m, self.v = ([jnp.zeros_like(a) for a in self.p] for _ in range(2))
        self.t = 0
        self.x, self.labels = jnp.asarray(data["x"]), jnp.asarray(data["labels"])
        self.jitted = jax.jit(step, donate_argnums=(0, 1, 2))

    def step(self, x: Any, labels: Any) -> float:
        self.t += 1
        arguments = (self.p, self.m, self.v, float(self.t), x, labels)
        self.p, self.m, self.v, value = self.jitted(*arguments)
        return float(value)

    def outputs(self) -> dict[str, Any]:
        return {"losses": np.array([self.step(self.x[:32], self.labels[:32]) for _ in range(3)])}

    def run(self) -> None:
        self.step(self.x, self.labels)
        self.p[0].block_until_ready()


class Job(Train):
    def run(self) -> None:
        for _ in range(JOB_EPOCHS):
            for start in range(0, len(self.x), 32):
                self.step(self.x[start : start + 32], self.labels[start : start + 32])


class Predict:
    def __init__(self, data: dict[str, Any]) -> None:
        import jax
        import jax.numpy as jnp

        p = [jnp.asarray(data[name]) for name in SHAPES]
        self.x, self.jitted = jnp.asarray(data["x"]), jax.jit(partial(logits, p))

    def outputs(self) -> dict[str, Any]:
        return {"logits": np.asarray(self.jitted(self.x))}

    def run(self) -> None:
        self.jitted(self.x).block_until_ready()


class Conv:
    def __init__(self, w: Workload, data: dict[str, Any]) -> None:
        import jax
        import jax.numpy as jnp

        padding = [(w.kernel // 2, w.kernel // 2)] * 2
        self.d = [jnp.asarray(data[name]) for name in ("x", "w", "b", "dy")]

        def both(x: Any, f: Any, b: Any, dy: Any) -> Any:
            y, back = jax.vjp(lambda x, f, b: conv(x, f, w.stride, padding) + b, x, f, b)
            return y, *back(dy)

        self.jitted = jax.jit(both)

    def run(self) -> Any:
        return [a.block_until_ready() for a in self.jitted(*self.d)]

    def outputs(self) -> dict[str, Any]:
        return dict(zip(("y", "dx", "dw"), map(np.asarray, self.run()), strict=False))


def make(w: Workload, data: dict[str, Any], variant: str) -> Any:
    if w.kind == "conv":
        return Conv(w, data)
    if w.kind == "network":
        from .jax_networks import Train as TrainNetwork

        return TrainNetwork(w.network, data)
    return {"train": Train, "predict": Predict, "job": Job}[w.kind](data)
