"""Section 7. Softmax with cross-entropy: a full Jacobian that shrinks to p - q."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import nanocnn as nc

from .ledger import Ledger, say, show


def softmax(z):
    """Each row becomes positive numbers that sum to 1."""
    e = np.exp(z - z.real.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)  # (S1)


def cross_entropy(p, q):
    """A mean over the rows; the rows of p are first divided by their sum."""
    r = p / p.sum(axis=1, keepdims=True)
    return -np.sum(q * np.log(r)) / len(q)  # (L3), for r away from 0 and 1


def dp_corrected(p, q):
    """The gradient of the loss with respect to the probabilities."""
    S = p.sum(axis=1, keepdims=True)
    a = -q * S / p
    mean = np.sum(a * p / S, axis=1, keepdims=True)
    return (a - mean) / (len(q) * S)  # (L4)


def jacobian(p):
    """dp[k]/dz[l] of one row: a number in every place."""
    return np.diag(p) - np.outer(p, p)


# dz of softmax alone, from dp.


def softmax_diagonal(dp, p):
    """The diagonal of the Jacobian only, as if it were a sigmoid."""
    return dp * p * (1 - p)


def softmax_corrected(dp, p):
    """The whole Jacobian, without building it."""
    return p * (dp - np.sum(dp * p, axis=1, keepdims=True))  # (S2)


# dz of softmax and cross-entropy in one, from the logits.


def loss_wrong_sign(p, q):
    """The sign is wrong: training would climb."""
    return (q - p) / len(q)


def loss_without_mean(p, q):
    """The 1/N of the mean is missing."""
    return p - q


def loss_true_class(p, q):
    """Only the true class gets a gradient."""
    return q * (p - 1) / len(q)


def loss_diagonal(p, q):
    """The gradient of the loss (L4), then the diagonal only."""
    return dp_corrected(p, q) * p * (1 - p)


def loss_corrected(p, q):
    """Probability minus target."""
    return (p - q) / len(q)  # (L2)


class Shown(NamedTuple):
    """The arrays that are printed and drawn; the rows are images."""

    z: np.ndarray
    p: np.ndarray
    q: np.ndarray


def walk(ledger: Ledger, rng: np.random.Generator) -> Shown:
    """From the Jacobian to (S2), from (S2) and (L4) to (L2); then the usual mistakes."""
    ledger.open("Softmax with cross-entropy")
    say("""
        Two images, three classes; scores z, probabilities p, targets q (one-hot), images in rows:

            p[n,k] = e^z[n,k] / sum_l e^z[n,l]                              (S1)
            L = -1/N sum_n sum_k q[n,k] log p[n,k]                          (L1)

        Every probability depends on every score of its row, so the Jacobian is full, unlike the
        sigmoid's: dp[k]/dz[l] = p[k] ([k = l] - p[l]). The chain rule sums over k:

            dz[l] = sum_k dp[k] p[k] ([k = l] - p[l]) = p[l] (dp[l] - sum_k dp[k] p[k])      (S2)
    """)
    z, q = rng.standard_normal((2, 3)).round(1), np.eye(3)[[2, 0]]
    p = softmax(z)
    dp = dp_corrected(p, q)
    show(3, z=z, p=p, q=q, **{"Jacobian, first image": jacobian(p[0])})
    two_steps, one_step = softmax_corrected(dp, p), loss_corrected(p, q)
    say("""
        The loss on probabilities has the gradient dp = -q / (N p) + 1/N (L4), for p that sum to 1
        as (L3) makes them. Put it into (S2). The constant 1/N falls out, and as sum_k q[k] = 1

            dz[l] = p[l] (-q[l] / (N p[l]) + sum_k q[k] / N) = (p[l] - q[l]) / N             (L2)

        The division by p, which blows up where p is small, cancels against softmax's p. That is why
        both are done in one step, from the scores. In two steps and in one:
    """)
    show(3, dp=dp, **{"dz by (L4), (S2)": two_steps, "dz by (L2)": one_step})
    print(f"\n  largest difference: {np.abs(two_steps - one_step).max():.1e}")
    _, dlogits = nc.losses.softmax_cross_entropy(z, q)
    print(
        f"  nanocnn.losses.softmax_cross_entropy differs by {np.abs(dlogits - one_step).max():.1e}"
    )
    say("The usual mistakes:")
    shown = Shown(z, p, q)
    z, q = rng.standard_normal((4, 3)), np.eye(3)[[2, 0, 1, 2]]

    def check_softmax(formula):
        return nc.gradcheck.check_op(lambda z: (p := softmax(z), p), formula, z)

    def check_loss(formula):
        def loss(z, q):
            """Return the mean cross-entropy of the scores, by (L1), and its gradient."""
            p = softmax(z)
            return -np.sum(q * np.log(p)) / len(q), formula(p.real, q)  # (L1)

        return nc.gradcheck.check_loss(loss, z, q)

    def check_dp(formula):
        return nc.gradcheck.check_op(
            lambda p: (cross_entropy(p, q), p), lambda dL, p: dL * formula(p, q), softmax(z)
        )

    ledger.judge("dz of softmax", (softmax_diagonal, softmax_corrected), check_softmax)
    ledger.judge("dp of cross-entropy", (dp_corrected,), check_dp)
    wrong = (loss_diagonal, loss_true_class, loss_wrong_sign, loss_without_mean)
    ledger.judge("dz of softmax with cross-entropy", (*wrong, loss_corrected), check_loss)
    return shown
