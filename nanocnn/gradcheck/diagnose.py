"""What a wrong gradient looks like: the usual mistakes, tried one after another.

Each suspicion says what backward would have returned, as a function of things that can be computed
from the forward pass alone: the right gradient times N, the right gradient transposed, the gradient
for an upstream of ones, the gradient at flipped filters. Along a random direction `t` the number
that it predicts is compared with the number that backward gave, ⟨g, t⟩; three directions that agree
to five digits are no accident. Nothing here decides whether a gradient is right.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanocnn.gradcheck.methods import Method, contract

Array = NDArray[Any]
Suspicion = tuple[str, Callable[[Array], float]]  # what it is, and its ⟨g, t⟩

_AGREE = 1e-5
_NEAR = 1e-5


def looks_like(
    method: Method,
    x: Array,
    dy: Array,
    gradient: Array,
    others: Iterator[tuple[str, Method]],
    rng: np.random.Generator,
) -> str:
    """Return what the wrong gradient looks like, or "" where no suspicion fits.

    Parameters
    ----------
    method : how derivatives of the right function are found
    x, dy, gradient : arrays
        The input, the upstream gradient, and what backward returned for x.
    others : pairs of (what it is, method)
        Other functions whose gradient backward may have returned instead.
    rng : numpy.random.Generator
    """
    if not np.isfinite(gradient).all():
        return "it holds NaN or infinity"
    if not np.any(gradient):
        return "it is zero everywhere"
    directions = [rng.standard_normal(x.shape) for _ in range(3)]
    if not np.isfinite(y := method.output()).all():
        return ""
    slopes = _Slopes(method, dy)
    if factor := _constant_factor(slopes, gradient, directions):
        return _name_factor(factor, x, dy)
    everything: Iterator[Suspicion] = itertools.chain(
        _upstreams(slopes, x, y, dy),
        _moved(slopes, x),
        _elementwise(method, x, y, dy, gradient),
        ((name, functools.partial(_for_upstream, dy, m.slope)) for name, m in others),
    )
    for name, predict in everything:
        if _agrees(gradient, directions, predict):
            return name
    return ""


class _Slopes:
    """Remembers f'(x) t for directions that were asked for before."""

    def __init__(self, method: Method, dy: Array) -> None:
        self.method, self.dy = method, dy
        self._known: dict[bytes, Array] = {}

    def __call__(self, t: Array) -> Array:
        key = t.tobytes()
        if key not in self._known:
            self._known[key] = self.method.slope(t)
        return self._known[key]

    def right(self, t: Array) -> float:
        return float(contract(self.dy, self(t)))


def _for_upstream(upstream: Array, slope: Callable[[Array], Array], t: Array) -> float:
    return float(contract(upstream, slope(t)))


def _agrees(g: Array, directions: list[Array], predict: Callable[[Array], float]) -> bool:
    """Tell whether the suspicion predicts what backward gave, along every direction."""
    for t in directions:
        try:
            with np.errstate(all="ignore"):
                expected = predict(t)
        except Exception:  # the user's function may refuse what a suspicion feeds it
            return False
        size = float(np.linalg.norm(g * t))
        if not abs(float(np.sum(g * t)) - expected) <= _AGREE * size:
            return False
    return True


def _constant_factor(slopes: _Slopes, g: Array, directions: list[Array]) -> float:
    """Return r where g is r times the right gradient along every direction, else 0."""
    given = [float(np.sum(g * t)) for t in directions]
    right = [slopes.right(t) for t in directions]
    if min(abs(r) for r in right) == 0:
        return 0.0
    ratios = [a / b for a, b in zip(given, right, strict=True)]
    middle = sorted(ratios)[1]
    close = all(abs(r - middle) <= _NEAR * abs(middle) for r in ratios)
    return middle if close else 0.0


def _name_factor(factor: float, x: Array, dy: Array) -> str:
    """Put a constant factor into words, with the sizes that it may come from."""
    if abs(factor - 1) <= _NEAR:
        return "right to five digits or more: single precision on the way, or a small term too many"
    sign = "the wrong sign, and " if factor < 0 else ""
    size = abs(factor)
    if abs(size - 1) <= _NEAR:
        return "it has the wrong sign"
    shape = dy.shape if dy.ndim else x.shape
    batch = shape[0] if shape else 1
    places = int(np.prod(shape[1:-1])) if len(shape) > 2 else 1
    known = {  # where two are the same number, the last one here gives the name
        int(np.prod(shape)): "the number of elements",
        batch * places: "N times the places in an image",
        places: "the number of places in an image",
        batch: "N, the size of the batch",
    }
    for number, words in known.items():
        if number > 2 and abs(size - number) <= _NEAR * size:
            return f"{sign}too large by {number}: {words}; was a mean's 1/{number} forgotten?"
        if number > 2 and abs(size * number - 1) <= _NEAR:
            return f"{sign}too small by {number}: {words}; was it divided once too often?"
    if abs(size - 2) <= _NEAR * 2 or abs(size - 0.5) <= _NEAR:
        perhaps = ", and N is 2" if batch == 2 else ""
        return f"{sign}{'twice' if size > 1 else 'half'} of what it should be{perhaps}"
    return f"{sign}off by the constant factor {size:.6g}"


def _upstreams(slopes: _Slopes, x: Array, y: Array, dy: Array) -> Iterator[Suspicion]:
    """The right backward pass, fed with another upstream gradient."""
    if dy.ndim == 0:
        return

    def fed(upstream: Array) -> Callable[[Array], float]:
        return functools.partial(_for_upstream, upstream, slopes)

    yield "ones in place of the upstream gradient", fed(np.ones_like(dy))
    if dy.shape[0] > 1:
        for n, which in ((0, "first"), (dy.shape[0] - 1, "last")):
            only = np.zeros_like(dy)
            only[n] = dy[n]
            yield f"the {which} sample's alone: a missing sum over the batch", fed(only)
        yield "the samples' gradients are in reverse order", fed(dy[::-1])
    yield "the sign of the upstream gradient is lost", fed(np.abs(dy))
    for name, low, slope in (("sigmoid", 0.0, _sigmoid_slope), ("tanh", -1.0, _tanh_slope)):
        if np.all((y > low) & (y < 1)):
            at_y = y * (1 - y) if name == "sigmoid" else 1 - y * y
            where = f"{name}'s derivative, an activation's,"
            yield f"{where} taken at the output, not at the input", fed(dy * slope(y) / at_y)
            yield f"{where} forgotten", fed(dy / at_y)
            yield f"{where} applied twice", fed(dy * at_y)


def _sigmoid_slope(z: Array) -> Array:
    s = 1 / (1 + np.exp(-z))
    return np.asarray(s * (1 - s))


def _tanh_slope(z: Array) -> Array:
    return np.asarray(1 - np.tanh(z) ** 2)


def _moved(slopes: _Slopes, x: Array) -> Iterator[Suspicion]:
    """The right gradient with its axes exchanged, turned round, or shifted by one."""
    axes = tuple(range(x.ndim))
    for order in itertools.permutations(axes):
        if order != axes and tuple(x.shape[k] for k in order) == x.shape:
            back = tuple(int(k) for k in np.argsort(order))
            yield (
                f"transposed: the right one with its axes in the order {order}",
                functools.partial(_moved_slope, slopes, np.transpose, axes=back),
            )
    for count in range(1, x.ndim + 1):
        for some in itertools.combinations(axes, count):
            if all(x.shape[k] > 1 for k in some):
                what = "flipped filters: " if x.ndim == 4 and some == (0, 1) else ""
                yield (
                    f"{what}the right one turned round along axis {_plain(some)}",
                    functools.partial(_moved_slope, slopes, np.flip, axis=some),
                )
    for axis in axes:
        for by in (1, -1):
            if x.shape[axis] > 2:
                yield (
                    f"the right one shifted by {by:+d} along axis {axis}",
                    functools.partial(_moved_slope, slopes, np.roll, shift=-by, axis=axis),
                )


def _moved_slope(slopes: _Slopes, move: Callable[..., Array], t: Array, **how: Any) -> float:
    return slopes.right(move(t, **how))


def _plain(axes: tuple[int, ...]) -> str:
    return str(axes[0]) if len(axes) == 1 else str(axes)


def _elementwise(method: Method, x: Array, y: Array, dy: Array, g: Array) -> Iterator[Suspicion]:
    """Mistakes that only a function of x alone, element by element, can have."""
    if y.shape != x.shape:
        return
    yield "the upstream gradient itself: the derivative is missing", lambda t: float(np.sum(dy * t))
    at_y = method.moved_to(y)
    yield (
        "the activation's derivative is taken at the output, not at the input",
        functools.partial(_for_upstream, dy, at_y.slope),
    )


def variants(a: Array) -> Iterator[tuple[str, Array]]:
    """Yield what a mistaken pass may have taken for `a`: its transpose, flipped filters."""
    if a.ndim == 2 and a.shape[0] == a.shape[1] > 1:
        yield "in place of its transpose, or the other way round", a.T
    if a.ndim != 4:
        return
    for axes in ((0, 1), (0,), (1,)):
        if all(a.shape[k] > 1 for k in axes):
            yield f"flipped along {_plain(axes)}: flipped filters", np.flip(a, axes)
    if a.shape[2] == a.shape[3] > 1:
        yield "transposed in its last two axes", a.swapaxes(2, 3)
