"""The sections of `examples/gradient_math.py`, one module each, in the order in which to read them.

| module | what it walks through |
|---|---|
| `chain_rule.py` | one number, two paths, and what a derivative is compared with |
| `dense.py` | one dense layer, index by index |
| `sigmoid.py` | a slope written through the output, and a slope taken at the output |
| `article.py`, `network.py` | the article's formulas: as printed, with one error, corrected |
| `convolution.py` | a filter on an image of 5x5, and the flipped filter of its backward pass |
| `pooling.py` | the winner takes the gradient; overlapping windows add |
| `softmax.py` | a full Jacobian, and how it shrinks to p - q |
| `update.py` | where alpha belongs, and why a falling loss proves little |

`ledger.py` prints and keeps the verdicts; `bars.py` and `grids.py` draw.
"""
