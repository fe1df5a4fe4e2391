"""A library in a process of its own: it makes a task, and runs it when it is told to.

    python -m benchmarks.peer_libraries.worker NAME THREADS

Requests come as JSON lines on standard input, answers go as JSON lines to standard output:
{"do": "make", "workload": [...], "data": FILE, "out": FILE} and {"do": "run", "times": N}.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any

import numpy as np

from ..workloads import Workload
from . import LIBRARIES


class Worker:
    """Holds the library's module and the task at hand."""

    def __init__(self, name: str, threads: int) -> None:
        self.name, self.task = name, None
        # Before the import: some libraries read it then.
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))
        self.module = importlib.import_module(f"{__package__}.{LIBRARIES[name][0]}")
        self.module.setup(threads, name)

    def make(self, request: dict[str, Any]) -> dict[str, Any]:
        self.task = None  # the memory of the last one goes first
        with np.load(request["data"]) as stored:
            data = {key: stored[key] for key in stored.files}
        self.task = self.module.make(Workload(*request["workload"]), data, self.name)
        if self.task is None:
            return {"made": False}
        np.savez(request["out"], **self.task.outputs())
        return {"made": True}

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        seconds = []
        for _ in range(request["times"]):
            started = time.perf_counter()
            self.task.run()
            seconds.append(time.perf_counter() - started)
        return {"seconds": seconds}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not stand between the answers
    worker = Worker(sys.argv[1], int(sys.argv[2]))
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(worker, request["do"])(request)
        except Exception as error:  # told to the parent, which prints it and goes on without us
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
