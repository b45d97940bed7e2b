from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamkit.tts.espeak import EspeakSynthesizer
from streamkit.tts.render import render
from streamkit.vad.silero import WINDOW_SAMPLES, SileroVad, VadStream

Samples = npt.NDArray[np.float32]
TOLERANCE = 1e-3


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return SileroVad.load()


@pytest.fixture(scope="module")
def speech() -> Samples:
    """Silence, a sentence, silence."""
    spoken = render(EspeakSynthesizer(), "The bus to Berlin is eight minutes late.", voice="en-us")
    silence = np.zeros(16_000, np.float32)
    return np.concatenate([silence, spoken, silence])


def test_speech_is_told_from_silence(vad: SileroVad, speech: Samples) -> None:
    probabilities = vad.process(VadStream(), speech)
    assert len(probabilities) == len(speech) // WINDOW_SAMPLES
    assert probabilities[:25].max() < 0.2
    assert probabilities[-20:].max() < 0.2
    middle = probabilities[33:-33]
    assert np.mean(middle > 0.5) > 0.6


@given(st.data())
@settings(max_examples=20, deadline=None)
def test_any_chunking_gives_the_same(vad: SileroVad, speech: Samples, data: st.DataObject) -> None:
    whole = vad.process(VadStream(), speech[:20_000])
    cuts = sorted(data.draw(st.lists(st.integers(0, 20_000), max_size=12)))
    stream = VadStream()
    parts = [
        vad.process(stream, speech[a:b]) for a, b in zip([0, *cuts], [*cuts, 20_000], strict=True)
    ]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)


def test_streams_do_not_touch_each_other(vad: SileroVad, speech: Samples) -> None:
    alone = vad.process(VadStream(), speech)
    one, other = VadStream(), VadStream()
    mixed: list[Samples] = []
    noise = np.random.default_rng(1).normal(0, 0.1, len(speech)).astype(np.float32)
    for first in range(0, len(speech), 1600):
        mixed.append(vad.process(one, speech[first : first + 1600]))
        vad.process(other, noise[first : first + 1600])
    np.testing.assert_allclose(np.concatenate(mixed), alone, atol=1e-6)


def test_the_state_and_the_context_matter(vad: SileroVad, speech: Samples) -> None:
    """Windows in a fresh stream each, as a careless caller would do, give something else."""
    whole = vad.process(VadStream(), speech)
    each = [
        vad.process(VadStream(), speech[i : i + WINDOW_SAMPLES])[0]
        for i in range(0, len(whole) * WINDOW_SAMPLES, WINDOW_SAMPLES)
    ]
    assert np.abs(np.array(each) - whole).max() > 0.1


def reference_probabilities(path: Path, samples: Samples) -> Samples:
    """What the silero-vad package's own wrapper says, window by window."""
    torch = pytest.importorskip("torch", reason="extra [silero]: torch is not installed")
    utils = pytest.importorskip(
        "silero_vad.utils_vad", reason="extra [silero]: silero-vad is not installed"
    )
    wrapper = utils.OnnxWrapper(str(path), force_onnx_cpu=True)
    windows = samples[: len(samples) // WINDOW_SAMPLES * WINDOW_SAMPLES].reshape(-1, WINDOW_SAMPLES)
    return np.array(
        [float(wrapper(torch.from_numpy(window[None].copy()), 16_000)) for window in windows],
        np.float32,
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_equals_the_reference_package(speech: Samples) -> None:
    """The reference runs its network of the same release through its own state handling."""
    silero = pytest.importorskip("silero_vad", reason="extra [silero]: silero-vad is not installed")
    import onnxruntime

    folder = Path(silero.__file__).parent / "data"
    sequence = folder / "silero_vad_16k_sequence.onnx"
    if not sequence.is_file():
        pytest.skip("this release of silero-vad has no network of the same form (>= 6.2.3 has)")
    expected = reference_probabilities(folder / "silero_vad.onnx", speech)
    ours = SileroVad(onnxruntime.InferenceSession(str(sequence))).process(VadStream(), speech)
    np.testing.assert_allclose(ours, expected, atol=TOLERANCE)


def test_equals_the_recorded_reference(vad: SileroVad) -> None:
    """The network that faster-whisper ships is silero-vad 6.0's; its answers were recorded.

    `tools/record_vad_reference.py` made the recording with the package's own wrapper.
    """
    recorded = np.load(Path(__file__).parent / "data" / "silero_reference.npz")
    samples = recorded["samples"].astype(np.float32) / 32768
    ours = vad.process(VadStream(), samples)
    assert recorded["probabilities"].max() > 0.9
    np.testing.assert_allclose(ours, recorded["probabilities"], atol=TOLERANCE)
