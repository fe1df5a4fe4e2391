"""Check all that the package exports: operations, layers and losses, on every rung."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from nanocnn import losses, ops
from nanocnn._backend import BACKENDS, backend
from nanocnn.gradcheck import cases
from nanocnn.gradcheck.functions import check_loss, check_op
from nanocnn.gradcheck.layers import check_layer
from nanocnn.gradcheck.report import Report, Row


class Job(NamedTuple):
    """One case of one exported thing, and how to check it."""

    kind: str
    name: str
    run: Callable[[], Report]


class Finding(NamedTuple):
    """A job's report on each rung, by the rung's name."""

    kind: str
    name: str
    reports: dict[str, Report]


def jobs(seed: int = 0) -> list[Job]:
    """Return a job for every case of everything that is exported.

    What is exported and has no case gets a job that fails, so that nothing is left out in silence.
    """
    found = [*_op_jobs(seed), *_layer_jobs(seed), *_loss_jobs(seed)]
    named = {(kind, re.split(r"\W", name)[0]) for kind, name, _ in found}
    exported = [("op", n) for n in cases.exported_ops()]
    exported += [("layer", n) for n in cases.exported_layers()]
    exported += [("loss", n) for n in cases.exported_losses()]
    missing = [pair for pair in exported if pair not in named]
    return found + [Job(kind, name, partial(_no_case, kind, name)) for kind, name in missing]


def run(
    found: Sequence[Job], rungs: Sequence[str] = BACKENDS, tick: Callable[[], object] | None = None
) -> Iterator[Finding]:
    """Run every job on every rung, and yield what was found; `tick` is called after each report."""
    for kind, name, check in found:
        reports = {}
        for rung in rungs:
            with backend(rung):
                reports[rung] = _guarded(name, check)
            if tick is not None:
                tick()
        yield Finding(kind, name, reports)


def _guarded(name: str, check: Callable[[], Report]) -> Report:
    """Run one check; an exception becomes a report that failed, and the rest goes on."""
    try:
        return check()
    except Exception as error:
        note = f"raised {type(error).__name__}: {error}"
        return Report(name, [Row("all", "contract", np.inf, 0.0, note=note)])


def _no_case(kind: str, name: str) -> Report:
    note = f"this {kind} has no case in nanocnn.gradcheck.cases; add one"
    return Report(name, [Row("all", "contract", np.inf, 0.0, note=note)])


def _told(name: str, options: Mapping[str, object]) -> str:
    """Return `name(option=value, ...)`, or the name alone where there is no option."""
    told = ", ".join(f"{key}={value!r}" for key, value in options.items())
    return f"{name}({told})" if told else name


def _op_jobs(seed: int) -> Iterator[Job]:
    for name in cases.exported_ops():
        for case in cases.OPS.get(name, []):
            forward = partial(getattr(ops, f"{name}_forward"), **case.options)
            backward = getattr(ops, f"{name}_backward")
            arrays = case.draw(np.random.default_rng(seed))
            shapes = ", ".join("x".join(map(str, shape)) for shape in case.shapes)
            title = f"{_told(name, case.options)} on {shapes}"
            check = partial(check_op, forward, backward, *arrays, name=title, seed=seed)
            yield Job("op", title, check)


def _layer_jobs(seed: int) -> Iterator[Job]:
    for name in cases.exported_layers():
        for make, input_shape in cases.LAYERS.get(name, []):
            layer = make()
            told = {k: v for k, v in layer.get_config().items() if v not in _PLAIN.get(k, (None,))}
            check = partial(check_layer, layer, input_shape, name=_told(name, told), seed=seed)
            yield Job("layer", _told(name, told), check)


# Settings as they are when nothing is said, which a layer's line need not repeat.
_PLAIN: dict[str, tuple[object, ...]] = {
    "stride": (1, (1, 1), None),
    "dilation": (1, (1, 1)),
    "padding": ("valid",),
    "groups": (1,),
    "momentum": (0.9,),
    "epsilon": (1e-5,),
    "use_bias": (True,),
    "initializer": ("glorot_uniform",),
}


def _loss_jobs(seed: int) -> Iterator[Job]:
    for name in cases.exported_losses():
        for case in cases.LOSSES.get(name, []):
            outputs, target = case.draw(np.random.default_rng(seed))
            loss = partial(getattr(losses, name), **case.options)
            title = f"{_told(name, case.options)} on {'x'.join(map(str, outputs.shape))}"
            check = partial(check_loss, loss, outputs, target, name=title, seed=seed)
            yield Job("loss", title, check)
