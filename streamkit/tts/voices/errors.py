"""What can go wrong with cloned voices; each says it for people, and in one word for programs."""

from __future__ import annotations

from streamkit.errors import SynthesisError


class VoiceError(SynthesisError):
    """A voice cannot be added, read or removed.

    Attributes:
        code: for programs.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class VoiceNameError(VoiceError):
    """A text cannot be the name of a cloned voice."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "invalid_voice_name")


class RecordingError(VoiceError):
    """A recording is not fit for a voice; `code` is that of the first reason."""


class VoiceExistsError(VoiceError):
    """There is a voice of that name already."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "voice_exists")


class TooManyVoicesError(VoiceError):
    """The folder holds as many voices as are allowed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "too_many_voices")


class DamagedVoiceError(VoiceError):
    """The file of a voice cannot be used; others are not affected."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "damaged_voice")


class VoiceFolderError(VoiceError):
    """The folder of voices cannot be read or written; the message has its path."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "voice_folder_unusable")
