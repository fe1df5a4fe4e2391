"""Random policies, images and masks, and policies at chosen strengths."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

from nanocnn.data import Augment
from nanocnn.data.augmentation.apply import apply
from nanocnn.data.augmentation.draws import SLOTS, Draws, sample_keys

quick = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LARGEST: dict[str, float] = {
    "rotate": 180, "zoom": 0.5, "shift": 0.4, "shear": 30, "elastic": 0.06, "brightness": 0.5,
    "contrast": 0.8, "gamma": 2, "noise": 0.3, "blur": 2, "cutout": 0.7,
}  # fmt: skip


def strengths(largest: float) -> st.SearchStrategy[float]:
    """Draw 0 about half of the time, else a number up to the largest."""
    return st.just(0.0) | st.floats(0.01 * largest, largest)


policies = st.builds(
    Augment,
    flip=st.sampled_from([None, "horizontal", "vertical", "both"]),
    seed=st.integers(0, 2**64 - 1),
    **{name: strengths(largest) for name, largest in LARGEST.items()},
)


def images(n: int, h: int = 9, w: int = 7, c: int = 3, seed: int = 0) -> NDArray[np.float32]:
    """Return images in [0, 1]."""
    return np.random.default_rng([seed, n, h, w, c]).random((n, h, w, c), np.float32)


def masks(n: int, h: int = 9, w: int = 7, seed: int = 0) -> NDArray[np.uint8]:
    """Return class numbers."""
    return np.random.default_rng([seed, n, h, w]).integers(0, 4, (n, h, w)).astype(np.uint8)


def fixed(n: int, **numbers: float) -> Draws:
    """Return random numbers that change nothing, but for those that are given.

    An underline stands for the space in a slot's name. 0.5 is the middle of what goes both ways,
    0 of what has only one; flips are below 0.5.
    """
    nothing = {name: 1.0 if name.startswith("flip") else 0.5 for name in SLOTS}
    nothing |= {"noise": 0.0, "blur": 0.0}
    chosen = nothing | {name.replace("_", " "): value for name, value in numbers.items()}
    assert set(chosen) == set(SLOTS)
    return Draws(sample_keys(0, 0, range(n)), {k: np.full(n, v) for k, v in chosen.items()})


def at(policy: Augment, x: NDArray[np.float32], **numbers: float) -> NDArray[np.float32]:
    """Change images by a policy and given random numbers."""
    return apply(policy, x, None, fixed(len(x), **numbers))[0]


def both_at(
    policy: Augment, x: NDArray[np.float32], z: NDArray[Any], **numbers: float
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Change images and masks by a policy and given random numbers."""
    changed, moved = apply(policy, x, z, fixed(len(x), **numbers))
    assert moved is not None
    return changed, moved
