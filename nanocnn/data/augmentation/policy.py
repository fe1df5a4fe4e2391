"""A policy: which changes an image may undergo, and how large they may be."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, overload

from numpy.typing import ArrayLike, NDArray

from ..errors import DataError
from .apply import Images, apply
from .checks import check_images, check_masks, check_number
from .draws import draw, whole

FLIPS = ("horizontal", "vertical", "both")
LIMITS: dict[str, tuple[float, bool, str]] = {  # the largest, whether it is excluded, an example
    "rotate": (180, False, "10 for -10 to 10 degrees"),
    "zoom": (1, True, "0.1 for 90 to 110 % of the size"),
    "shift": (1, True, "0.1 for a tenth of the side"),
    "shear": (90, True, "5 for -5 to 5 degrees"),
    "elastic": (1 / 16, True, "0.02 for a fiftieth of the side; from 1/16 on tissue could fold"),
    "brightness": (1, False, "0.1 to add -0.1 to 0.1"),
    "contrast": (1, True, "0.1 for factors of 0.9 to 1.1"),
    "gamma": (math.inf, True, "0.2 for exponents of 1/1.2 to 1.2"),
    "noise": (1, False, "0.02 for a standard deviation of up to 0.02"),
    "blur": (16, False, "1 for a standard deviation of up to 1 pixel"),
    "cutout": (1, True, "0.25 for a quarter of the side"),
}


@dataclass(frozen=True, kw_only=True, repr=False)
class Augment:
    """Change images at random, and their masks with them; of images and masks of a batch at once.

    Every number below is a largest strength; each image gets its own, drawn evenly. What is 0
    changes no bit. The order is: flip, zoom, shear, rotate, shift, elastic (one interpolation for
    all of them, and for masks the nearest pixel at the same place), then blur, contrast and
    brightness, gamma, noise, cut-out.

    Parameters
    ----------
    rotate : float
        Degrees: angles of -rotate to rotate, about the image's middle, positive anticlockwise.
    flip : "horizontal", "vertical", "both" or None
        Exchange left and right, top and bottom, or each by itself, for half of the images. Right
        for slides and skin; not where sides mean something, as in a chest with its heart.
    zoom : float below 1
        Factors of 1 - zoom to 1 + zoom; above 1 enlarges.
    shift : float below 1
        Along rows and columns, as a share of the image's side: -shift to shift.
    shear : float below 90
        Degrees by which upright lines lean over.
    elastic : float below 1/16
        The largest displacement, as a share of the side, of a smooth random deformation: cubic
        B-splines between 7 x 7 control points (G2). Below 1/16 tissue cannot fold over itself.
    brightness : float
        -brightness to brightness is added.
    contrast : float below 1
        Factors of 1 - contrast to 1 + contrast, about each channel's mean.
    gamma : float
        Exponents of 1 / (1 + gamma) to 1 + gamma, drawn evenly in their logarithm.
    noise : float
        Standard deviation of 0 to noise of normal noise, independent for each pixel and channel.
    blur : float
        Standard deviation of 0 to blur, in pixels, of a Gaussian.
    cutout : float below 1
        Side, as a share of the image's, of a rectangle that is hidden at a random place, partly
        outside at times; it gets the image's mean. Masks stay as they are.
    seed : int

    Raises
    ------
    DataError
        If a number is out of its range.

    Examples
    --------
    >>> augment = Augment(rotate=10, flip="horizontal", noise=0.02, seed=1)
    >>> augment
    Augment(rotate=10, flip='horizontal', noise=0.02, seed=1)
    >>> x, _, masks, _, _ = nanocnn.data.phantoms.lung_ct(4, seed=0)
    >>> x, masks = augment(x[..., None], masks, epoch=0, indices=[0, 1, 2, 3])

    Notes
    -----
    All random numbers follow from seed, epoch and the sample's index in the data set. So an image
    is augmented the same way, to the last bit, whichever batch it is in and however many threads
    work. Beyond the border an image goes on as its last row or column; `nanocnn.reference.warp`
    says why, and derives the equations.
    """

    rotate: float = 0.0
    flip: str | None = None
    zoom: float = 0.0
    shift: float = 0.0
    shear: float = 0.0
    elastic: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    gamma: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    cutout: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (most, below, example) in LIMITS.items():
            value = getattr(self, name)
            check_number(f"Augment: {name}", value, 0, most, example, below=below)
        if self.flip is not None and self.flip not in FLIPS:
            known = ", ".join(map(repr, FLIPS))
            raise DataError(f"Augment: flip must be {known} or None, got {self.flip!r}")
        whole("Augment: seed", self.seed)

    def __repr__(self) -> str:
        shown = [f.name for f in fields(self) if f.name == "seed" or self.uses(f.name)]
        return f"Augment({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def uses(self, *names: str) -> bool:
        """Tell whether any of these ingredients is switched on."""
        return any(getattr(self, name) not in (None, 0) for name in names)

    @overload
    def __call__(self, images: Images, *, epoch: int, indices: ArrayLike) -> Images: ...
    @overload
    def __call__(
        self, images: Images, masks: None, *, epoch: int, indices: ArrayLike
    ) -> Images: ...
    @overload
    def __call__(
        self, images: Images, masks: NDArray[Any], *, epoch: int, indices: ArrayLike
    ) -> tuple[Images, NDArray[Any]]: ...
    def __call__(
        self,
        images: Images,
        masks: NDArray[Any] | None = None,
        *,
        epoch: int,
        indices: ArrayLike,
    ) -> Images | tuple[Images, NDArray[Any]]:
        """Return new arrays; those that are given stay as they are.

        Parameters
        ----------
        images : (N, H, W, C) float32 array in [0, 1]
        masks : (N, H, W) uint8 or bool array, or None
        epoch : int
        indices : (N,) integers     the samples' places in the data set

        Returns
        -------
        images : (N, H, W, C) float32 array in [0, 1]
        masks : (N, H, W) array of the masks' dtype, if masks were given

        Raises
        ------
        DataError
            For other shapes or types, or numbers outside [0, 1].
        """
        check_images(images)
        if masks is not None:
            check_masks(masks, images)
        drawn = draw(self.seed, epoch, indices)
        if len(drawn.keys) != len(images):
            raise DataError(
                f"{len(drawn.keys)} indices for {len(images)} images; give one for each"
            )
        changed, moved = apply(self, images, masks, drawn)
        return changed if moved is None else (changed, moved)

    def gallery(self, image: Images, mask: NDArray[Any] | None = None) -> Any:
        """Draw what the policy does to an image: each ingredient by itself, and all together.

        Parameters
        ----------
        image : (H, W) or (H, W, C) float32 array in [0, 1]       C = 1 or 3
        mask : (H, W) uint8 or bool array, or None                its outline is drawn on the image

        Returns
        -------
        matplotlib.figure.Figure
            A row for each ingredient: its largest strength in one way, none, and in the other way;
            beside it samples of the whole policy, as they are in training. Save it by
            ``savefig("policy.png")``.
        """
        from .gallery import figure  # here: it loads matplotlib

        return figure(self, image, mask)
