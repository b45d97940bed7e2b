from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from streamkit.errors import ModelError
from streamkit_benchmarks import random_model
from streamkit_benchmarks.redecode import Agreement, GrowingBuffer, compare, stock
from streamkit_benchmarks.talk import make_talk


def words(text: str, start: float = 0.0) -> list[tuple[float, float, str]]:
    return [(start + i, start + i + 0.9, f" {word}") for i, word in enumerate(text.split())]


def text(found: list[tuple[float, float, str]]) -> str:
    return "".join(word for _, _, word in found).strip()


def test_what_two_passes_agree_on_is_committed() -> None:
    agreement = Agreement()
    agreement.take(words("one two free"))
    assert not agreement.committed
    agreement.take(words("one two three four"))
    assert text(agreement.committed) == "one two"
    agreement.take(words("one two three four five"))
    assert text(agreement.committed) == "one two three four"
    assert text(agreement.before) == "five"


def test_committed_words_are_not_committed_again() -> None:
    agreement = Agreement(committed=words("one two"))
    # Its time moved a little, so it seems to come after the last committed word.
    agreement.take([(1.85, 2.2, " two"), (2.3, 3.0, " three")])
    agreement.take([(1.85, 2.2, " two"), (2.3, 3.0, " three")])
    assert text(agreement.committed) == "one two three"


class Scripted:
    """A faster-whisper model that hears a word a second, in segments of five."""

    def __init__(self) -> None:
        self.lengths: list[float] = []
        self.prompts: list[Any] = []
        self.offset = 0.0

    def transcribe(self, samples: Any, **options: Any) -> tuple[list[Any], None]:
        self.lengths.append(len(samples) / 16_000)
        self.prompts.append(options["initial_prompt"])
        heard = [
            SimpleNamespace(start=float(i), end=i + 0.9, word=f" w{round(self.offset) + i}")
            for i in range(int(self.lengths[-1]))
        ]
        groups = [heard[i : i + 5] for i in range(0, len(heard), 5)]
        return [SimpleNamespace(end=group[-1].end, words=group) for group in groups], None


def test_the_buffer_grows_until_it_is_cut_behind_a_committed_segment() -> None:
    model = Scripted()
    stream = GrowingBuffer(model, 0.0, None)
    samples = np.zeros(40 * 16_000, np.float32)
    for end in range(1, 18):
        stream.hear(samples, float(end))
        if stream.offset:
            break
    assert model.lengths == [float(n) for n in range(1, 17)]
    assert stream.offset == pytest.approx(14.9)
    assert stream.passes == 16
    model.offset = 15
    stream.hear(samples, 17.0)
    assert model.lengths[-1] == pytest.approx(2.1)
    assert model.prompts[-1].split()[-1] == "w14"


def test_stretches_are_decoded_apart() -> None:
    passes, said = stock(
        Scripted(), np.zeros(160_000, np.float32), [(0.0, 2.0), (5.0, 6.0)], 0.5, None
    )
    assert passes == 6
    assert said.split() == ["w0", "w1", "w0"]


def test_a_model_of_chance_that_says_the_truth(tmp_path: Path, multilingual: Path) -> None:
    random_model.write(tmp_path / "random", random_model.Size(64, 1), multilingual)
    talk = make_talk(4.0, sentences=["Turn it down.", "I do not know."])
    lines: list[str] = []
    report = compare(
        str(tmp_path / "random"), talk, 1, lines.append, seconds=4.0, interval=0.5, with_truth=True
    )
    assert len(lines) == 3
    for name in ("streamkit", "stock", "stock_on_speech"):
        assert report[name]["wer"] <= 20, report
        assert report[name]["passes"] > 2
        assert report[name]["cpu_per_audio_second"] > 0
    assert "times" in report["sentence"]


def test_a_tokenizer_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no .*vocabulary\.json"):
        random_model.write(tmp_path / "random", random_model.Size(64, 1), tmp_path)
