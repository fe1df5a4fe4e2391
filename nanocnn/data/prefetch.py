"""Work ahead: some threads make what comes next, and hand it out in the order of the jobs."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable, Generator, Sequence
from contextvars import Context, copy_context
from typing import Any, Generic, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")

LOOK_AGAIN_SECONDS = 1.0


def prefetch(
    work: Callable[[Job], Result], jobs: Sequence[Job], threads: int, queue: int
) -> Generator[Result, None, None]:
    """Yield `work(job)` of each job, in order.

    At most `queue + threads` results exist that were not handed out yet, those in the making
    included. An error comes out where its result would have, after all results before it. When the
    iterator is closed, is dropped or raises, no further job is begun and the threads end; so they
    do when the interpreter exits. The threads work in the caller's context, so on its rung.

    Parameters
    ----------
    work : function that may be called from several threads at once
    jobs : sequence
    threads : int       0: the work is done in the caller's thread when a result is asked for
    queue : int
    """
    if not threads:
        yield from map(work, jobs)
        return
    ahead = _Ahead(work, jobs, threads + queue)
    try:
        ahead.start(min(threads, len(jobs)))
        for k in range(len(jobs)):
            yield ahead.take(k)
    finally:
        ahead.close()


class _Ahead(Generic[Job, Result]):
    """What the threads and the consumer share; the iterator itself is known to the consumer alone.

    So an iterator that nobody has any more is found by the garbage collector while threads work.
    """

    def __init__(self, work: Callable[[Job], Result], jobs: Sequence[Job], most: int) -> None:
        self._work, self._jobs, self._most = work, jobs, most
        self._begun = self._taken = 0
        self._closed = False
        self._done: dict[int, tuple[Result | None, BaseException | None]] = {}
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._process = os.getpid()

    def start(self, threads: int) -> None:
        _open.add(self)
        for k in range(threads):
            name = f"nanocnn_loader_{k}"
            run = threading.Thread(target=self._run, args=(copy_context(),), name=name, daemon=True)
            self._threads.append(run)
            run.start()

    def take(self, k: int) -> Result:
        """Wait for result k; raise what its job raised."""
        with self._changed:
            self._changed.wait_for(lambda: k in self._done or self._closed)
            if self._closed:  # the interpreter exits
                raise RuntimeError("the loader was closed")
            result, error = self._done.pop(k)
            self._taken = k + 1
            self._changed.notify_all()
        if error is not None:
            raise error
        return result  # type: ignore[return-value]

    def close(self) -> None:
        """Let the threads end after the job that they are at, and wait for that."""
        if self._process != os.getpid():  # a forked child has no threads, and perhaps a held lock
            return
        with self._changed:
            self._closed = True
            self._done.clear()
            self._changed.notify_all()
        if threading.current_thread() in self._threads:  # the garbage collector called from there
            return
        for thread in self._threads:
            if thread.ident is not None:  # it was started: an interruption may come before
                thread.join()

    def _run(self, context: Context) -> None:
        while (k := self._next()) is not None:
            done: tuple[Any, BaseException | None]
            try:
                done = context.run(self._work, self._jobs[k]), None
            except BaseException as error:
                done = None, error
            with self._changed:
                if not self._closed:
                    self._done[k] = done
                    self._changed.notify_all()
            del done  # while this thread waits, the batch is the consumer's

    def _may_begin(self) -> bool:
        return self._closed or self._begun < self._taken + self._most

    def _next(self) -> int | None:
        """Wait until another result may exist, and return its number; None where there is none."""
        with self._changed:
            # The collector may drop the iterator in this thread just when it is about to sleep: the
            # notice of `close` then finds nobody waiting yet. So it looks again now and then.
            while not self._changed.wait_for(self._may_begin, LOOK_AGAIN_SECONDS):
                pass
            if self._closed or self._begun == len(self._jobs):
                return None
            self._begun += 1
            return self._begun - 1


_open: weakref.WeakSet[_Ahead[Any, Any]] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """End the threads of iterators that are still there, such as in the frame of an error."""
    for ahead in list(_open):
        ahead.close()
