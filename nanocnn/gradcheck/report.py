"""What a gradient check found: one row for each tensor, printed as a table."""

from __future__ import annotations

from dataclasses import dataclass, field


class GradientError(AssertionError):
    """A gradient disagrees with its independent evidence. The message holds the failing rows."""


@dataclass(frozen=True)
class Row:
    """The evidence for one gradient.

    Attributes
    ----------
    name : str
        Which input or parameter the gradient belongs to.
    method : str
        "adjoint identity", "complex step", "central differences", or "contract" for a rule that
        was broken before any number could be compared (a wrong shape, a changed input).
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
        What went wrong, in words.
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

    def cells(self) -> tuple[str, ...]:
        """Return the row as text, one string for each column of the table."""
        contract = self.method == "contract"
        return (
            self.name,
            self.method,
            "" if contract else f"{self.error:.1e}",
            "" if contract else f"{self.tolerance:.1e}",
            "" if contract else "direction" if self.index is None else str(self.index),
            "" if contract else f"{self.analytic:.10g}",
            "" if contract else f"{self.numeric:.10g}",
            f"{self.checked}" + (f" ({self.skipped} skipped)" if self.skipped else ""),
            ("passed" if self.passed else "FAILED") + (f": {self.note}" if self.note else ""),
        )


_HEAD = ("gradient", "method", "error", "tolerance", "at", "analytic", "numeric", "probes", "")


@dataclass(frozen=True)
class Report:
    """All rows of one check. `print(report)` shows them as a table.

    Attributes
    ----------
    title : str
        What was checked.
    rows : list of Row
    """

    title: str
    rows: list[Row] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """True if there is at least one row and every row passed."""
        return bool(self.rows) and all(row.passed for row in self.rows)

    @property
    def failures(self) -> list[Row]:
        """The rows that failed."""
        return [row for row in self.rows if not row.passed]

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        verdict = "passed" if self.passed else f"{len(self.failures)} of {len(self.rows)} FAILED"
        return f"{self.title}: {verdict}\n{_table(self.rows)}"

    def raise_if_failed(self) -> Report:
        """Return this report if all rows passed, otherwise raise.

        Raises
        ------
        GradientError
            With the failing rows as a table.
        """
        if not self.passed:
            raise GradientError(
                f"{self.title}: {len(self.failures)} of {len(self.rows)} gradients are wrong\n"
                f"{_table(self.failures)}"
            )
        return self


def _table(rows: list[Row]) -> str:
    lines = [_HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(_HEAD))]
    return "\n".join(
        (
            "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
