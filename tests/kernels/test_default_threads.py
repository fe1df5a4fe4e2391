"""How many threads the kernels use where nobody says: the processors that this process may use."""

from __future__ import annotations

import io
import os

import pytest

from nanocnn.kernels import threads


@pytest.mark.parametrize("forced", ["0", "two", "-1", "1.5", "²", ""])
def test_a_bad_environment_variable(forced: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NANOCNN_NUM_THREADS", forced)
    with pytest.raises(ValueError, match=r"NANOCNN_NUM_THREADS is .* whole number from 1"):
        threads._default_threads()


def test_the_environment_variable_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NANOCNN_NUM_THREADS", "3")
    assert threads._default_threads() == 3
    monkeypatch.delenv("NANOCNN_NUM_THREADS")
    assert 1 <= threads._default_threads() <= (os.cpu_count() or 1)


@pytest.fixture
def nothing_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six processors, no limit, no environment variable, the JIT on."""
    monkeypatch.delenv("NANOCNN_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "JIT", True)
    monkeypatch.setattr(threads, "processors", threads.processors.__wrapped__)  # ask each time
    monkeypatch.setattr(threads, "_cgroup_limit", lambda: float("inf"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)), raising=False)


@pytest.mark.usefixtures("nothing_asked")
def test_one_thread_for_each_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    assert threads._default_threads() == 6
    monkeypatch.delattr(os, "sched_getaffinity")  # not Linux
    for count, expected in ((7, 7), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda count=count: count)
        assert threads._default_threads() == expected


@pytest.mark.usefixtures("nothing_asked")
@pytest.mark.parametrize(("limit", "expected"), [(9.0, 6), (2.5, 2), (0.5, 1)])
def test_no_more_than_the_container_may_use(
    limit: float, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "_cgroup_limit", lambda: limit)
    assert threads._default_threads() == expected


@pytest.mark.usefixtures("nothing_asked")
def test_one_thread_without_the_jit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "JIT", False)
    assert threads._default_threads() == 1


@pytest.mark.parametrize(
    ("told", "limit"),
    [
        ({"cpu.max": "max 100000\n"}, float("inf")),
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": ""}, float("inf")),
        ({"cpu.max": "many 100000\n"}, float("inf")),
        ({}, float("inf")),  # no such file
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, float("inf")),
        ({"cpu/cpu.cfs_quota_us": "300000\n"}, float("inf")),
    ],
)
def test_the_limit_of_a_container(
    told: dict[str, str], limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: str) -> io.StringIO:
        name = path.removeprefix("/sys/fs/cgroup/")
        if name not in told:
            raise FileNotFoundError(path)
        return io.StringIO(told[name])

    monkeypatch.setattr(threads, "open", read, raising=False)
    assert threads._cgroup_limit() == limit


def test_the_default_is_found_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_num_threads", None)
    monkeypatch.setattr(threads, "_default_threads", iter([5]).__next__)
    assert threads.get_num_threads() == 5
    assert threads.get_num_threads() == 5
