"""Whisper on CTranslate2.

faster-whisper loads the model, has the tokenizer, and turns an alignment into words. The rest is
ours, because a stream needs other things than a file does:

* The window is only as long as the speech plus a margin, where the model's profile says that it can
  stand that. The library always pads to 30 s, which costs ten times as much on a short utterance.
* Features come from the stream, where each frame was computed once.
* Several sessions' windows are encoded, decoded and aligned together.
* Committed words inside the window are forced as the beginning of the answer, and those before it
  are its prompt, so that a hypothesis can only ever add to them.
* Every answer passes a gate (`streamkit.asr.quality`). A doubtful one is decoded once more on the
  full window, and if it is a final, at rising temperatures.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from streamkit.asr.mel import MelFilters, MelStream, scaled
from streamkit.asr.quality import Answer, Decision, Doubt, doubts, is_silence
from streamkit.asr.recognizer import Hypothesis, ModelInfo, RecognitionRequest, Task, Word
from streamkit.audio.clock import GRID_SAMPLES, SAMPLE_RATE
from streamkit.errors import ModelError, RecognitionError

if TYPE_CHECKING:
    from streamkit.asr.profile import ModelProfile

MAX_FRAMES = 3000
MAX_WINDOW_SAMPLES = MAX_FRAMES * GRID_SAMPLES
"""30 s: the longest window that Whisper can see."""

LENGTH_STEP_FRAMES = 32
"""0.32 s: short windows are padded to a multiple of this. The engine prepares and keeps code for
each length that it meets, so few lengths are quicker and smaller than many. An even number, since
the encoder's second convolution has stride 2."""

MIN_WINDOW_SAMPLES = 400
"""One analysis frame of the features."""

FALLBACK_TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0)

ALIGNED_SILENCE_FRAMES = 50
"""0.5 s."""

TOKENS_PER_SECOND = 16
"""No language needs more; what goes on after that is a loop, and need not be waited for."""

CONTEXT_STEPS = (0, 8, 16, 32, 64, 128)
"""Tokens of context. Few lengths, because only prompts of one length can be decoded together."""

MAX_GUIDANCE_TOKENS = 90
"""Of the prompt and key terms of a client; with the context they stay below the half of the
decoder's positions that Whisper gives to what came before."""

PREPENDED_PUNCTUATION = "\"'“¿([{-"
APPENDED_PUNCTUATION = "\"'.。,，!！?？:：”)]}、"

LANGUAGE_CERTAINTY = 0.6
"""A detection with less probability keeps to the language of the speech before."""

Tokens = list[int]


@dataclass(frozen=True, slots=True)
class _Speaker:
    """The library's tokenizer for one language and task; read-only once made."""

    tokenizer: Any
    start: Tokens
    suppressed: Tokens

    @classmethod
    def make(cls, model: Any, language: str, task: Task) -> _Speaker:
        from faster_whisper.tokenizer import Tokenizer
        from faster_whisper.transcribe import get_suppressed_tokens

        tokenizer = Tokenizer(
            model.hf_tokenizer, model.model.is_multilingual, task=task.value, language=language
        )
        start = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        return cls(tokenizer, start, list(get_suppressed_tokens(tokenizer, [-1])))


@dataclass(frozen=True, slots=True)
class _Job:
    """One window of a batch on its way through the model.

    Attributes:
        request: what was asked for.
        before: tokens before the start of the answer.
        prefix: tokens that the answer begins with.
        context: words among those before it, which the answer should not say again.
    """

    request: RecognitionRequest
    before: Tokens
    prefix: Tokens
    context: Sequence[Word]


@dataclass(frozen=True, slots=True)
class _Heard:
    """An answer and what can be said about it."""

    words: tuple[Word, ...]
    answer: Answer


class WhisperRecognizer:
    """A `Recognizer` over one CTranslate2 model, shared by all sessions.

    CTranslate2 runs `workers` calls at once on one copy of the weights and releases the GIL while
    it computes.
    """

    def __init__(self, model: Any, info: ModelInfo, profile: ModelProfile) -> None:
        self._model = model
        self._info = info
        self._profile = profile
        self._speakers: dict[tuple[str, Task], _Speaker] = {}
        self._filters = MelFilters(model.feature_extractor.mel_filters)

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        name: str,
        profile: ModelProfile,
        device: str = "auto",
        compute_type: str = "default",
        threads: int = 1,
        workers: int = 1,
    ) -> WhisperRecognizer:
        """Load a CTranslate2 Whisper model from a directory; touches no network.

        Limits numpy's BLAS to one thread in this process, see `_calm_blas`.

        Args:
            path: directory with `model.bin`, `config.json`, `tokenizer.json` and a vocabulary.
            name: registry name, for clients.
            profile: how this model wants to be decoded.
            device: `auto`, `cpu` or `cuda`.
            compute_type: a CTranslate2 type; `default` takes the one of the file.
            threads: threads of one decoding.
            workers: decodings at once.

        Raises:
            ModelError: the directory does not hold a model that can be loaded.
        """
        try:
            from faster_whisper import WhisperModel
            from faster_whisper.tokenizer import _LANGUAGE_CODES
        except ImportError as error:
            raise ModelError(f"faster-whisper cannot be imported: {error}") from error
        try:
            model = WhisperModel(
                str(path),
                device=device,
                compute_type=compute_type,
                cpu_threads=threads,
                num_workers=workers,
                local_files_only=True,
            )
        except (RuntimeError, ValueError, OSError, KeyError) as error:
            raise ModelError(
                f"the model in {path} cannot be loaded: {error}; "
                "give another one with --model, or pull it again with `streamkit models pull NAME`"
            ) from error
        _calm_blas()
        multilingual = bool(model.model.is_multilingual)
        languages = frozenset(_LANGUAGE_CODES) if multilingual else frozenset({"en"})
        info = ModelInfo(name=name, languages=languages, translates=multilingual)
        return cls(model, info, profile)

    @property
    def info(self) -> ModelInfo:
        """Which model it is."""
        return self._info

    def with_profile(self, profile: ModelProfile) -> WhisperRecognizer:
        """The same weights, decoded in another way."""
        return WhisperRecognizer(self._model, self._info, profile)

    def front_end(self, capacity: int) -> MelStream:
        """Mel spectra of one stream."""
        return MelStream(self._filters, capacity)

    def batch_key(self, request: RecognitionRequest) -> Hashable | None:
        """Language, task, and length of what stands before the answer."""
        language = self._known_language(request)
        if language is None:
            # What is detected decides about the prompt.
            return None
        speaker = self._speaker(language, request.guidance.task)
        return language, request.guidance.task, len(self._before(request, speaker.tokenizer))

    def recognize(self, requests: Sequence[RecognitionRequest]) -> list[Hypothesis]:
        """Decode windows of at most 30 s that have one `batch_key`.

        Raises:
            RecognitionError: a window is too long, the keys differ, or the engine failed.
        """
        for request in requests:
            if len(request.samples) > MAX_WINDOW_SAMPLES:
                raise RecognitionError(
                    f"a window of {len(request.samples) / SAMPLE_RATE:.1f} s was given; "
                    "Whisper sees at most 30 s: cut it first"
                )
        audible = [each for each in requests if len(each.samples) >= MIN_WINDOW_SAMPLES]
        try:
            heard = iter(self._recognize(audible) if audible else ())
        except (RuntimeError, ValueError, IndexError) as error:
            raise RecognitionError(f"the recognizer failed: {error}") from error
        return [
            next(heard)
            if len(each.samples) >= MIN_WINDOW_SAMPLES
            else Hypothesis(words=(), start=each.start, end=each.end)
            for each in requests
        ]

    def _recognize(self, requests: Sequence[RecognitionRequest]) -> list[Hypothesis]:
        frames = max(self._window_frames(request) for request in requests)
        encoded = self._encode(requests, frames)
        language = self._known_language(requests[0])
        if language is None:
            if len(requests) > 1:
                raise ValueError("windows whose language is not known cannot be decoded together")
            language = self._detect(encoded, requests[0].likely_language)
        speaker = self._speaker(language, requests[0].guidance.task)
        jobs = [self._job(request, speaker) for request in requests]
        hypotheses = []
        for job, heard in zip(jobs, self._decode(encoded, jobs, speaker), strict=True):
            words, answer, decision, found = self._gate(job, heard, speaker, frames)
            hypotheses.append(
                Hypothesis(
                    words=words,
                    start=job.request.start,
                    end=job.request.end,
                    language=language,
                    no_speech_probability=answer.no_speech_probability,
                    average_logprob=answer.average_logprob,
                    decision=decision,
                    doubts=found,
                )
            )
        return hypotheses

    # Into the model

    def _window_frames(self, request: RecognitionRequest) -> int:
        """How long the window is for the encoder, as the profile allows."""
        margin = self._profile.margin
        if margin is None:
            return MAX_FRAMES
        frames = (len(request.samples) + round(margin * SAMPLE_RATE)) / GRID_SAMPLES
        return min(math.ceil(frames / LENGTH_STEP_FRAMES) * LENGTH_STEP_FRAMES, MAX_FRAMES)

    def _encode(self, requests: Sequence[RecognitionRequest], frames: int) -> Any:
        """Encoder output for windows padded to one length."""
        import ctranslate2

        windows = [
            scaled(
                self._filters.window(each.samples) if each.features is None else each.features,
                frames,
            )
            for each in requests
        ]
        features = ctranslate2.StorageView.from_array(np.stack(windows))
        # Where several GPUs take turns, the output has to go where the next call runs.
        to_cpu = self._model.model.device == "cuda" and len(self._model.model.device_index) > 1
        return self._model.model.encode(features, to_cpu=to_cpu)

    def _known_language(self, request: RecognitionRequest) -> str | None:
        return request.language if self._model.model.is_multilingual else "en"

    def _detect(self, encoded: Any, likely: str | None) -> str:
        """The language of the only window; the likely one, unless another is much likelier."""
        ranked = self._model.model.detect_language(encoded)[0]
        found = {str(token).strip("<|>"): probability for token, probability in ranked}
        best = max(found, key=found.__getitem__)
        sure = found[best] >= LANGUAGE_CERTAINTY
        return likely if likely in found and not sure else best

    def _speaker(self, language: str, task: Task) -> _Speaker:
        key = (language, task)
        if key not in self._speakers:
            # Two threads may both make one; they are equal, and one of them is kept.
            self._speakers.setdefault(key, _Speaker.make(self._model, language, task))
        return self._speakers[key]

    def _job(self, request: RecognitionRequest, speaker: _Speaker, *, alone: bool = False) -> _Job:
        """What is asked of the decoder; `alone`: without what stands before the answer."""
        prefix = [token for word in request.prefix for token in _tokens(word, speaker.tokenizer)]
        if alone:
            return _Job(request, [], prefix, ())
        return _Job(request, self._before(request, speaker.tokenizer), prefix, request.context)

    def _before(self, request: RecognitionRequest, tokenizer: Any) -> Tokens:
        """Tokens before the start of the answer: guidance, then committed words."""
        guidance = _guidance_tokens(request, tokenizer)
        context = [token for word in request.context for token in _tokens(word, tokenizer)]
        room = len(context)
        kept = max(step for step in CONTEXT_STEPS if step <= room)
        before = [*guidance, *context[room - kept :]]
        return [tokenizer.sot_prev, *before] if before else []

    # Out of the model

    def _decode(
        self,
        encoded: Any,
        jobs: Sequence[_Job],
        speaker: _Speaker,
        temperature: float = 0.0,
    ) -> list[_Heard]:
        prompts = [[*job.before, *speaker.start, *job.prefix] for job in jobs]
        seconds = max(len(job.request.samples) for job in jobs) / SAMPLE_RATE
        room = math.ceil((seconds + 1.0) * TOKENS_PER_SECOND)
        longest = max(map(len, prompts)) + room
        search: dict[str, float] = {"beam_size": self._profile.beam_size}
        if temperature > 0:
            search = {"beam_size": 1, "sampling_topk": 0, "sampling_temperature": temperature}
        results = self._model.model.generate(
            encoded,
            prompts,
            **search,
            max_length=min(longest, self._model.max_length),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=self._profile.suppress_blank,
            suppress_tokens=speaker.suppressed,
        )
        eot = speaker.tokenizer.eot
        said = [
            # CTranslate2 gives text that was forced after the special tokens back with the answer.
            [token for token in result.sequences_ids[0][len(job.prefix) :] if token < eot]
            for job, result in zip(jobs, results, strict=True)
        ]
        return [
            self._heard(job, tokens, result, alignment, speaker)
            for job, tokens, result, alignment in zip(
                jobs, said, results, self._align(encoded, jobs, said, speaker), strict=True
            )
        ]

    def _align(
        self, encoded: Any, jobs: Sequence[_Job], said: Sequence[Tokens], speaker: _Speaker
    ) -> list[list[dict[str, Any]]]:
        """The library's words with times, of each job: its prefix and what was said after it."""
        from faster_whisper.transcribe import merge_punctuations

        texts = [[*job.prefix, *tokens] for job, tokens in zip(jobs, said, strict=True)]
        if not any(said):
            return [[] for _ in jobs]
        # A little of the silence after the sound is aligned too: words that land there were not
        # said, and the gate should see it.
        window = 2 * encoded.shape[1]
        frames = [
            min(len(job.request.samples) // GRID_SAMPLES + ALIGNED_SILENCE_FRAMES, window)
            for job in jobs
        ]
        alignments: list[list[dict[str, Any]]] = self._model.find_alignment(
            speaker.tokenizer, texts, encoded, frames
        )
        for alignment in alignments:
            merge_punctuations(alignment, PREPENDED_PUNCTUATION, APPENDED_PUNCTUATION)
        return alignments

    def _heard(
        self,
        job: _Job,
        said: Tokens,
        result: Any,
        alignment: Sequence[dict[str, Any]],
        speaker: _Speaker,
    ) -> _Heard:
        request = job.request
        words, starts = _words(
            request, len(job.prefix), alignment if said else (), speaker.tokenizer
        )
        # The score is the mean over the tokens; Whisper's average counts the end as one more.
        count = len(result.sequences_ids[0])
        logprob = float(result.scores[0]) * count / (count + 1)
        answer = Answer(
            texts=[word.text for word in words],
            starts=starts,
            average_logprob=logprob if math.isfinite(logprob) and words else 0.0,
            no_speech_probability=float(result.no_speech_prob),
            seconds=len(request.samples) / SAMPLE_RATE,
            # An answer after a prefix goes on in the window, not after the words before it.
            context=[] if request.prefix else [word.text for word in job.context],
        )
        return _Heard(words, answer)

    def _gate(
        self, job: _Job, heard: _Heard, speaker: _Speaker, frames: int
    ) -> tuple[tuple[Word, ...], Answer, Decision, frozenset[Doubt]]:
        """Take an answer, or look for a better one."""
        if is_silence(heard.answer):
            return (), heard.answer, Decision.SILENT, frozenset()
        first = doubts(heard.answer)
        if not first:
            return heard.words, heard.answer, Decision.ACCEPTED, first
        tries = [heard]
        encoded: Any = None
        temperatures = FALLBACK_TEMPERATURES if job.request.final else ()
        again = self._job(job.request, speaker, alone=Doubt.ECHO in first)
        if frames < MAX_FRAMES or again.before != job.before:
            temperatures = (0.0, *temperatures)
        for temperature in temperatures:
            if encoded is None:
                encoded = self._encode([job.request], MAX_FRAMES)
            (other,) = self._decode(encoded, [again], speaker, temperature)
            if is_silence(other.answer):
                return (), other.answer, Decision.SILENT, first
            if not doubts(other.answer):
                decision = Decision.FALLBACK if temperature > 0 else Decision.MENDED
                return other.words, other.answer, decision, first
            tries.append(other)
        best = max(tries, key=lambda each: (-len(doubts(each.answer)), each.answer.average_logprob))
        if Doubt.PHRASE in doubts(best.answer):
            return (), best.answer, Decision.SILENT, first
        return best.words, best.answer, Decision.REJECTED, first


def _words(
    request: RecognitionRequest,
    prefix: int,
    alignment: Sequence[dict[str, Any]],
    tokenizer: Any,
) -> tuple[tuple[Word, ...], list[float]]:
    """The words of an alignment after the first `prefix` tokens, within the window's times.

    Returns:
        The words, and where the alignment itself begins each, in seconds since the window's start.
    """
    words: list[Word] = []
    starts: list[float] = []
    skipped = 0
    floor = max([request.start, *(word.end for word in request.prefix)])
    for entry in alignment:
        tokens = list(entry["tokens"])
        # The library splits at blanks, so a token that continues the last committed word
        # ("it" + "'s") lands in that word; it is kept as a word of its own.
        inside = min(max(0, prefix - skipped), len(tokens))
        skipped += len(tokens)
        rest = tokens[inside:]
        text = entry["word"] if inside == 0 else tokenizer.decode(rest)
        if not rest or not any(character.isalnum() for character in text):
            continue
        starts.append(float(entry["start"]))
        start = max(floor, request.start + round(starts[-1] * SAMPLE_RATE))
        end = max(start, request.start + round(float(entry["end"]) * SAMPLE_RATE))
        start, end = min(start, request.end), min(end, request.end)
        floor = end
        words.append(
            Word(
                text=text.strip(),
                start=start,
                end=end,
                probability=min(1.0, max(0.0, float(entry["probability"]))),
                tokens=tuple(rest),
                spaced=text.startswith(" ") or (not words and not prefix and not request.context),
            )
        )
    return tuple(words), starts


def _guidance_tokens(request: RecognitionRequest, tokenizer: Any) -> Tokens:
    """The client's prompt and key terms; the end of the prompt is kept where it is too long."""
    guidance = request.guidance
    terms: Tokens = []
    if guidance.keyterms:
        terms = _encoded(" " + ", ".join(guidance.keyterms), tokenizer)[:MAX_GUIDANCE_TOKENS]
    prompt = _encoded(f" {guidance.prompt.strip()}", tokenizer) if guidance.prompt else []
    room = MAX_GUIDANCE_TOKENS - len(terms)
    return [*prompt[max(0, len(prompt) - room) :], *terms] if room else terms


def _calm_blas() -> None:
    """Let numpy compute on one thread, in the whole process.

    The features need one small matrix product a pass. OpenBLAS's other threads spin for
    0.1 s after it, waiting for the next: on a paced stream that is ten times the CPU of
    the recognition itself.
    """
    from threadpoolctl import ThreadpoolController

    ThreadpoolController().limit(limits=1, user_api="blas")


def _tokens(word: Word, tokenizer: Any) -> Sequence[int]:
    if word.tokens:
        return word.tokens
    return _encoded(f" {word.text}" if word.spaced else word.text, tokenizer)


def _encoded(text: str, tokenizer: Any) -> Tokens:
    """The tokens of a text that a client wrote: "<|endoftext|>" and the like are left out."""
    return [token for token in tokenizer.encode(text) if token < tokenizer.eot]
