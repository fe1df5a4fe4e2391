"""Model files: safetensors, with the architecture as JSON in the file's metadata.

    __metadata__["nanocnn"] = {"format": 1, "model": ..., "compile": ..., "preparation": ...}
    tensors                 = "params/<layer>.<name>", "state/<layer>.<name>"

Nothing in a file is ever executed: there is no pickle, and classes are found by name, see
`nanocnn.models.architecture`. Everything is read and checked before anything is changed. A file of
format 1 loads in all later versions.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from .. import losses, optimizers
from ..files import write_atomically
from ..layers.base import Array
from .architecture import Maker, describe, hand_out
from .model import Model
from .sequential import Sequential

FORMAT = 1
Path_ = str | os.PathLike[str]


class ModelFileError(ValueError):
    """A model file is damaged, not one of ours, or does not fit."""


def _compiled(model: Model) -> dict[str, Any] | None:
    """Return what `compile` stored, by name; your own functions are listed under "custom"."""
    if model.loss is None or model.optimizer is None:
        return None
    loss, options = losses.split(model.loss) if callable(model.loss) else (model.loss, {})
    given = (loss, *model.metrics)
    names = [f if isinstance(f, str) else getattr(f, "__name__", type(f).__name__) for f in given]
    ours = [isinstance(f, str) or getattr(losses, name, None) is f
            for f, name in zip(given, names, strict=True)]  # fmt: skip
    return {
        "optimizer": model.optimizer.get_config(),
        "loss": {"name": names[0], "options": _plain(options)} if options else names[0],
        "metrics": names[1:],
        "custom": [name for name, known in zip(names, ours, strict=True) if not known],
    }


def contents(model: Model) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return what a file tells of a model, as JSON can hold it, and its arrays."""
    how = None if model.preparation is None else model.preparation.to_config()
    about = {"format": FORMAT, "model": describe(model), "compile": _compiled(model),
             "preparation": how}  # fmt: skip
    try:
        json.dumps(about)
    except TypeError as error:
        raise TypeError(
            "get_config of a layer or optimizer, or to_config of a transform, returned what JSON "
            f"cannot hold: {error}"
        ) from None
    tensors = {f"params/{name}": np.asarray(p, order="C") for name, p in model.params.items()}
    tensors |= {f"state/{name}": np.asarray(s, order="C") for name, s in model.state.items()}
    return about, tensors


def _plain(value: Any) -> Any:
    """Turn NumPy's arrays and numbers, and what they are in, into what JSON can hold."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def save(model: Model, path: Path_) -> None:
    """Write the model; a file that is there already stays whole if writing fails."""
    if model.input_shape is None:
        raise ValueError("the model is not built, so there is nothing to save; give it data first")
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"no folder {target.parent} to save {target.name} in; make it first"
        )
    about, tensors = contents(model)
    write_atomically(target, to_bytes(tensors, metadata={"nanocnn": json.dumps(about)}))


def read(path: Path_) -> tuple[dict[str, Any], dict[str, Array]]:
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


def fitting(
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


def load(
    path: Path_, *, custom_objects: Mapping[str, Any] | None = None, compile: bool = True
) -> Sequential:
    """Read a model that `model.save` wrote.

    Parameters
    ----------
    path : str or path
    custom_objects : dict of str to class or function, optional
        Your own layers, loss, metrics, optimizer, initializers and transforms, by the names they
        were saved under.
    compile : bool
        Restore what the model was compiled with. Without, your own loss and metrics are not needed.

    Returns
    -------
    Sequential
        Built, with its parameters, and compiled if it was; with the preparation of its images if
        it was fitted on a data set or a loader.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModelFileError
        If it is damaged, of a later format, or asks for an unknown class. One line says which.
    """
    name = os.fspath(path)
    about, tensors = read(path)
    try:
        model = Maker(custom_objects or {}).make(about["model"])
        if not isinstance(model, Sequential):
            raise ValueError("its outermost layer is no Sequential")
        hand_out(model, {k[7:]: v for k, v in tensors.items() if k.startswith("params/")})
        model.build(about["model"]["config"].get("input_shape"), np.random.default_rng(0))
    except Exception as error:  # whatever a layer's own code says to what a file contains
        raise ModelFileError(f"{name} cannot be rebuilt: {_one_line(error)}") from None
    params = fitting(name, model.params, tensors, "params", model.dtype)
    state = fitting(name, model.state, tensors, "state")
    try:
        model.params, model.state = params, state
    except ValueError as error:
        raise ModelFileError(f"{name} is damaged: {_one_line(error)}") from None
    if about.get("preparation") is not None:  # files of earlier versions have none
        model.preparation = _preparation(name, about["preparation"], custom_objects or {})
    if compile and about.get("compile") is not None:
        _recompile(name, model, about["compile"], custom_objects or {})
    return model


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:300] if isinstance(error, ValueError) else f"{type(error).__name__}: {text[:300]}"


def _preparation(name: str, config: Any, custom: Mapping[str, Any]) -> Any:
    from ..data import Preparation  # here: models without one do not need `nanocnn.data`

    try:
        return Preparation.from_config(config, custom_objects=custom)
    except Exception as error:  # anything may stand in a damaged file
        raise ModelFileError(
            f"{name}: the preparation of its images cannot be restored: {_one_line(error)}"
        ) from None


def _recompile(name: str, model: Model, about: Any, custom: Mapping[str, Any]) -> None:
    """Restore what `compile` stored; what is the user's own comes from `custom`."""
    try:
        for needed in about["custom"]:
            if needed not in custom:
                raise ValueError(f"{needed!r:.80} is a function of your own")
        loss, options = about["loss"], {}
        if isinstance(loss, dict):
            loss, options = loss["name"], dict(loss["options"])
        loss, *metrics = (custom.get(f, f) for f in (loss, *about["metrics"]))
        if options:  # JSON's keys are texts: those inside an option are labels
            for name_, value in options.items():
                if isinstance(value, dict):
                    options[name_] = {int(label): each for label, each in value.items()}
            loss = partial(losses.get(loss), **options)
        optimizer = dict(about["optimizer"])
        if optimizer.get("name") in custom:
            kind = custom[optimizer.pop("name")]
            if not (isinstance(kind, type) and hasattr(kind, "step")):
                raise TypeError(f"{kind!r:.80} is no optimizer class")
            chosen = kind(**optimizer)
        else:
            chosen = optimizers.get(optimizer)
        model.compile(chosen, loss, metrics)
    except Exception as error:  # anything may stand in a damaged file
        raise ModelFileError(
            f"{name}: what it was compiled with cannot be restored: {_one_line(error)}; pass your "
            "own functions as custom_objects={'name': function}, or load with compile=False"
        ) from None
