"""Time the first call of a ladder's case in this process, and later ones.

    python -m benchmarks.first_call NUMBER [--smoke]

`ladder.py` starts it with an empty folder for compiled kernels. Numba itself is imported before
the clock starts; what is timed is compiling, and writing the result to the folder.
"""

from __future__ import annotations

import argparse
import json

from benchmarks.cases import RUNGS
from benchmarks.ladder import ladder_cases
from benchmarks.script import clock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("number", type=int)
    parser.add_argument("--smoke", action="store_true")
    given = parser.parse_args()
    case = ladder_cases(given.smoke)[given.number]
    run = case.on(RUNGS["kernels"], case.make())
    first, *later = [clock(run) for _ in range(4)]
    print(json.dumps({"first": first, "later": min(later)}))


if __name__ == "__main__":
    main()
