"""Errors that streamkit raises on purpose.

Each message says what was given, what is accepted, and what to do next, because
the person who reads it is often not the one who wrote the caller.
"""

from __future__ import annotations


class StreamkitError(Exception):
    """Base class: catch this to catch everything that streamkit raises on purpose."""


class ConfigurationError(StreamkitError):
    """A setting, option or combination of options cannot work."""


class AudioFormatError(StreamkitError):
    """Audio bytes are not what their declared format says, or the format is not supported."""


class BufferFullError(StreamkitError):
    """A bounded buffer has no room; the writer has to wait until the reader has released some."""


class ModelError(StreamkitError):
    """A speech model is missing, incomplete or cannot be loaded."""


class RecognitionError(StreamkitError):
    """The recognizer failed on one request; the session lives on."""


class SynthesisError(StreamkitError):
    """The synthesizer is missing, or failed on one text."""


class ReplyError(StreamkitError):
    """The model of the reply failed or cannot be reached; the session lives on."""


class ProtocolError(StreamkitError):
    """A peer sent something that its protocol does not allow."""


class ConnectionLostError(StreamkitError):
    """The server could not be reached, or went away and did not come back."""


class DeviceError(StreamkitError):
    """A sound device is missing, busy, or refuses the requested format."""


class ReplayError(StreamkitError):
    """A recorded session cannot be read, or cannot be played again."""
