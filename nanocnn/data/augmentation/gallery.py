"""A picture of what a policy does: each ingredient by itself, and all of them together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .apply import Images, apply
from .checks import check_images, check_masks
from .draws import Draws, draw

if TYPE_CHECKING:
    from .policy import Augment

ORANGE, GREY = "#E69F00", "#666666"
SIDE = 1.55  # inches of a panel
SAMPLES = 3  # in a row
UNITS = {"rotate": "°", "shear": "°", "blur": " pixels"}
TWO_SIDED = {  # what each draws from; the others have strengths from 0 on
    "rotate": ("rotate",),
    "zoom": ("zoom",),
    "shift": ("shift rows", "shift columns"),
    "shear": ("shear",),
    "brightness": ("brightness",),
    "contrast": ("contrast",),
    "gamma": ("gamma",),
}
ONE_SIDED = ("noise", "blur")
ORDER = (
    *("flip", "zoom", "shear", "rotate", "shift", "elastic", "blur", "contrast", "brightness"),
    *("gamma", "noise", "cutout"),
)


class Panel(NamedTuple):
    """A picture with a title; without a policy, the image itself."""

    title: str
    policy: Augment | None
    numbers: dict[str, float]


def figure(policy: Augment, image: Images, mask: NDArray[Any] | None) -> Any:
    """Return the picture; see `Augment.gallery`."""
    from matplotlib.figure import Figure  # here: `import nanocnn` must not load matplotlib

    images, masks = _as_batch(image, mask)
    rows = [row for name in ORDER if policy.uses(name) for row in [panels(policy, name)]]
    height = max(1, len(rows))
    across = SIDE * min(2.0, images.shape[2] / images.shape[1])
    columns = (3 if rows else 0) + SAMPLES
    fig: Any = Figure(
        figsize=(columns * (across + 0.08) + 0.5, height * (SIDE + 0.3) + 0.6),
        dpi=120,
        layout="constrained",
        facecolor="white",
    )
    if rows:
        left, right = fig.subfigures(1, 2, width_ratios=(3, SAMPLES), wspace=0.04)
        left.suptitle("one at a time: the largest strengths, and none", fontsize=10)
        for row, axes in zip(rows, left.subplots(height, 3, squeeze=False), strict=True):
            for panel, ax in zip(row, axes, strict=True):
                show(ax, panel.title, *_changed(panel, policy, images, masks))
    else:
        right = fig.subfigures(1, 1)
    right.suptitle("all together, as in training", fontsize=10)
    for epoch, ax in enumerate(right.subplots(height, SAMPLES, squeeze=False).ravel()):
        samples = apply(policy, images, masks, draw(policy.seed, epoch, [0]))
        show(ax, f"epoch {epoch}", *samples)
    return fig


def panels(policy: Augment, name: str) -> tuple[Panel, Panel, Panel]:
    """Return three panels for an ingredient: one way, none and the other way, or growing."""
    value = getattr(policy, name)
    alone = replace(type(policy)(seed=policy.seed), **{name: value})
    none = Panel("unchanged", None, {})
    if name in TWO_SIDED:
        less, more = (
            Panel(_told(name, value, sign), alone, dict.fromkeys(TWO_SIDED[name], end))
            for sign, end in ((-1, 0.0), (1, 1.0))
        )
        return less, none, more
    if name in ONE_SIDED:
        half = Panel(f"{name} {value / 2:g}{UNITS.get(name, '')}", alone, {name: 0.5})
        return none, half, Panel(f"{name} {value:g}{UNITS.get(name, '')}", alone, {name: 1.0})
    if name == "flip":
        ways = {"both": ("horizontal", "vertical")}.get(value, (value,) * 2)
        first, second = (Panel(f"flip {way}", alone, {f"flip {way}": 0.0}) for way in ways)
        return first, none, second
    if name == "elastic":
        title = f"elastic {value:g}"
        return Panel(title, alone, {"elastic": 1.0}), none, Panel(title, alone, {"elastic": -1.0})
    places = [{"cutout rows": a, "cutout columns": b} for a, b in ((0.3, 0.35), (0.65, 0.95))]
    first, second = (Panel(f"cutout {value:g}", alone, place) for place in places)
    return first, none, second


def _told(name: str, value: float, sign: int) -> str:
    """Return an ingredient and its strength at one of its two ends."""
    if name in ("zoom", "contrast"):
        return f"{name} × {1 + sign * value:g}"
    if name == "gamma":
        return f"gamma {(1 + value) ** sign:.3g}"
    return f"{name} {'−' if sign < 0 else '+'}{value:g}{UNITS.get(name, '')}"


class _Fixed(Draws):
    """Random numbers of which some are given, and the others change nothing."""

    def grid(self, points: int) -> Any:
        """Return control points, or their opposites."""
        return self.numbers["elastic"] * super().grid(points)


def _changed(
    panel: Panel, policy: Augment, images: Images, masks: NDArray[Any] | None
) -> tuple[Images, NDArray[Any] | None]:
    if panel.policy is None:
        return images, masks
    drawn = draw(policy.seed, 0, [0])
    nothing = {name: 1.0 if name.startswith("flip") else 0.5 for name in drawn.numbers}
    chosen = {**nothing, "elastic": 1.0, **panel.numbers}
    numbers = {name: np.array([value]) for name, value in chosen.items()}
    return apply(panel.policy, images, masks, _Fixed(drawn.keys, numbers))


def _as_batch(image: Images, mask: NDArray[Any] | None) -> tuple[Images, NDArray[Any] | None]:
    images: Images = np.asarray(image)[None]
    images = images[..., None] if images.ndim == 3 else images
    check_images(images)
    if images.shape[3] not in (1, 3):
        raise DataError(f"gallery: the image is {images.shape[1:]}; needed are 1 or 3 channels")
    if mask is None:
        return images, None
    masks = np.asarray(mask)[None]
    check_masks(masks, images)
    return images, masks


def show(ax: Any, title: str, images: Images, masks: NDArray[Any] | None) -> None:
    """Draw one image with its mask's outline, one line for each class."""
    image = images[0, :, :, 0] if images.shape[3] == 1 else images[0]
    small = max(image.shape[:2]) < 100
    smoothing = "nearest" if small else "antialiased"
    ax.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation=smoothing)
    mask = np.zeros(image.shape[:2], np.uint8) if masks is None else masks[0]
    for k in np.unique(mask[mask > 0]):
        # A frame of background closes the outlines that end at the border.
        inside = np.pad(mask == k, 1).astype(np.float32)
        places = [np.arange(-1, size + 1) for size in image.shape[:2]]
        ax.contour(places[1], places[0], inside, levels=[0.5], colors=ORANGE, linewidths=0.9)
    ax.set_xlim(-0.5, image.shape[1] - 0.5)
    ax.set_ylim(image.shape[0] - 0.5, -0.5)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set(color=GREY, linewidth=0.8)
    ax.set_title(title, fontsize=8, pad=3)
