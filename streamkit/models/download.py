"""Pulling a model that hears or speaks: complete and checked, or not there at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Protocol

from streamkit.errors import ModelError
from streamkit.models.catalogue import (
    ALIASES,
    BUNDLED_NAME,
    CATALOGUE,
    bundled_path,
    default_cache,
    find_in_hub_cache,
)
from streamkit.models.directory import FILE_PATTERNS, MANIFEST_FILE, find_faults
from streamkit.models.hub import HubRepository
from streamkit.models.licence import (
    AGREED_VARIABLE,
    Licence,
    agreed_by_environment,
    read_acceptance,
    record_acceptance,
)
from streamkit.models.listing import Listing, RemoteFile
from streamkit.models.releases import ReleaseFiles
from streamkit.models.resolve import installed
from streamkit.models.store import install, lock, partial_path
from streamkit.models.transfer import Transfer, UnreachableError
from streamkit.models.voice_directory import find_voice_faults
from streamkit.models.voice_models import VOICE_ALIASES, VOICE_MODELS, XTTS_FILES, VoiceModel
from streamkit.models.voice_resolve import CHECKPOINT

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


class ConsentError(ModelError):
    """The licence of the weights has to be accepted before they are downloaded.

    Attributes:
        licence: what it says, and where it stands.
    """

    def __init__(self, name: str, licence: Licence) -> None:
        super().__init__(
            f"{licence.essentials} To agree and download: `streamkit models pull {name} "
            f"--accept-license` (or {AGREED_VARIABLE}=1 in the environment)"
        )
        self.licence = licence


class Source(Protocol):
    """Where the files of one model come from."""

    name: str
    """For the manifest and for messages."""
    endpoint: str
    """Base URL."""
    mirror: str
    """How a person names another one."""

    def list_files(self, transfer: Transfer) -> Listing:
        """The files that the model consists of; raises ModelError where that cannot be said."""
        ...

    def url(self, listing: Listing, file: RemoteFile) -> str:
        """Where a file of a listing lies."""
        ...


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A model that is to be pulled.

    Attributes:
        name: of it.
        source: where it comes from.
        find_faults: what is wrong with a directory of it.
        in_hub_cache: where huggingface_hub may have it, if it does.
        licence: that has to be accepted; None: none has to be.
        always: what works without any download, for messages.
    """

    name: str
    source: Source
    find_faults: Callable[[Path], list[str]]
    in_hub_cache: Path | None
    licence: Licence | None
    always: str


def pull(
    name: str,
    *,
    endpoint: str | None = None,
    cache: Path | None = None,
    hub_cache: Path | None = None,
    accepted: str | None = None,
    on_progress: Callable[[PullProgress], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Download a model of the catalogue, unless it is on this machine already.

    A pull that was interrupted is continued. Pulls of one model, from any number of threads
    and processes, are done one after the other; the later ones find it there.

    Args:
        name: a name of the catalogue.
        endpoint: base URL of the hub or a mirror; None: `$HF_ENDPOINT`, else huggingface.co. For
            models that are published on GitHub, that of a mirror of it.
        cache: folder of pulled models; None: `default_cache`.
        hub_cache: folder of huggingface_hub, where the model may be already; None: where that
            library keeps it.
        accepted: how a person has accepted the licence of the weights, which is recorded beside
            them: "--accept-license", say; None: only the environment can have.
        on_progress: called in this thread for every block that comes in.
        sleep: waits between tries.

    Returns:
        The model's directory: complete, each file checked against the publisher's hash.

    Raises:
        ConsentError: the licence has to be accepted first.
        ModelError: the name is unknown, the server cannot be reached, the content is not what
            was promised, or there is no room for it.
    """
    name = ALIASES.get(name, VOICE_ALIASES.get(name, name))
    if name == BUNDLED_NAME:
        return bundled_path()
    wanted = _wanted(name, endpoint, hub_cache)
    cache = cache or default_cache()
    if accepted is None and agreed_by_environment():
        accepted = AGREED_VARIABLE
    if found := _find_complete(wanted, cache, accepted):
        return found
    if refusal := missing_consent(name, accepted):
        raise refusal
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in _TRUE:
        raise ModelError(_offline(wanted, "HF_HUB_OFFLINE is set", cache, hub_cache))
    with lock(cache, name), Transfer(wanted.source.mirror, sleep=sleep) as transfer:
        # Another pull may have brought it while this one waited.
        if found := _find_complete(wanted, cache, accepted):
            return found
        try:
            return _pull(transfer, wanted, cache, accepted, on_progress)
        except UnreachableError as error:
            raise ModelError(_offline(wanted, str(error), cache, hub_cache)) from error
        except OSError as error:
            raise ModelError(f"cannot write the model to {cache}: {error}") from error


def missing_consent(name: str, accepted: str | None = None) -> ConsentError | None:
    """What `pull` would raise if the model had to be downloaded; None: no consent is missing."""
    model = VOICE_MODELS.get(VOICE_ALIASES.get(name, name))
    if model is None or not model.licence.needs_consent:
        return None
    if accepted is not None or agreed_by_environment():
        return None
    return ConsentError(model.name, model.licence)


def _wanted(name: str, endpoint: str | None, hub_cache: Path | None) -> _Wanted:
    if (model := VOICE_MODELS.get(name)) is not None:
        return _wanted_voice(model, endpoint, hub_cache)
    entry = CATALOGUE.get(name)
    if entry is None or entry.repository is None:
        known = [n for n in CATALOGUE if n != BUNDLED_NAME]
        raise ModelError(
            f"unknown model {name!r}; models that can be pulled: {', '.join(known)}; and voices: "
            f"{', '.join(VOICE_MODELS)}"
        )
    return _Wanted(
        name,
        HubRepository(entry.repository, FILE_PATTERNS, endpoint),
        find_faults,
        find_in_hub_cache(entry.repository, hub_cache),
        None,
        "--model whisper-micro-en",
    )


def _wanted_voice(model: VoiceModel, endpoint: str | None, hub_cache: Path | None) -> _Wanted:
    source: Source
    snapshot: Path | None = None
    if model.release is not None:
        source = ReleaseFiles(model.release, endpoint)
    else:
        assert model.repository is not None
        source = HubRepository(model.repository, XTTS_FILES, endpoint)
        snapshot = find_in_hub_cache(model.repository, hub_cache, CHECKPOINT)
    return _Wanted(
        model.name,
        source,
        lambda path: find_voice_faults(path, model.engine),
        snapshot,
        model.licence if model.licence.needs_consent else None,
        "--tts espeak",
    )


def _find_complete(wanted: _Wanted, cache: Path, accepted: str | None) -> Path | None:
    own = cache / wanted.name
    if not wanted.find_faults(own):
        if accepted is not None and wanted.licence is not None and read_acceptance(own) is None:
            # Somebody has put the weights there by hand, and accepts their licence now. In a
            # folder that is not theirs to write to, they are as usable as before.
            with contextlib.suppress(OSError):
                record_acceptance(own, wanted.licence, accepted)
        return own
    other = wanted.in_hub_cache
    return other if other is not None and not wanted.find_faults(other) else None


def _pull(
    transfer: Transfer,
    wanted: _Wanted,
    cache: Path,
    accepted: str | None,
    on_progress: Callable[[PullProgress], None] | None,
) -> Path:
    source = wanted.source
    listing = source.list_files(transfer)
    partial = partial_path(cache, wanted.name)
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

        transfer.download(source.url(listing, file), file, partial / part, report)
    for part, file in parts.items():
        os.replace(partial / part, partial / file.name)
    _write_manifest(partial, source.name, listing)
    if wanted.licence is not None and accepted is not None:
        record_acceptance(partial, wanted.licence, accepted)
    if faults := wanted.find_faults(partial):
        raise ModelError(
            f"{partial} is no usable model: {'; '.join(faults)}. What {source.name} holds on "
            f"{source.endpoint} is not complete."
        )
    return install(cache, wanted.name)


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


def _offline(wanted: _Wanted, tried: str, cache: Path, hub_cache: Path | None) -> str:
    name, mirror = wanted.name, wanted.source.mirror
    here = ", ".join(installed(cache=cache, hub_cache=hub_cache))
    return (
        f"cannot download {name}: {tried}. What came so far is kept. On this machine there is: "
        f"{here}. Without a network, pull it on another machine (`streamkit models pull {name}`) "
        f"and copy the files of the directory that `streamkit models path {name}` prints to "
        f"{cache / name}; "
        f"a mirror can be set with {mirror}; {wanted.always} always works"
    )
