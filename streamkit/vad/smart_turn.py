"""Has the speaker finished? Smart Turn v3 listens to how the last words sound.

The network (BSD-2-Clause, from Daily; 8 million parameters, ONNX) is a Whisper encoder with a
classifier behind it. It looks at the last eight seconds of the turn, silence before it where the
turn is shorter, as Whisper's log-mel features of the sound scaled to unit variance, and gives the
probability that the turn is complete. It is not part of this package: the file
`smart-turn-v3.2-cpu.onnx` is to be had from its makers, and any network with the same input and
output works.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from streamkit.audio.clock import SAMPLE_RATE
from streamkit.errors import ModelError

LOOK_BACK_SECONDS: Final = 8
LOOK_BACK: Final = LOOK_BACK_SECONDS * SAMPLE_RATE
FEATURES_SHAPE: Final = (1, 80, 800)
_VARIANCE_FLOOR: Final = 1e-7


class SmartTurn:
    """The network, shared by all conversations; it holds no state of any of them.

    Calls may come from several threads at once.
    """

    def __init__(self, session: Any) -> None:
        self._session = session

    @classmethod
    def load(cls, path: Path) -> SmartTurn:
        """Load the network from a file.

        Raises:
            ModelError: there is no such file, or it is no network of this kind.
        """
        if not path.is_file():
            raise ModelError(
                f"there is no turn detector at {path}; accepted: an ONNX file such as "
                "smart-turn-v3.2-cpu.onnx, or no --turn-model: the words decide then"
            )
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = 1
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(
                str(path), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors have no common base of their own
            raise ModelError(f"{path} is no network that can be loaded: {error}") from error
        names = [each.name for each in session.get_inputs()]
        if names != ["input_features"]:
            raise ModelError(
                f"{path} is no turn detector: its inputs are {names}; accepted: one named "
                f"input_features, of shape {FEATURES_SHAPE}"
            )
        detector = cls(session)
        try:
            detector.probability(np.zeros(0, np.float32))
        except Exception as error:
            raise ModelError(
                f"{path} is no turn detector: it does not take features of shape "
                f"{FEATURES_SHAPE} and give one probability: {error}"
            ) from error
        return detector

    def probability(self, samples: npt.NDArray[np.float32]) -> float:
        """How probable it is that a turn is complete.

        Args:
            samples: float32 mono at 16 kHz, of the turn up to where its speech has ended, or a
                little longer; what is more than eight seconds ago is not looked at.

        Returns:
            From 0 to 1.
        """
        (output,) = self._session.run(None, {"input_features": _features(samples)})[:1]
        return min(1.0, max(0.0, float(np.asarray(output).reshape(-1)[0])))


def _features(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Log-mel features, float32 of `FEATURES_SHAPE`."""
    from faster_whisper.feature_extractor import FeatureExtractor

    window = np.zeros(LOOK_BACK, np.float32)
    last = samples[-LOOK_BACK:]
    window[LOOK_BACK - len(last) :] = last
    window -= window.mean()
    window /= np.sqrt(window.var() + _VARIANCE_FLOOR)
    features = FeatureExtractor(chunk_length=LOOK_BACK_SECONDS)(window, padding=0)
    return np.ascontiguousarray(features[np.newaxis], dtype=np.float32)
