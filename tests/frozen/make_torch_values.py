"""Make torch_values.npz: what PyTorch computes, forward, backward and step by step.

    python -m tests.frozen.make_torch_values        where PyTorch is installed

The tests read the file and need no PyTorch; where it is installed they compare with what it
computes then as well. All sizes of a case differ, and the upstream gradient looks random, so that a
swapped axis or a forgotten factor cannot hide.
"""

from __future__ import annotations

from types import ModuleType

import torch

from . import (
    torch_layers,
    torch_losses,
    torch_optimizers,
    torch_rungs,
    torch_schedules,
    torch_training,
)
from .values import FILE, PARTS, Values, write

MODULES: dict[str, ModuleType] = {
    "rungs": torch_rungs,
    "layers": torch_layers,
    "losses": torch_losses,
    "optimizers": torch_optimizers,
    "training": torch_training,
    "schedules": torch_schedules,
}


def compute(part: str) -> Values:
    """Return the cases of one of `PARTS`, on one thread: sums in one order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        values = Values()
        MODULES[part].add(values)
        return values
    finally:
        torch.set_num_threads(threads)


def main() -> None:
    """Write the file beside this script."""
    write({part: compute(part) for part in PARTS}, {"torch": torch.__version__})
    print(f"{FILE}: {FILE.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
