"""What every transform is: a value that can be called, printed, compared, saved and fitted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .checks import check_images, check_masks
from .images import ImageSource

Images = NDArray[np.float32]
Masks = NDArray[Any]
Self = TypeVar("Self", bound="Transform")


@dataclass(frozen=True, kw_only=True, repr=False)
class Transform(ABC):
    """A change that is made to every image alike; an image moves together with its mask.

    To write one, derive a frozen dataclass and define `apply_image`; if it moves pixels, define
    `apply_mask` as well. The fields must be what JSON can hold, with tuples for lists.

    >>> @dataclass(frozen=True, kw_only=True, repr=False)
    ... class Negative(Transform):
    ...     def apply_image(self, image):
    ...         return 1 - image
    """

    @abstractmethod
    def apply_image(self, image: Images) -> Images:
        """Change one (H, W, C) float32 image of finite numbers; never in place."""

    def apply_mask(self, mask: Masks) -> Masks:
        """Change the (H, W) mask of an image; what moves no pixels leaves it alone."""
        return mask

    @property
    def unit_range(self) -> bool:
        """Whether images in [0, 1] stay in [0, 1]."""
        return True

    @property
    def is_fitted(self) -> bool:
        """Whether it has all the numbers that it needs."""
        return True

    def fit(self: Self, images: ImageSource) -> Self:
        """Return a copy that has taken its numbers from images: those of the training part alone.

        Numbers that it has already stay as they are, and most transforms need none; both return
        themselves.

        Parameters
        ----------
        images : (N, H, W, C) float32 array, ImageDataset, or iterable
            An iterable of images, of batches, or of tuples that begin with one of these, such as
            (image, label). One image at a time is looked at.
        """
        return self

    @overload
    def __call__(self, images: Images, masks: None = None) -> Images: ...
    @overload
    def __call__(self, images: Images, masks: Masks) -> tuple[Images, Masks]: ...
    def __call__(self, images: Images, masks: Masks | None = None) -> Images | tuple[Images, Masks]:
        """Return new arrays; those that are given stay as they are.

        Parameters
        ----------
        images : (H, W, C) or (N, H, W, C) float32 array
        masks : (H, W) or (N, H, W) array of integers or bool, or None

        Returns
        -------
        images : float32 array with as many axes
        masks : array of the masks' dtype, if masks were given

        Raises
        ------
        DataError
            For other shapes or types, numbers that are not finite, or if it is not fitted.
        """
        check_images(images)
        if masks is not None:
            check_masks(masks, images)
        if not self.is_fitted:
            raise DataError(
                f"{type(self).__name__} is not fitted; call fit(training_images) and use what it "
                "returns"
            )
        batch = images.ndim == 4
        changed = _each(self.apply_image, images) if batch else _new(self.apply_image, images)
        if masks is None:
            return changed
        return changed, _each(self.apply_mask, masks) if batch else _new(self.apply_mask, masks)

    def gallery(self, image: Images, mask: Masks | None = None) -> Any:
        """Draw an image before and after; of a `Compose`, after each step. Histograms beneath.

        Parameters
        ----------
        image : (H, W) or (H, W, C) float32 array       C = 1 or 3
        mask : (H, W) array of integers or bool, or None      its outline is drawn on the image

        Returns
        -------
        matplotlib.figure.Figure
            Values outside [0, 1] are brought to it for showing. Save it by
            ``savefig("preparation.png")``.
        """
        from .gallery import figure  # here: it loads matplotlib

        return figure(self, image, mask)

    def to_config(self) -> dict[str, Any]:
        """Return the class's name and the fields, as JSON can hold them: see `from_config`."""
        settings = {f.name: _plain(getattr(self, f.name)) for f in fields(self)}
        return {"name": type(self).__name__, **settings}

    def __repr__(self) -> str:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        shown = (
            f"{f.name}={values[f.name]!r}" for f in fields(self) if values[f.name] != f.default
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    def _set(self, **values: Any) -> None:
        """Replace fields by their final form, such as an int by a pair; for `__post_init__`."""
        for name, value in values.items():
            object.__setattr__(self, name, value)


def _new(change: Callable[[Masks], Masks], item: Masks) -> Masks:
    """Return the changed image or mask in memory of its own."""
    changed = np.asarray(change(item), item.dtype)
    return changed.copy() if np.may_share_memory(changed, item) else changed


def _each(change: Callable[[Masks], Masks], items: Masks) -> Masks:
    """Return a batch, changed one by one; of an empty one, the shape is found with zeros."""
    first = change(items[0] if len(items) else np.zeros(items.shape[1:], items.dtype))
    changed = np.empty((len(items), *first.shape), items.dtype)
    for i, item in enumerate(items):
        changed[i] = change(item) if i else first
    return changed


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
