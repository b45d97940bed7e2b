"""The file of traces: complete, or honest about what is missing; and nobody waits for it."""

from __future__ import annotations

import errno
import json
import logging
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streamkit.errors import ConfigurationError
from streamkit.server import records, trace_thread
from streamkit.server.records import Note
from streamkit.server.trace_file import TraceFile


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A note of the kind `plain` is its own record."""
    monkeypatch.setattr(records, "_MAKERS", {"plain": dict})


def given(**record: Any) -> Note:
    return ("plain", record)


def test_each_record_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text('{"from":"before"}\n')
    file = TraceFile(path)
    for number in range(100):
        file.write(given(number=number, id="\ud800ß", seconds=0.25, nothing=None))
    file.close()
    first, *lines = map(json.loads, path.read_text("utf-8").splitlines())
    assert first == {"from": "before"}
    assert [line["number"] for line in lines] == list(range(100))
    assert lines[0] == {
        "number": 0,
        "id": "\ud800ß",
        "seconds": 0.25,
        "nothing": None,
    }
    assert file.lost == 0


@pytest.mark.parametrize("name", ["", "absent/trace.jsonl"])
def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="--trace"):
        TraceFile(tmp_path / name)


def test_a_disk_that_is_too_slow_costs_records_and_no_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    # Open for both, so that opening waits for nobody; read later, so that the pipe fills up.
    end = os.open(path, os.O_RDWR)
    try:
        assert stat.S_ISFIFO(os.fstat(end).st_mode)
        file = TraceFile(path, places=10)
        record = {"text": "x" * 2**16}
        for _ in range(100):
            file.write(given(**record))
        assert file.lost >= 80
        kept = 100 - file.lost
        line = len(json.dumps(record, separators=(",", ":"))) + 1
        read: list[bytes] = []

        def drain() -> None:
            while sum(map(len, read)) < kept * line:
                read.append(os.read(end, 2**16))

        reader = threading.Thread(target=drain)
        reader.start()
        file.close()
        reader.join()
        assert [json.loads(each) for each in b"".join(read).splitlines()] == [record] * kept
        assert f"{file.lost} records were left out" in caplog.text
    finally:
        os.close(end)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    file = TraceFile(Path("/dev/full"))
    for number in range(5):
        file.write(given(number=number))
    file.close()
    assert file.lost == 5
    told = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [("cannot be written" in each.getMessage()) for each in told] == [True, False]
    assert "5 records were left out" in told[1].getMessage()


class Disk:
    """A file that takes `room` bytes, and again as many once somebody makes room."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.content = b""

    def __enter__(self) -> Disk:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def write(self, data: bytes) -> int:
        taken = bytes(data[: self.room])
        if data and not taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.content += taken
        self.room -= len(taken)
        return len(taken)


def test_a_line_that_was_torn_does_not_spoil_the_next_one(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    monkeypatch.setattr(trace_thread, "BATCH_SECONDS", 0.2)
    file = TraceFile(tmp_path / "trace.jsonl")
    line = b'{"number":0}\n'
    disk = Disk(2 * len(line) + 5)
    # The thread waits for the first record, and has not looked at its file yet.
    file._file = disk  # type: ignore[assignment]
    for number in range(4):
        file.write(given(number=number))
    eventually(lambda: file.lost == 2)
    file.write(given(number="lost"))
    eventually(lambda: file.lost == 3)
    disk.room = 1000
    file.write(given(number=4))
    file.close()
    assert disk.content.splitlines() == [
        b'{"number":0}',
        b'{"number":1}',
        b'{"num',
        b'{"number":4}',
    ]
    assert "3 records were left out" in caplog.text
