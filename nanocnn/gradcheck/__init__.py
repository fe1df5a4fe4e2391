"""Check gradients against evidence that does not come from the backward pass.

    report = nc.gradcheck.check_layer(nc.Conv2D(4, 3), input_shape=(9, 8, 2))
    print(report)
    report.raise_if_failed()

`check_op` takes a pair of functions, `check_layer` a layer, `check_loss` a loss, `check_model` a
model with its loss: nanocnn's or your own, with nothing to register. How the evidence is found is
told in `nanocnn.gradcheck.methods`, what a row means in `nanocnn.gradcheck.report`.
"""

from __future__ import annotations

from nanocnn.gradcheck.functions import check_loss, check_op
from nanocnn.gradcheck.layers import check_layer, check_model
from nanocnn.gradcheck.report import GradientError, Report, Row

__all__ = [
    "GradientError",
    "Report",
    "Row",
    "check_layer",
    "check_loss",
    "check_model",
    "check_op",
]
