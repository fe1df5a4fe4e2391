"""Model files: safetensors, with the architecture as JSON in the file's metadata.

    __metadata__["nanocnn"] = {"format": 1, "model": ..., "compile": ...}
    tensors                 = "params/<layer>.<name>", "state/<layer>.<name>"

Nothing in a file is ever executed: no pickle, and a class is found by its name among the layers of
this package and the `custom_objects` that the caller gives. Everything is read and checked before
anything is changed. A file of format 1 loads in all later versions.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from .. import layers as _layers
from .. import optimizers
from ..layers.affine import Affine
from ..layers.base import Array, Layer
from ..optimizers import Optimizer
from .model import Model
from .sequential import Sequential

FORMAT = 1
Path_ = str | os.PathLike[str]


class ModelFileError(ValueError):
    """A model file is damaged, not one of ours, or does not fit."""


def _describe(layer: Layer, seen: dict[int, str]) -> dict[str, Any]:
    """Return class and arguments; a layer that stands in the model before is told by its name."""
    if id(layer) in seen:
        return {"same_as": seen[id(layer)]}
    seen[id(layer)] = str(layer.name)
    described = {"class": type(layer).__name__, "config": layer.get_config()}
    if not layer.trainable:
        described["frozen"] = True
    if isinstance(layer, Sequential):
        described["layers"] = [_describe(part, seen) for part in layer.layers]
    return described


def _compiled(model: Model) -> dict[str, Any]:
    loss = model.loss if isinstance(model.loss, str) or model.loss is None else model.loss.__name__
    optimizer: Optimizer | None = model.optimizer
    return {
        "optimizer": optimizer.get_config() if optimizer is not None else None,
        "loss": loss,
        "metrics": [m if isinstance(m, str) else m.__name__ for m in model.metrics],
    }


def save(model: Model, path: Path_) -> None:
    """Write the model; a file that is there already stays whole if writing fails."""
    if model.input_shape is None:
        raise ValueError("the model is not built, so there is nothing to save; give it data first")
    about = {"format": FORMAT, "model": _describe(model, {}), "compile": _compiled(model)}
    tensors = {f"params/{name}": np.ascontiguousarray(p) for name, p in model.params.items()}
    tensors |= {f"state/{name}": np.ascontiguousarray(s) for name, s in model.state.items()}
    try:
        text = json.dumps(about)
    except TypeError as error:
        raise TypeError(f"get_config of a layer returned what JSON cannot hold: {error}") from None
    data = to_bytes(tensors, metadata={"nanocnn": text})
    target = Path(path)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _read(path: Path_) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return what the metadata tells and all tensors, or raise ModelFileError."""
    name = os.fspath(path)
    if not os.path.isfile(name):
        raise FileNotFoundError(f"no model file {name}")
    try:
        with safe_open(name, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelFileError(f"{name} is damaged or no safetensors file: {error}") from None
    try:
        about = json.loads(metadata["nanocnn"])
        version = about["format"]
        if not isinstance(about["model"], dict):
            raise TypeError
    except (KeyError, TypeError, ValueError, RecursionError):
        raise ModelFileError(f"{name} is a safetensors file but holds no nanocnn model") from None
    if version != FORMAT:
        raise ModelFileError(
            f"{name} has format {version!r}, this version of nanocnn reads {FORMAT}; update nanocnn"
        )
    return about, tensors


def _known(custom_objects: Mapping[str, type[Layer]] | None) -> dict[str, Any]:
    known: dict[str, Any] = {name: getattr(_layers, name) for name in _layers.__all__}
    return {**known, "Sequential": Sequential, **(custom_objects or {})}


def _make(about: Any, known: Mapping[str, Any], made: dict[str, Layer]) -> Layer:
    """Build a layer from what `_describe` wrote; raise ValueError for anything else."""
    if not isinstance(about, dict):
        raise ValueError(f"expected the description of a layer, found {about!r:.40}")
    if "same_as" in about:
        return made[about["same_as"]]
    if about.get("class") not in known:
        raise ValueError(
            f"it needs the layer class {about.get('class')!r:.80}; "
            "pass custom_objects={'TheClass': TheClass}"
        )
    kind, config = known[about["class"]], dict(about["config"])
    if kind is Sequential:
        config.pop("input_shape", None)
        config["layers"] = [_make(part, known, made) for part in about["layers"]]
    layer: Layer = kind(**{k: _tuples(v) for k, v in config.items()})
    if about.get("frozen"):
        layer.freeze() if not isinstance(layer, Sequential) else None
    made[str(layer.name)] = layer
    return layer


def _tuples(value: Any) -> Any:
    """JSON has no tuples: turn lists of numbers back into them."""
    if isinstance(value, list) and not any(isinstance(v, Layer) for v in value):
        return tuple(_tuples(v) for v in value)
    return value


def _without_parameters(layer: Layer) -> list[str]:
    """Names of layers that the file should have given weights but has not.

    They would draw new ones, of whatever size the file asks for.
    """
    if isinstance(layer, Sequential):
        return [name for part in layer.layers for name in _without_parameters(part)]
    return [str(layer.name)] if isinstance(layer, Affine) and not layer.params else []


def _fitting(
    name: str,
    wanted: Mapping[str, Array],
    tensors: Mapping[str, Array],
    kind: str,
    dtype: str | None = None,
) -> dict[str, Array]:
    """Return the tensors of one kind if they match `wanted` in names, shapes and dtypes."""
    found = {k[len(kind) + 1 :]: v for k, v in tensors.items() if k.startswith(f"{kind}/")}
    if set(found) != set(wanted):
        missing, extra = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
        raise ModelFileError(
            f"{name} does not fit this architecture: "
            + "; ".join(
                f"{what} {', '.join(names[:5])}"
                for what, names in (("missing", missing), ("not known", extra))
                if names
            )
        )
    for key, value in found.items():
        if value.shape != wanted[key].shape or value.dtype != (dtype or wanted[key].dtype):
            raise ModelFileError(
                f"{name} does not fit this architecture: {key} is {value.dtype} {value.shape} in "
                f"the file, {dtype or wanted[key].dtype} {wanted[key].shape} in the model"
            )
    return {key: found[key] for key in wanted}


def load(path: Path_, *, custom_objects: Mapping[str, type[Layer]] | None = None) -> Sequential:
    """Read a model that `model.save` wrote.

    Parameters
    ----------
    path : str or path
    custom_objects : dict of str to class or function, optional
        Your own layers, and your own loss and metrics, by the names they were saved under.

    Returns
    -------
    Sequential
        Built, with its parameters, and compiled if it was, as far as names are known.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModelFileError
        If it is damaged, of a later format, or asks for an unknown class. One line says which.
    """
    name = os.fspath(path)
    about, tensors = _read(path)
    try:
        model = _make(about["model"], _known(custom_objects), {})
        if not isinstance(model, Sequential):
            raise ValueError("its outermost layer is no Sequential")
        shape = tuple(int(n) for n in about["model"]["config"]["input_shape"])
        # Parameters first: `build` then checks their shapes and draws none.
        model.params = {k[7:]: v for k, v in tensors.items() if k.startswith("params/")}
        if missing := _without_parameters(model):
            raise ValueError(f"parameters are missing: {', '.join(missing[:5])}")
        model.build(shape, np.random.default_rng(0))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelFileError(f"{name} cannot be rebuilt: {error}") from None
    params = _fitting(name, model.params, tensors, "params", model.dtype)
    state = _fitting(name, model.state, tensors, "state")
    model.params, model.state = params, state
    _recompile(name, model, about.get("compile"), custom_objects or {})
    return model


def _recompile(name: str, model: Model, about: Any, custom: Mapping[str, Any]) -> None:
    """Restore what `compile` stored; functions of the user's come from `custom`."""
    try:
        if not about or about["loss"] is None:
            return
        loss = custom.get(about["loss"], about["loss"])
        metrics = [custom.get(m, m) for m in about["metrics"]]
        model.compile(optimizers.get(about["optimizer"]), loss, metrics)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelFileError(
            f"{name}: what it was compiled with cannot be restored: {error}; pass your own loss "
            "and metrics as custom_objects={'name': function}"
        ) from None


def load_weights(model: Model, path: Path_) -> None:
    """Take over parameters and state from a file of the same architecture, or change nothing."""
    if model.input_shape is None:
        raise ValueError("the model is not built; give it an input_shape before loading weights")
    name = os.fspath(path)
    _, tensors = _read(path)
    params = _fitting(name, model.params, tensors, "params")
    state = _fitting(name, model.state, tensors, "state")
    for key, value in model.params.items():
        value[...] = params[key]
    for key, value in model.state.items():
        value[...] = state[key]
