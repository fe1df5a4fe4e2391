"""What the walk says, shows and finds out: printing, and the verdict on every formula.

A *formula* is a function of one line, such as

    def dw_corrected(delta, a_below):
        '''The correction.'''
        return delta @ a_below.T  # (D3)

Its docstring says what is particular about it. The walk prints the very line that runs, so what you
read is what was checked.
"""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

import nanocnn as nc

PRINTED, SLIP, CORRECTED = "as printed", "with one error", "corrected"
WIDTH = 96


class Verdict(NamedTuple):
    """What the checker said about one way to write one formula."""

    section: int
    quantity: str  # such as "delta(l)"
    written: str  # PRINTED, SLIP or CORRECTED
    what: str  # what is particular about it
    code: str  # the line that ran
    passed: bool
    method: str  # how the checker found the evidence
    error: float  # the worst relative error; infinite where the shape is wrong
    tolerance: float
    looks: str  # what it looks like from outside

    def as_json(self) -> dict[str, Any]:
        """Return all fields; JSON has no infinity, so a wrong shape has no error."""
        return {**self._asdict(), "error": self.error if math.isfinite(self.error) else None}


class Ledger:
    """All verdicts so far, and the number of the section that the walk is in."""

    def __init__(self) -> None:
        self.section = 0
        self.verdicts: list[Verdict] = []

    def open(self, title: str) -> None:
        """Begin the next section."""
        self.section += 1
        line = f"{self.section}. {title}"
        print(f"\n\n{line}\n{'=' * len(line)}")

    def judge(
        self,
        quantity: str,
        formulas: Iterable[Callable[..., Any]],
        check: Callable[[Callable[..., Any]], nc.gradcheck.Report],
    ) -> None:
        """Put each formula through the checker, and print what it said.

        A formula's name ends in what it is: `_printed`, `_corrected`, or else it has one error.
        """
        mine = []
        for formula in formulas:
            row = max(check(formula).rows, key=lambda row: row.error)
            mine.append(
                Verdict(
                    self.section,
                    quantity,
                    written_as(formula),
                    (formula.__doc__ or "").splitlines()[0].rstrip("."),
                    code_of(formula),
                    bool(row.passed),
                    row.method,
                    float(row.error),
                    float(row.tolerance),
                    "" if row.passed else looks_like(row),
                )
            )
        self.verdicts += mine
        print(f"\n  {quantity}")
        for v in mine:
            print(f"    {'passed' if v.passed else 'FAILED'} {shown_error(v):>8}   {v.code}")
            for text in filter(None, (v.what, v.looks)):
                print(textwrap.indent(textwrap.fill(text, WIDTH - 24), 24 * " "))


def written_as(formula: Callable[..., Any]) -> str:
    """Tell from its name how a formula is written."""
    ending = formula.__name__.rpartition("_")[2]
    return {"printed": PRINTED, "corrected": CORRECTED}.get(ending, SLIP)


def code_of(formula: Callable[..., Any]) -> str:
    """Return the line that computes, as it stands in the file, its tag included."""
    last = inspect.getsource(formula).rstrip().splitlines()[-1].strip().removeprefix("return ")
    return "  ".join(part.strip() for part in last.split("  ") if part.strip())


def looks_like(row: nc.gradcheck.Row) -> str:
    """Say in a few words how a failure looks."""
    if row.method == "contract":  # a rule was broken before any number could be compared
        return row.note
    where = "along a direction" if row.index is None else f"at {list(row.index)}"
    text = f"{row.analytic + 0.0:.3g} where {row.numeric + 0.0:.3g} is right, {where}"
    return f"{text}; {row.note}" if row.note else text


def shown_error(verdict: Verdict) -> str:
    """Return the worst relative error as text."""
    return f"{verdict.error:.1e}" if math.isfinite(verdict.error) else "shape"


def say(text: str) -> None:
    """Print a paragraph or more."""
    print("\n" + textwrap.dedent(text).strip("\n"))


def show(decimals: int = 2, **arrays: Any) -> None:
    """Print small matrices side by side, their names and shapes on top."""
    blocks = []
    for name, array in arrays.items():
        a = np.atleast_2d(np.asarray(array, np.float64))
        whole = bool(np.all(a == np.round(a)))
        cells = [[_number(v, 0 if whole else decimals) for v in row] for row in a]
        width = max(len(cell) for row in cells for cell in row)
        rows = ["[" + "  ".join(cell.rjust(width) for cell in row) + "]" for row in cells]
        head = name + (f" {np.shape(array)}" if np.ndim(array) else "")
        blocks.append([head, *rows])
    height = max(len(block) for block in blocks)
    widths = [max(map(len, block)) for block in blocks]
    print()
    for k in range(height):
        cells = [block[k] if k < len(block) else "" for block in blocks]
        line = "    ".join(cell.ljust(w) for cell, w in zip(cells, widths, strict=True))
        print(f"  {line}".rstrip())


def _number(v: float, decimals: int) -> str:
    """Return a number as text, without a sign where it is 0 after rounding."""
    text = f"{v:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text


def numeric_gradient(f: Callable[[Any], Any], x: Any, dy: Any, h: float = 1e-5) -> Any:
    """Return the gradient of sum(dy * f(x)) by central differences: move one number at a time."""
    found = np.zeros_like(x)
    for e in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[e] = h
        found[e] = np.sum(dy * (f(x + step) - f(x - step))) / (2 * h)
    return found
