from __future__ import annotations

import html
import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.client.events import Latency, Transcript, Word
from streamkit.errors import ConfigurationError
from streamkit.subtitles import MAX_CUE_MS, MAX_LINE, MAX_LINES
from streamkit_clients.subtitle_files import SubtitleFiles
from streamkit_clients.subtitles import as_json, cues, srt, txt, vtt

LATENCY = Latency(1000.0, 1000.1, 1.0, 2.0, 3.0, 4.0, 5.0, 6.5)


def said(text: str, start: float, *, seconds: float = 0.3) -> tuple[Word, ...]:
    return tuple(
        Word(part.strip(".?!").lower(), part, start + n * seconds, start + (n + 1) * seconds, 0.9)
        for n, part in enumerate(text.split())
    )


def final(words: tuple[Word, ...], *, speech_final: bool = True, utterance: int = 0) -> Transcript:
    start, end = (words[0].start, words[-1].end) if words else (0.0, 0.0)
    return Transcript(words, start, end, len(words), True, speech_final, utterance, 0, LATENCY)


DIALOGUE = [
    final(said("Good morning. How", 0.5), speech_final=False),
    final(said("are you today?", 1.4)),
    final((), utterance=1),
    final(said("Very well & <fine>!", 61.0), utterance=2),
]


def test_srt() -> None:
    assert srt(DIALOGUE) == (
        "1\n00:00:00,500 --> 00:00:01,100\nGood morning.\n\n"
        "2\n00:00:01,100 --> 00:00:02,300\nHow are you today?\n\n"
        "3\n00:01:01,000 --> 00:01:02,200\nVery well & <fine>!\n"
    )


def test_vtt() -> None:
    assert vtt(DIALOGUE) == (
        "WEBVTT\n\n"
        "00:00:00.500 --> 00:00:01.100\nGood morning.\n\n"
        "00:00:01.100 --> 00:00:02.300\nHow are you today?\n\n"
        "00:01:01.000 --> 00:01:02.200\nVery well &amp; &lt;fine&gt;!\n"
    )


def test_txt() -> None:
    assert txt(DIALOGUE) == "Good morning. How are you today?\nVery well & <fine>!\n"


def test_json_has_everything() -> None:
    finals = json.loads(as_json(DIALOGUE))["finals"]
    assert [item["utterance"] for item in finals] == [0, 0, 2]
    assert finals[1] == {
        "utterance": 0,
        "channel": 0,
        "start": 1.4,
        "end": 2.3,
        "speech_final": True,
        "transcript": "are you today?",
        "words": [
            {"word": "are", "punctuated": "are", "start": 1.4, "end": 1.7, "confidence": 0.9},
            {"word": "you", "punctuated": "you", "start": 1.7, "end": 2.0, "confidence": 0.9},
            {"word": "today", "punctuated": "today?", "start": 2.0, "end": 2.3, "confidence": 0.9},
        ],
        "latency": {
            "captured_at": 1000.0,
            "received_at": 1000.1,
            "vad_ms": 1.0,
            "decode_start_ms": 2.0,
            "decode_end_ms": 3.0,
            "first_partial_ms": 4.0,
            "commit_ms": 5.0,
            "emit_ms": 6.5,
        },
    }


def test_no_words() -> None:
    empty = [final(())]
    assert (srt(empty), vtt(empty), txt(empty)) == ("", "WEBVTT\n", "")
    assert json.loads(as_json(empty)) == {"finals": []}


def test_a_short_cue_stays_on_while_there_is_room() -> None:
    alone = cues([final(said("Yes.", 3.0))])
    assert [(cue.start, cue.end) for cue in alone] == [(3000, 4000)]
    followed = cues([final(said("Yes.", 3.0)), final(said("No.", 3.5), utterance=1)])
    assert [(cue.start, cue.end) for cue in followed] == [(3000, 3500), (3500, 4500)]


def test_lines_are_balanced() -> None:
    (cue,) = cues(
        [final(said("this is a line that is a little longer than one", 0.0, seconds=0.1))]
    )
    assert cue.lines == ("this is a line that is a", "little longer than one")


def test_an_utterance_without_an_end_is_there_too() -> None:
    assert txt([final(said("to be", 0.0), speech_final=False)]) == "to be\n"
    assert len(cues([final(said("to be", 0.0), speech_final=False)])) == 1


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=60
).filter(lambda text: text.split())
times = st.floats(0, 20_000)
words = st.builds(
    lambda text, start, length: Word(text.lower(), text, start, start + length, 0.5),
    texts,
    times,
    st.floats(0, 12),
)
ordered_words = st.lists(
    st.tuples(texts, st.floats(0, 3), st.floats(0, 2)), max_size=30
).map(
    lambda items: [
        Word(text.lower(), text, sum(i[1] + i[2] for i in items[:n]) + gap,
             sum(i[1] + i[2] for i in items[: n + 1]), 0.5)
        for n, (text, gap, _) in enumerate(items)
    ]
)  # fmt: skip


@st.composite
def sessions(draw: st.DrawFn) -> list[Transcript]:
    finals: list[Transcript] = []
    utterance = 0
    for chunk in draw(st.lists(st.one_of(st.lists(words, max_size=12), ordered_words), max_size=6)):
        ends = draw(st.booleans())
        finals.append(final(tuple(chunk), speech_final=ends, utterance=utterance))
        utterance += ends
    return finals


def parse(text: str, mark: str) -> list[tuple[int, int, list[str]]]:
    """Read SRT or the cues of WebVTT as a player does: blank lines divide, arrows give times."""
    found = []
    for block in re.split(r"\n\n+", text.strip("\n")) if text.strip() else []:
        lines = block.split("\n")
        timing = next(n for n, line in enumerate(lines) if " --> " in line)
        stamps = re.fullmatch(
            rf"(\d+):(\d\d):(\d\d){mark}(\d{{3}}) --> (\d+):(\d\d):(\d\d){mark}(\d{{3}})",
            lines[timing],
        )
        assert stamps is not None
        n = [int(group) for group in stamps.groups()]
        start = ((n[0] * 60 + n[1]) * 60 + n[2]) * 1000 + n[3]
        end = ((n[4] * 60 + n[5]) * 60 + n[6]) * 1000 + n[7]
        found.append((start, end, lines[timing + 1 :]))
    return found


@given(finals=sessions())
def test_every_player_reads_every_word_in_order(finals: list[Transcript]) -> None:
    expected = [part for f in finals for word in f.words for part in word.punctuated.split()]
    from_srt = parse(srt(finals), ",")
    assert [part for _, _, lines in from_srt for line in lines for part in line.split()] == expected
    header, *body = re.split(r"\n\n", vtt(finals), maxsplit=1)
    assert header.strip() == "WEBVTT"
    from_vtt = parse(body[0] if body else "", r"\.")
    assert [
        part for _, _, lines in from_vtt for line in lines for part in html.unescape(line).split()
    ] == expected
    assert not any("-->" in line for _, _, lines in from_vtt for line in lines)
    assert [cue[:2] for cue in from_srt] == [cue[:2] for cue in from_vtt]
    assert txt(finals).split() == expected

    end = 0
    for start, cue_end, lines in from_srt:
        assert end <= start < cue_end <= start + MAX_CUE_MS
        end = cue_end
        assert 1 <= len(lines) <= MAX_LINES
        for line in lines:
            longest = max(len(" ".join(w.punctuated.split())) for f in finals for w in f.words)
            assert len(line) <= max(MAX_LINE, longest)


@given(finals=sessions())
def test_json_round_trip(finals: list[Transcript]) -> None:
    read = json.loads(as_json(finals))["finals"]
    assert [word["punctuated"] for item in read for word in item["words"]] == [
        word.punctuated for item in finals for word in item.words
    ]


def test_files_are_complete_after_every_final(tmp_path: Path) -> None:
    names = ("srt", "vtt", "json", "txt")
    paths = {name: tmp_path / f"talk.{name}" for name in names}
    files = SubtitleFiles(paths)
    assert list(tmp_path.iterdir()) == []
    for count in range(1, len(DIALOGUE) + 1):
        files.add(DIALOGUE[count - 1])
        files.save()
        assert paths["srt"].read_text() == srt(DIALOGUE[:count])
        assert paths["vtt"].read_text() == vtt(DIALOGUE[:count])
        assert paths["txt"].read_text() == txt(DIALOGUE[:count])
        assert json.loads(paths["json"].read_text()) == json.loads(as_json(DIALOGUE[:count]))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"talk.{n}" for n in names)


def test_closing_saves_what_is_not_saved_yet(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    files = SubtitleFiles({"txt": path})
    files.add(DIALOGUE[0])
    files.save()
    files.add(DIALOGUE[1])
    assert path.read_text() == txt(DIALOGUE[:1])
    files.close()
    assert path.read_text() == txt(DIALOGUE[:2])


def test_a_session_without_words_leaves_an_empty_file_only_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "t.vtt"
    path.write_text("an older file\n")
    files = SubtitleFiles({"vtt": path})
    files.add(final(()))
    files.save()
    assert path.read_text() == "an older file\n"
    files.close()
    assert path.read_text() == "WEBVTT\n"


def test_links_and_modes_stay(tmp_path: Path) -> None:
    real = tmp_path / "real.txt"
    real.write_text("")
    real.chmod(0o640)
    link = tmp_path / "link.txt"
    link.symlink_to(real)
    SubtitleFiles({"txt": link}).close()
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_pipe_is_written_once_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    files = SubtitleFiles({"txt": path})
    for part in DIALOGUE:
        files.add(part)
        files.save()
    files.close()
    assert os.read(reader, 1000).decode() == txt(DIALOGUE)
    os.close(reader)


def test_what_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"--srt .*there is no folder"):
        SubtitleFiles({"srt": tmp_path / "nowhere" / "t.srt"})
    with pytest.raises(ConfigurationError, match="it is a folder"):
        SubtitleFiles({"srt": tmp_path})
    with pytest.raises(ConfigurationError, match="same file"):
        SubtitleFiles({"srt": tmp_path / "t", "vtt": tmp_path / "." / "t"})


def test_a_folder_that_goes_away(tmp_path: Path) -> None:
    folder = tmp_path / "usb"
    folder.mkdir()
    files = SubtitleFiles({"txt": folder / "t.txt"})
    folder.rmdir()
    with pytest.raises(ConfigurationError, match=r"cannot write .*t\.txt"):
        files.close()
