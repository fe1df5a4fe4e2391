r"""Three ways to find a derivative without the backward pass, best first.

All of them answer one question: with the upstream gradient `dy` held fixed, how fast does
:math:`\phi(x) = \langle dy, f(x) \rangle` grow along a direction `t`? The chain rule says
:math:`\langle dx, t \rangle`, with the `dx` that backward returns.

Adjoint identity, for `f` linear in `x` up to a constant
    .. math:: \langle dx, t \rangle = \langle dy, f(t) - f(0) \rangle

    There is no step to choose and no truncation: the two sides agree to rounding.

Complex step, for `f` that is analytic and takes complex numbers
    .. math:: \langle dx, t \rangle = \mathrm{Im}\,\langle dy, f(x + i h t) \rangle / h,
              \quad h = 10^{-20}

    Nothing is subtracted, so `h` may be so small that its square vanishes (Squire and Trapp, "Using
    complex variables to estimate derivatives of real functions", SIAM Review 40, 1998).

Central differences, for the rest
    .. math:: D(h) = \langle dy, f(x + h t) - f(x - h t) \rangle / 2h

    at h, h/2 and h/4, extrapolated to h = 0 by Richardson's rule. If the two one-sided slopes do
    not approach each other as h shrinks, there is a kink.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Function = Callable[[Array], Array]

EPS = float(np.finfo(np.float64).eps)
COMPLEX_STEP = 1e-20
DIFFERENCES_TOLERANCE = 1e-7
_FIRST_STEP = 4e-3
_LAST_STEP = 1e-7  # as parts of reach(x) and of the root mean square of x; each try is 8 times less


def generator(seed: int) -> np.random.Generator:
    """Return the checker's own stream of random numbers.

    Not `default_rng(seed)`: who draws inputs from that with the same seed would get an upstream
    gradient equal to the input, and with dy = x a transposed x.T @ dy goes unseen.
    """
    return np.random.default_rng([seed, 0x6772_6164])


def exact_tolerance(size: int) -> float:
    """Return the tolerance of the first two methods: 1e-12, or 32 eps sqrt(size) if that is more.

    Rounding errors of a sum of `size` terms grow like its square root; 32 leaves room for a chain
    of several operations.
    """
    return max(1e-12, 32 * EPS * float(np.sqrt(size)))


def _exact_reason(size: int) -> str:
    if exact_tolerance(size) > 1e-12:
        return f"32 eps sqrt({size}), the rounding of sums over {size} numbers"
    return "the rounding of sums over the n numbers of input and output, 32 eps sqrt(n), is less"


def _sparser_directions(x: Array, rng: np.random.Generator) -> Iterator[Array]:
    """Yield random directions, each through half as many elements: past kinks, in the end."""
    count = x.size
    while count:
        t = np.zeros(x.size)
        t[rng.choice(x.size, count, replace=False)] = rng.standard_normal(count)
        yield t.reshape(x.shape)
        count //= 2


def contract(dy: Array, y: Array) -> Any:
    """Return the sum of dy * y, without conjugation."""
    return np.sum(dy * y)


def reach(x: Array) -> float:
    """Return the root mean square of `x`, but at least 1: how far to step first.

    Steps that prove too long are shortened. Starting from the size of tiny inputs instead would
    bury every difference in the rounding of the output.
    """
    return max(1.0, float(np.sqrt(np.mean(np.square(x)))))


@dataclass(frozen=True)
class Probe:
    """A derivative along one direction, or the reason why there is none: "kink" or "unsettled"."""

    value: float
    trouble: str = ""


class AdjointIdentity:
    """The adjoint identity. `accepts` tests whether `f` is linear before it is used."""

    name = "adjoint identity"

    def __init__(self, f: Function, x: Array, dy: Array) -> None:
        self.f, self.x, self.dy = f, x, dy
        self.scale = reach(x)
        self.at_0 = f(np.zeros_like(x))
        self.tolerance = exact_tolerance(x.size + dy.size)
        self.reason = _exact_reason(x.size + dy.size)

    @classmethod
    def accepts(cls, f: Function, x: Array, rng: np.random.Generator) -> bool:
        """Tell whether f(a x + b x2) - f(0) = a (f(x) - f(0)) + b (f(x2) - f(0)), three times."""
        with np.errstate(all="ignore"):
            at_0 = f(np.zeros_like(x))
            at_x = f(x) - at_0
            for a, b in ((0.7, -1.3), (-1.9, 0.6), (2.5, 3.1)):
                x2 = rng.standard_normal(x.shape) * reach(x)
                left = f(a * x + b * x2) - at_0
                right = a * at_x + b * (f(x2) - at_0)
                size = np.max(np.abs(left), initial=0) + np.max(np.abs(right), initial=0)
                size += np.max(np.abs(at_0), initial=0)
                if not np.max(np.abs(left - right), initial=0) <= 1e-12 * size:
                    return False
        return True

    def output(self) -> Array:
        """Return f(x)."""
        return np.asarray(self.f(self.x))

    def moved_to(self, x: Array) -> AdjointIdentity:
        """Return the same method at another place."""
        return AdjointIdentity(self.f, x, self.dy)

    def slope(self, t: Array) -> Array:
        """Return how the output grows along `t`, an array like the output."""
        return np.asarray((self.f(self.scale * t) - self.at_0) / self.scale)

    def along(self, t: Array) -> Probe:
        return Probe(float(contract(self.dy, self.slope(t))))


class ComplexStep:
    """The complex step. `accepts` tests whether `f` carries the imaginary part through."""

    name = "complex step"

    def __init__(self, f: Function, x: Array, dy: Array) -> None:
        self.f, self.x, self.dy = f, x, dy
        self.tolerance = exact_tolerance(x.size + dy.size)
        self.reason = _exact_reason(x.size + dy.size)

    def accepts(self, differences: CentralDifferences, rng: np.random.Generator) -> bool:
        """Tell whether the result agrees with differences of the real function.

        Code that takes `.real` or `abs` on the way loses the imaginary part in silence, and would
        report a slope of 0; so the slope along random directions must be the right one.
        """
        try:
            with np.errstate(all="ignore"):
                y = self.f(self.x.astype(np.complex128))
            size = 1e-9 * np.max(np.abs(differences.y), initial=0)
            if np.asarray(y).dtype.kind != "c" or not np.all(
                np.abs(np.asarray(y).real - differences.y) <= size
            ):
                return False
            agreed = 0
            for t in _sparser_directions(self.x, rng):
                expected = differences.along(t)
                if not expected.trouble:
                    found = self.along(t).value
                    size = max(abs(found), abs(expected.value), differences.floor)
                    if not abs(found - expected.value) <= 1e-5 * size:
                        return False
                    agreed += 1
                if agreed == 2:
                    break
        except Exception:  # a user's function may refuse complex numbers in any way it likes
            return False
        return agreed > 0

    def output(self) -> Array:
        return np.asarray(self.f(self.x.astype(np.complex128))).real

    def moved_to(self, x: Array) -> ComplexStep:
        return ComplexStep(self.f, x, self.dy)

    def slope(self, t: Array) -> Array:
        return np.asarray(self.f(self.x + 1j * COMPLEX_STEP * t)).imag / COMPLEX_STEP

    def along(self, t: Array) -> Probe:
        return Probe(float(contract(self.dy, self.slope(t))))


class CentralDifferences:
    """Central differences with Richardson's extrapolation and a watch for kinks."""

    name = "central differences"
    tolerance = DIFFERENCES_TOLERANCE
    reason = "ten times the gap between two extrapolations at which a difference counts as settled"

    def __init__(self, f: Function, x: Array, dy: Array) -> None:
        self.f, self.x, self.dy = f, x, dy
        self.y = np.asarray(f(x))
        # What the sum is made of, for a step of size reach(x): its rounding is noise in any method.
        # 1 % of it is the least size at which a derivative is taken seriously.
        self.floor = 1e-2 * float(np.linalg.norm((dy * self.y).ravel())) / reach(x)

    def slopes(self, t: Array, h: float) -> tuple[float, float]:
        """Return the one-sided slopes, ahead and behind.

        The difference is taken before the sum, so that outputs which do not move add no noise.
        """
        try:
            with np.errstate(all="ignore"):
                ahead = contract(self.dy, self.f(self.x + h * t) - self.y) / h
                behind = contract(self.dy, self.y - self.f(self.x - h * t)) / h
        except (ValueError, ArithmeticError):
            return float("nan"), float("nan")  # the step leaves the domain: a shorter one may not
        return float(ahead), float(behind)

    def output(self) -> Array:
        return self.y

    def moved_to(self, x: Array) -> CentralDifferences:
        return CentralDifferences(self.f, x, self.dy)

    def slope(self, t: Array) -> Array:
        """Return how the output grows along `t`, without extrapolation: to about 9 digits."""
        h = 1e-5 * reach(self.x) / max(1.0, float(np.max(np.abs(t))))
        return np.asarray((self.f(self.x + h * t) - self.f(self.x - h * t)) / (2 * h))

    def along(self, t: Array) -> Probe:
        length = max(1.0, float(np.max(np.abs(t))))
        h = _FIRST_STEP * reach(self.x) / length
        rms = float(np.sqrt(np.mean(np.square(self.x)))) or 1.0
        last = _LAST_STEP * max(1e-8, min(rms, reach(self.x))) / length
        estimate, trouble = float("nan"), "unsettled"
        while h > last:
            pairs = [self.slopes(t, h / 2**k) for k in range(3)]
            c = [(ahead + behind) / 2 for ahead, behind in pairs]
            gaps = [abs(ahead - behind) for ahead, behind in pairs]
            first, second = (4 * c[1] - c[0]) / 3, (4 * c[2] - c[1]) / 3
            estimate = (16 * second - first) / 15
            scale = max(abs(pairs[2][0]), abs(pairs[2][1]), self.floor)
            # The gap of a smooth function shrinks with h, to a quarter here; that of a kink stays.
            kink = gaps[2] > 0.6 * gaps[0] and gaps[2] > 1e-8 * scale
            settled = abs(estimate - second) <= 0.1 * self.tolerance * scale
            if settled and not kink:
                return Probe(estimate)
            trouble = "kink" if kink else "unsettled"
            h /= 8
        return Probe(estimate, trouble)


Method = AdjointIdentity | ComplexStep | CentralDifferences
