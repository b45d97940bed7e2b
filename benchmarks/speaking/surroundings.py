"""What the benchmark of voices has to know of the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from streamkit.errors import ConfigurationError
from streamkit_benchmarks.report import machine

PACKAGES: Final = ("coqui-tts", "torch", "transformers", "kokoro-onnx")
BUSY: Final = 0.5
"""Load average above which something else is at work."""


def described_machine() -> dict[str, Any]:
    """What a reader has to know, with the versions that matter to voices."""
    found = machine()
    found["versions"] |= {name: _version(name) for name in PACKAGES}
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def load_average() -> float:
    """Of the last minute; 0 where nobody knows."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


_QUESTION: Final = (
    "import torch; print(torch.cuda.get_device_name() if torch.cuda.is_available() else '')"
)


def cuda_note(device: str) -> str:
    """What there is to say of the GPU; asked in a process that ends again.

    Raises:
        ConfigurationError: it is wanted, and there is none.
    """
    question = (
        "import torch; print(torch.cuda.get_device_name() if torch.cuda.is_available() else '')"
    )
    done = subprocess.run(
        [sys.executable, "-c", question], capture_output=True, text=True, check=False
    )
    name = done.stdout.strip()
    if device == "cuda":
        if not name:
            raise ConfigurationError(
                "--device cuda was asked for and torch finds no such device; check the driver with "
                "nvidia-smi, or leave --device out"
            )
        return f"measured on {name}"
    if name:
        return f"not measured: there is a {name}, run again with --device cuda"
    return "not measured: no CUDA device here"
