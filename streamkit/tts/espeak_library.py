"""The C interface of espeak-ng (``speak_lib.h``), called through ctypes.

espeak-ng is licensed under GPL-3.0. No part of it is in this package: its library is
loaded at run time from the PyPI package ``espeakng-loader``, which brings it with its data.

The library keeps its whole state in global variables: there is one engine per process, it
speaks one text at a time, and nothing in it may be called from two threads at once. `Engine`
hides that behind one lock, held for the few milliseconds of one short text.
"""

from __future__ import annotations

import ctypes
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from streamkit.errors import SynthesisError

_OUTPUT_SYNCHRONOUS: Final = 2  # samples go to the callback, before espeak_Synth returns
_INITIALIZE_DONT_EXIT: Final = 0x8000  # without it missing data end the process
_CHARS_UTF8: Final = 1
_END_PAUSE: Final = 0x1000
_PARAMETER_RATE: Final = 1
_POSITION_CHARACTER: Final = 1
_EVENT_LIST_END: Final = 0
_EVENT_WORD: Final = 1
_ERRORS: Final = {-1: "internal error", 1: "buffer full", 2: "not found"}

CALLBACK_MILLISECONDS: Final = 40
"""Sound per callback, so the grain at which speaking can be cancelled."""


class _Event(ctypes.Structure):
    _fields_: ClassVar = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),  # counts characters, from 1
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # in ms
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


class _Voice(ctypes.Structure):
    _fields_: ClassVar = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True, slots=True)
class EngineVoice:
    """A voice file of the engine."""

    identifier: str
    """Path of the voice file, as in "gmw/en-US"."""
    name: str
    """For people: "English (America)"."""
    languages: tuple[tuple[int, str], ...]
    """(priority, tag in lower case); for one tag the voice with the lowest number is the best."""


@dataclass(slots=True, eq=False)
class Utterance:
    """What the engine said."""

    samples: npt.NDArray[np.int16]
    """Mono, at the engine's sample rate."""
    words: list[tuple[int, int]]
    """(character, sample) for each word event. The engine sends several for one number,
    none for a word that it speaks together with the one before."""


class Engine:
    """The one engine of this process; calls from several threads are taken in turns."""

    _instance: ClassVar[Engine | None] = None
    _loading: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, library: Any, data_path: str) -> None:
        """Use `load`: a second engine would reset the first one."""
        self._library = library
        self._data = Path(data_path)
        self._lock = threading.Lock()
        self._chunks: list[npt.NDArray[np.int16]] = []
        self._words: list[tuple[int, int]] = []
        self._cancelled: Callable[[], bool] = bool
        # ctypes does not keep the callback alive; the library calls it until the process ends.
        self._callback = _Callback(self._collect)
        library.espeak_Synth.argtypes = [
            ctypes.c_char_p,  # text
            ctypes.c_size_t,  # its bytes
            ctypes.c_uint,  # position to start at
            ctypes.c_int,  # unit of that position
            ctypes.c_uint,  # position to end at
            ctypes.c_uint,  # flags
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
        library.espeak_ListVoices.argtypes = [ctypes.POINTER(_Voice)]
        library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        rate = library.espeak_Initialize(
            _OUTPUT_SYNCHRONOUS, CALLBACK_MILLISECONDS, data_path.encode(), _INITIALIZE_DONT_EXIT
        )
        if rate <= 0:
            raise SynthesisError(
                f"espeak-ng cannot use its voice data at {data_path}: `pip install "
                "--force-reinstall espeakng-loader`; it also takes no path of over 150 "
                "characters, then a virtual environment in a shorter folder helps"
            )
        self.sample_rate: int = rate
        library.espeak_SetSynthCallback(self._callback)

    @classmethod
    def load(cls) -> Engine:
        """Load the library at the first call, return the same engine at every further one.

        Raises:
            SynthesisError: the library or its data are missing or broken.
        """
        with cls._loading:
            if cls._instance is None:
                try:
                    import espeakng_loader

                    library = ctypes.CDLL(espeakng_loader.get_library_path())
                    data_path = espeakng_loader.get_data_path()
                except (ImportError, OSError, RuntimeError) as error:
                    raise SynthesisError(
                        f"the built-in voice needs espeak-ng, which cannot be loaded: {error}; "
                        "`pip install --force-reinstall espeakng-loader`"
                    ) from error
                cls._instance = cls(library, data_path)
            return cls._instance

    def speak(
        self,
        text: str,
        *,
        voice: str,
        words_per_minute: int,
        end_pause: bool,
        cancelled: Callable[[], bool],
    ) -> Utterance:
        """Speak a text that is short enough to be held in memory as a whole.

        Args:
            text: plain text without control characters; an empty one gives a few silent samples.
            voice: a voice's identifier, or identifier+variant.
            words_per_minute: from 80 to 450.
            end_pause: add the pause that separates sentences.
            cancelled: asked after every `CALLBACK_MILLISECONDS` of sound; True ends the
                utterance there.

        Raises:
            SynthesisError: the voice cannot be loaded, or the engine reports a failure.
        """
        encoded = text.encode("utf-8", "replace")
        flags = _CHARS_UTF8 | (_END_PAUSE if end_pause else 0)
        with self._lock:
            if cancelled():
                return Utterance(np.zeros(0, np.int16), [])
            self._chunks, self._words, self._cancelled = [], [], cancelled
            # Everything is set anew each time: the speaker before may have been another one.
            self._check(self._library.espeak_SetVoiceByName(voice.encode()), f"voice {voice!r}")
            self._check(
                self._library.espeak_SetParameter(_PARAMETER_RATE, words_per_minute, 0),
                f"{words_per_minute} words per minute",
            )
            status = self._library.espeak_Synth(
                encoded, len(encoded) + 1, 0, _POSITION_CHARACTER, 0, flags, None, None
            )
            if not cancelled():
                self._check(status, f"a text of {len(text)} characters")
            samples = np.concatenate(self._chunks) if self._chunks else np.zeros(0, np.int16)
            return Utterance(samples, self._words)

    def voices(self) -> list[EngineVoice]:
        """Voices whose data are installed; variants are not among them."""
        # The engine also lists MBROLA voices, and languages that come without a dictionary.
        return [v for v in self._list(None) if self._has_dictionary(v)]

    def _has_dictionary(self, voice: EngineVoice) -> bool:
        file = self._data / "lang" / voice.identifier
        if not file.is_file():
            return False
        named = re.search(r"^\s*dictionary\s+(\S+)", file.read_text("utf-8"), re.MULTILINE)
        tags = [file.name.lower(), *(tag for _, tag in voice.languages)]
        names = [named[1]] if named else [tag.partition("-")[0] for tag in tags]
        return any((self._data / f"{name}_dict").is_file() for name in names)

    def variants(self) -> list[EngineVoice]:
        """Ways to change a voice: "!v/f2" makes "en-US+f2" of "en-US"."""
        tag = ctypes.create_string_buffer(b"variant")
        return self._list(_Voice(languages=ctypes.cast(tag, ctypes.c_void_p)))

    def _list(self, specification: _Voice | None) -> list[EngineVoice]:
        with self._lock:
            found = self._library.espeak_ListVoices(specification)
            voices = []
            index = 0
            while found[index]:
                voice = found[index].contents
                voices.append(
                    EngineVoice(
                        voice.identifier.decode(),
                        voice.name.decode(),
                        tuple(_read_languages(voice.languages)),
                    )
                )
                index += 1
            return voices

    def _collect(self, samples: Any, count: int, events: Any) -> int:
        """Take a callback's sound and events; the answer 1 makes the engine stop."""
        if self._cancelled():
            return 1
        index = 0
        while events and events[index].type != _EVENT_LIST_END:
            event = events[index]
            if event.type == _EVENT_WORD:
                at = event.audio_position * self.sample_rate // 1000
                self._words.append((event.text_position - 1, at))
            index += 1
        if samples and count > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    @staticmethod
    def _check(status: int, what: str) -> None:
        if status != 0:
            reason = _ERRORS.get(status, f"status {status}")
            raise SynthesisError(f"espeak-ng refused {what}: {reason}")


def _read_languages(address: int | None) -> list[tuple[int, str]]:
    """Read a list of (priority byte, C string) pairs that ends with a zero byte."""
    languages = []
    while address and (priority := ctypes.string_at(address, 1)[0]):
        tag = ctypes.string_at(address + 1)
        languages.append((priority, tag.decode().lower()))
        address += len(tag) + 2
    return languages
