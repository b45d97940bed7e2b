"""Recording devices: which there are, which one is meant, and what it can do (extra `[mic]`)."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from streamkit.errors import DeviceError

WANTED_RATE = 16000
"""What the recognizer works at; a device that takes it saves a conversion."""

FALLBACK_RATES = (48000, 44100)
"""Tried after the device's own default rate."""

INSTALL_PACKAGE = "install it with: pip install 'streamkit[mic]' (captions) or 'streamkit[talk]'"
INSTALL_LIBRARY = (
    "install it with: apt-get install libportaudio2 (Debian, Ubuntu), dnf install portaudio "
    "(Fedora), or brew install portaudio (macOS)"
)


@dataclass(frozen=True, slots=True)
class InputDevice:
    """One device that can record; `index` is PortAudio's."""

    index: int
    name: str
    host_api: str
    channels: int
    default_rate: int
    is_default: bool


def input_devices() -> list[InputDevice]:
    """List the devices that can record.

    Raises:
        DeviceError: sounddevice or the PortAudio library is not installed.
    """
    sounddevice = portaudio()
    apis = [str(api["name"]) for api in sounddevice.query_hostapis()]
    default = sounddevice.default.device[0]
    return [
        InputDevice(
            index=index,
            name=str(device["name"]),
            host_api=apis[device["hostapi"]],
            channels=int(device["max_input_channels"]),
            default_rate=round(device["default_samplerate"]),
            is_default=index == default,
        )
        for index, device in enumerate(sounddevice.query_devices())
        if device["max_input_channels"] > 0
    ]


def choose_device(devices: Sequence[InputDevice], wanted: str | None) -> InputDevice:
    """Return the device that `wanted` means.

    Args:
        devices: those there are.
        wanted: an index, a name, or a part of exactly one name (any case); None for the
            default, or for the first where there is no default.

    Raises:
        DeviceError: there is none, or there are several.
    """
    if not devices:
        raise DeviceError(
            "there is no device that can record on this machine; connect a microphone, or check "
            "that PulseAudio or PipeWire runs and that this user may use it (group audio)"
        )
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
    raise DeviceError(f"no recording device is called {wanted!r}; there are: {there}")


def negotiate(device: InputDevice) -> tuple[int, int]:
    """Return the first sample rate and number of channels that the device takes.

    Raises:
        DeviceError: it takes none of them.
    """
    rates = dict.fromkeys((WANTED_RATE, device.default_rate, *FALLBACK_RATES))
    refusal = ""
    for rate in rates:
        for channels in dict.fromkeys((1, min(2, device.channels))):
            refusal = _refusal(device, rate, channels)
            if not refusal:
                return rate, channels
    raise DeviceError(
        f"{device.name} records at none of {', '.join(map(str, rates))} Hz in 16 bits ({refusal}); "
        "close other programs that use it, or choose another with --device"
    )


def _refusal(device: InputDevice, rate: int, channels: int) -> str:
    """Return why the device refuses this format, or an empty string."""
    sounddevice = portaudio()
    try:
        sounddevice.check_input_settings(
            device=device.index, channels=channels, dtype="int16", samplerate=rate
        )
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
