"""The speech models that are known by name, and the folders where they are kept.

The names and repositories are those of faster-whisper. They are written down here and
compared with the library in a test, because importing it takes longer than all of
``streamkit models list``.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from streamkit.asr.profile import ModelProfile

BUNDLED_NAME: Final = "whisper-micro-en"
CACHE_VARIABLE: Final = "STREAMKIT_MODEL_CACHE"
"""Environment variable that moves the folder of pulled models."""

_SIMPLE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MB: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A speech model that is known by name.

    Attributes:
        name: what ``--model`` and ``streamkit models pull`` take.
        repository: on the Hugging Face hub; None for the model in this package.
        size: bytes to download, about.
        profile: how to decode it, unless a `profile.json` says otherwise.
    """

    name: str
    repository: str | None
    size: int
    profile: ModelProfile

    @property
    def languages(self) -> str:
        """For people."""
        return "English" if self.profile.english_only else "about 100"


def _entry(name: str, repository: str, megabytes: int, description: str) -> CatalogueEntry:
    # The distilled models know English only, whatever their name says.
    english_only = name.endswith(".en") or name.startswith("distil-")
    profile = ModelProfile(english_only=english_only, description=description)
    return CatalogueEntry(name, repository, megabytes * _MB, profile)


BUNDLED: Final = CatalogueEntry(
    BUNDLED_NAME,
    None,
    6 * _MB,
    ModelProfile(
        margin=1.0,
        policy="either",
        hold_back=0.4,
        trim=3.0,
        context_words=16,
        english_only=True,
        description="bundled; synthetic English voices and about 440 words only: "
        "for demos, tests and benchmarks",
    ),
)

CATALOGUE: Final = {
    entry.name: entry
    for entry in (
        BUNDLED,
        _entry("tiny.en", "Systran/faster-whisper-tiny.en", 78, "fastest, many errors"),
        _entry("tiny", "Systran/faster-whisper-tiny", 78, "fastest, many errors"),
        _entry("base.en", "Systran/faster-whisper-base.en", 148, "a good start on a CPU"),
        _entry("base", "Systran/faster-whisper-base", 148, "a good start on a CPU"),
        _entry("small.en", "Systran/faster-whisper-small.en", 486, "a fast CPU or a GPU"),
        _entry("small", "Systran/faster-whisper-small", 486, "a fast CPU or a GPU"),
        _entry("medium.en", "Systran/faster-whisper-medium.en", 1530, "GPU"),
        _entry("medium", "Systran/faster-whisper-medium", 1530, "GPU"),
        _entry("large-v1", "Systran/faster-whisper-large-v1", 3090, "GPU; superseded"),
        _entry("large-v2", "Systran/faster-whisper-large-v2", 3090, "GPU"),
        _entry("large-v3", "Systran/faster-whisper-large-v3", 3090, "GPU; most accurate"),
        _entry(
            "large-v3-turbo",
            "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
            1620,
            "GPU; nearly large-v3, much faster",
        ),
        _entry("distil-small.en", "Systran/faster-distil-whisper-small.en", 336, "as small.en"),
        _entry("distil-medium.en", "Systran/faster-distil-whisper-medium.en", 792, "as medium.en"),
        _entry("distil-large-v2", "Systran/faster-distil-whisper-large-v2", 1510, "as large-v2"),
        _entry("distil-large-v3", "Systran/faster-distil-whisper-large-v3", 1510, "as large-v3"),
        _entry("distil-large-v3.5", "distil-whisper/distil-large-v3.5-ct2", 1510, "as large-v3"),
    )
}
"""By name."""

ALIASES: Final = {"large": "large-v3", "turbo": "large-v3-turbo"}


def is_simple_name(name: str) -> bool:
    """Tell whether a text can name a model: no path, no hidden file, at most 100 characters."""
    return _SIMPLE_NAME.fullmatch(name) is not None


def default_cache() -> Path:
    """The folder of pulled models: one directory per model, by name.

    It is `$STREAMKIT_MODEL_CACHE`, else `models` in the user's cache folder for streamkit.
    """
    import platformdirs

    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    return platformdirs.user_cache_path("streamkit") / "models"


def default_voices(cache: Path | None = None) -> Path:
    """The folder of cloned voices, beside that of the models.

    Args:
        cache: folder of pulled models; None: the default one.
    """
    return (cache or default_cache()).absolute().parent / "voices"


def bundled_path() -> Path:
    """Directory of the model in this package."""
    # CTranslate2 opens files itself, so the package has to lie in real files; it always does,
    # because it is never installed as a zip archive.
    return Path(str(resources.files("streamkit"))) / "assets" / BUNDLED_NAME


def find_in_hub_cache(
    repository: str, hub_cache: Path | None = None, file: str = "model.bin"
) -> Path | None:
    """The snapshot of a repository that huggingface_hub has downloaded before, if any.

    Args:
        repository: as in "Systran/faster-whisper-base".
        hub_cache: folder of huggingface_hub; None: where that library keeps it, which
            HF_HOME and HF_HUB_CACHE decide.
        file: that has to be in it.
    """
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, file, cache_dir=hub_cache)
    return Path(found).parent if isinstance(found, str) else None
