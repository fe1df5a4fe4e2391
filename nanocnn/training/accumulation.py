"""Gradient accumulation: several batches make one step, where a large one would not fit."""

from __future__ import annotations

from collections.abc import Mapping

from ..layers.base import Array


class Gradients:
    r"""The mean gradient of the batches since the last step, weighted by their sizes.

    .. math:: \bar g \leftarrow \bar g + \frac{n}{N}\,(g - \bar g), \qquad N = \sum n

    Losses are means over a batch, so this is the gradient of one batch of all `N` samples. The
    first batch is taken as it is: without accumulation nothing changes, to the bit.
    """

    def __init__(self, mean: Mapping[str, Array] | None = None, n: int = 0) -> None:
        self.mean: dict[str, Array] = dict(mean or {})
        self.n = n

    def add(self, n: int, grads: Mapping[str, Array]) -> None:
        """Add the gradient of a batch of n samples."""
        self.n += n
        share = n / self.n
        old = self.mean
        # Layers may be frozen or thawed in between: what has no gradient now is not moved.
        self.mean = {k: old[k] + share * (g - old[k]) if k in old else g for k, g in grads.items()}

    def take(self) -> dict[str, Array]:
        """Return the mean, and begin anew."""
        mean, self.mean, self.n = self.mean, {}, 0
        return mean
