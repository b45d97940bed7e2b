"""Silero VAD v6 on onnxruntime, one small state per stream.

The network file is the one that faster-whisper ships, so no second download and no
torch is needed. It is a recurrent network: it looks at 512 samples (32 ms at 16 kHz)
with the 64 samples before them as context, and carries its state from one window to
the next. This file's variant takes several windows in one call, which saves most of
the call overhead when a chunk holds more than one.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from streamkit.errors import ModelError

WINDOW_SAMPLES = 512
CONTEXT_SAMPLES = 64
STATE_SHAPE = (1, 1, 128)
MAX_WINDOWS_PER_CALL = 64
"""2 s of audio: bounds the time of one call, so that a flood of audio is cut into slices."""


def _zero_state() -> npt.NDArray[np.float32]:
    return np.zeros(STATE_SHAPE, np.float32)


@dataclass(slots=True)
class VadStream:
    """What the detector remembers of one stream of samples."""

    h: npt.NDArray[np.float32] = field(default_factory=_zero_state)
    c: npt.NDArray[np.float32] = field(default_factory=_zero_state)
    context: npt.NDArray[np.float32] = field(
        default_factory=lambda: np.zeros(CONTEXT_SAMPLES, np.float32)
    )
    remainder: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    """Samples that do not fill a window yet."""


class SileroVad:
    """The network, shared by all streams; it holds no state of any of them.

    Calls may come from several threads at once, as long as each stream is used by one
    at a time.
    """

    def __init__(self, session: Any) -> None:
        self._session = session

    @classmethod
    @functools.cache
    def load(cls) -> SileroVad:
        """Load the network once per process.

        Raises:
            ModelError: faster-whisper or its network file is not installed.
        """
        try:
            import onnxruntime
            from faster_whisper.utils import get_assets_path
        except ImportError as error:
            raise ModelError(
                f"the voice activity detector needs faster-whisper and onnxruntime: {error}; "
                "reinstall with `pip install streamkit`"
            ) from error
        path = Path(get_assets_path()) / "silero_vad_v6.onnx"
        if not path.is_file():
            raise ModelError(
                f"this version of faster-whisper has no {path.name}; "
                "streamkit needs faster-whisper >= 1.2, < 2: `pip install -U 'faster-whisper<2'`"
            )
        options = onnxruntime.SessionOptions()
        # The network is tiny: a second thread costs more than it brings, and an
        # arena would hold memory per thread for nothing.
        options.inter_op_num_threads = 1
        options.intra_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        return cls(
            onnxruntime.InferenceSession(
                str(path), sess_options=options, providers=["CPUExecutionProvider"]
            )
        )

    def process(
        self, stream: VadStream, samples: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Speech probability of every window that `samples` completes.

        Args:
            stream: state of the stream that the samples continue; updated in place.
            samples: float32 mono at 16 kHz, any length.

        Returns:
            float32, one probability per completed window of 512 samples, possibly none.
        """
        held = np.concatenate([stream.remainder, samples]) if len(stream.remainder) else samples
        count = len(held) // WINDOW_SAMPLES
        used = count * WINDOW_SAMPLES
        stream.remainder = held[used:].copy()
        probabilities = [np.zeros(0, np.float32)]
        for first in range(0, count, MAX_WINDOWS_PER_CALL):
            last = min(first + MAX_WINDOWS_PER_CALL, count)
            windows = held[first * WINDOW_SAMPLES : last * WINDOW_SAMPLES]
            probabilities.append(self._run(stream, windows.reshape(-1, WINDOW_SAMPLES)))
        return np.concatenate(probabilities)

    def _run(self, stream: VadStream, windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        batch = np.empty((len(windows), CONTEXT_SAMPLES + WINDOW_SAMPLES), np.float32)
        batch[:, CONTEXT_SAMPLES:] = windows
        batch[0, :CONTEXT_SAMPLES] = stream.context
        batch[1:, :CONTEXT_SAMPLES] = windows[:-1, -CONTEXT_SAMPLES:]
        output, stream.h, stream.c = self._session.run(
            None, {"input": batch, "h": stream.h, "c": stream.c}
        )
        stream.context = windows[-1, -CONTEXT_SAMPLES:].copy()
        result: npt.NDArray[np.float32] = np.asarray(output, np.float32).reshape(-1)
        return result
