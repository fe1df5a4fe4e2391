"""Section 4, the walk: the article's network through the checker, then as nanocnn writes it."""

from __future__ import annotations

import numpy as np

import nanocnn as nc

from . import article
from .article import ALPHA
from .chain_rule import sigmoid
from .ledger import Ledger, numeric_gradient, say, show


def walk(ledger: Ledger, rng: np.random.Generator) -> None:
    """Print the equations, judge each formula, then the network as a whole."""
    ledger.open("The article's network")
    say("""
        The article holds one image in a column and prints, for the layers l = 1 .. L:

            h(l) = sigma(W(l) . h(l-1) + b(l))                      article (1)
            h(L) = softmax(W(L) . h(L-1) + b(L))                    article (2)
            z(l) = W(l) . h(l-1) + b(l)                             article (3)
            a(l) = sigma(z(l))                                      article (4)
            delta(l) = dL/dz(l+1) (.) d sigma/d a(l)                article (5)
            dW(l) = alpha . delta(l+1) . a(l-1)                     article (6)
            db(l) = alpha . delta(l+1)                              article (7)

        The first four are the forward pass and are right. The last three are not:

            article (5)   W(l+1) and its transpose are missing; the slope is taken at a, not at z
            article (6)   the delta of the wrong layer, a(l-1) not transposed, alpha inside
            article (7)   the delta of the wrong layer, the batch not summed, alpha inside
            all three     what delta(L) begins with is not said: the loss's 1/N

        Let delta(l) be dL/dz(l), and L = -1/N sum_n sum_k q[k,n] log p[k,n]  (L1), a mean over N
        images with a column n each. As in section 2, ask where a number stands and with which
        factor:

            z(l)[f,n] acts through a(l)[f,n] alone, with slope a (1 - a), and a(l)[f,n] stands in
            every z(l+1)[k,n] of its column with factor W(l+1)[k,f]:
                delta(l)[f,n] = a[f,n] (1 - a[f,n]) sum_k W(l+1)[k,f] delta(l+1)[k,n]     (D2), (A6)
            W(l)[f,c] stands in z(l)[f,n] for every image n, with factor a(l-1)[c,n]:
                dW(l)[f,c] = sum_n delta(l)[f,n] a(l-1)[c,n]                              (D3)
            b(l)[f] stands in z(l)[f,n] for every image n, with factor 1:
                db(l)[f] = sum_n delta(l)[f,n]                                            (D4)

        So, as matrices, what the article should have printed:

            delta(L) = (p - q) / N                                  (L2), section 7
            delta(l) = W(l+1)^T . delta(l+1) (.) a(l) (1 - a(l))    (D2), (A6)
            dW(l)    = delta(l) . a(l-1)^T                          (D3), the product sums the batch
            db(l)    = sum_n delta(l)[:, n]                         (D4)
            W(l)    <- W(l) - alpha dW(l)                           (O1), the only place for alpha
    """)
    _two_names(rng)
    say("""
        Each error by itself, and the formula wholly as printed, go through the checker. All
        widths and the batch are 4: the printed formulas exist on such sizes only, and where all
        sizes are equal the shapes do not give them away.
    """)
    _judge_tops(ledger, rng)
    _judge_deltas(ledger, rng)
    _judge_parameters(ledger, rng, article.DWS, "dW(l)", images=4)
    _judge_parameters(ledger, rng, article.DBS, "db(l)", images=4)
    say("""
        As printed, db(l) is one column for each image, which no bias is. Only a batch of one image
        gives it the right shape:
    """)
    _judge_parameters(
        ledger, rng, (article.db_printed, article.db_corrected), "db(l), one image", images=1
    )
    _unequal_sizes(rng)
    _whole(rng)


def _two_names(rng: np.random.Generator) -> None:
    """Show that h and a are one array, and what alpha does when it stands in dW as well."""
    H, W, b = rng.random((4, 4)), rng.standard_normal((4, 4)), rng.standard_normal((4, 1))
    h = sigmoid(W @ H + b)  # article (1)
    z = W @ H + b  # article (3)
    a = sigmoid(z)  # article (4)
    say(f"""
        h and a are two names of one thing: article (1) is article (3), then (4).
            largest difference between h(l) and a(l): {np.abs(h - a).max():.1f}
    """)
    gradient = 2.0
    dw = ALPHA * gradient
    say(f"""
        alpha belongs to the update. Inside dW it comes again in W <- W - alpha dW  (O1), so the
        step is alpha^2 times the gradient: with alpha = {ALPHA} and a gradient of {gradient:.0f}
            a step of {ALPHA * gradient:.2f} becomes {ALPHA * dw:.3f}
    """)


def _judge_tops(ledger: Ledger, rng: np.random.Generator) -> None:
    """Check delta(L): from the last z through softmax to the loss, a single number."""
    z, q = rng.standard_normal((4, 4)), np.eye(4)[:, [2, 0, 3, 0]]

    def check(formula):
        def forward(z):
            p = article.softmax(z)
            return article.mean_cross_entropy(p, q), p

        return nc.gradcheck.check_op(forward, lambda dL, p: dL * formula(p, q), z)

    ledger.judge("delta(L)", article.TOPS, check)


def _judge_deltas(ledger: Ledger, rng: np.random.Generator) -> None:
    """Check delta(l): from z(l) through the sigmoid and the next layer to z(l+1)."""
    z, W, b = rng.standard_normal((4, 4)), rng.standard_normal((4, 4)), rng.standard_normal((4, 1))

    def check(formula):
        def forward(z):
            a = sigmoid(z)
            return W @ a + b, a

        return nc.gradcheck.check_op(forward, lambda delta_next, a: formula(W, delta_next, a), z)

    ledger.judge("delta(l)", article.DELTAS, check)


def _judge_parameters(ledger, rng, formulas, quantity, images) -> None:
    """Check dW(l) or db(l): from W(l) and b(l) to z(l+1), with delta(l) as it should be."""
    H, W, b = rng.random((4, images)), rng.standard_normal((4, 4)), rng.standard_normal((4, 1))
    W_next = rng.standard_normal((4, 4))
    of_weights = quantity.startswith("dW")

    def check(formula):
        def forward(W, b):
            a = sigmoid(W @ H + b)
            return W_next @ a, a

        def backward(delta_next, a):
            delta = article.delta_corrected(W_next, delta_next, a)
            found = formula(delta, delta_next, H)
            return (found, None) if of_weights else (None, found)

        return nc.gradcheck.check_op(forward, backward, W, b)

    ledger.judge(quantity, formulas, check)


def scatter(rng: np.random.Generator) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return numeric gradient, printed and corrected formula of delta(l), dW(l) and db(l)."""
    H, W, b = rng.random((4, 4)), rng.standard_normal((4, 4)), rng.standard_normal((4, 1))
    W_next, delta_next = rng.standard_normal((4, 4)), rng.standard_normal((4, 4))
    z = W @ H + b
    a = sigmoid(z)
    delta = article.delta_corrected(W_next, delta_next, a)
    one = slice(0, 1)  # the image of db(l), as printed it is for one
    return {
        "delta(l)": (
            numeric_gradient(lambda z: W_next @ sigmoid(z), z, delta_next),
            article.delta_printed(W_next, delta_next, a),
            delta,
        ),
        "dW(l)": (
            numeric_gradient(lambda W: W_next @ sigmoid(W @ H + b), W, delta_next),
            article.dw_printed(delta, delta_next, H),
            article.dw_corrected(delta, delta_next, H),
        ),
        "db(l), one image": (
            numeric_gradient(lambda b: W_next @ sigmoid(W @ H[:, one] + b), b, delta_next[:, one]),
            article.db_printed(delta[:, one], delta_next[:, one], H[:, one]),
            article.db_corrected(delta[:, one], delta_next[:, one], H[:, one]),
        ),
    }


def _unequal_sizes(rng: np.random.Generator) -> None:
    """Show what NumPy says to the printed formulas where all sizes differ."""
    D, F, K, N = 3, 5, 2, 4
    say(f"""
        With {D} inputs, {F} hidden units, {K} classes and {N} images the shapes do give them away:
    """)
    a_below, a, delta_next = rng.random((D, N)), rng.random((F, N)), rng.random((K, N))
    for name, attempt in [
        ("article (5)", lambda: article.delta_printed(None, delta_next, a)),
        ("article (6)", lambda: article.dw_printed(None, delta_next, a_below)),
    ]:
        try:
            attempt()
        except ValueError as error:
            text = str(error).strip()
            if "matmul" in text:  # NumPy's own words are long here
                text = f"matrix product of shapes {delta_next.shape} and {a_below.shape}"
            print(f"      {name}   {text}")
    b = rng.standard_normal((F, 1))
    stretched = (b - ALPHA * rng.random((F, N))).shape
    print(f"      article (7)   shape {delta_next.shape}, the bias is {b.shape}")
    say(f"""
        The dangerous one is the last, once its index is right. NumPy stretches the bias silently:
        after b = b - alpha * delta its shape is {stretched}, a bias for every image.

        And for l = L the printed formulas ask for delta(L+1). There is no layer L+1.
    """)


def _whole(rng: np.random.Generator) -> None:
    """Check all corrected formulas together, then compare with nanocnn's rows."""
    D, F, K, N = 3, 5, 2, 4
    H, q = rng.random((D, N)), np.eye(K)[:, [0, 1, 1, 0]]
    W1, b1 = rng.standard_normal((F, D)), rng.standard_normal((F, 1))
    W2, b2 = rng.standard_normal((K, F)), rng.standard_normal((K, 1))

    def forward(W1, b1, W2, b2):
        z1, a1, _, p = article.forward(H, W1, b1, W2, b2)
        return article.mean_cross_entropy(p, q), (z1, a1, p, W2)

    def backward(dL, cache):
        z1, a1, p, W2 = cache
        return tuple(dL * g for g in article.backward(H, z1, a1, p, q, W2))

    report = nc.gradcheck.check_op(forward, backward, W1, b1, W2, b2)
    worst = max(row.error for row in report.rows)
    say(f"""
        All corrected formulas together, on these sizes, from the loss to every parameter:
            {"passed" if report else "FAILED"}, worst relative error {worst:.1e}
    """)
    say("""
        Why nanocnn has rows. In memory the numbers of one image lie side by side, an image file
        is read that way, and a batch grows at the front: so an image is a row and the layer is X
        W + b instead of W h + b. Transpose every equation above, and it is section 2: (W h)^T =
        h^T W^T. The same network as rows, its weights transposed, gives the same gradients
        transposed:
    """)
    model = nc.Sequential(
        [nc.Dense(F, activation="sigmoid"), nc.Dense(K)], input_shape=(D,), dtype="float64", seed=0
    )
    for key, value in zip(model.params, (W1.T, b1[:, 0], W2.T, b2[:, 0]), strict=True):
        model.params[key][...] = value
    with nc.backend("reference"):
        logits, cache = model.forward(H.T, training=True)
        _, dlogits = nc.losses.softmax_cross_entropy(logits, q.T)
        _, grads = model.backward(dlogits, cache)
        checked = nc.gradcheck.check_model(model, H.T, q.T, loss="softmax_cross_entropy")
    z1, a1, _, p = article.forward(H, W1, b1, W2, b2)
    columns = article.backward(H, z1, a1, p, q, W2)
    gap = max(
        np.abs(mine - theirs.T.reshape(mine.shape)).max()
        for mine, theirs in zip(grads.values(), columns, strict=True)
    )
    show(3, **{"dW(2), article's columns": columns[2], "dw, nanocnn's rows": grads[list(grads)[2]]})
    print(f"\n      largest difference over all four: {gap:.1e}")
    print(f"      check_model: {'passed' if checked else 'FAILED'}")
