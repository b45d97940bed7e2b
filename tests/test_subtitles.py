"""Subtitles of words without blanks; `tests/clients/test_subtitles.py` has the rest."""

from __future__ import annotations

from streamkit.subtitles import MAX_LINE, SubtitleWord, cues, srt, vtt


def test_words_without_blanks() -> None:
    words = [
        SubtitleWord(text, index, index + 1, spaced=False) for index, text in enumerate("你好吗?")
    ]
    assert srt([words]) == "1\n00:00:00,000 --> 00:00:04,000\n你好吗?\n"


def test_they_are_broken_all_the_same() -> None:
    words = [SubtitleWord("字", n / 10, (n + 1) / 10, spaced=False) for n in range(MAX_LINE + 8)]
    [cue] = cues([words])
    assert "".join(cue.lines) == "字" * (MAX_LINE + 8)
    assert max(map(len, cue.lines)) <= MAX_LINE


def test_a_cue_ends_with_its_utterance() -> None:
    one, other = SubtitleWord("one", 0, 1), SubtitleWord("two", 1, 2)
    assert [cue.lines for cue in cues([[one], [other]])] == [("one",), ("two",)]
    assert [cue.lines for cue in cues([[one, other]])] == [("one two",)]


def test_nothing_to_show() -> None:
    assert srt([]) == srt([[]]) == srt([[SubtitleWord(" \n", 0, 1)]]) == ""
    assert vtt([]) == "WEBVTT\n"
