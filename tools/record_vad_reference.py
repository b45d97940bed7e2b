"""Record what the silero-vad package says, for the test that compares ours with it.

    pip install silero-vad torch
    python tools/record_vad_reference.py NETWORK.onnx tests/vad/data/silero_reference.npz

NETWORK.onnx is `silero_vad/data/silero_vad.onnx` of release 6.0.0, whose weights
faster-whisper 1.2 ships in another form. The package's own wrapper (any release from 6.2.3,
which needs no torchaudio) keeps the state and the context.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from silero_vad.utils_vad import OnnxWrapper

from streamkit.tts.espeak import EspeakSynthesizer
from streamkit.tts.render import render
from streamkit.vad.silero import WINDOW_SAMPLES


def main(network: str, target: str) -> None:
    """Speak, score window by window, write samples and probabilities."""
    spoken = render(EspeakSynthesizer(), "Turn the music down.", voice="en-us")
    noise = np.random.default_rng(1).normal(0, 0.003, len(spoken) + 24_000)
    noise[12_000 : 12_000 + len(spoken)] += spoken
    samples = np.round(np.clip(noise, -1, 1) * 32767).astype(np.int16)
    wrapper = OnnxWrapper(network, force_onnx_cpu=True)
    count = len(samples) // WINDOW_SAMPLES
    windows = (samples[: count * WINDOW_SAMPLES].astype(np.float32) / 32768).reshape(count, -1)
    probabilities = [float(wrapper(torch.from_numpy(window[None]), 16_000)) for window in windows]
    np.savez_compressed(target, samples=samples, probabilities=np.array(probabilities, np.float32))


if __name__ == "__main__":
    main(*sys.argv[1:])
