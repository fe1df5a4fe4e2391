"""The input and the parameters of a layer or model, each as the subject of a comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanocnn._backend import backend
from nanocnn.gradcheck.compare import Subject, compare
from nanocnn.gradcheck.diagnose import variants
from nanocnn.gradcheck.holder import Holder
from nanocnn.gradcheck.inputs import fault_of
from nanocnn.gradcheck.report import Row

Array = NDArray[Any]
Output = Callable[[Array], Array]  # from the layer's input to what is differentiated


class Tensors:
    """What the output depends on: `x`, and each parameter by its name.

    Parameters
    ----------
    holder : Holder
    x : array
        The input.
    decoy : array or None
        The input of another pass that was made in between.
    output : function of the input
        It uses the parameters that the holder holds at the moment.
    dy : array
        Upstream gradient.
    suffix : str
        Behind the names in the report.
    linear : bool or None
        As for `Subject`.
    """

    def __init__(
        self,
        holder: Holder,
        x: Array,
        decoy: Array | None,
        output: Output,
        dy: Array,
        suffix: str = "",
        linear: bool | None = None,
    ) -> None:
        self.holder, self.x, self.decoy, self.output = holder, x, decoy, output
        self.dy, self.suffix, self.linear = dy, suffix, linear

    def rows(
        self, dx: Any, grads: dict[str, Any], rng: np.random.Generator, max_elements: int
    ) -> list[Row]:
        """Compare dx, and the gradient of each parameter that has one."""
        gradients = {"x": dx, **{name: grads[name] for name in self.holder.params if name in grads}}
        rows = []
        for name, gradient in gradients.items():
            at = self.x if name == "x" else self.holder.params[name].copy()
            fault = fault_of(gradient, at) if gradient is not None else "backward returned no dx"
            if fault:
                rows.append(Row(name + self.suffix, "contract", np.inf, 0.0, note=fault))
                continue
            subject = self._subject(name, at, np.asarray(gradient))
            rows.append(compare(subject, rng, max_elements))
        return rows

    def _subject(
        self, name: str, at: Array, gradient: Array, exchange: tuple[str, Array] | None = None
    ) -> Subject:
        real, wide = self._forms(name, exchange)
        forms = [wide, _in_numpy(wide)]
        others = None if exchange else lambda: self._others(name, at, gradient)
        return Subject(
            name + self.suffix, at, real, forms, self.dy, gradient, self.linear, others=others
        )

    def _forms(self, name: str, exchange: tuple[str, Array] | None) -> tuple[Output, Output]:
        """Return the output as a function of one tensor: for real and for complex numbers.

        `exchange` gives another tensor other numbers meanwhile.
        """
        holder, output = self.holder, self.output
        input_is = exchange[1] if exchange and exchange[0] == "x" else self.x

        def exchanged() -> Any:
            return holder.holding(*exchange) if exchange and exchange[0] != "x" else nullcontext()

        def real(a: Array) -> Array:
            if name == "x":
                with exchanged():
                    return output(a)
            with exchanged(), holder.holding(name, a):
                return output(input_is)

        def wide(a: Array) -> Array:
            with exchanged(), holder.complex_valued({} if name == "x" else {name: a}):
                return output(a if name == "x" else input_is.astype(np.complex128))

        return real, wide

    def _others(self, name: str, at: Array, gradient: Array) -> Iterator[tuple[str, Subject]]:
        """Yield what backward may have differentiated instead, with what that would mean."""
        if self.decoy is not None:
            told = "that of another pass: its memory is not in the cache"
            if name == "x":
                yield told, self._subject("x", self.decoy, gradient, ("x", self.decoy))
            else:
                yield told, self._subject(name, at, gradient, ("x", self.decoy))
        for other, p in self.holder.params.items():
            if other == name:
                continue
            for how, changed in variants(p):
                yield (
                    f"computed with {other} {how}",
                    self._subject(name, at, gradient, (other, np.ascontiguousarray(changed))),
                )
            if p.shape == at.shape and name != "x":
                yield f"the gradient of {other}", self._subject(other, p.copy(), gradient)


def _in_numpy(f: Output) -> Output:
    """Return `f` on the NumPy rung, which takes complex numbers where the compiled one does not."""

    def inner(a: Array) -> Array:
        with backend("vectorized"):
            return f(a)

    return inner
