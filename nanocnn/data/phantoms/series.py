"""What all phantoms have in common: checks of the arguments, patients' ids, shares of the classes.

Each error's message is one line.
"""

from __future__ import annotations

import math
import operator

import numpy as np
from numpy.typing import NDArray

SMALLEST_SIZE, LARGEST_SIZE = 64, 4096
MOST_PATIENTS = 2**32
GOLDEN = 0.5 * (math.sqrt(5.0) - 1.0)


def whole(function: str, name: str, value: object, low: int, high: int) -> int:
    """Return `value` as an int, or raise unless it is a whole number from `low` to `high`."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} is {value!r}; {function} needs a whole number (int)") from None
    if not low <= number <= high:
        raise ValueError(f"{name} is {value}; {function} needs a whole number from {low} to {high}")
    return number


def fraction(function: str, name: str, value: object) -> float:
    """Return `value` as a float, or raise unless it lies in [0, 1]."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"{name} is {value!r}; {function} needs a number from 0 to 1") from None
    if not 0.0 <= number <= 1.0:
        raise ValueError(f"{name} is {value}; {function} needs a number from 0 to 1")
    return number


def check_series(
    function: str, n: int, seed: int, size: int, patients_from: int, images_each: int
) -> tuple[int, int, int, int]:
    """Return the checked n, seed, size and patients_from of a series of images."""
    n = whole(function, "n", n, 1, images_each * MOST_PATIENTS)
    seed = whole(function, "seed", seed, 0, 2**31 - 1)
    size = whole(function, "size", size, SMALLEST_SIZE, LARGEST_SIZE)
    last = MOST_PATIENTS - (n + images_each - 1) // images_each
    return n, seed, size, whole(function, "patients_from", patients_from, 0, last)


def patient_ids(n: int, seed: int, patients_from: int, images_each: int) -> NDArray[np.int64]:
    """Return the patient of each image, (n,): no other seed and no other number has the same id."""
    return seed * 2**32 + patients_from + np.arange(n, dtype=np.int64) // images_each


def even_share(seed: int, number: int) -> float:
    """Return patient `number`'s place in [0, 1) on a sequence that fills it as evenly as can be.

    Steps of the golden ratio from a random start: of any patients in a row, the share that falls
    below p differs from p by a patient or two, where independent draws would differ by far more.
    """
    start = np.random.default_rng([seed]).random()
    return float((start + number * GOLDEN) % 1.0)
