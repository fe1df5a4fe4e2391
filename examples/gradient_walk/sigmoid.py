"""Section 3. The sigmoid's slope: written through a is not the same as taken at a."""

from __future__ import annotations

import numpy as np

import nanocnn as nc

from .chain_rule import sigmoid
from .ledger import Ledger, say


def slope(z):
    """The derivative of the sigmoid, at whatever it is given."""
    return sigmoid(z) * (1 - sigmoid(z))


def dz_at_a(da, z, a):
    """The slope taken AT a, as the article's d sigma/d a reads."""
    return da * slope(a)


def dz_corrected(da, z, a):
    """The slope at z, written THROUGH a."""
    return da * a * (1 - a)  # (A6)


def walk(ledger: Ledger, rng: np.random.Generator) -> None:
    """Tabulate both, then check both."""
    ledger.open("The sigmoid: through a, or at a")
    say("""
        a = sigma(z) = 1 / (1 + e^-z)  (A5)  works on each number by itself, so its Jacobian is
        diagonal and the backward pass is one product for each number, with the slope AT THE INPUT
        z:

            sigma'(z) = e^-z / (1 + e^-z)^2 = a (1 - a)      so      dz = da a (1 - a)      (A6)

        a (1 - a) is sigma'(z), WRITTEN with a because a is at hand. It is not sigma'(a), which
        would put a through the sigmoid once more. The article prints d sigma/d a, and who takes
        it at its word computes the last column. It lies between 0.19 and 0.25 always, so it never
        vanishes where the sigmoid is flat: off by a factor of ten at z = 4.
    """)
    print("\n        z        a = sigma(z)   a (1 - a)   by difference   sigma'(a)")
    for z in (-4.0, -1.0, 0.0, 2.0, 4.0):
        a, difference = sigmoid(z), (sigmoid(z + 1e-5) - sigmoid(z - 1e-5)) / 2e-5
        print(f"   {z:8.1f} {a:14.4f} {a * (1 - a):12.4f} {difference:13.4f} {slope(a):13.4f}")
    z = 2 * rng.standard_normal((3, 4))

    def check(formula):
        return nc.gradcheck.check_op(
            lambda z: (sigmoid(z), (z, sigmoid(z))), lambda da, cache: formula(da, *cache), z
        )

    ledger.judge("dz of the sigmoid", (dz_at_a, dz_corrected), check)
