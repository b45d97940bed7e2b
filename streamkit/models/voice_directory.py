"""What a directory must hold to be the weights of a model that speaks.

`model.pth` is a pickle, which can run anything when it is loaded: nothing here does. A torch
checkpoint is a zip archive, so its table of contents, which lies at the end, tells whether the
file came whole.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

from streamkit.errors import ModelError
from streamkit.models.directory import json_faults, manifest_faults
from streamkit.models.voice_models import Engine

MIN_CHECKPOINT_BYTES: Final = 1_000_000
"""The smallest model that speaks has a hundred times that; less is an error page, or a pointer."""

KOKORO_WEIGHTS: Final = ("kokoro-v1.0.onnx", "kokoro-v1.0.fp16.onnx", "kokoro-v1.0.int8.onnx")
"""Any of these; the first that is there is loaded."""
KOKORO_VOICES: Final = "voices-v1.0.bin"

_LFS_POINTER: Final = b"version https://git-lfs"
_ZIP: Final = b"PK\x03\x04"
_ONNX: Final = b"\x08"
"""First field of every ONNX file: the version of the format."""


def detect_engine(path: Path) -> Engine | None:
    """What the weights in a directory are for, by the names of its files; None: for nothing."""
    if (path / "model.pth").is_file():
        return "xtts"
    if any((path / name).is_file() for name in (*KOKORO_WEIGHTS, KOKORO_VOICES)):
        return "kokoro"
    return None


def find_voice_faults(path: Path, engine: Engine) -> list[str]:
    """What is wrong with a directory of weights, one short phrase each; empty: nothing is.

    It reads the small files, and a few bytes of the large ones. A pulled model's file sizes are
    compared with its manifest.
    """
    if not path.is_dir():
        return ["there is no such directory"]
    faults = _xtts_faults(path) if engine == "xtts" else _kokoro_faults(path)
    return faults or manifest_faults(path)


def check_voice_directory(path: Path, engine: Engine, advice: str) -> None:
    """Make sure that a directory holds complete weights.

    Raises:
        ModelError: it does not; the message lists what is wrong, and ends with `advice`.
    """
    faults = find_voice_faults(path, engine)
    if faults:
        raise ModelError(f"{path} is no usable {engine} model: {'; '.join(faults)}. {advice}")


def _xtts_faults(path: Path) -> list[str]:
    return [
        *json_faults(path / "config.json", optional=False),
        *json_faults(path / "vocab.json", optional=False),
        *_checkpoint_faults(path / "model.pth", MIN_CHECKPOINT_BYTES),
        *_speaker_faults(path / "speakers_xtts.pth"),
    ]


def _speaker_faults(path: Path) -> list[str]:
    # Without it there are no voices but the cloned ones.
    return _checkpoint_faults(path, 0) if path.exists() else []


def _kokoro_faults(path: Path) -> list[str]:
    weights = next((path / name for name in KOKORO_WEIGHTS if (path / name).is_file()), None)
    if weights is None:
        faults = [f"{' or '.join(KOKORO_WEIGHTS)} is missing"]
    else:
        faults = _head_faults(weights, _ONNX, "network in ONNX", MIN_CHECKPOINT_BYTES)
    return faults + _archive_faults(path / KOKORO_VOICES, ".npy", "archive of voices", 0)


def _checkpoint_faults(path: Path, least: int) -> list[str]:
    return _archive_faults(path, "data.pkl", "checkpoint of torch", least)


def _archive_faults(path: Path, member: str, kind: str, least: int) -> list[str]:
    """Look whether a file is a whole zip archive with a member whose name ends with `member`."""
    faults = _head_faults(path, _ZIP, kind, least)
    if faults:
        return faults
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        return [f"{path.name} is cut off or damaged ({error})"]
    if not any(name.endswith(member) for name in names):
        return [f"{path.name} is no {kind}: it has no {member}"]
    return []


def _head_faults(path: Path, magic: bytes, kind: str, least: int) -> list[str]:
    try:
        with path.open("rb") as file:
            head = file.read(len(_LFS_POINTER))
        size = path.stat().st_size
    except FileNotFoundError:
        return [f"{path.name} is missing"]
    except OSError as error:
        return [f"{path.name} is not readable ({error})"]
    if not head:
        return [f"{path.name} is empty"]
    if head == _LFS_POINTER:
        return [f"{path.name} is a git-lfs pointer, not the weights: run `git lfs pull` there"]
    if not head.startswith(magic):
        return [f"{path.name} is no {kind}"]
    return [f"{path.name} has {size} bytes, too few for weights"] if size < least else []
