"""Taking over the weights of a saved model: all of them, or those whose names fit.

To keep all layers but the last, no weights need be loaded by name: the layers themselves go into
a new model, with their parameters.

>>> import nanocnn as nc
>>> old = nc.load("old.safetensors")
>>> layers = [*old.layers[:-1], nc.Dense(5, name="new_head")]
>>> model = nc.Sequential(layers, input_shape=old.input_shape)
>>> model.preparation = old.preparation  # how files become what the model sees
>>> model[:-1].freeze()  # for a start; `unfreeze` later
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from ..layers.base import Array
from .model import Model
from .saving import ModelFileError, Path_, fitting, read


class LoadedWeights(NamedTuple):
    """Which parameters and states were taken from a file, by name, and which were not.

    Attributes
    ----------
    taken : tuple of str
        The model has them from the file.
    missing : tuple of str
        Of the model, not in the file; they are as they were.
    mismatched : tuple of str
        In both, but of another shape or dtype; they are as they were.
    unused : tuple of str
        In the file, not in the model.
    """

    taken: tuple[str, ...]
    missing: tuple[str, ...] = ()
    mismatched: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join(
            f"{kind} {len(names)}: {', '.join(names) or '-'}"
            for kind, names in self._asdict().items()
        )


def load_weights(
    model: Model, path: Path_, *, by_name: bool = False, skip_mismatch: bool = False
) -> LoadedWeights:
    """Take over parameters and state from a file; see `nanocnn.Sequential.load_weights`."""
    if model.input_shape is None:
        raise ValueError("the model is not built; give it an input_shape before loading weights")
    if skip_mismatch and not by_name:
        raise ValueError("skip_mismatch is for by_name=True; give both, or neither")
    name = os.fspath(path)
    _, tensors = read(path)
    wanted = {f"params/{key}": p for key, p in model.params.items()}
    wanted |= {f"state/{key}": s for key, s in model.state.items()}
    if not by_name:
        for kind, arrays in (("params", model.params), ("state", model.state)):
            fitting(name, arrays, tensors, kind)
        mismatched = []
    else:
        mismatched = [key for key in wanted if key in tensors and _differ(wanted, tensors, key)]
    if mismatched and not skip_mismatch:
        key = mismatched[0]
        there, here = tensors[key], wanted[key]
        raise ModelFileError(
            f"{name}: {_short(key)} is {there.dtype} {there.shape} in the file, {here.dtype} "
            f"{here.shape} in the model; give that layer another name, or pass skip_mismatch=True"
        )
    taken = [key for key in wanted if key in tensors and key not in mismatched]
    if by_name and not taken:
        raise ModelFileError(
            f"{name} has no parameter that fits a name of this model; it has "
            f"{', '.join(sorted(map(_short, tensors))[:5]) or 'none'}"
        )
    for key in taken:
        wanted[key][...] = tensors[key]
    known = [key for key in tensors if key.startswith(("params/", "state/"))]
    groups = (
        taken,
        [key for key in wanted if key not in tensors],
        mismatched,
        sorted(key for key in known if key not in wanted),
    )
    return LoadedWeights(*(tuple(map(_short, keys)) for keys in groups))


def _differ(wanted: Mapping[str, Array], found: Mapping[str, Array], key: str) -> bool:
    a, b = wanted[key], found[key]
    return a.shape != b.shape or a.dtype != b.dtype


def _short(key: str) -> str:
    return key.partition("/")[2]
