"""From what a person or a client calls a model to a directory that can be loaded."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from streamkit.asr.profile import PROFILE_FILE, ModelProfile
from streamkit.errors import ModelError
from streamkit.models.catalogue import (
    ALIASES,
    BUNDLED,
    BUNDLED_NAME,
    CATALOGUE,
    bundled_path,
    default_cache,
    find_in_hub_cache,
    is_simple_name,
)
from streamkit.models.directory import check_directory, find_faults, is_multilingual
from streamkit.models.voice_models import VOICE_ALIASES, VOICE_MODELS

AUTO: Final = "auto"

_REAL_TIME: Final = ("base.en", "base", "tiny.en", "tiny")
"""What a CPU of today holds in real time while it decodes partials too, best first."""
_SLOWER: Final = (
    "distil-small.en",
    "small.en",
    "small",
    "distil-medium.en",
    "distil-large-v3.5",
    "distil-large-v3",
    "distil-large-v2",
    "large-v3-turbo",
    "medium.en",
    "medium",
    "large-v3",
    "large-v2",
    "large-v1",
)
"""The rest, fastest first: late words beat none."""

Source = Literal["bundled", "cache", "hub-cache", "directory"]


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A complete model on this machine.

    Attributes:
        name: registry name; of a model that was given as a directory, the directory's name.
        path: what faster-whisper loads.
        source: "bundled" in this package, "cache" pulled by streamkit, "hub-cache" downloaded
            by huggingface_hub, "directory" given as one.
        profile: how to decode it.
        notice: one line that the person should see, or None.
    """

    name: str
    path: Path
    source: Source
    profile: ModelProfile
    notice: str | None = None


def resolve(
    model: str,
    *,
    language: str | None = None,
    cache: Path | None = None,
    hub_cache: Path | None = None,
) -> ResolvedModel:
    """Find the model that ``--model`` names; nothing is downloaded.

    A text with a path separator, a leading "." or "~", or that is no known name but an existing
    directory, is a directory. `auto` is the best model on this machine that a CPU holds in real
    time, by `_REAL_TIME`; if there is none of those, the fastest of the larger ones; if
    there is none at all, the bundled micro model. The last two come with a notice.

    Args:
        model: a name, a directory, or "auto".
        language: BCP 47 tag that has to be recognised; makes "auto" pass over models that do
            not know it. None counts as English.
        cache: folder of pulled models; None: `default_cache`.
        hub_cache: folder of huggingface_hub; None: where that library keeps it.

    Raises:
        ModelError: it is not there, or not complete; the message says what is missing and
            what to do.
    """
    cache = cache or default_cache()
    if model == AUTO:
        return _resolve_auto(language, cache, hub_cache)
    looks_like_path = "/" in model or "\\" in model or model.startswith((".", "~"))
    if not looks_like_path and (found := find(model, cache=cache, hub_cache=hub_cache)):
        return found
    path = Path(model).expanduser()
    if looks_like_path or path.is_dir():
        return _resolve_directory(path, cache)
    raise ModelError(_not_here(model, cache, hub_cache))


def resolve_registered(
    name: str, *, cache: Path | None = None, hub_cache: Path | None = None
) -> ResolvedModel:
    """Find the model that a client names: registry names only, never a path.

    Raises:
        ModelError: the name is not that of a model on this machine.
    """
    cache = cache or default_cache()
    if is_simple_name(name) and (found := find(name, cache=cache, hub_cache=hub_cache)):
        return found
    here = ", ".join(installed(cache=cache, hub_cache=hub_cache))
    raise ModelError(f"no model {name[:100]!r} on this server; it has: {here}")


def find(
    name: str, *, cache: Path | None = None, hub_cache: Path | None = None
) -> ResolvedModel | None:
    """The model of that name on this machine; None where there is none.

    A directory of any simple name in the cache is a model, so one's own can be put there.
    It goes before the catalogue's models in the cache of huggingface_hub.

    Raises:
        ModelError: it is there but not complete.
    """
    cache = cache or default_cache()
    name = ALIASES.get(name, name)
    if name == BUNDLED_NAME:
        return _bundled(cache)
    if not is_simple_name(name) or name in VOICE_MODELS:
        return None
    entry = CATALOGUE.get(name)
    path = cache / name
    source: Source = "cache"
    if not path.is_dir():
        if entry is None or entry.repository is None:
            return None
        snapshot = find_in_hub_cache(entry.repository, hub_cache)
        # A snapshot that huggingface_hub has not finished is none yet, and it is not ours to judge.
        if snapshot is None or find_faults(snapshot):
            return None
        path, source = snapshot, "hub-cache"
    advice = (
        f"Remove it with `streamkit models remove {name}` and pull it again."
        if entry
        else "Copy all files of the model there, or remove it."
    )
    check_directory(path, advice)
    profile = entry.profile if entry else ModelProfile(english_only=not is_multilingual(path))
    return ResolvedModel(name, path, source, _profile(name, path, profile, cache))


def installed(*, cache: Path | None = None, hub_cache: Path | None = None) -> list[str]:
    """Names of the models on this machine that are complete, in the catalogue's order."""
    cache = cache or default_cache()
    own = sorted(p.name for p in cache.iterdir() if p.is_dir()) if cache.is_dir() else []
    names = [*CATALOGUE, *(name for name in own if name not in CATALOGUE and is_simple_name(name))]
    return [name for name in names if _is_complete(name, cache, hub_cache)]


def _is_complete(name: str, cache: Path, hub_cache: Path | None) -> bool:
    try:
        return find(name, cache=cache, hub_cache=hub_cache) is not None
    except ModelError:
        return False


def _resolve_auto(language: str | None, cache: Path, hub_cache: Path | None) -> ResolvedModel:
    english = language is None or language.lower().partition("-")[0] == "en"
    for name in (*_REAL_TIME, *_SLOWER):
        if not english and CATALOGUE[name].profile.english_only:
            continue
        try:
            found = find(name, cache=cache, hub_cache=hub_cache)
        except ModelError:
            continue  # a broken one is an error only for who asks for it
        if found is not None:
            slow = f"{name} may lag behind on a CPU; `streamkit models pull base.en` is lighter"
            return dataclasses.replace(found, notice=slow if name in _SLOWER else None)
    wanted = "base.en" if english else "base"
    return dataclasses.replace(
        _bundled(cache),
        notice=f"using the bundled {BUNDLED_NAME}, which understands synthetic English voices and "
        f"about 440 words only; for real speech: `streamkit models pull {wanted}`",
    )


def _bundled(cache: Path) -> ResolvedModel:
    path = bundled_path()
    check_directory(path, "Reinstall streamkit, the model is part of the package.")
    profile = _profile(BUNDLED_NAME, path, BUNDLED.profile, cache)
    return ResolvedModel(BUNDLED_NAME, path, "bundled", profile)


def _resolve_directory(path: Path, cache: Path) -> ResolvedModel:
    check_directory(
        path,
        "A model's directory has config.json, model.bin, tokenizer.json and a vocabulary; or "
        "give one of the names in `streamkit models list`.",
    )
    path = path.resolve()
    profile = ModelProfile(english_only=not is_multilingual(path), description="own model")
    if path == bundled_path().resolve():
        profile = BUNDLED.profile
    return ResolvedModel(path.name, path, "directory", _profile(None, path, profile, cache))


def _profile(name: str | None, path: Path, profile: ModelProfile, cache: Path) -> ModelProfile:
    """Apply the profile file beside the weights, then the one of that name in the cache."""
    profile = profile.override(path / PROFILE_FILE)
    return profile.override(cache / f"{name}.{PROFILE_FILE}") if name else profile


def _not_here(model: str, cache: Path, hub_cache: Path | None) -> str:
    here = ", ".join(installed(cache=cache, hub_cache=hub_cache))
    name = ALIASES.get(model, model)
    if model in VOICE_MODELS or model in VOICE_ALIASES:
        return f"{model!r} speaks and does not hear: give it to --tts; on this machine: {here}"
    if name in CATALOGUE:
        return (
            f"the model {model!r} is not on this machine; `streamkit models pull {name}` "
            f"downloads it, or use one that is here: {here}"
        )
    return (
        f"unknown model {model!r}: neither a directory, nor one of "
        f"{', '.join([AUTO, *CATALOGUE, *ALIASES])}; on this machine: {here}"
    )
