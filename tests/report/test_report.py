"""The whole report: of made traces, with their known latencies, and of a real server's."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import pytest

from streamkit.asr.profile import ModelProfile
from streamkit.asr.recognizer import Recognizer
from streamkit.audio.pcm import to_linear16
from streamkit.config import Settings
from streamkit.errors import ConfigurationError
from streamkit.report.compose import Report, compose, notes
from streamkit.report.gather import gather
from streamkit.report.page import Figures, Table, render
from streamkit.report.plots.theme import Drawing
from streamkit.report.spans import TURN_SPANS, WORD_SPANS
from streamkit.report.writing import write
from streamkit.server.testing import LiveServer
from streamkit.server.testing_realtime import RATE, RealtimeClient

Samples = npt.NDArray[np.float32]
AsFile = Callable[[Any], io.BytesIO]

HOSTILE = "<b onclick='x'>&]]>--> $x^$ \x1b[31m\N{GRINNING FACE} \u7a7a\u9593 \u202e"


@pytest.fixture(scope="module")
def compared(maker: Any, as_file: AsFile) -> Report:
    """Two conversations, the second one slower; each word of them is an attack."""

    def attacked(record: dict[str, Any]) -> dict[str, Any]:
        if "words" in record and record["kind"] == "hypothesis":
            record["words"] = [[HOSTILE, *rest] for _, *rest in record["words"]]
        return {name: HOSTILE if name in ("text", "recognizer") else value
                for name, value in record.items()}  # fmt: skip

    first = itertools.chain(
        maker(1).realtime(f"s{HOSTILE}", 7, words=True), maker(2).realtime("t", 20)
    )
    second = maker(3, slower=1.6).realtime("u", 20)
    return compose(
        gather(as_file(map(attacked, first)), f"a{HOSTILE}.jsonl"),
        gather(as_file(second), "b.jsonl"),
    )


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are not drawn, for tests that look at words and figures."""
    drawing = Drawing(b"<svg/>", b"<svg></svg>", b"\x89PNG")
    monkeypatch.setattr("streamkit.report.chapters.drawn", lambda draw: drawing)


def test_all_pictures_are_there_and_on_both_grounds(compared: Report) -> None:
    assert set(compared.pictures) == {
        "turns-compared", "words-compared", "histograms-compared", "turns-waterfall", "turns",
        "words-waterfall", "words", "turns-percentiles", "words-percentiles", "histograms",
        "timeline", "timeline-close",
    }  # fmt: skip
    for name, drawing in compared.pictures.items():
        assert drawing.png.startswith(b"\x89PNG"), name
        assert drawing.light != drawing.dark, name
        for svg in (drawing.light, drawing.dark):
            root = ElementTree.fromstring(svg)
            kinds = {element.tag.rpartition("}")[2] for element in root.iter()}
            assert not kinds & {"script", "foreignObject", "a", "b"}, name
            # Letters are shapes: no text of a trace is in the file as text.
            assert b"onclick" not in svg.replace(b"&lt;b onclick", b""), name


def test_what_a_trace_says_stays_text(compared: Report) -> None:
    page = render(compared.page)
    assert "<b " not in page
    assert "onclick='" not in page
    assert "&lt;b onclick=" in page


def test_a_slower_server_is_found_out(compared: Report) -> None:
    tables = [part for section in compared.page.sections for part in section.parts
              if isinstance(part, Table) and "2 is" in part.columns]  # fmt: skip
    verdicts = {row[0]: row[-1] for row in tables[0].rows}
    assert verdicts["first token"] == "slower"
    assert verdicts["capture + network"] == "the same within 1 ms"
    assert verdicts["together: last sound captured → reply sent"] == "slower"


@pytest.mark.usefixtures("undrawn")
def test_the_first_figures_are_those_of_the_trace(maker: Any, as_file: AsFile) -> None:
    records = list(maker().realtime("s", 3))
    trace = gather(as_file(records), "t.jsonl")
    report = compose(trace)
    whole = sorted(
        record["audible_sent_at"] - record["speech"]["captured_at"]
        for record in records
        if record["kind"] == "response"
    )
    (figures,) = (part for part in report.page.opening if isinstance(part, Figures))
    median, slowest = figures.figures[:2]
    assert (median.label, median.value) == ("Voice-to-voice, median", f"{1000 * whole[1]:.0f} ms")
    assert (slowest.value, slowest.note) == (f"{1000 * whole[2]:.0f} ms", "too few for a p95")
    # 18 seconds can be drawn closely as they are.
    assert "timeline-close" not in report.pictures


def test_a_trace_without_turns_and_words_says_so(as_file: AsFile) -> None:
    begin = {"kind": "begin", "session": "s", "at": 1.0, "endpoint": "listen"}
    report = compose(gather(as_file([begin]), "t.jsonl"))
    assert not report.pictures
    assert "no latency to show" in render(report.page)


def test_two_traces_with_nothing_in_common(maker: Any, as_file: AsFile) -> None:
    begin = {"kind": "begin", "session": "s", "at": 1.0, "endpoint": "listen"}
    empty = gather(as_file([begin]), "e.jsonl")
    assert "nothing in common" in render(compose(empty, empty).page)


def test_what_could_not_be_read_is_told(maker: Any, as_file: AsFile) -> None:
    data = as_file(maker().listen("s", 1)).getvalue()
    broken = io.BytesIO(b"x\n" + data + b'{"kind": "later"}\n' + data[:50])
    told = " ".join(notes(gather(broken, "t.jsonl")))
    assert "1 lines could not be read" in told
    assert "line 1: it is not JSON" in told
    assert "1 later" in told
    assert "cut off" in told


@pytest.mark.usefixtures("undrawn")
def test_it_is_written_whole_or_refused(maker: Any, as_file: AsFile, tmp_path: Path) -> None:
    report = compose(gather(as_file(maker().listen("s", 1)), "t.jsonl"))
    folder = tmp_path / "new" / "folder"
    paths = write(report, folder)
    assert paths[0].read_text("utf-8") == render(report.page)
    assert {path.name for path in folder.iterdir()} == {path.name for path in paths}
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigurationError, match="name another folder with --out"):
        write(report, tmp_path / "file")


def test_the_trace_of_a_real_server(
    micro: tuple[Recognizer, ModelProfile], speak: Callable[..., Samples], tmp_path: Path
) -> None:
    path = tmp_path / "trace.jsonl"
    given = {"model": "whisper-micro-en", "port": 0, "trace": path, "trace_words": True}
    sentence = "Turn the music down."
    with LiveServer(Settings.model_validate(given), *micro) as server:
        with server.listen(encoding="linear16", sample_rate=16000) as client:
            client.send(to_linear16(speak(sentence)))
            client.close_stream()
        with RealtimeClient(server) as talk, talk.microphone() as microphone:
            talk.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
            microphone.say(speak(sentence, RATE))
            response = talk.until("response.done")["response"]
    with path.open("rb") as stream:
        trace = gather(stream, path.name)
    assert not trace.reader.fault_count
    assert not trace.reader.unknown
    sessions = {session.begin.endpoint: session for session in trace.sessions.values()
                if session.begin is not None}  # fmt: skip
    assert set(sessions) == {"listen", "realtime"}
    for session in sessions.values():
        assert session.detail is not None
        assert " ".join(way.name for way in session.detail.words) == sentence
        assert session.detail.curves[0].level.max() > -40
    captions = [way for way in trace.words if way.session == sessions["listen"].id]
    assert all(WORD_SPANS[4].of(way) is not None for way in captions)
    (turn,) = trace.turns
    whole = response["streamkit"]["latency"]["voice_to_voice"] / 1000
    assert TURN_SPANS[2].of(turn) == pytest.approx(whole, abs=0.001)
