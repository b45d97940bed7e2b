"""The arrows of the house point one way, and heavy packages stay out until they are used."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import streamkit
import streamkit_clients

PACKAGE = Path(streamkit.__file__).parent
CLIENTS = Path(streamkit_clients.__file__).parent

LAYERS = {
    "errors": set[str](),
    "config": set[str](),
    "latency": set[str](),
    "subtitles": set[str](),
    "audio": {"errors"},
    "vad": {"errors", "audio"},
    "asr": {"errors", "audio"},
    "wording": {"errors"},
    "tts": {"errors", "audio", "wording"},
    "llm": {"errors", "wording"},
    "models": {"errors", "asr"},
    "session": {"errors", "asr", "audio", "vad", "latency", "llm", "tts"},
    "protocols": {"errors", "asr", "audio", "session", "latency", "llm", "subtitles"},
    "server": {
        "errors", "config", "latency", "audio", "vad", "asr", "models", "session", "protocols",
        "tts", "llm",
    },
    "client": {"errors", "latency", "audio"},
    "testing": {"errors", "asr", "audio", "llm", "session", "tts", "vad", "latency"},
    "replay": {
        "errors", "config", "asr", "audio", "server", "testing", "tts", "llm",
    },
    "report": {"errors", "latency"},
    "commands": {
        "errors", "config", "asr", "audio", "client", "models", "replay", "report", "server", "tts",
        "vad",
    },
    "cli": {"errors", "commands"},
}  # fmt: skip
"""What each room may know of, beside itself."""

PURE = ("session", "protocols", "latency", "subtitles")
"""Rooms without clocks, threads, sockets and logging."""

IMPURE = {"time", "datetime", "asyncio", "anyio", "threading", "socket", "logging", "random"}

HEAVY = (
    "torch", "faster_whisper", "ctranslate2", "onnxruntime", "av", "soxr", "sounddevice",
    "espeakng_loader", "uvicorn", "starlette", "numpy", "huggingface_hub", "httpx", "pydantic",
)  # fmt: skip


def imports(path: Path) -> Iterator[str]:
    """Modules that a file imports anywhere, in functions too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files() -> list[tuple[str, Path]]:
    """Room and file of every module of the package."""
    return [
        (path.relative_to(PACKAGE).parts[0].removesuffix(".py"), path)
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.parent != PACKAGE or path.name != "__init__.py"
    ]


def test_every_room_is_in_the_plan() -> None:
    assert {room for room, _ in files()} == set(LAYERS)


@pytest.mark.parametrize(
    ("room", "path"), files(), ids=lambda value: value.stem if isinstance(value, Path) else value
)
def test_arrows_point_one_way(room: str, path: Path) -> None:
    known = {
        name.split(".")[1]
        for name in imports(path)
        if name.startswith("streamkit.") and name != "streamkit.__version__"
    }
    assert known - {room, "__version__"} <= LAYERS[room]
    if room != "cli":
        assert not any(name.startswith("streamkit_clients") for name in imports(path))


@pytest.mark.parametrize(
    "path",
    [path for room, path in files() if room in PURE],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_pure_rooms_have_no_clock_and_no_socket(path: Path) -> None:
    assert {name.split(".")[0] for name in imports(path)}.isdisjoint(IMPURE)


def loaded_by(statement: str) -> set[str]:
    """Top-level modules in a fresh interpreter after a statement."""
    code = f"{statement}; import sys; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(run.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import streamkit").isdisjoint(HEAVY)


def test_the_command_line_loads_nothing_heavy_before_a_command_runs() -> None:
    assert loaded_by("import streamkit.cli").isdisjoint(set(HEAVY) - {"numpy"})


def test_the_server_needs_no_torch() -> None:
    assert "torch" not in loaded_by("import streamkit.server.serving, streamkit.asr.whisper")
