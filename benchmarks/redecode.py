"""CPU of streamkit beside decoding a growing buffer again, as faster-whisper is usually streamed.

    python benchmarks/redecode.py [--model MODEL] [--seconds 60] [--interval 0.25] [--truth]

Three ways through the same sound, in this process, not paced, with the same model and threads,
each with a pass for every `--interval` seconds of new sound; measured is the CPU time of the
process, all threads together:

* stock: LocalAgreement over faster-whisper's `transcribe` as ufal/whisper_streaming does it (beam
  of five, word times, the buffer cut behind a committed segment once it is longer than 15 s),
  over everything that is heard.
* stock on speech: the same, but only while our detector hears speech, with an end at each pause
  (what whisper_streaming calls VAC). The detector's own CPU is added.
* streamkit: detector, session and recognizer in simulated time, its own settings.

With `--truth` the model may be one of random weights (`random_model.py`), so that the times are
those of a real size. Everything is computed as always, but the model's answers are replaced by
the words that are said in the window: each generation runs for exactly as many steps as these
words have tokens, plus one, and each alignment is computed and then says when they are said. So
both sides decode the same words, agree, commit, trim and cut as they would with a model that
makes no mistakes, and none of it depends on chance.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from streamkit.asr.recognizer import Hypothesis, RecognitionRequest, Recognizer
from streamkit.audio.clock import SAMPLE_RATE
from streamkit.config import Settings
from streamkit_benchmarks.offline import Bench
from streamkit_benchmarks.talk import GoldWord, Talk, from_recordings, make_talk
from streamkit_benchmarks.timeline import align, plain

Samples = npt.NDArray[np.float32]
Progress = Callable[[str], None]
TimedWord = tuple[float, float, str]
"""Start and end in seconds of the stream, and the text as the model writes it."""

INTERVAL = 0.25
SECONDS = 60.0
TRIM_SECONDS = 15.0
PROMPT_CHARACTERS = 200
SURE = 0.95
FRAMES_PER_SECOND = 50
MODELS_MARGIN = 0.05
"""Seconds of a word that a window may lack at its edges and still have it."""


# The model that says the truth


class Truth:
    """A CTranslate2 Whisper that computes as it is told and answers what is really said.

    Args:
        inner: the engine's model.
        tokenizer: of the `tokenizers` package.
        words: what is said when.
        longest: tokens that the model can take, its prompt included.

    Attributes:
        windows: start and end in seconds of the sound that the next calls are about, for each
            window of a batch.
    """

    def __init__(self, inner: Any, tokenizer: Any, words: Sequence[GoldWord], longest: int) -> None:
        self._longest = longest
        self.windows = [(0.0, 0.0)]
        self._inner = inner
        self._tokenizer = tokenizer
        self._words = words
        self._eot: int = tokenizer.token_to_id("<|endoftext|>")
        self._first_time: int = tokenizer.token_to_id("<|0.00|>")
        self._no_times: int = tokenizer.token_to_id("<|notimestamps|>")
        self._spoken = {word.number: self._timed_tokens(word) for word in words}

    def __getattr__(self, name: str) -> Any:
        """Everything else is the model's."""
        return getattr(self._inner, name)

    def _timed_tokens(self, word: GoldWord) -> list[tuple[int, float]]:
        """Tokens of a word and when each begins; its punctuation begins at its end."""
        tokens: list[int] = self._tokenizer.encode(f" {word.text}", add_special_tokens=False).ids
        texts = [self._tokenizer.decode([token]) for token in tokens]
        spoken = max(1, sum(any(c.isalnum() for c in text) for text in texts))
        step = (word.end - word.start) / spoken
        return [(token, min(word.end, word.start + k * step)) for k, token in enumerate(tokens)]

    def _said(self, window: tuple[float, float]) -> list[GoldWord]:
        start, end = window
        return [
            word
            for word in self._words
            if word.start >= start - MODELS_MARGIN and word.end <= end + MODELS_MARGIN
        ]

    def _time(self, at: float, window: tuple[float, float]) -> int:
        inside = min(max(at, window[0]), window[1]) - window[0]
        return self._first_time + round(inside * FRAMES_PER_SECOND)

    def _answer(self, window: tuple[float, float], with_times: bool) -> list[int]:
        answer: list[int] = []
        said = self._said(window)
        for k, word in enumerate(said):
            if with_times and (k == 0 or said[k - 1].sentence != word.sentence):
                answer.append(self._time(word.start, window))
            answer += [token for token, _ in self._spoken[word.number]]
            if with_times and (k + 1 == len(said) or said[k + 1].sentence != word.sentence):
                answer.append(self._time(word.end, window))
        return answer

    def generate(self, features: Any, prompts: Any, **options: Any) -> list[Any]:
        """Decode as many tokens as the truth has, and answer the truth.

        A batch is decoded to the end of its longest answer, which is a little more than a
        real one costs: there, an answer that has ended costs nothing any more.
        """
        answers, longest = [], 0
        for prompt, window in zip(prompts, self.windows, strict=True):
            with_times = self._no_times not in prompt
            start = max(i for i, token in enumerate(prompt) if token > self._eot)
            prefix = prompt[start + 1 :]
            answer = self._answer(window, with_times)
            # What is forced is given back; committed words are the beginning of what is said.
            answer = [*prefix, *answer[len(prefix) :]]
            answers.append(answer)
            longest = max(longest, len(prompt) + len(answer) - len(prefix) + 1)
        suppressed = [*options.pop("suppress_tokens", ()), self._eot]
        options["max_length"] = min(longest, self._longest)
        self._inner.generate(features, prompts, suppress_tokens=suppressed, **options)
        return [
            SimpleNamespace(
                sequences_ids=[answer],
                scores=[-0.1 if answer else -5.0],
                no_speech_prob=0.01 if answer else 0.99,
            )
            for answer in answers
        ]

    def align(
        self, features: Any, start: Any, texts: Any, frames: Any, **options: Any
    ) -> list[Any]:
        """Align as told, and answer when the words are said."""
        self._inner.align(features, start, texts, frames, **options)
        return [
            self._alignment(tokens, window)
            for tokens, window in zip(texts, self.windows, strict=True)
        ]

    def _alignment(self, tokens: Sequence[int], window: tuple[float, float]) -> Any:
        words = self._said(window)
        said = [pair for word in words for pair in self._spoken[word.number]]
        times = [at for _, at in said[: len(tokens)]]
        times += [words[-1].end if words else window[1]] * (len(tokens) + 1 - len(times))
        places = [(k, round((at - window[0]) * FRAMES_PER_SECOND)) for k, at in enumerate(times)]
        return SimpleNamespace(alignments=places, text_token_probs=[SURE] * len(tokens))


# Their side


@dataclass(slots=True)
class Agreement:
    """Words that two passes in a row agree on, by their times, as whisper_streaming does it.

    Attributes:
        committed: all so far.
        before: what the pass before said after them.
    """

    committed: list[TimedWord] = field(default_factory=list)
    before: list[TimedWord] = field(default_factory=list)

    @property
    def last(self) -> float:
        """End of the last committed word."""
        return self.committed[-1][1] if self.committed else 0.0

    def take(self, words: Iterable[TimedWord]) -> None:
        """Take in a pass over the whole buffer."""
        fresh = [word for word in words if word[0] > self.last - 0.1]
        if fresh and self.committed and abs(fresh[0][0] - self.last) < 1:
            # The first words may be the last committed ones once more.
            for count in range(1, min(len(self.committed), len(fresh), 5) + 1):
                tail = [word[2] for word in self.committed[-count:]]
                if tail == [word[2] for word in fresh[:count]]:
                    fresh = fresh[count:]
                    break
        count = 0
        while (
            count < min(len(fresh), len(self.before)) and fresh[count][2] == self.before[count][2]
        ):
            count += 1
        self.committed += fresh[:count]
        self.before = fresh[count:]


@dataclass(slots=True)
class GrowingBuffer:
    """A stream by stock faster-whisper: each pass decodes all sound since the last cut.

    Attributes:
        model: a faster-whisper model.
        offset: seconds of the stream at which the buffer begins.
        truth: put in the place of the engine's model, or None.
        words: what is committed.
        passes: so far.
    """

    model: Any
    offset: float
    truth: Truth | None = None
    words: Agreement = field(default_factory=Agreement)
    passes: int = 0

    def hear(self, talk: Samples, end: float) -> None:
        """One pass over the sound up to `end` seconds of the stream."""
        self.passes += 1
        if self.truth is not None:
            self.truth.windows = [(self.offset, end)]
        before = [word[2] for word in self.words.committed if word[1] <= self.offset]
        prompt = "".join(before)[-PROMPT_CHARACTERS:]
        segments, _ = self.model.transcribe(
            talk[round(self.offset * SAMPLE_RATE) : round(end * SAMPLE_RATE)],
            language="en",
            initial_prompt=prompt or None,
            beam_size=5,
            word_timestamps=True,
            condition_on_previous_text=True,
        )
        found = list(segments)
        self.words.take(
            (word.start + self.offset, word.end + self.offset, word.word)
            for segment in found
            for word in segment.words
        )
        if end - self.offset > TRIM_SECONDS and self.words.committed and len(found) > 1:
            # The last segment is still growing; the one before may be, too.
            ends = [segment.end + self.offset for segment in found[:-1]]
            done = [each for each in ends if each <= self.words.last]
            if done:
                self.offset = done[-1]

    def finish(self) -> None:
        """No more sound comes: the last words are taken as they are."""
        self.words.committed += self.words.before
        self.words.before = []


def stock(
    model: Any,
    samples: Samples,
    stretches: Iterable[tuple[float, float]],
    interval: float,
    truth: Truth | None,
) -> tuple[int, str]:
    """Passes and text over stretches of sound, each with a buffer of its own."""
    passes, text = 0, ""
    for start, end in stretches:
        stream = GrowingBuffer(model, start, truth)
        at = start
        while at < end:
            at = min(end, at + interval)
            stream.hear(samples, at)
        stream.finish()
        passes += stream.passes
        text += "".join(word[2] for word in stream.words.committed)
    return passes, text


# The comparison


class Watched:
    """A recognizer that tells the truth's model which windows it is asked about."""

    def __init__(self, inner: Any, truth: Truth) -> None:
        self._inner = inner
        self._truth = truth

    def __getattr__(self, name: str) -> Any:
        """Everything else is the recognizer's."""
        return getattr(self._inner, name)

    def recognize(self, requests: Sequence[RecognitionRequest]) -> list[Hypothesis]:
        """As the recognizer does."""
        self._truth.windows = [
            (request.start / SAMPLE_RATE, request.end / SAMPLE_RATE) for request in requests
        ]
        answers: list[Hypothesis] = self._inner.recognize(requests)
        return answers


def truthful(recognizer: Any, talk: Talk) -> tuple[Recognizer, Truth]:
    """Our recognizer with a model that computes as always and answers what is said in the talk."""
    inside = library_model(recognizer)
    truth = Truth(inside.model, inside.hf_tokenizer, talk.words, inside.max_length)
    inside.model = truth
    return cast(Recognizer, Watched(recognizer, truth)), truth


def library_model(recognizer: Any) -> Any:
    """faster-whisper's model inside our recognizer; its `model` is CTranslate2's.

    The one place that knows how our side is built.
    """
    return recognizer._model


def _wer(talk: Talk, text: str) -> float:
    reference = plain(talk.text).split()
    way = align(reference, plain(text).split())
    return round(100 * way.errors / max(1, len(reference)), 2)


def compare(
    model: str,
    talk: Talk,
    threads: int,
    progress: Progress,
    *,
    seconds: float = SECONDS,
    interval: float = INTERVAL,
    with_truth: bool = False,
) -> dict[str, Any]:
    """Measure all three.

    Args:
        model: name or directory.
        talk: its first sentences are taken.
        threads: of one decoding.
        progress: takes a line for each part.
        seconds: of the talk.
        interval: seconds of new sound between two passes.
        with_truth: the model's answers are replaced by the truth.
    """
    talk = talk.part(0, seconds)
    bench = Bench(model, settings=Settings(partial_interval=interval), threads=threads)
    inside = library_model(bench.recognizer)
    truth = None
    if with_truth:
        bench.recognizer, truth = truthful(bench.recognizer, talk)
    bench.stream(talk.samples[: 5 * SAMPLE_RATE])  # the engine's first passes prepare it

    report: dict[str, Any] = {
        "model": bench.name,
        "threads": threads,
        "interval": interval,
        "audio_seconds": round(talk.seconds, 1),
        "answers": "the truth" if with_truth else "the model's",
    }

    def note(name: str, passes: int, text: str, cpu: float) -> None:
        report[name] = {
            "cpu_per_audio_second": round(cpu / talk.seconds, 4),
            "passes": passes,
            "ms_per_pass": round(1000 * cpu / max(1, passes), 1),
            "wer": _wer(talk, text),
        }
        progress(f"    {name}: {report[name]}")

    before = time.process_time()
    stream = bench.stream(talk.samples)
    note("streamkit", stream.decodes, " ".join(stream.words), time.process_time() - before)

    before = time.process_time()
    bench.detect(talk.samples)
    detector = time.process_time() - before

    stretches = [(each.start / SAMPLE_RATE, each.end / SAMPLE_RATE) for each in stream.segments]
    before = time.process_time()
    passes, text = stock(inside, talk.samples, stretches, interval, truth)
    note("stock_on_speech", passes, text, time.process_time() - before + detector)

    before = time.process_time()
    passes, text = stock(inside, talk.samples, [(0.0, talk.seconds)], interval, truth)
    note("stock", passes, text, time.process_time() - before)

    ours = report["streamkit"]["cpu_per_audio_second"]
    for name in ("stock", "stock_on_speech"):
        report[name]["times_streamkit"] = round(report[name]["cpu_per_audio_second"] / ours, 1)
    report["sentence"] = (
        f"CPU seconds per audio second, a pass every {interval:g} s: streamkit {ours:.3f}; stock "
        f"re-decoding {report['stock']['cpu_per_audio_second']:.3f} "
        f"({report['stock']['times_streamkit']:g} times as much), only on speech "
        f"{report['stock_on_speech']['cpu_per_audio_second']:.3f} "
        f"({report['stock_on_speech']['times_streamkit']:g} times)"
    )
    return report


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="whisper-micro-en")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--interval", type=float, default=INTERVAL)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--recordings", type=Path)
    parser.add_argument("--truth", action="store_true", help="for a model of random weights")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    talk = (
        make_talk(arguments.seconds, arguments.seed)
        if arguments.recordings is None
        else from_recordings(arguments.recordings, arguments.seconds, arguments.seed)
    )
    report = compare(
        arguments.model,
        talk,
        arguments.threads,
        lambda line: print(line, flush=True),
        seconds=arguments.seconds,
        interval=arguments.interval,
        with_truth=arguments.truth,
    )
    print(report["sentence"])
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1), "utf-8")


if __name__ == "__main__":
    main()
