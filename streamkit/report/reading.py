"""Reads a trace, one line after the other, and goes on after lines that it cannot read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from streamkit.errors import ConfigurationError
from streamkit.report.fields import parse
from streamkit.report.records import Record

MAX_LINE: Final = 1 << 20
"""Bytes; a record with all words of a window has some thousand."""
PATIENCE_LINES: Final = 1000
"""Lines without one record after which a file is not a trace."""
KEPT_FAULTS: Final = 5
"""Faults that are named; all are counted."""
KEPT_KINDS: Final = 100
"""Unknown kinds that are counted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that could not be read.

    Attributes:
        line: counted from 1.
        reason: why, as the end of a sentence.
    """

    line: int
    reason: str


class TraceReader:
    """Reads one trace, and keeps what is to be said about it.

    Args:
        name: of the file, for messages.

    Attributes:
        lines: read so far, without empty ones.
        records: of known kinds.
        faults: the first lines that could not be read.
        fault_count: how many there were.
        unknown: kinds that are not known here, and how often they came.
        truncated: the last line has no end and cannot be read: its writer was stopped.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines = 0
        self.records = 0
        self.faults: list[Fault] = []
        self.fault_count = 0
        self.unknown: Counter[str] = Counter()
        self.truncated = False

    def read(self, stream: BinaryIO) -> Iterator[Record]:
        """Give the records in order; holds one line at a time.

        Raises:
            ConfigurationError: this is no trace: it is empty, or no line of it is a record.
        """
        number = 0
        while line := stream.readline(MAX_LINE):
            number += 1
            if not line.endswith(b"\n") and len(line) == MAX_LINE:
                self._pass_over(stream)
                self._fail(number, f"it is longer than {MAX_LINE} bytes")
            elif line.strip():
                record = self._parse(number, line)
                if record is not None:
                    yield record
            if not self.records and self.fault_count >= PATIENCE_LINES:
                break
        if not self.records:
            raise self._refusal()

    def _parse(self, number: int, line: bytes) -> Record | None:
        self.lines += 1
        try:
            found = parse(line)
        except ValueError as error:
            if line.endswith(b"\n") or number == 1:
                self._fail(number, str(error))
            else:
                self.truncated = True
            return None
        if isinstance(found, str):
            if found in self.unknown or len(self.unknown) < KEPT_KINDS:
                self.unknown[found] += 1
            return None
        self.records += 1
        return found

    def _fail(self, number: int, reason: str) -> None:
        self.fault_count += 1
        if len(self.faults) < KEPT_FAULTS:
            self.faults.append(Fault(number, reason))

    @staticmethod
    def _pass_over(stream: BinaryIO) -> None:
        while (rest := stream.readline(MAX_LINE)) and not rest.endswith(b"\n"):
            pass

    def _refusal(self) -> ConfigurationError:
        accepted = (
            "accepted: what `streamkit serve --trace FILE` writes, or what the page saves as a "
            "trace: a JSON object in each line"
        )
        if self.faults:
            fault = self.faults[0]
            return ConfigurationError(
                f"{self.name} is not a trace: line {fault.line} cannot be read, since "
                f"{fault.reason}; {accepted}"
            )
        if self.lines:
            return ConfigurationError(f"{self.name} has no record of a known kind; {accepted}")
        return ConfigurationError(
            f"{self.name} is empty: nobody was connected while it was written, or the server has "
            f"only just started; {accepted}"
        )
