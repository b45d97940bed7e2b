"""``streamkit latency report`` with good files, bad ones, and none."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from streamkit.commands import latency

TURN = {
    "kind": "turn",
    "at": 5.0,
    "session": "s_1",
    "item": "i",
    "status": "completed",
    "latency": {"vad": 0.01, "decode_start": 0.02, "decode_end": 0.05, "commit": 0.05},
}
RESPONSE = {"kind": "response", "at": 9.0, "session": "s_1", "response": "r",
            "status": "completed", "audio_seconds": 1.0,
            "latency": {"endpoint": 0.3, "first_audible": 0.2, "voice_to_voice": 0.5}}  # fmt: skip
TRACE = b"".join(json.dumps(record).encode() + b"\n" for record in (TURN, RESPONSE))


def report(*arguments: object, given: bytes = b"") -> Result:
    return CliRunner().invoke(latency.app, ["report", *map(str, arguments)], input=given)


def test_a_page_and_its_pictures(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    trace.write_bytes(TRACE)
    out = tmp_path / "out"
    result = report(trace, "--out", out)
    assert result.exit_code == 0, result.output
    written = [Path(line) for line in result.stdout.splitlines()]
    assert written[0] == out / "latency.html"
    assert {path.suffix for path in written[1:]} == {".png"}
    assert all(path.stat().st_size > 1000 for path in written)
    assert "500 ms" in written[0].read_text("utf-8")


def test_a_pipe_against_a_file(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    trace.write_bytes(TRACE + b"nonsense\n")
    result = report("-", trace, "--out", tmp_path / "out", given=TRACE)
    assert result.exit_code == 0, result.output
    assert "1 lines could not be read" in result.stderr
    page = (tmp_path / "out" / "latency.html").read_text("utf-8")
    assert "standard input against trace.jsonl" in page
    assert "too few values" in page


@pytest.mark.parametrize(
    ("name", "content", "arguments", "reason"),
    [
        ("missing", None, (), "cannot be read: No such file"),
        ("empty", b"", (), "is empty"),
        ("picture.png", b"\x89PNG\r\n\x1a\n\xff\n", (), "is not a trace: line 1"),
        ("trace", TRACE, ("--session", "s_2"), "has no session 's_2'; it has 's_1'"),
    ],
)
def test_bad_input_is_one_sentence(
    name: str, content: bytes | None, arguments: tuple[str, ...], reason: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    result = report(tmp_path / name, *arguments, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert reason in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_a_folder_is_no_trace(tmp_path: Path) -> None:
    result = report(tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "cannot be read" in result.stderr


def test_one_pipe_is_not_two_traces() -> None:
    result = report("-", "-", given=TRACE)
    assert result.exit_code == 1
    assert "only one of the two" in result.stderr


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "streamkit.report.plots.theme.find_spec",
        lambda name: None if name == "matplotlib" else find(name),
    )
    result = report("-", given=TRACE)
    assert result.exit_code == 1
    assert "pip install 'streamkit[bench]'" in result.stderr
