"""Section 8. The update, the only place for alpha; and what a falling loss proves."""

from __future__ import annotations

import numpy as np

import nanocnn as nc

from . import article
from .ledger import Ledger, say

STEPS = (0, 1, 10, 100, 1000)
RATE = 0.5


def train(H, q, start, first_layer):
    """Descend with this dW(1), all else being right; return the loss on the way."""
    W1, b1, W2, b2 = (p.copy() for p in start)
    losses = {}
    for step in range(max(STEPS) + 1):
        z1, a1, _, p = article.forward(H, W1, b1, W2, b2)
        if step in STEPS:
            losses[step] = article.mean_cross_entropy(p, q)
        dW1, db1, dW2, db2 = article.backward(H, z1, a1, p, q, W2)
        dW1 = first_layer(W2, article.top_corrected(p, q), a1, H)
        for parameter, gradient in ((W1, dW1), (b1, db1), (W2, dW2), (b2, db2)):
            parameter -= RATE * gradient  # (O1)
    return losses


def as_printed(W2, delta2, a1, H):
    return article.dw_printed(None, delta2, H)  # article (6)


def as_corrected(W2, delta2, a1, H):
    return article.dw_corrected(
        article.delta_corrected(W2, delta2, a1), None, H
    )  # (D2), (A6), (D3)


def not_at_all(W2, delta2, a1, H):
    return np.zeros((len(a1), len(H)))


def walk(ledger: Ledger, rng: np.random.Generator) -> dict[str, dict[int, float]]:
    """Take one step with nanocnn's optimizer, then train with a wrong gradient."""
    ledger.open("The update")
    say("""
        Now that dW is the gradient and nothing else, alpha comes in, once:

            W <- W - alpha dW                                   (O1)
    """)
    W, dW = rng.standard_normal((2, 2)), rng.standard_normal((2, 2))
    by_hand = W - article.ALPHA * dW  # (O1)
    with nc.backend("reference"):
        nc.SGD(article.ALPHA).step({"W": W}, {"W": dW})
    print(f"\n  nanocnn.SGD differs from it by {np.abs(W - by_hand).max():.1e}")
    say("""
        What if nobody checks? Four images of four numbers, four hidden units, four classes: a
        network that learns them by heart, with dW(1) corrected, as printed in article (6), and
        left at zero so that W(1) never moves. All other gradients are right in all three runs.
        The loss after
    """)
    H, q = rng.standard_normal((4, 4)), np.eye(4)[:, rng.permutation(4)]
    start = [rng.standard_normal(shape) for shape in ((4, 4), (4, 1), (4, 4), (4, 1))]
    runs = {
        "dW(1) corrected": train(H, q, start, as_corrected),
        "dW(1) as printed": train(H, q, start, as_printed),
        "W(1) left alone": train(H, q, start, not_at_all),
    }
    print("\n      steps" + " " * 14 + "".join(f"{step:10}" for step in STEPS))
    for name, losses in runs.items():
        print(f"      {name:19}" + "".join(f"{losses[step]:10.4f}" for step in STEPS))
    falls = sum(losses[max(STEPS)] < losses[0] for losses in runs.values())
    say(f"""
        The loss falls in {falls} of {len(runs)} runs: the last layer makes up for the first.
        A loss that falls is no evidence for a gradient. Numbers that come from elsewhere are.
    """)
    return runs
