"""Time that passes only while something computes."""

from __future__ import annotations

import socket
import threading
import time

import anyio
import anyio.to_thread

from streamkit.replay.simulated_clock import SimulatedClock, run_simulated


def test_waiting_takes_no_time() -> None:
    async def wait(clock: SimulatedClock) -> float:
        began = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep, 3600)
            tasks.start_soon(anyio.sleep, 7200)
        assert clock.now() >= began + 7200
        return clock.now() - began

    began = time.monotonic()
    # Two hours would be noticed.
    assert 7200 <= run_simulated(wait) < 7260
    assert time.monotonic() - began < 60


def test_what_computes_in_a_thread_is_waited_for() -> None:
    async def compute(clock: SimulatedClock) -> tuple[float, bool]:
        limiter = anyio.to_thread.current_default_thread_limiter()
        clock.busy = lambda: limiter.borrowed_tokens > 0
        began = clock.now()
        with anyio.move_on_after(3600) as scope:
            await anyio.to_thread.run_sync(time.sleep, 0.05)
        return clock.now() - began, scope.cancelled_caught

    took, skipped = run_simulated(compute)
    assert 0.05 <= took < 3600
    assert not skipped


def test_somebody_at_the_other_end_of_a_socket_is_waited_for() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            time.sleep(0.05)
            connection.sendall(b"now")

    async def ask(_clock: SimulatedClock) -> bytes:
        with anyio.fail_after(3600):
            async with await anyio.connect_tcp("localhost", listener.getsockname()[1]) as stream:
                return await stream.receive()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        assert run_simulated(ask) == b"now"
    finally:
        thread.join()
        listener.close()
