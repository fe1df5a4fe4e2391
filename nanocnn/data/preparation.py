"""How a file becomes what a model sees: the one recipe for training and for what comes later."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from .axes import check_axis
from .errors import DataError
from .images import check_channels, check_size
from .transforms import Compose, Transform, from_config
from .windows import check_window

if TYPE_CHECKING:
    from .dataset import ImageDataset

OPENING = ("size", "channels", "window", "axis")
StrPath = str | os.PathLike[str]


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How images are opened, and what is done to them before a model sees them.

    A model keeps the preparation that it was fitted with, and saves it: `model.predict("scan.dcm")`
    then opens and transforms the file as it did in training. A data set or a file is raw, and gets
    the preparation; an array is ready, and goes into the layers as it is.

    Parameters
    ----------
    size, channels, window, axis
        As in `nanocnn.data.open`. What does not concern a file, such as the window of a PNG, is
        passed over.
    transforms : Compose, another transform, or None
        From `nanocnn.data.transforms`; the steps that come after opening.

    Raises
    ------
    DataError
        If an argument is none of these.

    Examples
    --------
    >>> import nanocnn as nc
    >>> t = nc.data.transforms
    >>> recipe = nc.data.Preparation(size=128, channels=1, window="lung", transforms=t.ZScore())
    >>> train = recipe.open("scans").part("train")                          # doctest: +SKIP
    >>> recipe = recipe.fit(train)                                          # doctest: +SKIP
    >>> model.fit(nc.data.DataLoader(train, preparation=recipe), epochs=5)  # doctest: +SKIP
    >>> model.save("m.safetensors")                                         # doctest: +SKIP
    >>> nc.load("m.safetensors").predict("new.dcm")                         # doctest: +SKIP
    """

    size: int | tuple[int, int] | None = None
    channels: int | None = None
    window: str | tuple[float, float] | None = None
    axis: int | str | None = None
    transforms: Transform | None = None

    def __post_init__(self) -> None:
        numbers = check_window(self.window)
        window = self.window if isinstance(self.window, str) else numbers
        check_channels(self.channels)
        channels, axis = (
            None if number is None else int(number)
            for number in (self.channels, check_axis(self.axis))
        )
        # In plain types, such as JSON gives back.
        final = {"size": check_size(self.size), "channels": channels, "window": window,
                 "axis": axis}  # fmt: skip
        for name, value in final.items():
            object.__setattr__(self, name, value)
        if not isinstance(self.transforms, Transform | None):
            raise DataError(
                f"transforms is of the type {type(self.transforms).__name__}; give one of "
                "nanocnn.data.transforms, several in transforms.Compose([...])"
            )

    @property
    def is_fitted(self) -> bool:
        """Whether nothing in it waits for statistics of the training images."""
        return self.transforms is None or self.transforms.is_fitted

    @property
    def steps(self) -> tuple[Transform, ...]:
        """The transforms, one by one."""
        if self.transforms is None:
            return ()
        if isinstance(self.transforms, Compose):
            return tuple(self.transforms)
        return (self.transforms,)

    @property
    def steps_before_augmenting(self) -> tuple[Transform, ...]:
        """The steps up to the first that leaves [0, 1], which is where augmentation belongs."""
        return tuple(takewhile(lambda step: step.unit_range, self.steps))

    @property
    def steps_after_augmenting(self) -> tuple[Transform, ...]:
        """The other steps."""
        return self.steps[len(self.steps_before_augmenting) :]

    def fit(self, images: Any) -> Preparation:
        """Return a preparation whose transforms know the statistics of these images.

        Parameters
        ----------
        images : ImageDataset, (N, H, W, C) float32 array in [0, 1], or iterable of images
            The training part alone. Files are decoded one at a time.
        """
        if self.transforms is None:
            return self
        from .dataset import ImageDataset

        raw = self.reopen(images) if isinstance(images, ImageDataset) else images
        return replace(self, transforms=self.transforms.fit(raw))

    def completed(self, other: Preparation) -> Preparation:
        """Return this preparation, with what it leaves open about opening taken from another."""
        left = {name: getattr(other, name) for name in OPENING if getattr(self, name) is None}
        return replace(self, **left)

    def check_fitted(self) -> None:
        """Raise DataError if statistics are missing."""
        waiting = [type(step).__name__ for step in self.steps if not step.is_fitted]
        if waiting:
            raise DataError(
                f"{' and '.join(waiting)} of the preparation has no statistics yet; fit it on the "
                "training part first: preparation = preparation.fit(train)"
            )

    def open(
        self, path: StrPath | Sequence[StrPath], key: bytes | str | None = None
    ) -> ImageDataset:
        """Open files; the transforms are left to whoever feeds a model with them.

        Parameters
        ----------
        path : path, or sequence of paths
            What `nanocnn.data.open` takes; besides a picture, a folder of pictures without
            subfolders, or several files in the order that is wanted. These have one class,
            "unlabelled".
        key : bytes, str or None      for pseudonyms of patients, see `nanocnn.data.open`
        """
        from .opening import open_prepared

        return open_prepared(path, self, key)

    def reopen(self, dataset: ImageDataset) -> ImageDataset:
        """Return a data set of the same files, opened by this preparation.

        Raises
        ------
        DataError
            If it holds slices of volumes along another axis.
        """
        from .opening import reopen

        return reopen(dataset, self)

    def to_config(self) -> dict[str, Any]:
        """Return what JSON can hold, and `from_config` takes."""
        transforms = None if self.transforms is None else self.transforms.to_config()
        return {**{name: getattr(self, name) for name in OPENING}, "transforms": transforms}

    @classmethod
    def from_config(
        cls, config: Any, *, custom_objects: Mapping[str, type[Transform]] | None = None
    ) -> Preparation:
        """Return the preparation that `to_config` described.

        Parameters
        ----------
        config : dict
        custom_objects : dict of str to class, optional      transforms of your own, by name

        Raises
        ------
        DataError
            If it describes none.
        """
        if not isinstance(config, dict) or set(config) != {*OPENING, "transforms"}:
            raise DataError(f"{config!r:.60} is no preparation; give what its to_config returned")
        options: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in config.items()
        }
        if options["transforms"] is not None:
            options["transforms"] = from_config(
                options["transforms"], custom_objects=custom_objects
            )
        return cls(**options)


def apply(steps: Sequence[Transform], images: Any, masks: Any) -> tuple[Any, Any]:
    """Return an image or a batch, and its masks or None, after some transforms."""
    for step in steps:
        if masks is None:
            images = step(images)
        else:
            images, masks = step(images, masks)
    return images, masks
