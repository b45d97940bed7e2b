"""A sound system of the tests' own: PulseAudio with loudspeakers that nobody hears."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from streamkit.client import devices
from streamkit.errors import DeviceError

ROOM_RATE = 16000
"""Of the null sink `room`, whose monitor is the microphone."""

HALL_RATE = 24000
"""Of the null sink `hall`, which is the loudspeaker."""

START_SECONDS = 20.0

LISTER = """
import json
from dataclasses import asdict
from streamkit.client.devices import RECORDING, list_devices
print(json.dumps([asdict(device) for device in list_devices(RECORDING)]))
"""


@dataclass
class SoundServer:
    """A running daemon; programs find it through `environment`."""

    environment: dict[str, str]
    folder: Path

    def play(self, samples: np.ndarray) -> None:
        """Play in the room, to the end."""
        path = self.folder / "played.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(ROOM_RATE)
            file.writeframes(samples.astype("<i2").tobytes())
        subprocess.run(
            ["paplay", "--device=room", str(path)], env=self.environment, check=True, timeout=60
        )

    def record(self, sink: str, rate: int) -> subprocess.Popen[bytes]:
        """Begin to record what is played on a sink: raw linear16 on the process's stdout."""
        form = ("--raw", f"--rate={rate}", "--channels=1", "--format=s16le", "--latency-msec=10")
        return subprocess.Popen(
            ["parec", f"--device={sink}.monitor", *form],
            env=self.environment,
            stdout=subprocess.PIPE,
        )

    def python(self, script: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a Python program."""
        return subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def inputs(self) -> list[dict[str, object]]:
        """The devices that a program can record from."""
        with self.python(LISTER) as lister:
            found: list[dict[str, object]] = json.loads(lister.communicate(timeout=60)[0])
        return found


@pytest.fixture(scope="session")
def sound_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoundServer]:
    """A PulseAudio daemon of its own; skips where that is not to be had."""
    for program in ("pulseaudio", "paplay", "parec", "pactl"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program} (Debian packages pulseaudio and pulseaudio-utils)")
    try:
        devices.portaudio()
    except DeviceError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("pulse")
    socket = folder / "native"
    environment = {
        **os.environ,
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "PULSE_RUNTIME_PATH": str(folder),
        "PULSE_SERVER": f"unix:{socket}",
        "PULSE_SOURCE": "room.monitor",
        "PULSE_SINK": "hall",
    }
    sink = "module-null-sink channels=1 format=s16le"
    daemon = subprocess.Popen(
        [
            *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--system=false"),
            *("--disallow-exit", "--use-pid-file=no"),
            *("-L", f"module-native-protocol-unix auth-anonymous=1 socket={socket}"),
            *("-L", f"{sink} sink_name=room rate={ROOM_RATE}"),
            *("-L", f"{sink} sink_name=hall rate={HALL_RATE}"),
        ],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        give_up = time.monotonic() + START_SECONDS
        while subprocess.run(["pactl", "info"], env=environment, capture_output=True).returncode:
            if daemon.poll() is not None or time.monotonic() > give_up:
                daemon.kill()
                pytest.skip(f"pulseaudio does not start here: {daemon.communicate()[1][-300:]}")
            time.sleep(0.05)
        server = SoundServer(environment, folder)
        if "pulse" not in [device["name"] for device in server.inputs()]:
            pytest.skip("ALSA does not reach PulseAudio (Debian package libasound2-plugins)")
        yield server
    finally:
        daemon.terminate()
        daemon.communicate(timeout=20)
