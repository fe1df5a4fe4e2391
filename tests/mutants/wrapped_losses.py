"""Wrong gradients of right losses, by rules that know nothing of the loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from nanocnn import losses
from nanocnn.gradcheck.cases import exported_losses

from .cases import CASES, Case
from .wrapped import RETURNED, UPSTREAM

Loss = Callable[..., tuple[Any, Any]]
Make = Callable[[Loss, dict[str, Any]], Callable[[Any, Any], tuple[Any, Any]]]


@dataclass(frozen=True)
class LossMutant:
    """One wrong loss: `make(right, options)` returns it, as a function of outputs and target."""

    name: str
    loss: str
    case: Case
    make: Make


def _gradient(change: Callable[[Any], Any]) -> Make:
    def make(right: Loss, options: dict[str, Any]) -> Any:
        def loss(y: Any, target: Any) -> Any:
            value, dy = right(y, target, **options)
            return value, dy if np.iscomplexobj(dy) else change(dy)  # complex: for the value only

        return loss

    return make


def _gradient_at(change: Callable[[Any, Any], tuple[Any, Any]]) -> Make:
    """Take the gradient at other outputs or for another target than the value."""

    def make(right: Loss, options: dict[str, Any]) -> Any:
        def loss(y: Any, target: Any) -> Any:
            wrong_y, wrong_target = change(y, target)
            return right(y, target, **options)[0], right(wrong_y, wrong_target, **options)[1]

        return loss

    return make


def _gradient_without(option: str) -> Make:
    def make(right: Loss, options: dict[str, Any]) -> Any:
        fewer = {k: v for k, v in options.items() if k != option}

        def loss(y: Any, target: Any) -> Any:
            return right(y, target, **options)[0], right(y, target, **fewer)[1]

        return loss

    return make


def _adds_up(right: Loss, options: dict[str, Any]) -> Any:
    sums: list[Any] = []

    def loss(y: Any, target: Any) -> Any:
        value, dy = right(y, target, **options)
        sums.append(dy)
        out = sum(sums)
        sums[:] = sums[-1:]  # the call before, which is enough
        return value, out

    first = right(np.full((3, 3), 0.3) + np.eye(3), np.full((3, 3), 1 / 3))
    sums.append(first[1])  # of a batch that came before
    return loss


def _view_of_one_buffer(right: Loss, options: dict[str, Any]) -> Any:
    """Return every gradient in the same memory, which the next call overwrites."""
    buffer: dict[tuple[int, ...], Any] = {}

    def loss(y: Any, target: Any) -> Any:
        value, dy = right(y, target, **options)
        kept = buffer.setdefault(dy.shape, np.zeros(dy.shape))
        kept[...] = dy.real
        return value, kept

    return loss


def _writes_into_y(right: Loss, options: dict[str, Any]) -> Any:
    def loss(y: Any, target: Any) -> Any:
        result = right(y.copy(), target, **options)
        y *= 0.5  # as one does that normalises in place
        return result

    return loss


def wrapped_losses() -> Iterator[LossMutant]:
    """Yield what the rules of this file make of every loss."""
    for name in exported_losses():
        plain, second = CASES[name][0], CASES[name][-1]
        rules: dict[str, Make] = {
            **{f"gradient: {t.replace('dy', 'it')}": _gradient(c) for t, c in UPSTREAM.items()},
            **{f"gradient {t}": _gradient(c) for t, c in RETURNED.items()},
            "gradient for the target of the next sample": _gradient_at(
                lambda y, t: (y, np.roll(t, 1, axis=0))
            ),
            "gradient at the outputs of the next sample": _gradient_at(
                lambda y, t: (np.roll(y, 1, axis=0), t)
            ),
            "gradient at twice the outputs": _gradient_at(lambda y, t: (2 * y, t)),
            "outputs are changed": _writes_into_y,
            "gradient in a buffer that the next call overwrites": _view_of_one_buffer,
        }
        for text, make in rules.items():
            yield LossMutant(f"{name}: {text}", name, plain, make)
        yield LossMutant(f"{name}: gradients add up over calls", name, second, _adds_up)
        for option in second.options:
            text = f"gradient without {option.replace('_', ' ')}"
            yield LossMutant(f"{name}: {text}", name, second, _gradient_without(option))


def right_loss(name: str) -> Loss:
    """Return the library's own loss."""
    return getattr(losses, name)
