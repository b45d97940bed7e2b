"""Writing subtitles while they grow, so that the file on disk is always complete."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from streamkit.client.events import Transcript
from streamkit.errors import ConfigurationError
from streamkit_clients import subtitles

FORMATS: Mapping[str, Callable[[Sequence[Transcript]], str]] = {
    "srt": subtitles.srt,
    "vtt": subtitles.vtt,
    "json": subtitles.as_json,
    "txt": subtitles.txt,
}


class SubtitleFiles:
    """The files of one session, one per format.

    `save` replaces each file as a whole (written beside it, then renamed) when something
    became final since the last time. So a file holds what was final a moment ago and can be
    opened at any time, also after a crash; nothing ever sees half a file. A target
    that is no regular file (a pipe, /dev/stdout) cannot be replaced and is written once,
    at the end.

    Args:
        paths: file to write for each format of `FORMATS`.

    Raises:
        ConfigurationError: a folder is missing or may not be written, or two formats
            have one file. Said before the first word is spoken.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = {name: path.resolve() for name, path in paths.items()}
        self._finals: list[Transcript] = []
        self._unsaved = False
        if len(set(self._paths.values())) < len(self._paths):
            raise ConfigurationError(
                f"{', '.join(f'--{name}' for name in paths)} name the same file; "
                "give each format a file of its own"
            )
        for name, path in self._paths.items():
            _check(name, path)

    def add(self, final: Transcript) -> None:
        """Take a final; `save` and `close` write it."""
        self._finals.append(final)
        self._unsaved = self._unsaved or bool(final.words)

    def save(self) -> None:
        """Save, if there is something new.

        Raises:
            ConfigurationError: the disk is full, or the folder has gone.
        """
        if self._unsaved:
            self._save(regular=True)

    def close(self) -> None:
        """Write everything; files without a word are written too.

        Raises:
            ConfigurationError: the disk is full, or the folder has gone.
        """
        self._save(regular=True)
        self._save(regular=False)

    def _save(self, *, regular: bool) -> None:
        for name, path in self._paths.items():
            if _replaceable(path) == regular:
                text = FORMATS[name](self._finals)
                try:
                    _replace(path, text) if regular else path.write_text(text, encoding="utf-8")
                except OSError as error:
                    raise ConfigurationError(
                        f"cannot write {path}: {error.strerror}; free space or give another file"
                    ) from error
        self._unsaved = False


def _replaceable(path: Path) -> bool:
    return path.is_file() or not path.exists()


def _check(name: str, path: Path) -> None:
    problem = ""
    if path.is_dir():
        problem = "it is a folder"
    elif not path.parent.is_dir():
        problem = f"there is no folder {path.parent}"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        problem = "it may not be written"
    elif _replaceable(path) and not os.access(path.parent, os.W_OK):
        problem = f"the folder {path.parent} may not be written"
    if problem:
        raise ConfigurationError(f"cannot write --{name} {path}: {problem}; give another file")


def _replace(path: Path, text: str) -> None:
    descriptor, temporary = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.name[:100]}-", suffix=".tmp"
    )
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(temporary, path.stat().st_mode & 0o777 if path.exists() else _default_mode())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _default_mode() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
