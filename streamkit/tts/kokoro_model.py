"""The network of Kokoro v1.0 on onnxruntime: phonemes and a voice in, sound out.

Kokoro (https://huggingface.co/hexgrad/Kokoro-82M, Apache-2.0) is a StyleTTS 2 with 82 million
parameters. The files are those of the project kokoro-onnx: a graph that takes ``tokens`` (int64,
1 x n + 2), ``style`` (float32, 1 x 256) and ``speed`` (float32, 1), and gives the sound at 24 kHz;
and an archive of voices, each with one style for every number of phonemes. Newer exports call the
tokens ``input_ids`` and give the ``duration`` of every token as a second output, in frames.
"""

from __future__ import annotations

import os
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from streamkit.errors import SynthesisError
from streamkit.tts.kokoro_phonemes import INSTALL
from streamkit.tts.kokoro_turns import Cancellation, Turns

SAMPLE_RATE: Final = 24_000
MAX_PHONEMES: Final = 510
MODEL_FILES: Final = ("kokoro-v1.0.onnx", "kokoro-v1.0.fp16.onnx", "kokoro-v1.0.int8.onnx")
"""Any of these; the first that is there is taken."""
VOICES_FILE: Final = "voices-v1.0.bin"

_PULL: Final = "`streamkit models pull kokoro`"
_TYPES: Final = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}
_UNREADABLE: Final = (
    OSError, ValueError, EOFError, zipfile.BadZipFile,
    TypeError, AttributeError,  # a single array instead of an archive
)  # fmt: skip
"""What numpy raises for a file that is no archive of arrays."""

Samples = npt.NDArray[np.float32]


class KokoroModel:
    """The network and its voices, shared by all streams; holds no state of any of them.

    Attributes:
        voice_names: all that the file of voices holds, sorted.
        vocabulary: the token of each phoneme.
        tells_durations: `run` says how long each token is.
    """

    def __init__(
        self, session: Any, voices: Path, vocabulary: Mapping[str, int], places: int
    ) -> None:
        """Use `load`."""
        self._session = session
        self._inputs = {each.name: _TYPES.get(each.type) for each in session.get_inputs()}
        self._tokens = "input_ids" if "input_ids" in self._inputs else "tokens"
        if (
            set(self._inputs) != {self._tokens, "style", "speed"}
            or self._inputs["speed"] not in (np.float32, np.float16, np.float64)
            or None in self._inputs.values()
        ):
            raise SynthesisError(
                f"this is no model of Kokoro v1.0: its inputs are {sorted(self._inputs)}, and "
                f"tokens, style and a fractional speed were expected; {_PULL}"
            )
        outputs = [each.name for each in session.get_outputs()]
        self._outputs = [outputs[0], *(name for name in outputs[1:] if name == "duration")]
        self.tells_durations = len(self._outputs) > 1
        self.vocabulary = vocabulary
        self._voices_file = voices
        self._styles: dict[str, Samples] = {}
        self._loading = threading.Lock()
        self._turns = Turns(places)
        try:
            # numpy would leave a file open that it cannot read.
            with voices.open("rb") as file, np.load(file) as archive:
                self.voice_names = sorted(archive.files)
        except _UNREADABLE as error:
            raise _broken(voices, error) from error

    @classmethod
    def load(cls, directory: Path, *, threads: int) -> KokoroModel:
        """Load the network out of a directory.

        Args:
            directory: holds one of `MODEL_FILES`, and `VOICES_FILE`.
            threads: that compute one segment together. So many segments are computed at the same
                time that all of them occupy each of the processor's cores once.

        Raises:
            SynthesisError: a file or a package is missing or broken.
        """
        model = next(
            (directory / name for name in MODEL_FILES if (directory / name).is_file()), None
        )
        voices = directory / VOICES_FILE
        if model is None or not voices.is_file():
            missing = VOICES_FILE if model is not None else MODEL_FILES[0]
            raise SynthesisError(
                f"the voice kokoro is not downloaded: there is no {missing} in {directory}; {_PULL}"
            )
        try:
            import onnxruntime
            from kokoro_onnx.config import DEFAULT_VOCAB
            from kokoro_onnx.session import embedded_vocab
        except ImportError as error:
            raise SynthesisError(
                f"the voice kokoro needs the package kokoro-onnx ({error}): {INSTALL}"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that wait for work must not keep the cores from those who hear and answer.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Every segment has another length: an arena and its patterns would only grow.
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False
        options.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(
                str(model), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its own exceptions have no common class
            raise _broken(model, error) from error
        vocabulary: dict[str, int] = embedded_vocab(session) or DEFAULT_VOCAB
        return cls(session, voices, vocabulary, max(1, (os.cpu_count() or 1) // threads))

    def style(self, voice: str, phonemes: int) -> Samples:
        """The style of a voice for so many phonemes: float32, (1, 256).

        Args:
            voice: one of `voice_names`.
            phonemes: 1 or more.

        Raises:
            SynthesisError: the file of voices cannot be read any more.
        """
        with self._loading:
            if voice not in self._styles:
                try:
                    with self._voices_file.open("rb") as file, np.load(file) as archive:
                        self._styles[voice] = archive[voice].astype(np.float32).reshape(-1, 1, 256)
                except (KeyError, *_UNREADABLE) as error:
                    raise _broken(self._voices_file, error) from error
            styles = self._styles[voice]
        style: Samples = styles[min(phonemes, len(styles)) - 1]
        return style

    def run(
        self, phonemes: str, voice: str, speed: float, cancellation: Cancellation
    ) -> tuple[Samples, npt.NDArray[np.int64] | None]:
        """Say phonemes; waits until there is a place to compute.

        Args:
            phonemes: 1 to `MAX_PHONEMES`, all in the vocabulary.
            voice: one of `voice_names`.
            speed: 0.5 to 2.
            cancellation: ends waiting at once, and computing at the next node of the graph.

        Returns:
            The sound, float32 mono at `SAMPLE_RATE`, empty when it was cancelled; and the sample
            at which each phoneme begins, None where the model does not tell.

        Raises:
            SynthesisError: the model failed, or gave no sound.
        """
        import onnxruntime

        style = self.style(voice, len(phonemes))
        tokens = [[0, *(self.vocabulary[each] for each in phonemes), 0]]
        inputs = {
            self._tokens: np.array(tokens, self._inputs[self._tokens]),
            "style": style.astype(self._inputs["style"]),
            "speed": np.array([speed], self._inputs["speed"]),
        }
        if not self._turns.take(cancellation):
            return np.zeros(0, np.float32), None
        try:
            options = onnxruntime.RunOptions()
            if not cancellation.watch(options):
                return np.zeros(0, np.float32), None
            outputs = self._session.run(self._outputs, inputs, options)
        except Exception as error:  # its own exceptions have no common class
            if cancellation.cancelled:
                return np.zeros(0, np.float32), None
            raise SynthesisError(f"the voice kokoro failed: {error}") from error
        finally:
            cancellation.watch()
            self._turns.give_back()
        samples = np.asarray(outputs[0], np.float32).reshape(-1)
        if not np.isfinite(samples).all():
            raise SynthesisError("the voice kokoro failed: it gave what is no sound")
        starts = _starts(outputs[1], len(phonemes), len(samples)) if self.tells_durations else None
        return np.clip(samples, -1, 1), starts


def _starts(durations: Any, phonemes: int, samples: int) -> npt.NDArray[np.int64]:
    """Where each phoneme begins, given the frames of each token, one token more on each side."""
    frames = np.cumsum(np.asarray(durations, np.float64).reshape(-1))
    if len(frames) != phonemes + 2 or frames[-1] <= 0:
        raise SynthesisError(
            f"the voice kokoro failed: it gave {len(frames)} durations for {phonemes + 2} tokens"
        )
    starts: npt.NDArray[np.int64] = np.round(frames[:phonemes] * samples / frames[-1]).astype(int)
    return starts


def _broken(file: Path, error: Exception) -> SynthesisError:
    return SynthesisError(
        f"the voice kokoro cannot be loaded: {file.name} is broken ({type(error).__name__}): "
        f"delete it and {_PULL}"
    )
