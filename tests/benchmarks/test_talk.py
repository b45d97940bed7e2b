from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from streamkit.errors import ConfigurationError
from streamkit_benchmarks.systems import CHUNK_SAMPLES, RATE
from streamkit_benchmarks.talk import (
    QUIET_GAP,
    SENTENCES,
    Talk,
    filled_in,
    from_recordings,
    make_talk,
)


@pytest.fixture(scope="module")
def talk() -> Talk:
    return make_talk(40.0, seed=3)


def level(talk: Talk, start: float, end: float) -> float:
    return float(np.abs(talk.samples[round(start * RATE) : round(end * RATE)]).max(initial=0.0))


def test_words_lie_in_the_sound(talk: Talk) -> None:
    times = [edge for word in talk.words for edge in (word.start, word.end)]
    assert times == sorted(times)
    assert times[-1] < talk.seconds
    for word in talk.words:
        assert 0.02 < word.end - word.start < 1.5, word
        assert level(talk, word.start, word.end) > 0.01, word


def test_nobody_speaks_in_quiet_stretches(talk: Talk) -> None:
    assert {each.kind for each in talk.quiet} <= {"silence", "room", "noise"}
    for each in talk.quiet:
        assert not any(
            word.start < each.end - 1e-6 and word.end > each.start + 1e-6 for word in talk.words
        )
        if each.kind == "silence" and each.end - each.start > QUIET_GAP:
            assert level(talk, each.start + 0.05, each.end - 0.05) < 0.005
    covered = sum(each.end - each.start for each in talk.quiet)
    assert 5 < covered < talk.seconds


def test_the_text_repeats_with_the_seed(talk: Talk) -> None:
    again = make_talk(40.0, seed=3)
    assert again.text == talk.text
    assert [word.start for word in again.words] == pytest.approx(
        [word.start for word in talk.words], abs=0.5
    )
    assert make_talk(40.0, seed=4).text != talk.text


def test_the_sentences_are_there() -> None:
    sentences = SENTENCES.read_text("utf-8").splitlines()
    assert len(sentences) == 480
    assert all(sentence[0].isupper() and sentence[-1] in ".?" for sentence in sentences)


def test_given_sentences_are_said_in_order() -> None:
    said = make_talk(5.0, sentences=["Turn it down.", "I do not know."])
    assert said.text.startswith("Turn it down. I do not know.")
    assert [number for number, _ in said.sentences] == list(range(len(said.sentences)))


def test_a_part_begins_with_its_sentence_and_goes_around_the_end(talk: Talk) -> None:
    whole = len(talk.sentences)
    part = talk.part(whole - 1, 10.0)
    assert part.seconds >= 10
    (last, _), (first, _) = talk.sentences[-1], talk.sentences[0]
    said = [word.number for word in talk.words if word.sentence == last]
    said += [word.number for word in talk.words if word.sentence == first]
    assert [word.number for word in part.words][: len(said)] == said
    for word in part.words:
        assert level(part, word.start, word.end) > 0.01
    assert talk.part(0, 1e9).seconds == pytest.approx(talk.seconds, abs=0.01)
    assert len(talk.part(0, 1e9).words) == len(talk.words)


def test_messages_hold_the_sound(talk: Talk) -> None:
    messages = talk.messages()
    assert {len(message) for message in messages[:-1]} == {2 * CHUNK_SAMPLES}
    sound = np.frombuffer(b"".join(messages), "<i2").astype(np.float32) / 32767
    assert np.allclose(sound, talk.samples, atol=1e-6)


def test_words_that_are_said_as_one_share_its_time() -> None:
    import re

    places = list(re.finditer(r"\S+", "in the big house"))
    assert filled_in({0: 0.0, 7: 1.0, 11: 2.0}, places, 3.0) == [
        (0.0, pytest.approx(0.4)),
        (pytest.approx(0.4), 1.0),
        (1.0, 2.0),
        (2.0, 3.0),
    ]


def test_recordings_are_joined(recordings: Path) -> None:
    talk = from_recordings(recordings, 20.0)
    assert talk.seconds > 20
    for word in talk.words:
        assert level(talk, word.start, word.end) > 0.001, word
    ends = [talk.words[i].text[-1] for i in range(len(talk.words) - 1)
            if talk.words[i].sentence != talk.words[i + 1].sentence]  # fmt: skip
    assert set(ends) <= {".", "?"}


def test_recordings_without_times_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="reference"):
        from_recordings(tmp_path)
    (tmp_path / "reference.json").write_text(json.dumps([{"file": "a.wav", "text": "Hello."}]))
    with pytest.raises(ConfigurationError, match="times of words"):
        from_recordings(tmp_path)


def test_a_talk_is_saved_with_what_is_known_of_it(talk: Talk, tmp_path: Path) -> None:
    talk.save(tmp_path / "talk.wav")
    with wave.open(str(tmp_path / "talk.wav")) as file:
        assert (file.getframerate(), file.getnframes()) == (RATE, len(talk.samples))
    known = json.loads((tmp_path / "talk.json").read_text())
    assert [word["word"] for word in known["words"]] == talk.text.split()
