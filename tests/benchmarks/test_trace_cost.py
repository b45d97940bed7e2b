"""What measures the cost of tracing, without a server."""

from __future__ import annotations

import os
import sys
import time

import pytest

from streamkit_benchmarks.trace_cost import RATE, Account, Server, cpu_clock, speech

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's clocks of processes")


@on_linux
def test_the_cpu_time_of_a_process_can_be_read() -> None:
    server = Server("", cpu_clock(os.getpid()))
    before, own = server.cpu(), time.process_time()
    while time.process_time() < own + 0.02:
        pass
    assert server.cpu() - before >= 0.02


def test_a_process_that_is_not_there_has_no_clock() -> None:
    with pytest.raises(OSError, match=r"process|argument"):
        cpu_clock(2**22 + 1)


def test_speech_is_as_long_as_asked_for() -> None:
    assert len(speech(5.0)) >= 5 * 2 * RATE


def test_calls_and_their_time_are_counted() -> None:
    account = Account()

    def busy(seconds: float) -> str:
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            pass
        return "done"

    timed = account._timed("busy", busy)
    assert timed(0.01) == timed(seconds=0.01) == "done"
    counted = account.report()["functions"]["busy"]
    assert counted["calls"] == 2
    assert counted["seconds"] >= 0.02
