"""Sound devices: which there are, which one is meant, and what it can do.

Needs PortAudio (extras `[mic]` and `[talk]`).
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from streamkit.audio.clock import SAMPLE_RATE
from streamkit.client.playback import REALTIME_RATE
from streamkit.errors import DeviceError

FALLBACK_RATES = (48000, 44100)
"""Tried after the device's own default rate."""

INSTALL_PACKAGE = "install it with: pip install 'streamkit[mic]' (captions) or 'streamkit[talk]'"
INSTALL_LIBRARY = (
    "install it with: apt-get install libportaudio2 (Debian, Ubuntu), dnf install portaudio "
    "(Fedora), or brew install portaudio (macOS)"
)


@dataclass(frozen=True, slots=True)
class Device:
    """One device; `index` is PortAudio's, `channels` are those of the use it was listed for."""

    index: int
    name: str
    host_api: str
    channels: int
    default_rate: int
    is_default: bool


@dataclass(frozen=True, slots=True)
class Use:
    """What devices are wanted for, as PortAudio and as people call it.

    Attributes:
        kind: as PortAudio's fields and functions have it.
        place: of its default in PortAudio's pair of defaults.
        rate: that saves a conversion, in Hz.
        noun: for a device that is looked for by name.
        verb: what a device does at a sample rate.
        option: that chooses one.
        missing: what to say where there is none.
    """

    kind: Literal["input", "output"]
    place: int
    rate: int
    noun: str
    verb: str
    option: str
    missing: str


RECORDING = Use(
    kind="input",
    place=0,
    rate=SAMPLE_RATE,
    noun="recording device",
    verb="records",
    option="--device",
    missing="there is no device that can record on this machine; connect a microphone, or check "
    "that PulseAudio or PipeWire runs and that this user may use it (group audio)",
)
PLAYING = Use(
    kind="output",
    place=1,
    rate=REALTIME_RATE,
    noun="loudspeaker",
    verb="plays",
    option="--speaker",
    missing="there is no device that can play on this machine; connect a loudspeaker, check that "
    "PulseAudio or PipeWire runs, or write the sound to a file with --output",
)


def list_devices(use: Use) -> list[Device]:
    """List the devices that can record, or those that can play.

    Raises:
        DeviceError: sounddevice or the PortAudio library is not installed.
    """
    sounddevice = portaudio()
    apis = [str(api["name"]) for api in sounddevice.query_hostapis()]
    default = sounddevice.default.device[use.place]
    channels = f"max_{use.kind}_channels"
    return [
        Device(
            index=index,
            name=str(device["name"]),
            host_api=apis[device["hostapi"]],
            channels=int(device[channels]),
            default_rate=round(device["default_samplerate"]),
            is_default=index == default,
        )
        for index, device in enumerate(sounddevice.query_devices())
        if device[channels] > 0
    ]


def choose_device(devices: Sequence[Device], wanted: str | None, use: Use) -> Device:
    """Return the device that `wanted` means.

    Args:
        devices: those there are.
        wanted: an index, a name, or a part of exactly one name (any case); None for the
            default, or for the first where there is no default.
        use: what it is wanted for.

    Raises:
        DeviceError: there is none, or there are several.
    """
    if not devices:
        raise DeviceError(use.missing)
    if wanted is None:
        return next((device for device in devices if device.is_default), devices[0])
    name = wanted.strip().casefold()
    exact = [d for d in devices if name in (str(d.index), d.name.casefold())]
    found = exact or [d for d in devices if name in d.name.casefold()]
    if len(found) == 1:
        return found[0]
    there = "; ".join(f"{d.index} {d.name}" for d in found or devices)
    if found:
        raise DeviceError(f"{wanted!r} means several devices: {there}; give the number of one")
    raise DeviceError(f"no {use.noun} is called {wanted!r}; there are: {there}")


def negotiate(device: Device, use: Use) -> tuple[int, int]:
    """Return the first sample rate and number of channels that the device takes.

    Raises:
        DeviceError: it takes none of them.
    """
    rates = dict.fromkeys((use.rate, device.default_rate, *FALLBACK_RATES))
    refusal = ""
    for rate in rates:
        for channels in dict.fromkeys((1, min(2, device.channels))):
            refusal = _refusal(device, rate, channels, use)
            if not refusal:
                return rate, channels
    raise DeviceError(
        f"{device.name} {use.verb} at none of {', '.join(map(str, rates))} Hz in 16 bits "
        f"({refusal}); close other programs that use it, or choose another with {use.option}"
    )


def _refusal(device: Device, rate: int, channels: int, use: Use) -> str:
    """Return why the device refuses this format, or an empty string."""
    sounddevice = portaudio()
    check = getattr(sounddevice, f"check_{use.kind}_settings")
    try:
        check(device=device.index, channels=channels, dtype="int16", samplerate=rate)
    except sounddevice.PortAudioError as error:
        return str(error)
    return ""


def portaudio() -> Any:
    """Return the module sounddevice, which loads and starts PortAudio when first imported.

    Raises:
        DeviceError: the package or the library is not installed, or PortAudio cannot start.
    """
    try:
        return importlib.import_module("sounddevice")
    except ImportError as error:
        raise DeviceError(
            f"sound devices need the Python package sounddevice; {INSTALL_PACKAGE}"
        ) from error
    except OSError as error:
        raise DeviceError(
            f"sound devices need the PortAudio library ({error}); {INSTALL_LIBRARY}"
        ) from error
    except Exception as error:
        # PortAudio's own error class is not to be had when its module cannot be imported.
        raise DeviceError(f"PortAudio cannot start ({error}); check the sound system") from error
