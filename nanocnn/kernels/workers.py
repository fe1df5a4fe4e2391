"""The workers of the one thread pool, and how a job gets to them and comes back.

`concurrent.futures` costs three times as much a job. See `waiting` for who looks where.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

import numpy as np

from .waiting import turns_in, wait

LOOK_SECONDS = 2e-4  # so long a thread looks before it sleeps: a few kernels' time
HAND_OVER_SECONDS = 5e-6  # from a job's posting until the caller is in its kernel

inside = threading.local()  # .worker is true in the workers


class Job:
    """Work for one worker, or for none if it is cancelled before a worker comes to it."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._error: BaseException | None = None
        self._claimed, self._running = threading.Lock(), threading.Lock()
        self._running.acquire()
        self.done = np.zeros(1, np.int64)  # 1 once the worker has left the interpreter behind it

    def run(self) -> None:
        if self._claimed.acquire(blocking=False):
            try:
                self._work()
            except BaseException as error:
                self._error = error
            finally:
                self._forget()
                self._running.release()

    def _forget(self) -> None:
        """Let go of the arrays now, not when the worker next comes round: they wait for reuse."""
        del self._work

    def cancel(self) -> bool:
        """Take the job back; False where a worker has begun it."""
        mine = self._claimed.acquire(blocking=False)
        if mine:
            self._forget()
        return mine

    def result(self, turns: int) -> None:
        """Wait for the end of a job that was begun, and raise what it raised."""
        wait(np.empty(1, np.int64), self.done, 0, turns, 0)
        with self._running:
            if self._error is not None:
                raise self._error


class Pool:
    """Workers that wait at one queue."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._posted = np.zeros(1, np.int64)  # how many jobs there were
        self.size = self.turns = 0

    def grow(self, n: int, processors: int) -> None:
        """Make it `n` workers at least.

        They and the caller look out for each other only where each has a processor to itself:
        otherwise who looks keeps the one that it waits for from working.
        """
        self.turns = turns_in(LOOK_SECONDS) if n < processors else 0
        while self.size < n:
            name = f"nanocnn_{self.size}"
            threading.Thread(target=self._work, name=name, daemon=True).start()
            self.size += 1

    def _work(self) -> None:
        inside.worker = True  # a kernel that is called from a kernel's worker runs inline
        done = np.empty(1, np.int64)
        while True:
            posted = self._posted[0]  # before the queue is looked at, or a job could be overlooked
            turns = self.turns if self._jobs.empty() else 0
            wait(done, self._posted, posted, turns, turns_in(HAND_OVER_SECONDS))
            job = self._jobs.get()
            job.run()
            done = job.done
            del job

    def submit(self, work: Callable[[], None]) -> Job:
        job = Job(work)
        self._jobs.put(job)
        self._posted[0] += 1
        return job
