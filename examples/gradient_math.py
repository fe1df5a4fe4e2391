"""From the chain rule to the article's backward pass, as it should have been printed.

    python examples/gradient_math.py                  a second of arithmetic, then pictures

The article on which nanocnn's first example rests prints seven equations for a network of dense
layers. Four are right. The three of the backward pass are not:

    delta(l) = dL/dz(l+1) (.) d sigma/d a(l)          article (5)
    dW(l) = alpha . delta(l+1) . a(l-1)               article (6)
    db(l) = alpha . delta(l+1)                        article (7)

This program walks from first-year calculus to what should stand there, writes each formula as
printed and as corrected, and puts both through `nanocnn.gradcheck`. It does the same with the usual
mistakes in convolution, pooling and softmax, on an image of 5x5 that fits on the page. Read the
modules of `gradient_walk/` in the order of `walk` below, next to what they print.

The tags, such as (D2), are those of `nanocnn/reference/`, where each equation is derived in full.
In `--out`: metrics.json with every verdict, and five pictures.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from gradient_walk import (
    bars,
    chain_rule,
    convolution,
    dense,
    grids,
    network,
    pooling,
    sigmoid,
    softmax,
    update,
)
from gradient_walk.ledger import CORRECTED, Ledger, say, shown_error


def walk(seed: int, out: Path) -> Ledger:
    """Go through all sections in order, and draw what they found."""
    rng = np.random.default_rng(seed)
    ledger = Ledger()
    chain_rule.walk(ledger)
    dense.walk(ledger, rng)
    sigmoid.walk(ledger, rng)
    network.walk(ledger, rng)
    conv_shown = convolution.walk(ledger, rng)
    pool_shown = pooling.walk(ledger, rng)
    softmax_shown = softmax.walk(ledger, rng)
    update.walk(ledger, rng)
    summarize(ledger)
    bars.draw_formulas(ledger.verdicts, out / "formulas.png")
    bars.draw_softmax(softmax_shown, out / "softmax.png")
    bars.draw_scatter(network.scatter(rng), out / "analytic_and_numeric.png")
    grids.draw_convolution(conv_shown, out / "convolution.png")
    grids.draw_pooling(pool_shown, out / "pooling.png")
    return ledger


def summarize(ledger: Ledger) -> None:
    """Print all verdicts once more, one line each."""
    say("""
        All verdicts
        ------------
    """)
    quantity = None
    for v in ledger.verdicts:
        if v.quantity != quantity:
            quantity = v.quantity
            print(f"  {quantity}")
        verdict = "passed" if v.passed else "FAILED"
        print(f"    {v.written:14}  {verdict} {shown_error(v):>8}  {v.code}")
    right = [v for v in ledger.verdicts if v.written == CORRECTED]
    wrong = [v for v in ledger.verdicts if v.written != CORRECTED]
    missed = min(v.error / v.tolerance for v in wrong if v.tolerance)
    passed, failed = sum(v.passed for v in right), sum(not v.passed for v in wrong)
    print(f"""
  {passed} of {len(right)} corrected formulas passed.
  {failed} of {len(wrong)} wrong ones failed, by {missed:.0e} tolerances or more.""")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers")
    parser.add_argument("--out", metavar="DIR", default="out/gradient_math")
    args = parser.parse_args()
    began = time.perf_counter()
    out = Path(args.out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        ledger = walk(args.seed, out)
        found = {
            "seed": args.seed,
            "seconds": time.perf_counter() - began,
            "formulas": [verdict.as_json() for verdict in ledger.verdicts],
        }
        (out / "metrics.json").write_text(json.dumps(found, indent=2, allow_nan=False) + "\n")
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"\npictures and metrics.json are in {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
