"""What is a recording that a voice can be made of, and what is said of one that is not."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from streamkit.errors import AudioFormatError
from streamkit.tts.voices.errors import RecordingError
from streamkit.tts.voices.recording import READ_RATE, Recording, read_recording
from streamkit.tts.voices.reference import (
    MAX_SECONDS,
    REFERENCE_RATE,
    Reference,
    SpeechDetector,
    prepare,
)

Samples = npt.NDArray[np.float32]
Talk = Callable[[float], Samples]
Wav = Callable[..., io.BytesIO]

RATE = 44_100


@pytest.fixture
def take(detect: SpeechDetector, wav: Wav) -> Callable[..., Reference]:
    """A function that takes samples through a file and all checks."""

    def take(samples: Samples, rate: int = RATE, form: str = "WAV") -> Reference:
        return prepare(read_recording(wav(samples, rate, form)), detect)

    return take


Take = Callable[..., Reference]


def refusal(take: Take, samples: Samples) -> RecordingError:
    with pytest.raises(RecordingError) as caught:
        take(samples)
    assert "accepted" in str(caught.value)
    return caught.value


def noise(count: int, level: float) -> Samples:
    return (np.random.default_rng(7).standard_normal(count) * level).astype(np.float32)


def tone(count: int, hertz: float = 440.0) -> Samples:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(count) / RATE)).astype(np.float32)


class TestAccepted:
    def test_a_good_one(self, take: Take, talk: Talk) -> None:
        reference = take(talk(9))
        assert reference.warnings == ()
        assert reference.samples.dtype == np.float32
        assert 8 <= len(reference.samples) / REFERENCE_RATE <= 9.5
        assert 0.2 <= reference.start <= 0.5
        assert reference.measurements.speech > 0.8
        assert reference.measurements.clipped == 0

    def test_it_is_the_same_sound(self, take: Take, talk: Talk) -> None:
        """Nothing but silence is lost: the power of the reference is that of the recording."""
        samples = talk(9)
        got = take(samples).samples.astype(np.float64)
        given = samples.astype(np.float64)
        assert np.square(got).sum() / REFERENCE_RATE == pytest.approx(
            np.square(given).sum() / RATE, rel=0.05
        )

    @pytest.mark.parametrize(("rate", "form"), [(8_000, "WAV"), (96_000, "FLAC"), (48_000, "OGG")])
    def test_rates_and_formats(
        self, take: Take, speak: Callable[..., Samples], rate: int, form: str
    ) -> None:
        text = "The bus to Berlin is eight minutes late, and nobody knows why that should be so. "
        reference = take(
            speak(text * 3, min(rate, 48_000)).repeat(max(1, rate // 48_000)), rate, form
        )
        assert len(reference.samples) > 6 * REFERENCE_RATE
        dull = any("telephone" in warning for warning in reference.warnings)
        assert dull == (rate == 8_000)

    def test_two_channels_are_mixed(self, take: Take, talk: Talk) -> None:
        samples = talk(9) * np.float32(0.7)
        alone, mixed = take(samples), take(np.stack([samples, samples * 0], axis=1))
        assert len(mixed.samples) == pytest.approx(len(alone.samples), abs=2000)

    def test_what_is_known_of_the_file(self, wav: Wav, talk: Talk, detect: SpeechDetector) -> None:
        file = wav(talk(9))
        reference = prepare(read_recording(file), detect)
        assert reference.sha256 == hashlib.sha256(file.getvalue()).hexdigest()
        assert reference.source_seconds == pytest.approx(10, abs=0.01)

    def test_an_offset_is_removed(self, take: Take, talk: Talk) -> None:
        reference = take(talk(9) * np.float32(0.7) + np.float32(0.1))
        assert abs(float(reference.samples.mean())) < 1e-3
        (warning,) = reference.warnings
        assert "offset of 10 %" in warning

    def test_a_quiet_one_is_raised(self, take: Take, talk: Talk) -> None:
        reference = take(talk(9) * np.float32(0.05))
        assert float(np.abs(reference.samples).max()) == pytest.approx(0.7, rel=0.02)
        (warning,) = reference.warnings
        assert "quiet" in warning
        assert "raised by" in warning

    def test_some_noise_is_told(self, take: Take, talk: Talk) -> None:
        samples = talk(9)
        reference = take(samples + noise(len(samples), 0.03))
        (warning,) = reference.warnings
        assert "above the noise" in warning

    def test_a_little_clipping_is_told(self, take: Take, talk: Talk) -> None:
        samples = talk(9)
        reference = take(np.clip(samples * np.float32(1.6 / np.abs(samples).max()), -1, 1))
        (warning,) = reference.warnings
        assert "full scale" in warning


class TestLong:
    def test_the_best_part_is_used(self, take: Take, talk: Talk) -> None:
        """Much silence and one sentence, then half a minute of speech."""
        few = np.concatenate([talk(5), np.zeros(10 * RATE, np.float32)])
        samples = np.concatenate([few, talk(40)])
        reference = take(samples)
        assert 20 <= len(reference.samples) / REFERENCE_RATE <= MAX_SECONDS
        assert reference.start > 15
        assert reference.measurements.speech > 0.8
        (warning,) = reference.warnings
        assert "has 57 s" in warning

    def test_nothing_after_two_minutes_is_looked_at(self, wav: Wav) -> None:
        recording = read_recording(wav(noise(130 * 8_000, 0.1), 8_000))
        assert not recording.whole
        assert recording.seconds == 120


class TestRefused:
    def test_too_short(self, take: Take, talk: Talk) -> None:
        error = refusal(take, talk(4.5))
        assert error.code == "audio_too_short"
        assert "6 s or more" in str(error)

    def test_silence_does_not_make_it_longer(self, take: Take, talk: Talk) -> None:
        silence = np.zeros(10 * RATE, np.float32)
        error = refusal(take, np.concatenate([silence, talk(4.5), silence]))
        assert error.code == "audio_too_short"

    def test_a_figure_never_looks_like_the_one_that_is_accepted(
        self,
    ) -> None:
        windows = 187  # 5.984 s
        with pytest.raises(RecordingError, match=r"has 5\.9 s"):
            prepare(
                Recording(noise(windows * 1536, 0.1), True, ""),
                lambda samples: np.ones(windows, np.float32),
            )

    @pytest.mark.parametrize("level", [0.0, 0.001])
    def test_silence(self, take: Take, level: float) -> None:
        assert refusal(take, noise(8 * RATE, level)).code == "audio_too_quiet"

    def test_too_quiet(self, take: Take, talk: Talk) -> None:
        assert refusal(take, talk(9) * np.float32(0.004)).code == "audio_too_quiet"

    def test_a_tone(self, take: Take) -> None:
        error = refusal(take, tone(8 * RATE))
        assert error.code == "constant_tone"
        assert "100 %" in str(error)

    def test_a_tone_under_speech(self, take: Take, talk: Talk) -> None:
        samples = talk(9) * np.float32(0.5)
        assert refusal(take, samples + tone(len(samples), 50.0)).code == "constant_tone"

    def test_noise(self, take: Take) -> None:
        assert refusal(take, noise(8 * RATE, 0.1)).code == "no_speech"

    def test_speech_in_noise(self, take: Take, talk: Talk) -> None:
        samples = talk(9)
        assert refusal(take, samples + noise(len(samples), 0.05)).code == "audio_too_noisy"

    def test_long_pauses(self, take: Take, talk: Talk) -> None:
        pause = np.zeros(4 * RATE, np.float32)
        error = refusal(take, np.concatenate([talk(3), pause, talk(3), pause, talk(3)]))
        assert error.code == "too_little_speech"
        assert "60 %" in str(error)

    def test_clipped(self, take: Take, talk: Talk) -> None:
        samples = talk(9)
        error = refusal(take, np.clip(samples * np.float32(4 / np.abs(samples).max()), -1, 1))
        assert error.code == "audio_clipped"
        assert "lower level" in str(error)

    def test_all_that_is_wrong_is_said_at_once(self, take: Take, talk: Talk) -> None:
        samples = talk(4.5)
        clipped = np.clip(samples * np.float32(4 / np.abs(samples).max()), -1, 1)
        text = str(refusal(take, clipped + noise(len(clipped), 0.002)))
        assert "without the silence" in text
        assert "full scale" in text

    @pytest.mark.parametrize("count", [0, 1, 1535])
    def test_hardly_a_sample(self, detect: SpeechDetector, count: int) -> None:
        with pytest.raises(RecordingError, match="empty") as caught:
            prepare(Recording(noise(count, 0.1), True, ""), detect)
        assert caught.value.code == "audio_too_short"

    @pytest.mark.parametrize("content", [b"", b"RIFF", b"\x80\x04K\x01.", b"no sound" * 1000])
    def test_no_sound_file(self, content: bytes) -> None:
        with pytest.raises(AudioFormatError):
            read_recording(io.BytesIO(content))


def test_a_file_is_read_from_its_beginning(wav: Wav, talk: Talk) -> None:
    file = wav(talk(6))
    file.seek(1000)
    assert read_recording(file).seconds == pytest.approx(7, abs=0.01)


def test_not_a_number_does_no_harm(wav: Wav, talk: Talk, detect: SpeechDetector) -> None:
    samples = talk(9)
    samples[RATE : RATE + 10] = np.nan
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV", subtype="FLOAT")
    recording = read_recording(file)
    assert np.isfinite(recording.samples).all()
    assert recording.seconds * READ_RATE == len(recording.samples)
    assert np.isfinite(prepare(recording, detect).samples).all()
