"""Which sample rates and how many channels are accepted, whatever form the sound comes in."""

from __future__ import annotations

from streamkit.errors import AudioFormatError

MIN_SAMPLE_RATE = 8_000  # Hz
MAX_SAMPLE_RATE = 48_000  # Hz
MAX_CHANNELS = 8


def check_sample_rate(sample_rate: int) -> None:
    """Raise `AudioFormatError` unless `sample_rate` (Hz) is supported."""
    if not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE:
        raise AudioFormatError(
            f"a sample rate of {sample_rate} Hz is not supported; "
            f"{MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} Hz are: resample the audio before sending it"
        )


def check_channels(channels: int) -> None:
    """Raise `AudioFormatError` unless this number of channels is supported."""
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioFormatError(
            f"{channels} channels are not supported; 1 to {MAX_CHANNELS} are: "
            "mix the audio down before sending it"
        )
