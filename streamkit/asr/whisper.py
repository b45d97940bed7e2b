"""Whisper on CTranslate2 through faster-whisper.

The library loads the model, computes the features, decodes with temperature fallback
and aligns words to time. What is ours is what a stream needs: the window is only as long as
the speech plus a margin where the model's profile says that it can stand that (the library
always pads to 30 s, which costs ten times as much on a short utterance), and committed
words are forced as the beginning of the answer, so that a hypothesis can only ever add to them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from streamkit.asr.recognizer import Hypothesis, ModelInfo, RecognitionRequest, Word
from streamkit.audio.clock import SAMPLE_RATE
from streamkit.errors import ModelError, RecognitionError

if TYPE_CHECKING:
    from streamkit.asr.profile import ModelProfile

HOP_SAMPLES = 160
MAX_FRAMES = 3000
MAX_WINDOW_SAMPLES = MAX_FRAMES * HOP_SAMPLES
"""30 s: the longest window that Whisper can see."""

LENGTH_STEP_SAMPLES = 32 * HOP_SAMPLES
"""0.32 s: short windows are padded to a multiple of this. An even number of frames, since the
encoder's second convolution has stride 2."""

MIN_WINDOW_SAMPLES = 400
"""One analysis frame of the features."""

# The thresholds of the Whisper paper's decoder (section 4.5, openai/whisper transcribe.py).
COMPRESSION_RATIO_THRESHOLD = 2.4
LOGPROB_THRESHOLD = -1.0
NO_SPEECH_THRESHOLD = 0.6
FALLBACK_TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
MAX_WORDS_PER_SECOND = 10.0
"""Nobody speaks faster: more words than this are invented."""

PREPENDED_PUNCTUATION = "\"'“¿([{-"
APPENDED_PUNCTUATION = "\"'.。,，!！?？:：”)]}、"


@dataclass(frozen=True, slots=True)
class _Decoder:
    """The library's tokenizer and options for one language; read-only once made."""

    tokenizer: Any
    partial: Any
    final: Any

    @classmethod
    def make(cls, model: Any, profile: ModelProfile, language: str) -> _Decoder:
        from faster_whisper.tokenizer import Tokenizer
        from faster_whisper.transcribe import TranscriptionOptions, get_suppressed_tokens

        tokenizer = Tokenizer(
            model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=language
        )
        partial = TranscriptionOptions(
            beam_size=profile.beam_size,
            best_of=1,
            patience=1.0,
            length_penalty=1.0,
            repetition_penalty=1.0,
            no_repeat_ngram_size=0,
            log_prob_threshold=LOGPROB_THRESHOLD,
            no_speech_threshold=NO_SPEECH_THRESHOLD,
            compression_ratio_threshold=COMPRESSION_RATIO_THRESHOLD,
            condition_on_previous_text=False,
            prompt_reset_on_temperature=0.5,
            # A doubtful partial is dropped, and the next one comes soon; a final is all there is.
            temperatures=[0.0],
            initial_prompt=None,
            prefix=None,
            suppress_blank=profile.suppress_blank,
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
            without_timestamps=True,
            max_initial_timestamp=1.0,
            word_timestamps=True,
            prepend_punctuations=PREPENDED_PUNCTUATION,
            append_punctuations=APPENDED_PUNCTUATION,
            multilingual=False,
            max_new_tokens=None,
            clip_timestamps="0",
            hallucination_silence_threshold=None,
            hotwords=None,
        )
        final = dataclasses.replace(partial, temperatures=list(FALLBACK_TEMPERATURES))
        return cls(tokenizer, partial, final)


class WhisperRecognizer:
    """A `Recognizer` over one faster-whisper model, shared by all sessions.

    CTranslate2 runs `workers` requests at once on one copy of the weights and releases
    the GIL while it computes.
    """

    def __init__(self, model: Any, info: ModelInfo, profile: ModelProfile) -> None:
        self._model = model
        self._info = info
        self._profile = profile
        self._decoders: dict[str, _Decoder] = {}

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
        return cls(model, ModelInfo(name=name, languages=languages), profile)

    @property
    def info(self) -> ModelInfo:
        """Which model it is."""
        return self._info

    def recognize(self, request: RecognitionRequest) -> Hypothesis:
        """Decode one window of at most 30 s.

        Raises:
            RecognitionError: the window is too long, or the engine failed.
        """
        if len(request.samples) > MAX_WINDOW_SAMPLES:
            raise RecognitionError(
                f"a window of {len(request.samples) / SAMPLE_RATE:.1f} s was given; "
                "Whisper sees at most 30 s: cut it first"
            )
        if len(request.samples) < MIN_WINDOW_SAMPLES:
            return Hypothesis(words=(), start=request.start, end=request.end)
        try:
            return self._recognize(request)
        except (RuntimeError, ValueError, IndexError) as error:
            raise RecognitionError(f"the recognizer failed: {error}") from error

    def _recognize(self, request: RecognitionRequest) -> Hypothesis:
        model = self._model
        encoded = model.encode(self._features(request.samples))
        language = self._language(request, encoded)
        decoder = self._decoders.get(language)
        if decoder is None:
            # Two threads may both make one; they are equal, and one of them is kept.
            decoder = self._decoders.setdefault(
                language, _Decoder.make(model, self._profile, language)
            )
        tokenizer = decoder.tokenizer
        prefix = [token for word in request.prefix for token in _tokens(word, tokenizer)]
        prompt = [*model.get_prompt(tokenizer, [], without_timestamps=True), *prefix]
        result, logprob, _, compression = model.generate_with_fallback(
            encoded, prompt, tokenizer, decoder.final if request.final else decoder.partial
        )
        # CTranslate2 gives text that was forced after the special tokens back with the answer.
        answer = result.sequences_ids[0]
        said = [token for token in answer[len(prefix) :] if token < tokenizer.eot]
        silent = result.no_speech_prob > NO_SPEECH_THRESHOLD and logprob < LOGPROB_THRESHOLD
        words: tuple[Word, ...] = ()
        if said and not silent:
            words = self._align(tokenizer, encoded, request, prefix, said)
        seconds = len(request.samples) / SAMPLE_RATE
        return Hypothesis(
            words=words,
            start=request.start,
            end=request.end,
            language=language,
            no_speech_probability=float(result.no_speech_prob),
            # An empty answer has no average.
            average_logprob=float(logprob) if math.isfinite(logprob) else 0.0,
            doubtful=compression > COMPRESSION_RATIO_THRESHOLD
            or len(words) > max(1.0, seconds) * MAX_WORDS_PER_SECOND,
        )

    def _features(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Log-mel features, shape (mels, frames), as long as the profile allows."""
        from faster_whisper.audio import pad_or_trim

        extractor = self._model.feature_extractor
        if self._profile.margin is None:
            return cast(
                "npt.NDArray[np.float32]", pad_or_trim(extractor(samples)[..., :MAX_FRAMES])
            )
        margin = round(self._profile.margin * SAMPLE_RATE)
        # The engine prepares and keeps code for each length that it meets, so few lengths are
        # quicker and smaller than many.
        steps = -(-(len(samples) + margin) // LENGTH_STEP_SAMPLES)
        padded = np.zeros(min(steps * LENGTH_STEP_SAMPLES, MAX_WINDOW_SAMPLES), np.float32)
        padded[: len(samples)] = samples
        features: npt.NDArray[np.float32] = extractor(padded)
        return features[..., : len(padded) // HOP_SAMPLES]

    def _language(self, request: RecognitionRequest, encoded: Any) -> str:
        if not self._model.model.is_multilingual:
            return "en"
        if request.language is not None:
            return request.language
        token, _ = self._model.model.detect_language(encoded)[0][0]
        return str(token).strip("<|>")

    def _align(
        self,
        tokenizer: Any,
        encoded: Any,
        request: RecognitionRequest,
        prefix: list[int],
        said: list[int],
    ) -> tuple[Word, ...]:
        """Words after the prefix, with times from the model's cross-attention."""
        from faster_whisper.transcribe import merge_punctuations

        frames = max(2, min(len(request.samples) // HOP_SAMPLES, MAX_FRAMES))
        alignment = self._model.find_alignment(tokenizer, [[*prefix, *said]], encoded, frames)[0]
        merge_punctuations(alignment, PREPENDED_PUNCTUATION, APPENDED_PUNCTUATION)
        words: list[Word] = []
        skipped = 0
        floor = max([request.start, *(word.end for word in request.prefix)])
        for entry in alignment:
            tokens = list(entry["tokens"])
            # The library splits at blanks, so a token that continues the last committed word
            # ("it" + "'s") lands in that word; it is kept as a word of its own.
            inside = min(max(0, len(prefix) - skipped), len(tokens))
            skipped += len(tokens)
            rest = tokens[inside:]
            text = entry["word"] if inside == 0 else tokenizer.decode(rest)
            if not rest or not any(character.isalnum() for character in text):
                continue
            start = max(floor, request.start + round(float(entry["start"]) * SAMPLE_RATE))
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
                    spaced=text.startswith(" ") or (not words and not prefix),
                )
            )
        return tuple(words)


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
    tokens: list[int] = tokenizer.encode(f" {word.text}" if word.spaced else word.text)
    return tokens
