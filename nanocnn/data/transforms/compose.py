"""Several transforms, one after the other, as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import DataError
from .base import Images, Masks, Transform
from .images import ImageSource, each_image


@dataclass(frozen=True, repr=False)
class Compose(Transform):
    """Transforms, one after the other: a transform itself.

    Parameters
    ----------
    steps : sequence of Transform       another Compose among them gives its steps

    Raises
    ------
    DataError
        If a step is not a transform.

    Examples
    --------
    >>> Compose([Resize(size=128), ZScore()])
    Compose((
        Resize(size=(128, 128)),
        ZScore(),
    ))
    """

    steps: Sequence[Transform]

    def __post_init__(self) -> None:
        steps = self.steps
        if isinstance(steps, Transform) or not isinstance(steps, Sequence):
            raise DataError(
                f"Compose: steps are {type(steps).__name__}; needed is a list of transforms"
            )
        for step in steps:
            if not isinstance(step, Transform):
                raise DataError(
                    f"Compose: a step is {step!r:.60}; needed is a transform, such as "
                    "Resize(size=128)"
                )
        flat = [s for step in steps for s in (step.steps if isinstance(step, Compose) else (step,))]
        self._set(steps=tuple(flat))

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Transform]:
        return iter(self.steps)

    def apply_image(self, image: Images) -> Images:
        """Change one image by all the steps."""
        for step in self.steps:
            image = step.apply_image(image)
        return image

    def apply_mask(self, mask: Masks) -> Masks:
        """Change one mask by all the steps."""
        for step in self.steps:
            mask = step.apply_mask(mask)
        return mask

    @property
    def unit_range(self) -> bool:
        """Whether images in [0, 1] stay in [0, 1] through all the steps."""
        return all(step.unit_range for step in self.steps)

    @property
    def is_fitted(self) -> bool:
        """Whether all the steps are fitted."""
        return all(step.is_fitted for step in self.steps)

    def fit(self, images: ImageSource) -> Compose:
        """Return a copy whose steps are fitted, each on what the steps before it make of them.

        The images are gone through once for each step that needs it; an iterator, which can be
        gone through only once, is enough for one such step. See `Transform.fit`.
        """
        todo = [step for step in self.steps if not step.is_fitted]
        if len(todo) > 1 and isinstance(images, Iterator):
            names = " and ".join(type(step).__name__ for step in todo)
            raise DataError(
                f"Compose: the images are an iterator, and {names} go through them once each; give "
                "a list, an array or a data set"
            )
        steps: list[Transform] = []
        for step in self.steps:
            if not step.is_fitted:
                step = step.fit(map(Compose(steps).apply_image, each_image(images)))
            steps.append(step)
        return Compose(steps)

    def to_config(self) -> dict[str, Any]:
        """Return the names and fields of all the steps."""
        return {"name": "Compose", "steps": [step.to_config() for step in self.steps]}

    def __repr__(self) -> str:
        if not self.steps:
            return "Compose(())"
        return "Compose((\n" + "".join(f"    {step!r},\n" for step in self.steps) + "))"
