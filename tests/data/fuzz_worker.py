"""A process that opens damaged files one after the other, under a memory limit.

    python -m tests.data.fuzz_worker

Reads one path a line; answers one line of JSON each: {"error": the message or null, "kind": what an
error was that is no `DataError`, "peak": the most memory so far in MB}. What executes code, starts
a process or opens the network ends the process.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import traceback
import warnings

from nanocnn import data
from nanocnn.data import DataError
from nanocnn.data.extras import require

LIMIT = 10**9
FORBIDDEN = {
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect"),
    *("os.mkdir", "os.remove", "os.rename", "os.truncate", "pickle.find_class"),
}


def forbid(event: str, arguments: tuple[object, ...]) -> None:
    """End the process where a file makes the library do what reading never does."""
    if event in FORBIDDEN:
        print(json.dumps({"kind": f"forbidden: {event}", "error": None, "peak": 0}), flush=True)
        os._exit(1)


def peak() -> float:
    """Return the most memory that the process has used, in MB."""
    with open("/proc/self/status") as status:
        return int(status.read().split("VmHWM:")[1].split()[0]) / 1024


def look(path: str) -> dict[str, object]:
    """Open a file and decode a few of its images."""
    answer: dict[str, object] = {"error": None, "kind": None}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of files that are passed over
            dataset = data.open(path)
            repr(dataset)
            for i in range(min(len(dataset), 3)):
                dataset[i]
    except DataError as error:
        answer["error"] = str(error)
    except Exception as error:
        answer["kind"] = f"{type(error).__name__}: {traceback.format_exc()}"
    return answer | {"peak": peak()}


if __name__ == "__main__":
    for module in ("pydicom.pixels", "nibabel", "PIL.TiffImagePlugin", "pylibjpeg", "gdcm"):
        require(module, "this test")
    sys.addaudithook(forbid)
    with open("/proc/self/statm") as statm:
        mapped = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + LIMIT, mapped + LIMIT))
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(look(line.rstrip("\n"))), flush=True)
