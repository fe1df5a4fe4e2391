"""Wrong layers around right ones: mistakes that only an object with memory and names can make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from nanocnn.gradcheck.cases import LAYERS, LayerCase, exported_layers


class Wrong:
    """Passes everything on to a right layer. The mutants below change one thing."""

    def __init__(self, case: LayerCase) -> None:
        self.inner = case.make()

    @property
    def params(self) -> Any:
        return self.inner.params

    def build(self, input_shape: Any, rng: Any) -> Any:
        return self.inner.build(input_shape, rng)

    def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> Any:
        return self.inner.forward(x, training=training, rng=rng)

    def backward(self, dy: Any, cache: Any, *, need_dx: bool = True) -> Any:
        return self.inner.backward(dy, cache, need_dx=need_dx)


class MemoryOnSelf(Wrong):
    def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> Any:
        y, self.memory = super().forward(x, training=training, rng=rng)
        return y, None

    def backward(self, dy: Any, cache: Any, *, need_dx: bool = True) -> Any:
        return super().backward(dy, self.memory, need_dx=need_dx)


class AddsUp(Wrong):
    last: Any = None

    def backward(self, dy: Any, cache: Any, *, need_dx: bool = True) -> Any:
        dx, grads = super().backward(dy, cache, need_dx=need_dx)
        before, self.last = self.last, (dx, grads)
        if before is not None:
            dx, grads = dx + before[0], {k: g + before[1][k] for k, g in grads.items()}
        return dx, grads


class FirstSampleOnly(Wrong):
    def backward(self, dy: Any, cache: Any, *, need_dx: bool = True) -> Any:
        first = dy.copy()
        first[1:] = 0
        return super().backward(first, cache, need_dx=need_dx)


class NoDx(Wrong):
    def backward(self, dy: Any, cache: Any, *, need_dx: bool = True) -> Any:
        return None, super().backward(dy, cache, need_dx=need_dx)[1]


class ChangesDy(Wrong):
    """Scales dy in place, and so what arrives at a second consumer."""

    def backward(self, dy: Any, cache: Any, *, need_dx: bool = True) -> Any:
        result = super().backward(dy.copy(), cache, need_dx=need_dx)
        dy *= 0.5
        return result


class OtherMask(Wrong):
    def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> Any:
        y, _ = super().forward(x, training=training, rng=rng)
        return y, super().forward(x, training=training, rng=rng + 1)[1]


class OtherMode(Wrong):
    def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> Any:
        y, _ = super().forward(x, training=training, rng=rng)
        return y, super().forward(x, training=not training, rng=rng)[1]


def _grads(change: Callable[[dict[str, Any], str], None], name: str) -> type[Wrong]:
    """Return a layer whose dict of gradients is changed at one name."""

    class Changed(Wrong):
        def backward(self, dy: Any, cache: Any, *, need_dx: bool = True) -> Any:
            dx, grads = super().backward(dy, cache, need_dx=need_dx)
            change(grads, name)
            return dx, grads

    return Changed


def _reverse(grads: dict[str, Any], name: str) -> None:
    grads[name] = grads[name].reshape(-1)[::-1].reshape(grads[name].shape).copy()


def _average(grads: dict[str, Any], name: str) -> None:
    grads[name] = grads[name] / 3  # check_layer's batch


def _rename(grads: dict[str, Any], name: str) -> None:
    grads[f"d{name}"] = grads.pop(name)


def _drop(grads: dict[str, Any], name: str) -> None:
    del grads[name]


ANY_LAYER = {
    "memory on the layer": MemoryOnSelf,
    "gradients add up over calls": AddsUp,
    "only the first sample's dy is used": FirstSampleOnly,
    "dx is None": NoDx,
    "dy is changed": ChangesDy,
}
ANY_PARAMETER = {
    "missing": _drop,
    "under another name": _rename,
    "in reverse order": _reverse,
    "averaged over the batch": _average,
}


@dataclass(frozen=True)
class LayerMutant:
    """One wrong layer: `make(case)` returns it, unbuilt."""

    name: str
    case: LayerCase
    make: Callable[[LayerCase], Any]


def wrapped_layers() -> Iterator[LayerMutant]:
    """Yield what the rules of this file make of every layer."""
    for layer in exported_layers():
        case = LAYERS[layer][0]
        for text, make in ANY_LAYER.items():
            if layer == "Identity" and make is MemoryOnSelf:
                continue  # its backward pass needs nothing to be remembered
            yield LayerMutant(f"{layer}: {text}", case, make)
        built = case.make()
        built.build(case.input_shape, None)
        for p in built.params:
            for text, change in ANY_PARAMETER.items():
                yield LayerMutant(f"{layer}: gradient of {p} {text}", case, _grads(change, p))
    dropout = LAYERS["Dropout"][0]
    yield LayerMutant("Dropout: another mask in the backward pass", dropout, OtherMask)
    yield LayerMutant("Dropout: the other mode in the backward pass", dropout, OtherMode)
