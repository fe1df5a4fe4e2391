"""Section 2. One dense layer, index by index, to (D2), (D3) and (D4)."""

from __future__ import annotations

import numpy as np

import nanocnn as nc

from .ledger import Ledger, say, show


def dense(X, W, b):
    return X @ W + b  # (D1)


def dx_corrected(dY, X, W):
    """The sum runs over the second index of W."""
    return dY @ W.T  # (D2)


def dx_not_transposed(dY, X, W):
    """W where W.T belongs."""
    return dY @ W


def dw_corrected(dY, X, W):
    """Each image adds its product of input and gradient."""
    return X.T @ dY  # (D3)


def dw_not_transposed(dY, X, W):
    """X where X.T belongs."""
    return X @ dY


def db_corrected(dY, X, W):
    """The bias stands in every row, so all rows add up."""
    return dY.sum(axis=0)  # (D4)


def db_one_row(dY, X, W):
    """The last image only, as a loop that assigns instead of adding."""
    return dY[-1]


def walk(ledger: Ledger, rng: np.random.Generator) -> None:
    """Derive, print, and check on square sizes, where the shapes give nothing away."""
    ledger.open("One dense layer, index by index")
    say("""
        N images with D numbers each are the rows of X (N, D); F outputs each are the rows of Y
        (N, F):

            y[n,f] = b[f] + sum_c x[n,c] w[c,f]                                 (D1)   Y = X W + b

        Write dY for dL/dY: it arrives from the layer above. For every number, ask in WHICH
        outputs it stands and with WHICH factor; multiply by the gradient of each such output, and
        add.

        x[n,c] stands in y[n,f] of its own row, for every f, with factor w[c,f]:
            dx[n,c] = sum_f dy[n,f] w[c,f]                                      (D2)   dX = dY W^T
        w[c,f] stands in y[n,f] for every image n, with factor x[n,c]:
            dw[c,f] = sum_n x[n,c] dy[n,f]                                      (D3)   dW = X^T dY
        b[f] stands in y[n,f] for every image n, with factor 1:
            db[f]   = sum_n dy[n,f]                                             (D4)

        The transposes are nothing to be learned by heart: they say which index is summed. Two
        images with three numbers each, two outputs:
    """)
    X, W = rng.standard_normal((2, 3)).round(1), rng.standard_normal((3, 2)).round(1)
    b, dY = np.array([0.5, -0.5]), rng.standard_normal((2, 2)).round(1)
    show(X=X, W=W, b=b, Y=dense(X, W, b))
    shown = (dY, X, W)
    show(dY=dY, dX=dx_corrected(*shown), dW=dw_corrected(*shown), db=db_corrected(*shown))
    by_hand = sum(X[n, 0] * dY[n, 1] for n in range(2))
    print(f"\n  by hand: dw[0,1] = x[0,0] dy[0,1] + x[1,0] dy[1,1] = {by_hand:.2f}")
    say("""
        Now through the checker, right and wrong. Where D = F = N = 4 the shapes do not give the
        wrong ones away: every product of two square matrices exists. The numbers do.
    """)
    X, W, b = (rng.standard_normal(shape) for shape in ((4, 4), (4, 4), (4,)))

    def check(formula):
        """Check the gradient of the one input that the formula is for."""
        which = formula.__name__.split("_")[0]

        def backward(dY, cache):
            return tuple(formula(dY, *cache) if which == k else None for k in ("dx", "dw", "db"))

        return nc.gradcheck.check_op(
            lambda X, W, b: (dense(X, W, b), (X, W)), backward, X, W, b, names=("X", "W", "b")
        )

    ledger.judge("dX of a dense layer", (dx_not_transposed, dx_corrected), check)
    ledger.judge("dW of a dense layer", (dw_not_transposed, dw_corrected), check)
    ledger.judge("db of a dense layer", (db_one_row, db_corrected), check)
