"""A library's first steps in a process of its own: to be timed from outside, and weighed.

    python -m benchmarks.peer_libraries.once NAME THREADS WORKLOAD DATA STEPS

Imports the library, loads the data, makes the task and runs it STEPS times. Then one JSON line on
standard output tells the memory that the process held after imports and data, and the most that it
has held since.
"""

from __future__ import annotations

import importlib
import json
import os
import sys

import numpy as np

from ..workloads import Workload
from . import LIBRARIES


def _status(key: str) -> int:
    """Return a line of /proc/self/status, in bytes."""
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith(f"{key}:"))
    return 1024 * int(line.split()[1])


def start_weighing() -> int:
    """Return the bytes that this process holds now; `peak` counts from here on.

    Where the system cannot forget a peak, the highest so far is returned, and `peak` goes on from
    there.
    """
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        return _status("VmRSS")
    except OSError:
        return peak()


def peak() -> int:
    """Return the most bytes that this process has held."""
    try:
        return _status("VmHWM")
    except (OSError, StopIteration):  # not Linux
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    name, threads, workload, path, steps = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not stand before the answer
    os.environ.setdefault("OMP_NUM_THREADS", threads)  # some libraries read it when imported
    module = importlib.import_module(f"{__package__}.{LIBRARIES[name][0]}")
    module.setup(int(threads), name)
    importlib.import_module(LIBRARIES[name][1])  # where the module above puts it off
    with np.load(path) as stored:
        data = {key: stored[key] for key in stored.files}
    before = start_weighing()
    task = module.make(Workload(*json.loads(workload)), data, name)
    for _ in range(int(steps)):
        task.run()
    print(json.dumps({"before": before, "peak": peak()}), file=answers, flush=True)


if __name__ == "__main__":
    main()
