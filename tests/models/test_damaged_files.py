"""Files that are damaged, foreign or hostile: one line that says so, and nothing else happens."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save as to_bytes

import nanocnn as nc
from nanocnn.models.saving import ModelFileError
from tests.models import make_format1
from tests.models.examples import half_square, small

GOOD = make_format1.PATH.read_bytes()
HOW = {"size": [6, 8], "channels": None, "window": None, "axis": None, "transforms": None}
HEADER = 8 + int.from_bytes(GOOD[:8], "little")


def contents() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the good file holds: its JSON and its tensors."""
    with safe_open(make_format1.PATH, framework="numpy") as file:
        about = json.loads(file.metadata()["nanocnn"])
        return about, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


def refused(path: Path, **options: Any) -> str:
    """Load the file, which must fail in one line that begins with its name; return the line."""
    with pytest.raises(ModelFileError) as told:
        nc.load(path, **options)
    text = str(told.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    assert len(text) < len(str(path)) + 600
    assert told.value.__cause__ is None
    return text.removeprefix(str(path))


def loaded_or_refused(path: Path) -> None:
    """Load the file: that must give a model, or one line."""
    try:
        model: Any = nc.load(path)
    except ModelFileError as error:
        model = str(error)
    assert isinstance(model, nc.Sequential) or "\n" not in model


def written(folder: Path, text: str, tensors: dict[str, Any] | None = None) -> Path:
    path = folder / "bad.safetensors"
    tensors = contents()[1] if tensors is None else tensors
    path.write_bytes(to_bytes(tensors, metadata={"nanocnn": text}))
    return path


def test_no_such_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(FileNotFoundError, match="no model file") as told:
            nc.load(path)
        assert "\n" not in str(told.value)


@pytest.mark.parametrize("part", range(20))
def test_truncated(part: int, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(GOOD[: len(GOOD) * part // 20])
    assert "is damaged or no safetensors file" in refused(path)
    model = small()
    before = {k: p.copy() for k, p in model.params.items()}
    with pytest.raises(ModelFileError):
        model.load_weights(path)
    for key, p in model.params.items():
        np.testing.assert_array_equal(p, before[key])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, HEADER - 1), st.integers(1, 255)), min_size=1, max_size=4))
def test_flipped_bytes_in_the_header(tmp_path_factory: Any, flips: list[tuple[int, int]]) -> None:
    data = bytearray(GOOD)
    for position, bits in flips:
        data[position] ^= bits
    path = tmp_path_factory.getbasetemp() / "flipped.safetensors"
    path.write_bytes(data)
    loaded_or_refused(path)  # such as another name of a layer, another seed


@pytest.mark.parametrize("data", [b"", b"\0" * 8, b"\xff" * 100, b"PK\x03\x04" + b"\0" * 96, b"{}"])
def test_other_kinds_of_files(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(data)
    assert "is damaged or no safetensors file" in refused(path)


def test_foreign_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "m"
    tensors = {"w": np.ones(3, np.float32)}
    path.write_bytes(to_bytes(tensors))
    assert "is a safetensors file but holds no nanocnn model" in refused(path)
    path.write_bytes(to_bytes(tensors, metadata={"format": "pt"}))
    assert "is a safetensors file but holds no nanocnn model" in refused(path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "5", "null", '"x"', "{}", '{"format": 1}', '{"format": 1, "model": 3}']
)
def test_metadata_that_is_none_of_ours(text: str, tmp_path: Path) -> None:
    assert "holds no nanocnn model" in refused(written(tmp_path, text))


@pytest.mark.parametrize(
    "how",
    [5, "x", [], {}, {"size": [0, 1]}, {**HOW, "size": [0, 1]}, {**HOW, "channels": "many"},
     {**HOW, "transforms": {"name": "eval"}}, {**HOW, "transforms": {"name": "Compose"}},
     {**HOW, "transforms": {"name": "ZScore", "mean": "x" * 10_000}}],
)  # fmt: skip
def test_preparations_that_are_none(how: Any, tmp_path: Path) -> None:
    about, _ = contents()
    line = refused(written(tmp_path, json.dumps({**about, "preparation": how})))
    assert line.startswith(": the preparation of its images cannot be restored: ")


def test_without_a_preparation(tmp_path: Path) -> None:
    about, _ = contents()
    assert "preparation" not in about, "this file is of an earlier version"
    for more in ({}, {"preparation": None}):
        assert nc.load(written(tmp_path, json.dumps({**about, **more}))).preparation is None
    whole = nc.load(written(tmp_path, json.dumps({**about, "preparation": HOW})))
    assert whole.preparation == nc.data.Preparation(size=(6, 8))


@pytest.mark.parametrize("version", [2, 0, "1", None, [1], {"a": 1}, 1.5])
def test_other_formats(version: Any, tmp_path: Path) -> None:
    about, _ = contents()
    line = refused(written(tmp_path, json.dumps({**about, "format": version})))
    assert f"has format {version!r}, this version of nanocnn reads 1; update nanocnn" in line


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000 + "1" + "}" * 50_000])
def test_deep_json(text: str, tmp_path: Path) -> None:
    refused(written(tmp_path, text))
    refused(written(tmp_path, f'{{"format": 1, "model": {{"class": {text}}}}}'))


@pytest.mark.parametrize("depth", [200, 400, 900])
def test_deep_models(depth: int, tmp_path: Path) -> None:
    """Deep, but not too deep for JSON."""
    start = '{"class": "Sequential", "config": {"input_shape": [2]}, "layers": ['
    text = start * depth + '{"class": "os", "config": {}}' + "]}" * depth
    refused(written(tmp_path, f'{{"format": 1, "model": {text}}}'))


@pytest.mark.parametrize(
    "name",
    ["os.system", "eval", "builtins.eval", "__import__", "Layer", "Affine", "Model", "", None, 5,
     [], {}, ["Dense"], "dense", "load", "half_square"],
)  # fmt: skip
def test_classes_that_are_no_layers(name: Any, tmp_path: Path) -> None:
    about, _ = contents()
    about["model"]["layers"][1]["class"] = name
    line = refused(written(tmp_path, json.dumps(about)))
    assert f"it needs the layer class {name!r}; pass custom_objects=" in line
    if name == "half_square":  # what the caller gives as a loss is not called as a class
        custom = {"half_square": half_square}
        assert "which that is not" in refused(
            written(tmp_path, json.dumps(about)), custom_objects=custom
        )


JUNK = [None, True, -1, 0, 1.5, 10**30, "x", "", [], {}, [1, 2, 3], [[[]]], {"a": None}, 1e308]


def _places(thing: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Return every (container, key) in nested JSON."""
    for key in thing if isinstance(thing, dict) else range(len(thing)):
        found.append((thing, key))
        if isinstance(thing[key], (dict, list)):
            _places(thing[key], found)
    return found


@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_wrong_types_everywhere(junk: Any, tmp_path: Path) -> None:
    about, tensors = contents()
    count = len(_places(about, []))
    assert count > 100
    for i in range(count):
        about, _ = contents()
        place, key = _places(about, [])[i]
        place[key] = junk
        loaded_or_refused(written(tmp_path, json.dumps(about), tensors))


def test_missing_entries_everywhere(tmp_path: Path) -> None:
    about, tensors = contents()
    for i in range(len(_places(about, []))):
        about, _ = contents()
        place, key = _places(about, [])[i]
        del place[key]
        loaded_or_refused(written(tmp_path, json.dumps(about), tensors))


def dense(**config: Any) -> dict[str, Any]:
    return {"class": "Dense", "config": {"units": 2, "name": "d", **config}}


def conv(**config: Any) -> dict[str, Any]:
    return {"class": "Conv2D", "config": {"filters": 2, "kernel_size": 3, "name": "c", **config}}


def hostile(layers: list[Any], input_shape: Any) -> str:
    config = {"input_shape": input_shape, "seed": 0, "dtype": "float32", "name": None}
    return json.dumps(
        {"format": 1, "model": {"class": "Sequential", "config": config, "layers": layers}}
    )


W, B = np.ones((4, 2), np.float32), np.ones(2, np.float32)
BIG = 10**12


@pytest.mark.parametrize(
    ("layers", "shape", "tensors"),
    [
        ([dense(units=BIG)], [4], {}),
        ([dense(units=BIG)], [4], {"params/d.b": B}),
        ([dense(units=BIG)], [4], {"params/d.w": W, "params/d.b": B}),
        ([dense(units=BIG, use_bias=False)], [4], {"params/d.w": W}),
        ([dense()], [BIG], {"params/d.w": W, "params/d.b": B}),
        ([dense(units=BIG)], [BIG], {"params/e.w": W}),
        ([conv(filters=BIG)], [9, 9, 1], {}),
        ([conv(kernel_size=BIG, padding="same")], [9, 9, 1], {"params/c.w": W}),
        ([conv(padding=BIG)], [BIG, BIG, BIG], {"params/c.w": W, "params/c.b": B}),
        ([{"class": "Sequential", "config": {}, "layers": [dense(units=BIG)]}], [4], {}),
        ([dense(name="d"), dense(name="e", units=BIG)], [4], {"params/d.w": W, "params/d.b": B}),
        ([{"class": "ReLU", "config": {"name": "d"}}], [4], {"params/d.w": W}),
        ([{"class": "ReLU", "config": {"name": "d"}}], [4], {"params/x.w": W}),
        ([{"class": "ReLU", "config": {"name": "d"}}], [4], {"state/d.w": W}),
        ([dense()], [4], {"params/d.w": W.astype(np.float64), "params/d.b": B}),
        ([dense()], [4], {"params/d.w": W.astype(np.int32), "params/d.b": B}),
        ([dense()], [4], {"params/d.w": W, "params/d.b": B, "params/d.x": B}),
        ([dense()], [4], {"params/d.w": W}),
        ([{"same_as": 0}], [4], {}),
        ([{"same_as": -1}], [4], {}),
        ([{"same_as": 9}], [4], {}),
        ([{"same_as": True}], [4], {}),
    ],
)
def test_hostile_sizes_are_not_allocated(
    layers: list[Any], shape: Any, tensors: dict[str, Any], tmp_path: Path
) -> None:
    path = written(tmp_path, hostile(layers, shape), tensors)
    tracemalloc.start()
    try:
        refused(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


def test_models_that_multiply(tmp_path: Path) -> None:
    """A few lines that ask for 10**12 layers."""
    layer: dict[str, Any] = {"class": "Flatten", "config": {}}
    for depth in range(6):
        again = {"same_as": 7 - depth}
        layer = {"class": "Sequential", "config": {}, "layers": [layer, *[again] * 99]}
    path = written(tmp_path, hostile([layer], [4]), {"x": W})
    assert "it has more than 100,000 layers" in refused(path)


def test_a_custom_layer_that_fails_is_told_in_one_line(tmp_path: Path) -> None:
    class Bad(nc.Layer):
        def build(self, input_shape: Any, rng: Any) -> Any:
            raise RuntimeError("two\nlines")

    layers = [{"class": "Bad", "config": {}}]
    line = refused(written(tmp_path, hostile(layers, [4]), {"x": W}), custom_objects={"Bad": Bad})
    assert "cannot be rebuilt: RuntimeError: two lines" in line


Loader = Callable[[Path], Any]


@pytest.mark.parametrize("loader", [nc.load, small().load_weights], ids=["load", "load_weights"])
def test_loading_keeps_the_file(loader: Loader, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    small().save(path)
    before = path.read_bytes()
    loader(path)
    assert path.read_bytes() == before
