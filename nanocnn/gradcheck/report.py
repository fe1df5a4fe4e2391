"""What a gradient check found: one row for each tensor, printed as a table and drawn as plots."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[Any]


class GradientError(AssertionError):
    """A gradient disagrees with its independent evidence. The message holds the failing rows."""


@dataclass(frozen=True)
class Curve:
    """The error of one method against its step size, along one random direction.

    Attributes
    ----------
    method : str
    steps, errors : (K,) arrays
        Step sizes, and abs(analytic - numeric) divided by the larger of the two.
    """

    method: str
    steps: Array
    errors: Array


@dataclass(frozen=True)
class Row:
    """The evidence for one gradient.

    Attributes
    ----------
    name : str
        Which input or parameter the gradient belongs to.
    method : str
        "adjoint identity", "complex step", "central differences", "contract" for a rule that
        was broken before any number could be compared (a wrong shape, a changed input), or "none"
        where backward gave no gradient to check.
    error : float
        Largest of abs(analytic - numeric) / scale over all probes, where scale is the largest
        analytic or numeric value of this gradient, but not less than 1 % of the noise level of
        the output: a gradient that is 0 but for rounding is compared with that.
    tolerance : float
    index : tuple of int, or None
        Where in the tensor the error is largest; None if the probe was a direction.
    analytic, numeric : float
        What backward returned and what was found there instead.
    checked, skipped : int
        Probes that were compared, and probes that could not be: the function has a kink there
        (relu at 0, a tie in max pooling), or differences did not settle.
    passed : bool
    note : str
        What went wrong, in words, and what it looks like where that can be told.
    reason : str
        Where the tolerance comes from.
    kinks : tuple of index tuples
        Elements at which the function has a kink, as far as they were found. There, any slope
        between the one-sided ones would do.
    values : (2, K) array
        Analytic and numeric values of the probed elements.
    trace : function or None
        Returns the error against the step size, for `Report.plot`.
    """

    name: str
    method: str
    error: float
    tolerance: float
    index: tuple[int, ...] | None = None
    analytic: float = float("nan")
    numeric: float = float("nan")
    checked: int = 0
    skipped: int = 0
    passed: bool = False
    note: str = ""
    reason: str = ""
    kinks: tuple[tuple[int, ...], ...] = ()
    values: Array = field(default_factory=lambda: np.zeros((2, 0)), repr=False, compare=False)
    trace: Callable[[], list[Curve]] | None = field(default=None, repr=False, compare=False)

    def cells(self) -> tuple[str, ...]:
        """Return the row as text, one string for each column of the table."""
        contract = self.method in ("contract", "none")
        skipped = f" ({self.skipped} skipped)" if self.skipped else ""
        return (
            self.name,
            self.method,
            "" if contract else f"{self.error:.1e}",
            "" if contract else f"{self.tolerance:.1e}",
            "" if contract else "direction" if self.index is None else str(self.index),
            "" if contract else f"{self.analytic:.10g}",
            "" if contract else f"{self.numeric:.10g}",
            f"{self.checked}{skipped}",
            self.verdict,
        )

    @property
    def verdict(self) -> str:
        """Say in words whether the row passed, why not, and where the kinks are."""
        if self.method == "none":
            return f"not checked: {self.note}"
        said = [("passed" if self.passed else "FAILED") + (f": {self.note}" if self.note else "")]
        if self.kinks:
            places = ", ".join(str(k) for k in self.kinks[:3])
            more = ", ..." if len(self.kinks) > 3 else ""
            said.append(f"{len(self.kinks)} at a kink: {places}{more}")
        return "; ".join(said)


_HEAD = ("gradient", "method", "error", "tolerance", "at", "analytic", "numeric", "probes", "")


@dataclass(frozen=True)
class Report:
    """All findings of one check. `print(report)` shows them as a table.

    Attributes
    ----------
    title : str
        What was checked.
    rows : list of Row
        One for each gradient.
    rules : list of Row
        One for each rule of the layer protocol that was tried; see `nanocnn.gradcheck.contract`.
    """

    title: str
    rows: list[Row] = field(default_factory=list)
    rules: list[Row] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """True if there is at least one row, and every row and rule passed."""
        return bool(self.rows) and not self.failures

    @property
    def failures(self) -> list[Row]:
        """The rows and rules that failed."""
        return [row for row in (*self.rows, *self.rules) if not row.passed]

    @property
    def checks(self) -> int:
        """How many checks ran: the compared probes, and the rules."""
        return sum(row.checked for row in self.rows) + len(self.rules)

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        count = len(self.rows) + len(self.rules)
        verdict = "passed" if self.passed else f"{len(self.failures)} of {count} FAILED"
        broken = [rule for rule in self.rules if not rule.passed]
        shown = [*self.rows, *broken]
        return f"{self.title}: {verdict}\n{_table(shown)}\n{_footnotes(shown)}{self._count()}"

    def _count(self) -> str:
        probes = sum(row.checked for row in self.rows)
        told = f"  {self.checks} checks: {probes} probes of {len(self.rows)} gradients"
        return told + (f", {len(self.rules)} rules of the layer protocol" if self.rules else "")

    def raise_if_failed(self) -> Report:
        """Return this report if all rows passed, otherwise raise.

        Raises
        ------
        GradientError
            With the failing rows as a table.
        """
        if not self.passed:
            wrong = sum(not row.passed for row in self.rows)
            broken = len(self.failures) - wrong
            parts = [f"{wrong} of {len(self.rows)} gradients are wrong"] if wrong else []
            parts += [f"{broken} of {len(self.rules)} rules are broken"] if broken else []
            told = " and ".join(parts) or "nothing was checked"
            raise GradientError(f"{self.title}: {told}\n{_table(self.failures)}")
        return self

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw, for each gradient, analytic against numeric and the error against the step size.

        On the left the points of a right gradient lie on the diagonal. On the right is the familiar
        V: with smaller steps the truncation of central differences falls, until rounding takes
        over; the complex step has no such rise. A wrong gradient stays flat and high.

        Parameters
        ----------
        path : PNG or other picture file to write, optional

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ValueError
            If no gradient could be compared, so that there is nothing to draw.
        """
        from nanocnn.gradcheck.plots import draw

        return draw(self, path)


def _table(rows: list[Row]) -> str:
    lines = [_HEAD, *(row.cells() for row in rows)]
    used = [k for k in range(len(_HEAD)) if any(line[k] for line in lines[1:])]
    widths = {k: max(len(line[k]) for line in lines) for k in used}
    return "\n".join(
        ("  " + "  ".join(line[k].ljust(widths[k]) for k in used)).rstrip() for line in lines
    )


def _footnotes(rows: list[Row]) -> str:
    """Say once for each tolerance where it comes from."""
    reasons = {(f"{row.tolerance:.1e}", row.reason): None for row in rows if row.reason}
    return "".join(f"  tolerance {tolerance}: {reason}\n" for tolerance, reason in reasons)
