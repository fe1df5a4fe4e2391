"""Every exported operation, layer and loss through the gradient checker, on every rung.

They are found, not listed, and so are their cases: see `nanocnn.gradcheck.cases`.
"""

from functools import partial

import numpy as np
import pytest

import nanocnn as nc
from nanocnn import ops
from nanocnn.gradcheck import cases, check_op
from nanocnn.gradcheck.everything import jobs

JOBS = jobs(seed=7)


@pytest.mark.parametrize("backend", nc.BACKENDS)
@pytest.mark.parametrize("job", JOBS, ids=lambda job: f"{job.kind} {job.name}")
def test_gradient(backend, job):
    with nc.backend(backend):
        report = job.run()
    report.raise_if_failed()
    assert all(row.checked > 0 for row in report.rows)


def test_every_array_of_an_operation_has_a_row():
    for name in cases.exported_ops():
        for case in cases.OPS[name]:
            forward = partial(getattr(ops, f"{name}_forward"), **case.options)
            backward = getattr(ops, f"{name}_backward")
            with nc.backend("vectorized"):
                report = check_op(forward, backward, *case.draw(np.random.default_rng(0)))
            assert len(report.rows) == len(case.shapes)


def test_a_wrong_gradient_is_seen_through_the_same_path():
    """The cases would be worth nothing if the checker said yes to all."""
    case = cases.OPS["conv2d"][1]
    forward = partial(ops.conv2d_forward, **case.options)

    def without_padding(dy, cache):
        shifted = cache._replace(x=np.roll(cache.x, 1, axis=1))
        return ops.conv2d_backward(dy, shifted)

    report = check_op(forward, without_padding, *case.draw(np.random.default_rng(0)))
    assert not report.passed
    assert [row.name for row in report.failures] == ["w"]
