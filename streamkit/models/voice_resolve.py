"""From what a person calls a model that speaks to a directory of weights on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from streamkit.errors import ModelError
from streamkit.models.catalogue import default_cache, find_in_hub_cache, is_simple_name
from streamkit.models.licence import Acceptance, Licence, read_acceptance
from streamkit.models.voice_directory import (
    check_voice_directory,
    detect_engine,
    find_voice_faults,
)
from streamkit.models.voice_models import VOICE_ALIASES, VOICE_MODELS, Engine

CHECKPOINT = "model.pth"
"""The file of a repository on the hub that a model is looked for by."""


@dataclass(frozen=True, slots=True)
class FoundVoiceModel:
    """Complete weights on this machine.

    Attributes:
        name: of the model; of one that was given as a directory, the directory's.
        engine: what loads it.
        path: directory.
        licence: of the weights; None: nobody here knows.
        acceptance: of the licence, as recorded beside the weights; None: nothing was.
    """

    name: str
    engine: Engine
    path: Path
    licence: Licence | None
    acceptance: Acceptance | None

    @property
    def notice(self) -> str | None:
        """What the person should be told of the licence; None: they have agreed, or need not."""
        if self.licence is None or self.licence.essentials is None or self.acceptance is not None:
            return None
        return (
            f"nobody is recorded to have accepted the licence of {self.name} in {self.path}. "
            f"{self.licence.essentials}"
        )


def resolve_voice_model(
    given: str, *, cache: Path | None = None, hub_cache: Path | None = None
) -> FoundVoiceModel:
    """Find the weights that ``--tts`` names; nothing is downloaded.

    Args:
        given: a name of the catalogue or of a directory in the cache, or a directory.
        cache: folder of pulled models; None: `default_cache`.
        hub_cache: folder of huggingface_hub; None: where that library keeps it.

    Raises:
        ModelError: they are not there, or not complete; the message says what to do.
    """
    looks_like_path = "/" in given or "\\" in given or given.startswith((".", "~"))
    if not looks_like_path:
        found = find_voice_model(given, cache=cache, hub_cache=hub_cache)
        if found is not None:
            return found
    path = Path(given).expanduser()
    if looks_like_path or path.is_dir():
        return _resolve_directory(path)
    name = VOICE_ALIASES.get(given, given)
    if name in VOICE_MODELS:
        raise ModelError(
            f"the weights of {name} are not on this machine; `streamkit models pull {name}` "
            "downloads them, or use --tts espeak, which needs none"
        )
    raise ModelError(
        f"unknown voice engine {given!r}; accepted: espeak, {', '.join(VOICE_ALIASES)}, "
        f"{', '.join(VOICE_MODELS)}, or a directory with the weights of XTTS v2 or Kokoro"
    )


def find_voice_model(
    name: str, *, cache: Path | None = None, hub_cache: Path | None = None
) -> FoundVoiceModel | None:
    """The weights of that name on this machine; None where there are none.

    A directory of any simple name in the cache counts if its files are those of a known engine.

    Raises:
        ModelError: they are there but not complete.
    """
    name = VOICE_ALIASES.get(name, name)
    if not is_simple_name(name):
        return None
    path = (cache or default_cache()) / name
    model = VOICE_MODELS.get(name)
    if model is None:
        engine = detect_engine(path)
        if engine is None:
            return None
        check_voice_directory(path, engine, "Copy all files of the model there, or remove it.")
        return _found(name, engine, path)
    if not path.is_dir():
        snapshot = _in_hub_cache(model.repository, hub_cache)
        # A snapshot that huggingface_hub has not finished is none yet, and it is not ours to judge.
        if snapshot is None or find_voice_faults(snapshot, model.engine):
            return None
        path = snapshot
    check_voice_directory(
        path,
        model.engine,
        f"Remove it with `streamkit models remove {name}` and pull it again.",
    )
    return _found(name, model.engine, path)


def installed_voice_models(
    *, cache: Path | None = None, hub_cache: Path | None = None
) -> list[FoundVoiceModel]:
    """All complete weights on this machine, in the catalogue's order, then one's own."""
    cache = cache or default_cache()
    own = sorted(p.name for p in cache.iterdir() if p.is_dir()) if cache.is_dir() else []
    models = []
    for name in dict.fromkeys((*VOICE_MODELS, *own)):
        try:
            found = find_voice_model(name, cache=cache, hub_cache=hub_cache)
        except ModelError:
            continue
        if found is not None:
            models.append(found)
    return models


def _resolve_directory(path: Path) -> FoundVoiceModel:
    engine = detect_engine(path)
    if engine is None:
        problem = "holds no weights" if path.is_dir() else "is no directory"
        raise ModelError(
            f"{path} {problem} of a model that speaks; accepted: a directory with config.json, "
            "model.pth and vocab.json (XTTS v2), or one with kokoro-v1.0.onnx and "
            "voices-v1.0.bin (Kokoro)"
        )
    check_voice_directory(path, engine, "Copy all files of the model there.")
    return _found(path.resolve().name, engine, path.resolve())


def _found(name: str, engine: Engine, path: Path) -> FoundVoiceModel:
    known = VOICE_MODELS.get(name)
    # Weights of the same kind that were made of the published ones are under their licence.
    licence = next(
        (model.licence for model in VOICE_MODELS.values() if model.engine == engine), None
    )
    return FoundVoiceModel(
        name, engine, path, licence if known is None else known.licence, read_acceptance(path)
    )


def _in_hub_cache(repository: str | None, hub_cache: Path | None) -> Path | None:
    return None if repository is None else find_in_hub_cache(repository, hub_cache, CHECKPOINT)
