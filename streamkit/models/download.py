"""Pulling a speech model from the hub: complete and checked, or not there at all."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from streamkit.errors import ModelError
from streamkit.models.catalogue import (
    ALIASES,
    BUNDLED_NAME,
    CATALOGUE,
    bundled_path,
    default_cache,
    find_in_hub_cache,
)
from streamkit.models.directory import MANIFEST_FILE, check_directory, find_faults
from streamkit.models.hub import Hub, UnreachableError
from streamkit.models.listing import Listing, RemoteFile
from streamkit.models.resolve import installed
from streamkit.models.store import install, lock, partial_path

SPARE_BYTES: Final = 16 << 20
"""Room that has to be left on the disk beside the model."""
_TRUE: Final = frozenset({"1", "on", "yes", "true"})


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a pull has come.

    Attributes:
        file: name of the file that is coming in.
        done: bytes of the whole model on this machine, those of an earlier pull included; goes
            down when a file has to start again.
        total: bytes of the whole model.
    """

    file: str
    done: int
    total: int


def pull(
    name: str,
    *,
    endpoint: str | None = None,
    cache: Path | None = None,
    hub_cache: Path | None = None,
    on_progress: Callable[[PullProgress], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Download a model of the catalogue, unless it is on this machine already.

    A pull that was interrupted is continued. Pulls of one model, from any number of threads
    and processes, are done one after the other; the later ones find it there.

    Args:
        name: a name of the catalogue.
        endpoint: base URL of the hub or a mirror; None: `$HF_ENDPOINT`, else huggingface.co.
        cache: folder of pulled models; None: `default_cache`.
        hub_cache: folder of huggingface_hub, where the model may be already; None: where that
            library keeps it.
        on_progress: called in this thread for every block that comes in.
        sleep: waits between tries.

    Returns:
        The model's directory: complete, each file checked against the hub's hash.

    Raises:
        ModelError: the name is unknown, the hub cannot be reached, the content is not what
            the hub says, or there is no room for it.
    """
    name = ALIASES.get(name, name)
    entry = CATALOGUE.get(name)
    if entry is None:
        raise ModelError(
            f"unknown model {name!r}; models that can be pulled: "
            f"{', '.join(n for n in CATALOGUE if n != BUNDLED_NAME)}"
        )
    if entry.repository is None:
        return bundled_path()
    cache = cache or default_cache()
    if found := _find_complete(cache / name, entry.repository, hub_cache):
        return found
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in _TRUE:
        raise ModelError(_offline(name, "HF_HUB_OFFLINE is set", cache, hub_cache))
    with lock(cache, name), Hub(endpoint, sleep=sleep) as hub:
        # Another pull may have brought it while this one waited.
        if found := _find_complete(cache / name, entry.repository, hub_cache):
            return found
        try:
            return _pull(hub, name, entry.repository, cache, on_progress)
        except UnreachableError as error:
            raise ModelError(_offline(name, str(error), cache, hub_cache)) from error
        except OSError as error:
            raise ModelError(f"cannot write the model to {cache}: {error}") from error


def _find_complete(path: Path, repository: str, hub_cache: Path | None) -> Path | None:
    candidates = (path, find_in_hub_cache(repository, hub_cache))
    return next((p for p in candidates if p is not None and not find_faults(p)), None)


def _pull(
    hub: Hub,
    name: str,
    repository: str,
    cache: Path,
    on_progress: Callable[[PullProgress], None] | None,
) -> Path:
    listing = hub.list_files(repository)
    partial = partial_path(cache, name)
    partial.mkdir(exist_ok=True)
    parts = {_part_name(file): file for file in listing.files}
    for path in partial.iterdir():
        if path.name not in parts:
            path.unlink()  # of an earlier commit
    sizes = {part: _size(partial / part) for part in parts}
    total = sum(file.size for file in listing.files)
    _check_space(cache, total - sum(sizes.values()))

    for part, file in parts.items():

        def report(size: int, part: str = part, file: RemoteFile = file) -> None:
            sizes[part] = size
            if on_progress is not None:
                on_progress(PullProgress(file.name, sum(sizes.values()), total))

        hub.download(repository, listing.commit, file, partial / part, report)
    for part, file in parts.items():
        os.replace(partial / part, partial / file.name)
    _write_manifest(partial, repository, listing)
    check_directory(partial, f"The repository {repository} on {hub.endpoint} is not complete.")
    return install(cache, name)


def _part_name(file: RemoteFile) -> str:
    """Name of a partial file; it holds the hash, so that it never continues another content."""
    return f"{file.name}.{file.digest}.part"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _check_space(cache: Path, missing: int) -> None:
    free = shutil.disk_usage(cache).free
    if free < missing + SPARE_BYTES:
        raise ModelError(
            f"{missing / 1e6:.0f} MB are still to come, but the disk of {cache} has only "
            f"{free / 1e6:.0f} MB left: make room, or move the cache with STREAMKIT_MODEL_CACHE"
        )


def _write_manifest(partial: Path, repository: str, listing: Listing) -> None:
    files = {file.name: asdict(file) for file in listing.files}
    manifest = {"repository": repository, "commit": listing.commit, "files": files}
    (partial / MANIFEST_FILE).write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")


def _offline(name: str, tried: str, cache: Path, hub_cache: Path | None) -> str:
    here = ", ".join(installed(cache=cache, hub_cache=hub_cache))
    return (
        f"cannot download {name}: {tried}. What came so far is kept. On this machine there is: "
        f"{here}. Without a network, pull it on another machine (`streamkit models pull {name}`) "
        f"and copy the files of the directory that `streamkit models path {name}` prints to "
        f"{cache / name}; "
        "a mirror can be set with HF_ENDPOINT; --model whisper-micro-en always works"
    )
