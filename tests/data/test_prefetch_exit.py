"""Threads that work ahead, and the end of the process: it must not wait for them."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run a program that must end by itself."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


BEGIN = """
import itertools, os, signal, sys, threading, time
from nanocnn.data import prefetch as module
from nanocnn.data.prefetch import prefetch

def work(job):
    time.sleep(0.02)
    return job

results = prefetch(work, range(100_000), 2, 4)
assert next(results) == 0
"""


def test_the_interpreter_exits_while_an_iterator_is_there() -> None:
    done = run(BEGIN)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_interpreter_exits_after_an_error_in_the_loop() -> None:
    done = run(BEGIN + "for result in results:\n    1 / (result - 5)\n")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_the_interpreter_exits_after_an_interruption() -> None:
    """Of a consumer that waits: its threads have seconds of work before them."""
    done = run(
        BEGIN
        + """
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by what a shell runs behind it

def interrupt():
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt).start()
for result in results:
    pass
"""
    )
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == "KeyboardInterrupt"


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this system cannot fork")
def test_a_forked_child_ends_though_it_has_no_threads() -> None:
    done = run(
        BEGIN
        + """
import warnings
warnings.simplefilter("ignore")  # Python 3.12 warns of a fork beside threads: that is the point
child = os.fork()
if not child:
    results.close()
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert next(results) == 1
"""
    )
    assert (done.returncode, done.stderr) == (0, "")
