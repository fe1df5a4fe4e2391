"""Section 1. The chain rule on one number, and on a number that goes two ways."""

from __future__ import annotations

import numpy as np

import nanocnn as nc

from .ledger import Ledger, say, show


def sigmoid(z):
    return 1 / (1 + np.exp(-z))  # (A5)


def loss_of(w, x, b, t):
    """One neuron and its squared error, step by step."""
    z = w * x + b
    a = sigmoid(z)
    return (a - t) ** 2, (z, a)


def slope_of_loss(x, t, a):
    """Multiply the slopes of the three steps, last step first."""
    da = 2 * (a - t)  # dL/da
    dz = da * a * (1 - a)  # dL/dz = dL/da da/dz
    return dz * x  # dL/dw = dL/dz dz/dw


def walk(ledger: Ledger) -> None:
    """Find one derivative in three ways."""
    ledger.open("The chain rule on one number")
    say("""
        One neuron: z = w x + b, a = sigma(z), L = (a - t)^2. How fast does L change with w? The
        number w acts on L only through z, and z only through a. So the slopes of the steps
        multiply:

            dL/dw = dL/da * da/dz * dz/dw = 2 (a - t) * a (1 - a) * x

        That is all of backpropagation: go through the steps backward, multiply by each one's slope.
    """)
    w, x, b, t = 0.7, 1.5, -0.2, 1.0
    loss, (z, a) = loss_of(w, x, b, t)
    by_chain_rule = slope_of_loss(x, t, a)
    show(4, w=w, x=x, b=b, t=t, z=z, a=a, L=loss)
    say("""
        Is it right? Three ways to ask, none of which uses the formula: move w a little to both
        sides and divide (central difference); move it by i h, where i^2 = -1, and read the
        imaginary part (complex step: nothing is subtracted, so nothing is lost to rounding).
    """)
    h = 1e-5
    difference = (loss_of(w + h, x, b, t)[0] - loss_of(w - h, x, b, t)[0]) / (2 * h)
    complex_step = loss_of(w + 1e-20j, x, b, t)[0].imag / 1e-20
    print(f"""
      chain rule          {by_chain_rule:.15f}
      central difference  {difference:.15f}
      complex step        {complex_step:.15f}""")
    say("""
        A number that goes two ways acts through both, and its slopes ADD: in y = u v with u = v =
        s, dy/ds = v + u = 2 s. A weight of a dense layer meets every image of the batch, a weight
        of a convolution every place: each sum in what follows is this one rule.

        nc.gradcheck does the comparison for whole arrays: check_op(forward, backward, *inputs)
        draws a RANDOM upstream gradient dy, picks the sharpest of its methods and reports the
        largest difference, relative to the largest entry of the gradient. For the sum of two
        paths:
    """)
    s = np.array([0.3, -1.2, 2.0])
    for text, backward in [
        ("both paths", lambda dy, s: dy * s + dy * s),
        ("one of them", lambda dy, s: dy * s),
    ]:
        report = nc.gradcheck.check_op(lambda s: (s * s, s), backward, s)
        (row,) = report.rows
        print(
            f"      {text:12} {'passed' if report else 'FAILED'}   relative error {row.error:.1e}"
        )
