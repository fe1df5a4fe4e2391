"""Cases with their arrays: in the frozen file, or computed now where PyTorch is installed."""

from __future__ import annotations

import importlib.util
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

FILE = Path(__file__).with_name("torch_values.npz")
PARTS = ("rungs", "layers", "losses", "optimizers", "training", "schedules")
# Without PyTorch the comparison with what it computes now is not there, rather than skipped.
SOURCES = ["frozen", "live"] if importlib.util.find_spec("torch") else ["frozen"]


class Values:
    """Options and arrays by case; a case is called "<what>/<which>".

    In the file all arrays of a part lie behind each other in one: several hundred small arrays
    would cost more in headers than in numbers.
    """

    def __init__(self) -> None:
        self.options: dict[str, dict[str, Any]] = {}
        self.arrays: dict[str, Arrays] = {}

    def save(self, case: str, options: dict[str, Any], **arrays: Any) -> None:
        """Note a case; arrays may be NumPy's or PyTorch's. JSON must be able to hold the options.

        Raises ValueError if there is a case of that name.
        """
        if case in self.options:
            raise ValueError(f"there are two cases {case!r}")
        self.options[case] = json.loads(json.dumps(options))
        self.arrays[case] = {name: _to_numpy(array) for name, array in arrays.items()}

    def packed(self) -> tuple[dict[str, Any], NDArray[np.float64]]:
        """Return the table of contents, and all numbers in its order."""
        contents = {
            case: {
                "options": options,
                "arrays": {n: [str(a.dtype), a.shape] for n, a in self.arrays[case].items()},
            }
            for case, options in self.options.items()
        }
        flat = [a.reshape(-1) for arrays in self.arrays.values() for a in arrays.values()]
        return contents, np.concatenate(flat).astype(np.float64)

    @classmethod
    def unpacked(cls, contents: dict[str, Any], flat: NDArray[np.float64]) -> Values:
        """Return what `packed` was called on."""
        values, start = cls(), 0
        for case, entry in contents.items():
            arrays = {}
            for name, (dtype, shape) in entry["arrays"].items():
                stop = start + int(np.prod(shape))
                arrays[name] = flat[start:stop].astype(dtype).reshape(shape)
                start = stop
            values.save(case, entry["options"], **arrays)
        assert start == flat.size
        return values


def _to_numpy(array: Any) -> NDArray[Any]:
    array = array.detach().numpy() if hasattr(array, "detach") else array
    return np.array(array, order="C")


def write(parts: dict[str, Values], about: dict[str, str]) -> None:
    """Write the frozen file."""
    contents, flat = {}, {}
    for part, values in parts.items():
        contents[part], flat[part] = values.packed()
    text = json.dumps({**about, "contents": contents})
    np.savez_compressed(FILE, contents=np.array(text), **flat)


@lru_cache
def _frozen() -> dict[str, Values]:
    with np.load(FILE, allow_pickle=False) as stored:
        contents = json.loads(str(stored["contents"]))["contents"]
        return {part: Values.unpacked(contents[part], stored[part]) for part in contents}


@lru_cache
def values(source: str, part: str) -> Values:
    """Return one of `PARTS` from one of `SOURCES`, the arrays read-only."""
    if source == "frozen":
        found = _frozen()[part]
    else:
        from .make_torch_values import compute

        found = compute(part)
    for arrays in found.arrays.values():
        for array in arrays.values():
            array.setflags(write=False)
    return found


def cases(part: str, *kinds: str) -> Any:
    """Run a test with `source` and `case`, over all cases of a part or those of some kinds."""
    found = [case for case in _frozen()[part].options if not kinds or case.split("/")[0] in kinds]
    if not found:
        raise ValueError(f"no case of {kinds} in part {part!r}")
    return pytest.mark.parametrize(
        ("source", "case"), [(source, case) for source in SOURCES for case in found]
    )


def case_of(source: str, part: str, case: str) -> tuple[Arrays, dict[str, Any]]:
    """Return the arrays of a case by name, and its options."""
    found = values(source, part)
    return found.arrays[case], found.options[case]


def close(actual: NDArray[Any], expected: NDArray[Any]) -> None:
    """Compare in float64, with room for a few roundings."""
    assert actual.dtype == expected.dtype == np.float64
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-13)
