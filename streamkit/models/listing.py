"""What a model hub says about the files of a repository, and whether a file is what it says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

BLOCK_BYTES: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a repository.

    Attributes:
        name: without folders.
        size: bytes.
        digest: in hexadecimal.
        algorithm: "sha256" over the content (large files), or "git-sha1", which is git's own
            hash of a blob (small files).
    """

    name: str
    size: int
    digest: str
    algorithm: str

    def matches(self, path: Path) -> bool:
        """Tell whether a local file has the content of this one."""
        if self.algorithm == "sha256":
            digest = hashlib.sha256()
        else:
            # Git's choice; it guards against damage, the large files have the stronger one.
            digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        with path.open("rb") as content:
            while block := content.read(BLOCK_BYTES):
                digest.update(block)
        return digest.hexdigest() == self.digest


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a model at one commit, or under one tag."""

    commit: str
    files: tuple[RemoteFile, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """Files that were published under a tag.

    Attributes:
        repository: as in "owner/project".
        tag: of the release.
        files: that the model consists of.
    """

    repository: str
    tag: str
    files: tuple[RemoteFile, ...]


def read_tree(entries: list[dict[str, Any]], patterns: Iterable[str]) -> tuple[RemoteFile, ...]:
    """The files of a model out of the hub's answer to ``/api/models/<repository>/tree/<commit>``.

    Whatever lies in a folder, or has a name that could lead into one, is left out.

    Args:
        entries: of the answer.
        patterns: of the names that are wanted.

    Raises:
        KeyError, TypeError, ValueError: the answer has another form.
    """
    wanted = tuple(patterns)
    return tuple(
        _read_entry(entry)
        for entry in entries
        if any(fnmatchcase(entry["path"], pattern) for pattern in wanted)
        and "/" not in entry["path"]
        and "\\" not in entry["path"]
    )


def _read_entry(entry: dict[str, Any]) -> RemoteFile:
    if lfs := entry.get("lfs"):
        return RemoteFile(entry["path"], int(lfs["size"]), str(lfs["oid"]), "sha256")
    return RemoteFile(entry["path"], int(entry["size"]), str(entry["oid"]), "git-sha1")
