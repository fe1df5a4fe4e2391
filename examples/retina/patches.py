"""Patches of photographs, cut out anew for each epoch: a loader that `fit` takes.

A photograph has hundreds of thousands of pixels, each of them an example of vessel or none. From 16
photographs come as many patches as one likes, no two alike, and a batch of patches from several
photographs teaches more than one whole photograph does.

Turns are quarter turns: they move pixels and change none. Any other angle takes means of pixels, so
that noise is weaker in what is learnt than in what is to be seen, and vessels have softer edges.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import nanocnn as nc

from .photographs import GREY

IGNORE = 255  # label of pixels that nobody marked: the loss leaves them out
Batch = tuple[NDArray[np.float32], NDArray[np.uint8]]


class Patches:
    """Batches of square patches and their masks, turned, mirrored and changed in brightness.

    Parameters
    ----------
    images : (N, H, W, C) float32 array in [0, 1]
    masks : (N, H, W) uint8 array        class numbers, and `IGNORE`
    side : int        of a patch, in pixels
    n : int        patches an epoch
    batch_size : int
    seed : int        the same seed and epoch, the same patches
    augment : nanocnn.data.Augment or None
    """

    targets = None  # they come with the patches
    preparation = None

    def __init__(
        self,
        images: NDArray[np.float32],
        masks: NDArray[np.uint8],
        side: int,
        n: int,
        batch_size: int,
        seed: int,
        augment: nc.data.Augment | None = None,
    ) -> None:
        self.side, self.n, self.batch_size, self.seed = side, n, batch_size, seed
        self.augment = augment
        around = ((0, 0), (side // 2, side // 2), (side // 2, side // 2))
        self.images = np.pad(images, (*around, (0, 0)), constant_values=GREY)
        self.masks = np.pad(masks, around, constant_values=IGNORE)
        # The middle of a patch lies on a pixel that counts, every such pixel being as likely.
        self.middles = np.flatnonzero(masks != IGNORE)
        self.shape = masks.shape

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def with_preparation(self, preparation: object) -> Patches:
        """Return itself: the photographs are prepared already."""
        return self

    def peek(self) -> Batch:
        """Return the first batch."""
        return next(self.epoch(0))

    def epoch(self, k: int) -> Iterator[Batch]:
        """Yield the batches of epoch k, the first being 0."""
        rng = np.random.default_rng([self.seed, k])
        middles = rng.choice(self.middles, self.n)
        for start in range(0, self.n, self.batch_size):
            chosen = middles[start : start + self.batch_size]
            yield self._cut(chosen, k, np.arange(start, start + len(chosen)))

    def _cut(self, middles: NDArray[np.int64], epoch: int, indices: NDArray[np.int64]) -> Batch:
        photograph, row, column = np.unravel_index(middles, self.shape)
        # In the padded photograph a patch begins where its middle is in the bare one.
        rows = (row[:, None] + np.arange(self.side))[:, :, None]
        columns = (column[:, None] + np.arange(self.side))[:, None, :]
        which = photograph[:, None, None]
        images, masks = self.images[which, rows, columns], self.masks[which, rows, columns]
        if self.augment is None:
            return images, masks
        turned = np.random.default_rng([self.seed, epoch, indices[0]]).integers(4, size=len(masks))
        for k in range(1, 4):
            chosen = turned == k
            images[chosen] = np.rot90(images[chosen], k, axes=(1, 2))
            masks[chosen] = np.rot90(masks[chosen], k, axes=(1, 2))
        return self.augment(images, masks, epoch=epoch, indices=indices)
