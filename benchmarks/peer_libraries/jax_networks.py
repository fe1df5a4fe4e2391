"""A training step of U-Net and ResNet-18 on JAX, compiled with jit."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..networks import NETWORKS, weights_of
from .jax_ import LAYOUT, adam, conv


class Functions:
    def __init__(self, weights: list[Any]) -> None:
        self.weights = iter(weights)

    def channels(self, x: Any) -> int:
        return int(x.shape[-1])

    def conv(self, x: Any, filters: int, size: int, stride: int = 1, bias: bool = False) -> Any:
        y = conv(x, next(self.weights), stride, [(size // 2, size // 2)] * 2)
        return y + next(self.weights) if bias else y

    def norm(self, x: Any) -> Any:
        import jax.numpy as jnp
        from jax import lax

        mean = jnp.mean(x, axis=(0, 1, 2))
        centred = x - mean
        scale = next(self.weights) * lax.rsqrt(jnp.mean(centred**2, axis=(0, 1, 2)) + 1e-5)
        return centred * scale + next(self.weights)

    def norm_relu(self, x: Any) -> Any:
        import jax.numpy as jnp

        return jnp.maximum(self.norm(x), 0)

    def add_relu(self, x: Any, y: Any) -> Any:
        import jax.numpy as jnp

        return jnp.maximum(x + y, 0)

    def pool(self, x: Any) -> Any:
        import jax.numpy as jnp
        from jax import lax

        return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def up(self, x: Any, filters: int) -> Any:
        from jax import lax

        y = lax.conv_transpose(
            x, next(self.weights), (2, 2), "VALID", dimension_numbers=LAYOUT, transpose_kernel=True
        )
        return y + next(self.weights)

    def concat(self, x: Any, y: Any) -> Any:
        import jax.numpy as jnp

        return jnp.concatenate((x, y), axis=-1)

    def mean_dense(self, x: Any, classes: int) -> Any:
        import jax.numpy as jnp

        return jnp.mean(x, axis=(1, 2)) @ next(self.weights) + next(self.weights)


def loss(network: str, p: list[Any], x: Any, labels: Any) -> Any:
    import jax
    import jax.numpy as jnp

    logp = jax.nn.log_softmax(NETWORKS[network](Functions(p), x))
    return -jnp.mean(jnp.take_along_axis(logp, labels[..., None], axis=-1))


def step(
    network: str, p: list[Any], m: list[Any], v: list[Any], t: Any, x: Any, labels: Any
) -> Any:
    import jax

    value, grads = jax.value_and_grad(partial(loss, network))(p, x, labels)
    return *adam(p, m, v, t, grads), value


class Train:
    def __init__(self, network: str, data: dict[str, Any]) -> None:
        import jax
        import jax.numpy as jnp

        self.p = [jnp.asarray(w) for w in weights_of(data)]
        self.m, self.v = ([jnp.zeros_like(a) for a in self.p] for _ in range(2))
        self.t = 0
        self.x, self.labels = jnp.asarray(data["x"]), jnp.asarray(data["labels"])
        self.jitted = jax.jit(partial(step, network), donate_argnums=(0, 1, 2))

    def step(self) -> float:
        self.t += 1
        arguments = (self.p, self.m, self.v, float(self.t), self.x, self.labels)
        self.p, self.m, self.v, value = self.jitted(*arguments)
        return float(value)

    def outputs(self) -> dict[str, Any]:
        return {"losses": np.array([self.step() for _ in range(3)])}

    def run(self) -> None:
        self.step()
        self.p[0].block_until_ready()
