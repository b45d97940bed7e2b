"""What a directory must hold to be a speech model in CTranslate2's format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from streamkit.errors import ModelError

MANIFEST_FILE: Final = "streamkit.json"
"""Written last by a pull: where the files came from, their sizes and hashes."""

FILE_PATTERNS: Final = (
    "config.json",
    "model.bin",
    "tokenizer.json",
    "vocabulary.*",
    "preprocessor_config.json",
)
"""The files of a repository that a model consists of."""

MULTILINGUAL_TOKENS: Final = 51_865
"""Vocabulary size from which on CTranslate2 takes a Whisper for a multilingual one."""

_VOCABULARIES: Final = ("vocabulary.json", "vocabulary.txt")
_HEADER_BYTES: Final = 64
_SPECIFICATION: Final = b"WhisperSpec"


def find_faults(path: Path) -> list[str]:
    """What is wrong with a model's directory, one short sentence each; empty when nothing is.

    It reads no more than the small files and the head of the weights, so it can be asked
    before every start. A pulled model's file sizes are compared with its manifest.
    """
    if not path.is_dir():
        return ["there is no such directory"]
    faults = []
    for name in ("config.json", "tokenizer.json", "preprocessor_config.json"):
        optional = name == "preprocessor_config.json"
        faults += json_faults(path / name, optional=optional)
    faults += _weight_faults(path / "model.bin")
    if not any((path / name).is_file() for name in _VOCABULARIES):
        faults.append(f"{' or '.join(_VOCABULARIES)} is missing")
    if not faults:
        faults += manifest_faults(path)
    return faults


def check_directory(path: Path, advice: str) -> None:
    """Make sure that a directory holds a complete speech model.

    Raises:
        ModelError: it does not; the message lists what is missing, and ends with `advice`.
    """
    faults = find_faults(path)
    if faults:
        raise ModelError(f"{path} is no usable speech model: {'; '.join(faults)}. {advice}")


def is_multilingual(path: Path) -> bool:
    """Tell from the vocabulary of a complete model whether it knows more than English.

    Raises:
        ModelError: the vocabulary cannot be read.
    """
    words = path / "vocabulary.json"
    try:
        if words.is_file():
            return len(json.loads(words.read_text("utf-8"))) >= MULTILINGUAL_TOKENS
        # Not splitlines(): tokens hold other kinds of line ends.
        lines = (path / "vocabulary.txt").read_text("utf-8").rstrip("\n").split("\n")
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"the vocabulary in {path} cannot be read: {error}") from error
    return len(lines) >= MULTILINGUAL_TOKENS


def read_manifest(path: Path) -> dict[str, Any] | None:
    """The manifest of a pulled model; None for any other directory, or where it is damaged."""
    try:
        manifest = json.loads((path / MANIFEST_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    files = manifest.get("files") if isinstance(manifest, dict) else None
    sound = isinstance(files, dict) and all(isinstance(file, dict) for file in files.values())
    return manifest if sound else None


def json_faults(path: Path, *, optional: bool) -> list[str]:
    """What is wrong with a file that should hold a JSON object, one short phrase each."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return [] if optional else [f"{path.name} is missing"]
    except (OSError, ValueError) as error:
        return [f"{path.name} is not readable as JSON ({error})"]
    return [] if isinstance(content, dict) else [f"{path.name} holds no JSON object"]


def _weight_faults(path: Path) -> list[str]:
    try:
        with path.open("rb") as weights:
            head = weights.read(_HEADER_BYTES)
    except FileNotFoundError:
        return [f"{path.name} is missing"]
    except OSError as error:
        return [f"{path.name} is not readable ({error})"]
    if not head:
        return [f"{path.name} is empty"]
    if head.startswith(b"version https://git-lfs"):
        return [f"{path.name} is a git-lfs pointer, not the weights: run `git lfs pull` there"]
    if _SPECIFICATION not in head:
        return [f"{path.name} is no Whisper model in CTranslate2's format"]
    return []


def manifest_faults(path: Path) -> list[str]:
    """Which files of a pulled model do not have the size that its manifest says."""
    manifest = read_manifest(path)
    if manifest is None:
        return []
    faults = []
    for name, entry in manifest["files"].items():
        file = path / name
        size = file.stat().st_size if file.is_file() else 0
        if size != entry.get("size"):
            faults.append(f"{name} has {size} of {entry.get('size')} bytes")
    return faults
