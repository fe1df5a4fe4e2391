"""From what users have (lists, arrays, grey images, data sets) to batches the model can take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ..layers.base import Array, Shape
from .objective import Objective


class Weighted(NamedTuple):
    """Targets of a batch, and how much each counts in the loss: what `sample_weight` becomes."""

    target: Array
    weight: Array


Target = Array | Weighted


def unweighted(target: Target) -> Array:
    """Return the targets alone, as metrics take them."""
    return target.target if isinstance(target, Weighted) else target


def is_dataset(x: Any) -> bool:
    """Tell whether x brings its own labels, as `nanocnn.data.open` does."""
    return hasattr(x, "arrays") and hasattr(x, "labels")


def open_images(x: Any) -> Array:
    """Return the images as one array (N, ...), no copy where x is an array already.

    Raises
    ------
    TypeError
        If x does not hold numbers.
    ValueError
        If x is empty, or a list of images of different sizes.
    """
    if is_dataset(x):
        raise ValueError("a data set brings its own labels: pass it alone, as fit(dataset)")
    if not isinstance(x, np.ndarray):
        if isinstance(x, (str, bytes)) or not isinstance(x, Iterable):
            raise TypeError(f"images must be an array or a list of images, got {x!r:.60}")
        images = [np.asarray(image) for image in x]
        shapes = list(dict.fromkeys(image.shape for image in images))
        if len(shapes) > 1:
            first = next(i for i, image in enumerate(images) if image.shape != shapes[0])
            raise ValueError(
                f"all images must be of one size: image 0 has shape {shapes[0]} but image {first} "
                f"has {shapes[1]}; resize them, for example with nanocnn.data.open(..., size=128)"
            )
        x = np.stack(images) if images else np.empty((0,))
    if x.dtype.kind not in "fiub":
        raise TypeError(f"images must hold real numbers, got {x.dtype}")
    if x.ndim < 2 or len(x) == 0:
        raise ValueError(f"needed at least one image, as (N, H, W, C), got shape {x.shape}")
    images_array: Array = x
    return images_array


def image_shape(x: Array, input_shape: Shape | None) -> Shape:
    """Return the shape of one image as the model will see it.

    Grey images may come without a channel axis; a model with more channels sees them repeated.

    Raises
    ------
    ValueError
        If the model was built for other images.
    """
    shape = x.shape[1:]
    if input_shape is None:
        return (*shape, 1) if len(shape) == 2 else shape
    if len(input_shape) == 3:
        grey = (*input_shape[:2], 1)
        if (*shape, 1) == grey or shape == grey:
            return input_shape
    if shape != input_shape:
        raise ValueError(
            f"the images have shape {shape}, the model was built for {input_shape}; resize or "
            "convert them, or build the model with that input_shape"
        )
    return shape


def make_batch(x: Array, indices: Array, shape: Shape, dtype: str) -> Array:
    """Return the images at `indices` as the model wants them; see `fit_batch`."""
    return fit_batch(x[indices], shape, dtype, indices)


def fit_batch(batch: Array, shape: Shape, dtype: str, numbers: Array | None = None) -> Array:
    """Return some images as the model wants them.

    Raises
    ------
    ValueError
        If they have another shape, or a pixel is NaN or infinite; the message tells the image by
        its number, or its place in the batch.
    """
    if batch.shape[1:] != shape:
        image_shape(batch, shape)
    with np.errstate(over="ignore", invalid="ignore"):  # told below, with the image's number
        batch = batch.astype(dtype, copy=False)
        total = batch.sum(dtype=np.float64)
    if not np.isfinite(total):
        bad = ~np.isfinite(batch.reshape(len(batch), -1)).all(axis=1)
        if bad.any():
            place = int(bad.argmax())
            number = place if numbers is None else int(numbers[place])
            raise ValueError(
                f"image {number} has a pixel that is NaN or infinite; repair or remove it"
            )
    if batch.shape[1:] != shape:
        if batch.ndim < len(shape) + 1:
            batch = batch[..., np.newaxis]
        batch = np.ascontiguousarray(np.broadcast_to(batch, (len(batch), *shape)))
    return batch


def check_pixels(x: Array, shape: Shape, dtype: str) -> None:
    """Raise ValueError for the first image with a pixel that is NaN or infinite."""
    if x.dtype.kind == "f":
        for start in range(0, len(x), 64):
            make_batch(x, np.arange(start, min(start + 64, len(x))), shape, dtype)


def open_targets(y: Any, n: int) -> Array:
    """Return the targets as one array of n rows.

    Raises
    ------
    ValueError
        If there are none, or their number differs from the images'.
    TypeError
        If they are no numbers.
    """
    if y is None:
        raise ValueError("no labels given: pass fit(x, y), or a data set that has them")
    try:
        target = np.asarray(y)
    except ValueError:  # NumPy on lists of unequal length
        raise ValueError(
            "labels must be one number or one row for each image, of one length"
        ) from None
    if target.ndim == 0 or len(target) != n:
        given = f"{len(target)}" if target.ndim else f"{y!r:.40}"
        raise ValueError(f"{n} images need {n} labels, got {given}")
    if target.dtype == bool:
        target = target.astype(np.int64)
    if target.dtype.kind not in "fiu":
        raise TypeError(
            f"labels must be numbers 0 .. K-1 or one-hot rows, got {target.dtype}; number the "
            "classes first"
        )
    return target


def check_targets(target: Array, output_shape: Shape, objective: Objective) -> None:
    """Raise what the loss has against these targets, before anything is learnt.

    Raises
    ------
    ValueError
        If a label is out of range, or shapes, class weights or smoothing do not fit.
    """
    n, classes = len(target), output_shape[-1]
    if objective.targets == "classes" and target.shape in ((n,), (n, 1)) and classes > 1:
        flat = target.reshape(-1)
        wrong = (flat < 0) | (flat >= classes) | (flat != np.floor(flat))
        if wrong.any():
            i = int(wrong.argmax())
            raise ValueError(
                f"label {flat[i]} at position {i} does not fit a model with {classes} outputs; "
                f"labels are whole numbers from 0 to {classes - 1}"
            )
    if objective.targets == "classes" and len(output_shape) == 3:
        _check_masks(target, output_shape, objective)
    if objective.targets != "any":  # your own loss sees only what the model says
        rows = n if len(output_shape) == 1 else 1  # of images as targets, the first
        objective.loss(np.full((rows, *output_shape), 1 / classes), target[:rows])


def _check_masks(masks: Array, output_shape: Shape, objective: Objective) -> None:
    """Raise ValueError for masks of another size than the model's output, or with other classes."""
    height, width, K = output_shape
    if masks.ndim in (3, 4) and masks.shape[1:] not in (
        (height, width),
        (height, width, 1),
        output_shape,
    ):
        raise ValueError(
            f"masks of {masks.shape[1]}x{masks.shape[2]} do not fit a model whose output is "
            f"{height}x{width}; resize them, or the images, or pad the model's convolutions"
        )
    if masks.shape[1:] == output_shape and K > 1:
        return
    K = max(2, K)
    for i, mask in enumerate(masks):
        wrong = (mask < 0) | (mask >= K) | (mask != np.floor(mask))
        if objective.ignore_class is not None:
            wrong &= mask != objective.ignore_class
        if wrong.any():
            raise ValueError(
                f"mask {i} has a pixel {mask[wrong][0]} that does not fit a model of {K} classes; "
                f"labels are whole numbers from 0 to {K - 1}, and the loss's ignore_class"
            )


def open_weights(given: Any, target: Array, output_shape: Shape, objective: Objective) -> Array:
    """Return `sample_weight` as an array, one number for each target or for each sample."""
    if objective.targets == "any":
        raise ValueError(
            "sample_weight is for the cross-entropy, Dice, Tversky and focal losses of this "
            "package; weigh inside your own loss instead"
        )
    weight = np.asarray(given, np.float64)
    each = (len(target), *output_shape[:-1])
    if weight.shape not in (each, (*each, 1), (len(target),)):
        raise ValueError(
            f"sample_weight has shape {weight.shape}; needed is {(len(target),)}, one for each "
            f"image" + (f", or {each}, one for each pixel" if len(each) > 1 else "")
        )
    if not (np.isfinite(weight) & (weight >= 0)).all():
        raise ValueError("sample_weight must be finite and not negative")
    return weight
