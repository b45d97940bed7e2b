"""The folder of cloned voices: one file each, by name; several processes may share it.

``<folder>/<name in lower case>.safetensors`` is a voice. It is written beside its place and then
renamed, so whoever reads finds a whole file or none. ``.lock`` keeps writers apart; readers need
no lock. A file that cannot be used is an error for its own voice only.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from streamkit.tts.latents import VoiceLatents
from streamkit.tts.voice_names import UnknownVoiceError
from streamkit.tts.voices.errors import (
    DamagedVoiceError,
    TooManyVoicesError,
    VoiceError,
    VoiceExistsError,
    VoiceFolderError,
)
from streamkit.tts.voices.names import check_name, is_name, key_of, shown
from streamkit.tts.voices.voice_file import (
    MAX_FILE_BYTES,
    VoiceRecord,
    read_voice,
    write_voice,
)

SUFFIX: Final = ".safetensors"
MAX_VOICES: Final = 200
LOCK_SECONDS: Final = 10.0
"""How long a writer waits for another one, who takes milliseconds."""

_LATENTS_KEPT: Final = 32
"""Voices that are kept in memory, 133 kB each."""

Stamp = tuple[int, int, int, int]
"""Changes whenever the file does."""


@dataclass(frozen=True, slots=True)
class UnusableVoice:
    """A file in the folder that is no voice.

    Attributes:
        name: by which it can be removed.
        reason: for the person; without the folder's path.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found in a file when it had that stamp."""

    stamp: Stamp
    record: VoiceRecord | DamagedVoiceError


class VoiceStore:
    """Voices in a folder; any thread may call anything.

    Every call looks into the folder, so voices that another process adds or removes are there or
    gone at once. Files are read again only when they have changed.

    Args:
        folder: made when the first voice is added.
        most: voices that it may hold.
    """

    def __init__(self, folder: Path, most: int = MAX_VOICES) -> None:
        self.folder = folder
        self.most = most
        self._guard = threading.Lock()
        self._known: dict[str, _Known] = {}
        self._latents: dict[str, tuple[Stamp, VoiceLatents]] = {}

    def names(self) -> list[str]:
        """Names of the voices, sorted; what cannot be used is among them.

        Raises:
            VoiceFolderError: the folder cannot be read.
        """
        return sorted(self._files())

    def voices(self) -> tuple[list[VoiceRecord], list[UnusableVoice]]:
        """All that there are, sorted by name: those that can be used, and those that cannot.

        Raises:
            VoiceFolderError: the folder cannot be read.
            VoiceError: safetensors is not installed.
        """
        records: list[VoiceRecord] = []
        unusable: list[UnusableVoice] = []
        files = self._files()
        for key in sorted(files):
            try:
                record = self._record(key, files[key])
            except DamagedVoiceError as error:
                unusable.append(UnusableVoice(key, str(error)))
                continue
            if record is not None:
                records.append(record)
        with self._guard:
            for key in self._known.keys() - files.keys():
                self._forget(key)
        return records, unusable

    def find(self, name: str) -> VoiceRecord | None:
        """What is known of a voice; None: there is none of that name, whatever text it is.

        Raises:
            DamagedVoiceError: its file cannot be used.
            VoiceFolderError: the folder cannot be read.
            VoiceError: safetensors is not installed.
        """
        path = self._path(name)
        return None if path is None else self._record(key_of(name), path)

    def latents(self, name: str) -> VoiceLatents | None:
        """What a voice sounds like; None: there is none of that name. Errors as of `find`."""
        path = self._path(name)
        if path is None:
            return None
        key = key_of(name)
        with self._guard:
            held = self._latents.get(key)
        if held is not None and held[0] == _stamp(path):
            return held[1]
        loaded = self._load(key, path)
        return None if loaded is None else loaded[1]

    def check_new(self, name: str, reserved: Iterable[str] = ()) -> None:
        """Tell early what `add` would refuse.

        Args:
            name: of the new voice.
            reserved: names that it may not have, in any case.

        Raises:
            VoiceNameError: it is no name, or reserved.
            VoiceExistsError: there is a voice of that name.
            TooManyVoicesError: there is no place for another one.
            VoiceFolderError: the folder cannot be read.
        """
        check_name(name, reserved)
        files = self._files()
        if key_of(name) in files:
            raise VoiceExistsError(
                f"there is a voice {key_of(name)} already; accepted: a new name: choose another "
                "one, or remove that voice first"
            )
        if len(files) >= self.most:
            raise TooManyVoicesError(
                f"there are {len(files)} cloned voices; accepted: up to {self.most}: remove some, "
                "or raise the setting max_voices"
            )

    def add(self, record: VoiceRecord, latents: VoiceLatents, reserved: Iterable[str] = ()) -> None:
        """Keep a new voice.

        Raises:
            VoiceError: as `check_new`; or the latents are none, or the file cannot be written.
        """
        content = write_voice(record, latents)
        with self._writing():
            self.check_new(record.name, reserved)
            place = self.folder / f"{key_of(record.name)}{SUFFIX}"
            # Whoever holds the lock is the only one, so what lies there is a dead writer's.
            draft = self.folder / ".new"
            with open(draft, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, place)

    def remove(self, name: str) -> str:
        """Delete a voice, or what cannot be used as one.

        Returns:
            Its name as it was listed.

        Raises:
            UnknownVoiceError: there is none of that name.
            VoiceFolderError: the file cannot be deleted.
        """
        if self._path(name) is None:
            raise self._unknown(name)
        with self._writing():
            path = self._path(name)
            if path is None:
                raise self._unknown(name)
            try:
                record = self._record(key_of(name), path)
            except VoiceError:
                record = None
            path.unlink()
        with self._guard:
            self._forget(key_of(name))
        return key_of(name) if record is None else record.name

    def _unknown(self, name: str) -> UnknownVoiceError:
        there = ", ".join(self.names()[:_SHOWN]) or "none"
        return UnknownVoiceError(
            f"there is no cloned voice {shown(name)}; accepted: the name of one that was added, "
            f"such as: {there}"
        )

    # Reading

    def _files(self) -> dict[str, Path]:
        """Name -> file, for everything that could be a voice."""
        found: dict[str, Path] = {}
        try:
            with os.scandir(self.folder) as entries:
                for entry in sorted(entries, key=lambda each: each.name):
                    stem, suffix = os.path.splitext(entry.name)
                    if suffix == SUFFIX and is_name(stem):
                        found.setdefault(key_of(stem), Path(entry.path))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unreadable(error) from error
        return found

    def _path(self, name: str) -> Path | None:
        return self._files().get(key_of(name)) if is_name(name) else None

    def _record(self, key: str, path: Path) -> VoiceRecord | None:
        stamp = _stamp(path)
        with self._guard:
            known = self._known.get(key)
        if known is None or known.stamp != stamp:
            loaded = self._load(key, path)
            return None if loaded is None else loaded[0]
        if isinstance(known.record, DamagedVoiceError):
            raise DamagedVoiceError(str(known.record))
        return known.record

    def _load(self, key: str, path: Path) -> tuple[VoiceRecord, VoiceLatents] | None:
        """Read a file; None: it is gone meanwhile."""
        # Taken before the content, so that a change between the two is seen next time.
        stamp = _stamp(path)
        if stamp is None:
            return None
        try:
            record, latents = read_voice(self._read(path))
        except FileNotFoundError:
            return None
        except DamagedVoiceError as error:
            reason = DamagedVoiceError(f"the voice {key} cannot be used: {error}")
            self._keep(key, _Known(stamp, reason), None)
            raise reason from error
        except OSError as error:
            raise self._unreadable(error) from error
        if key_of(record.name) != key:
            # Somebody has renamed the file, which is a way to rename the voice.
            record = replace(record, name=key)
        self._keep(key, _Known(stamp, record), latents)
        return record, latents

    def _read(self, path: Path) -> bytes:
        # A pipe or a device could keep the reader waiting for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise DamagedVoiceError("it is no file; remove it")
        with open(path, "rb") as file:
            return file.read(MAX_FILE_BYTES + 1)

    def _keep(self, key: str, known: _Known, latents: VoiceLatents | None) -> None:
        with self._guard:
            self._known[key] = known
            self._latents.pop(key, None)
            if latents is not None:
                self._latents[key] = (known.stamp, latents)
            while len(self._latents) > _LATENTS_KEPT:
                del self._latents[next(iter(self._latents))]

    def _forget(self, key: str) -> None:
        self._known.pop(key, None)
        self._latents.pop(key, None)

    # Writing

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Keep other threads and processes from writing; makes the folder."""
        import filelock

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(self.folder / ".lock", timeout=LOCK_SECONDS):
                yield
        except filelock.Timeout as error:
            raise VoiceFolderError(
                f"another process has been writing to {self.folder} for {LOCK_SECONDS:g} s; wait "
                "for it or end it"
            ) from error
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            advice = "free some space" if full else "choose another folder with STREAMKIT_VOICES"
            raise VoiceFolderError(
                f"cannot write to the folder of voices {self.folder}: {error}; {advice}"
            ) from error

    def _unreadable(self, error: OSError) -> VoiceFolderError:
        return VoiceFolderError(
            f"cannot read the folder of voices {self.folder}: {error}; correct its permissions, "
            "or choose another one with STREAMKIT_VOICES"
        )


_SHOWN: Final = 8


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
