"""Which weights are spoken with: those that are given, those that were pulled, or random ones."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streamkit.errors import ConfigurationError
from streamkit.models.voice_resolve import FoundVoiceModel, find_voice_model, resolve_voice_model
from streamkit_benchmarks.random_xtts import SPEAKERS

NEEDED_BYTES: Final = {"full": 2_000_000_000, "vocoder": 200_000_000, "tiny": 200_000_000}
RANDOM: Final = {
    "full": "random weights of the published model's size: times are real, sound is not",
    "vocoder": "random weights, two narrow layers",
    "tiny": "random weights of a tiny model: neither times nor sound are those of XTTS",
}


@dataclass(frozen=True, slots=True)
class Weights:
    """Of XTTS v2.

    Attributes:
        directory: of the files.
        real: they were trained; else sentences have no end of their own.
        what: for people.
    """

    directory: Path
    real: bool
    what: str


def given(name: str) -> Weights:
    """Weights that were asked for, a name or a directory.

    Raises:
        ModelError: they are not there.
        ConfigurationError: they are of something else.
    """
    found = resolve_voice_model(name)
    if found.engine != "xtts":
        raise ConfigurationError(f"--xtts {name} is a model of {found.engine}; accepted: XTTS v2")
    return _found(found)


def pulled() -> Weights | None:
    """The published weights, if they are on this machine."""
    found = find_voice_model("xtts_v2")
    return None if found is None else _found(found)


def _found(found: FoundVoiceModel) -> Weights:
    if is_random(found.path):
        return Weights(found.path, False, f"{found.name}: {RANDOM['full'].partition(' of')[0]}")
    return Weights(found.path, True, f"{found.name}: trained weights")


def is_random(directory: Path) -> bool:
    """Tell whether weights were made by `random_xtts`: by the names of their speakers."""
    speakers = directory / "speakers_xtts.pth"
    return speakers.is_file() and SPEAKERS[0].encode() in speakers.read_bytes()


def random_weights(folder: Path, size: str, tell: Callable[[str], None]) -> Weights:
    """Make random weights, or take those that were made before.

    Args:
        folder: of all sizes.
        size: one of `random_xtts.SIZES`.
        tell: takes progress.

    Raises:
        ConfigurationError: they cannot be made.
    """
    directory = folder / size
    if not (directory / "config.json").is_file():
        free, needed = shutil.disk_usage(folder).free, NEEDED_BYTES[size]
        if free < needed:
            raise ConfigurationError(
                f"random weights take {needed / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB "
                "free; name a folder with more room: --weights FOLDER"
            )
        tell(f"making random weights, {needed / 1e9:.1f} GB, in {directory}")
        _make(directory, size)
    return Weights(directory, False, RANDOM[size])


def _make(directory: Path, size: str) -> None:
    # Whoever breaks this off leaves nothing that looks whole.
    fresh = directory.with_name(f"{directory.name}.part")
    command = [sys.executable, "-m", "streamkit_benchmarks.random_xtts", str(fresh), "--size", size]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        last = (done.stderr.strip() or "nothing was said").splitlines()[-1]
        raise ConfigurationError(f"random weights could not be made: {last}")
    fresh.replace(directory)
