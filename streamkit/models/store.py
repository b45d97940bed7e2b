"""The folder of pulled models: what lies where, who may change it, how a model goes.

``<cache>/<name>/`` is a complete model: a pull makes it in ``.<name>.partial`` and
renames that in the end. ``.<name>.lock`` keeps two pulls, or a pull and a removal, apart.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from streamkit.errors import ModelError
from streamkit.models.catalogue import ALIASES, BUNDLED_NAME, default_cache, is_simple_name
from streamkit.models.resolve import find
from streamkit.models.voice_models import VOICE_ALIASES
from streamkit.models.voice_resolve import find_voice_model

LOCK_SECONDS: Final = 3600.0
"""How long a pull waits for another one of the same model."""


def partial_path(cache: Path, name: str) -> Path:
    """Where the files of a model lie until all of them have come."""
    return cache / f".{name}.partial"


@contextmanager
def lock(cache: Path, name: str) -> Iterator[None]:
    """Keep other threads and processes from changing a model; makes the cache's folder.

    Raises:
        ModelError: the folder cannot be written, or another pull took over `LOCK_SECONDS`.
    """
    import filelock

    path = cache / f".{name}.lock"
    guard = filelock.FileLock(path, timeout=LOCK_SECONDS)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        guard.acquire()
    except filelock.Timeout as error:
        raise ModelError(
            f"another process has been pulling {name} for {LOCK_SECONDS / 60:.0f} minutes; wait "
            f"for it or end it (its lock is {path})"
        ) from error
    except OSError as error:
        raise ModelError(
            f"cannot write to the folder of models {cache}: {error}; choose another one with "
            "STREAMKIT_MODEL_CACHE"
        ) from error
    try:
        yield
    finally:
        guard.release()


def install(cache: Path, name: str) -> Path:
    """Put a complete partial directory in its place, over a broken one if need be.

    The caller holds the `lock`.
    """
    path = cache / name
    broken = cache / f".{name}.broken"
    shutil.rmtree(broken, ignore_errors=True)
    if path.is_dir():
        os.rename(path, broken)
    os.rename(partial_path(cache, name), path)
    shutil.rmtree(broken, ignore_errors=True)
    return path


def remove(name: str, *, cache: Path | None = None, hub_cache: Path | None = None) -> Path:
    """Delete a pulled model, complete or not, and what an interrupted pull left of it.

    Args:
        name: registry name.
        cache: folder of pulled models; None: the default one.
        hub_cache: folder of huggingface_hub; None: where that library keeps it.

    Returns:
        The directory that is gone.

    Raises:
        ModelError: the model is not in the cache, or not ours to delete.
    """
    cache = cache or default_cache()
    name = ALIASES.get(name, VOICE_ALIASES.get(name, name))
    if name == BUNDLED_NAME:
        raise ModelError(f"{name} is part of the package and cannot be removed")
    if not is_simple_name(name):
        raise ModelError(f"{name!r} is no name of a model; see `streamkit models list`")
    path, partial = cache / name, partial_path(cache, name)
    if not path.is_dir() and not partial.is_dir():
        found = find(name, cache=cache, hub_cache=hub_cache) or find_voice_model(
            name, cache=cache, hub_cache=hub_cache
        )
        if found is not None:
            raise ModelError(
                f"{name} was downloaded by huggingface_hub, not by streamkit, and other programs "
                f"may use it: `hf cache` manages it, it lies in {found.path}"
            )
        raise ModelError(f"{name} is not in {cache}; see `streamkit models list`")
    with lock(cache, name):
        try:
            for folder in (path, partial):
                if folder.is_dir():
                    shutil.rmtree(folder)
        except OSError as error:
            raise ModelError(f"cannot delete {path}: {error}") from error
    return path
