"""The rules of the layer protocol, each tried on a copy of the layer.

A layer may have right gradients and still not work in a model: because it keeps its memory on
itself, writes into its input, returns float64 for float32, or cannot be saved. Every rule is tried
in the layer's own dtype and in float64, in inference and in training.
"""

from __future__ import annotations

import functools
import itertools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanocnn.gradcheck.holder import Holder
from nanocnn.gradcheck.report import Row
from nanocnn.layers import Layer

Array = NDArray[Any]
Passes = tuple[Array, Any, dict[str, Array]]  # y, dx, grads


class Trial:
    """A built copy of the layer in one dtype and one mode, with inputs of the right shape."""

    def __init__(
        self,
        layer: Any,
        input_shape: Sequence[int],
        batch: int,
        *,
        widen: bool,
        training: bool,
        key: int,
    ) -> None:
        rng = np.random.default_rng(key)
        self.holder = Holder(layer, widen=widen)
        self.declared = self.holder.build(tuple(input_shape), rng)
        self.layer, self.training, self.key = self.holder.layer, training, key
        dtypes = {p.dtype for p in self.holder.params.values()}
        own = getattr(self.layer, "dtype", "float64")
        self.dtype = dtypes.pop() if len(dtypes) == 1 else np.dtype(own)
        self.x = self.draw(rng, (batch, *input_shape))
        y = np.asarray(self.forward(self.x)[0])
        self.dy = self.draw(rng, y.shape)
        # A second pass of another size and key: some layers have nothing else to remember.
        self.x2 = self.draw(rng, (batch + 1, *input_shape))
        self.dy2 = self.draw(rng, (batch + 1, *y.shape[1:]))

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return rng.standard_normal(shape).astype(self.dtype)

    def forward(self, x: Array, key: int | None = None) -> tuple[Any, Any]:
        rng = self.key if key is None else key
        y, cache = self.layer.forward(x, training=self.training, rng=rng)
        return y, cache

    def backward(self, dy: Array, cache: Any, **options: bool) -> tuple[Any, dict[str, Array]]:
        dx, grads = self.layer.backward(dy, cache, **options)
        return dx, dict(grads)

    def both(self, x: Array, dy: Array) -> Passes:
        y, cache = self.forward(x)
        return (y, *self.backward(dy, cache))


def _shapes(t: Trial) -> str:
    y, dx, grads = t.both(t.x, t.dy)
    if t.declared is None or (t.x.shape[0], *t.declared) != y.shape:
        return f"build declared {t.declared} for one image, the output of a batch is {y.shape}"
    if dx is None or dx.shape != t.x.shape:
        return f"dx is {'None' if dx is None else dx.shape}, the input {t.x.shape}"
    for key, p in t.holder.params.items():
        if key in grads and np.shape(grads[key]) != p.shape:
            return f"the gradient of {key} is {np.shape(grads[key])}, the parameter {p.shape}"
    return ""


def _dtypes(t: Trial) -> str:
    y, dx, grads = t.both(t.x, t.dy)
    found = {"y": y, "dx": dx, **grads}
    wrong = [f"{key} is {a.dtype}" for key, a in found.items() if a.dtype != t.dtype]
    return f"{', '.join(wrong)} for inputs of {t.dtype}" if wrong else ""


def _nothing_written(t: Trial) -> str:
    x, dy = t.x.copy(), t.dy.copy()
    params = {key: p.copy() for key, p in t.holder.params.items()}
    t.both(x, dy)
    if not np.array_equal(x, t.x):
        return "x: input was changed"
    if not np.array_equal(dy, t.dy):
        return "x: upstream gradient was changed"
    now = t.holder.params
    changed = [key for key, p in params.items() if not np.array_equal(now[key], p)]
    return f"{', '.join(changed)}: parameter was changed" if changed else ""


def _keys(t: Trial) -> str:
    grads, params = t.both(t.x, t.dy)[2], t.holder.params
    missing = sorted(set(params) - set(grads)) if t.holder.trainable else []
    if missing:
        return f"{', '.join(missing)}: backward returned no gradient for it"
    extra = sorted(set(grads) - set(params))
    if extra:
        return f"{', '.join(extra)}: backward returned a gradient, but there is no such parameter"
    return ""


def _open_at_once(t: Trial, order: tuple[int, int]) -> str:
    inputs, upstream = ((t.x, t.key), (t.x2, t.key + 1)), (t.dy, t.dy2)
    alone = [t.backward(dy, t.forward(*x)[1]) for x, dy in zip(inputs, upstream, strict=True)]
    caches = [t.forward(*x)[1] for x in inputs]
    for k in order:
        if fault := _differ(t.backward(upstream[k], caches[k]), alone[k]):
            return f"{fault} of pass {k + 1} is not what it is alone: memory outside the cache"
    return ""


def _backward_twice(t: Trial) -> str:
    _, cache = t.forward(t.x)
    first = t.backward(t.dy, cache)
    kept = first[0], {key: g.copy() for key, g in first[1].items()}
    fault = _differ(t.backward(t.dy, cache), kept)
    why = "gradients add up over calls, or the cache was used up"
    return f"{fault} differs the second time: {why}" if fault else ""


def _without_dx(t: Trial) -> str:
    _, cache = t.forward(t.x)
    grads = t.backward(t.dy, cache, need_dx=False)[1]
    fault = _differ((None, grads), (None, t.backward(t.dy, cache)[1]))
    return f"{fault} differs with need_dx=False" if fault else ""


def _called(t: Trial) -> str:
    if not callable(t.layer):
        return ""
    inference = t.layer.forward(t.x, training=False)[0]
    return "layer(x) is not the forward pass in inference" * (not _close(t.layer(t.x), inference))


def _layouts(t: Trial) -> str:
    plain = t.both(t.x, t.dy)[1:]
    for name, x, dy in (
        ("x has gaps and dy lies in Fortran order", _with_gaps(t.x), np.asfortranarray(t.dy)),
        ("x lies in Fortran order and dy has gaps", np.asfortranarray(t.x), _with_gaps(t.dy)),
    ):
        if fault := _differ(t.both(x, dy)[1:], plain):
            return f"{fault} differs when {name}"
    return ""


def _with_gaps(a: Array) -> Array:
    """Return the same numbers, every second one of a larger array."""
    return np.asarray(np.repeat(np.repeat(a, 2, axis=-1), 2, axis=0)[::2, ..., ::2])


def _read_only(t: Trial) -> str:
    x, dy = t.x.copy(), t.dy.copy()
    x.flags.writeable = dy.flags.writeable = False
    fault = _differ(t.both(x, dy)[1:], t.both(t.x, t.dy)[1:])
    return f"{fault} differs on read-only inputs" if fault else ""


def _batch_of_one(t: Trial) -> str:
    y, dx, _ = t.both(t.x[:1], t.dy[:1])
    if y.shape != (1, *t.dy.shape[1:]) or dx is None or dx.shape != t.x[:1].shape:
        return f"a batch of one gives y {y.shape} and dx {np.shape(dx)}"
    return "" if np.isfinite(y).all() else "a batch of one gives NaN or infinity"


RULES: dict[str, Callable[[Trial], str]] = {
    "shapes as declared": _shapes,
    "dtype kept": _dtypes,
    "nothing is written to": _nothing_written,
    "gradients for the parameters, no more": _keys,
    "two passes open, first one first": lambda t: _open_at_once(t, (0, 1)),
    "two passes open, last one first": lambda t: _open_at_once(t, (1, 0)),
    "backward twice": _backward_twice,
    "without dx": _without_dx,
    "called": _called,
    "non-contiguous inputs": _layouts,
    "read-only inputs": _read_only,
    "batch of one": _batch_of_one,
}


def check_contract(layer: Any, input_shape: Sequence[int], batch: int, key: int) -> list[Row]:
    """Try every rule, and saving for layers that derive from nanocnn's `Layer`.

    Returns
    -------
    list of Row
        One for each rule, dtype and mode; in a failed one, `note` says what happened.
    """
    rows, tried = [], set()
    for widen, training in itertools.product((False, True), repeat=2):
        make = functools.partial(Trial, layer, input_shape, batch, key=key)
        trial, fault = _attempt(functools.partial(make, widen=widen, training=training))
        mode = "training" if training else "inference"
        if fault:
            rows.append(_row(f"both passes run ({mode})", fault))
            continue
        label = f"{trial.dtype}, {mode}"
        if label not in tried:
            rows += [_row(f"{name} ({label})", _outcome(r, trial)) for name, r in RULES.items()]
        tried.add(label)
    if isinstance(layer, Layer):
        rows.append(_row("saved and loaded", _outcome(_saved, (layer, input_shape, batch, key))))
    return rows


def _saved(arguments: tuple[Layer, Sequence[int], int, int]) -> str:
    from nanocnn.models import Sequential
    from nanocnn.models.saving import load

    layer, input_shape, batch, key = arguments
    trial = Trial(layer, input_shape, batch, widen=False, training=False, key=key)
    shape = tuple(input_shape)
    model = Sequential([trial.layer], input_shape=shape, dtype=str(trial.dtype))
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.safetensors")
        kind = type(trial.layer)
        loaded = load(Path(folder) / "model.safetensors", custom_objects={kind.__name__: kind})
    same = np.array_equal(loaded(trial.x), model(trial.x))
    return "" if same else "after saving and loading the output differs; does get_config tell all?"


def _attempt(make: Callable[[], Any]) -> tuple[Any, str]:
    try:
        return make(), ""
    except Exception as error:  # a user's layer may fail in any way; the report says how
        return None, f"raised {type(error).__name__}: {error}"


def _outcome(rule: Callable[[Any], str], subject: Any) -> str:
    found, fault = _attempt(lambda: rule(subject))
    return fault or found


def _row(name: str, fault: str) -> Row:
    error = float("inf") if fault else 0.0
    return Row(name, "contract", error, 0.0, checked=1, passed=not fault, note=fault)


def _close(a: Any, b: Any) -> bool:
    """Tell whether two arrays are equal but for rounding; None equals None only."""
    if a is None or b is None:
        return a is b
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    room = 1e3 * float(np.finfo(b.dtype).eps) * max(1.0, float(np.abs(b).max(initial=0)))
    return bool(np.allclose(a, b, rtol=0, atol=room, equal_nan=True))


def _differ(a: tuple[Any, dict[str, Array]], b: tuple[Any, dict[str, Array]]) -> str:
    """Return the name of the first gradient that differs, or ""."""
    if not _close(a[0], b[0]):
        return "dx"
    if a[1].keys() != b[1].keys():
        return "the set of gradients"
    return next((f"the gradient of {key}" for key in a[1] if not _close(a[1][key], b[1][key])), "")
