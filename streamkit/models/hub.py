"""The file API of the Hugging Face hub and its mirrors.

Why not huggingface_hub, which is installed with faster-whisper anyway? Its 2.4 release was
read for this: it downloads each file to a temporary file of random name and deletes that when
anything goes wrong, so an interrupted pull of 3 GB starts again at nothing; and it compares
sizes, not hashes. Resuming and checking are what a pull is about, so the transfer is ours,
and the rest is its: the same two requests as its `snapshot_download` (so that every mirror that
serves it serves us), the same environment variables, and its cache is looked into first
(`streamkit.models.catalogue.find_in_hub_cache`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from streamkit.errors import ModelError
from streamkit.models.listing import Listing, RemoteFile, read_tree
from streamkit.models.transfer import Transfer

DEFAULT_ENDPOINT: Final = "https://huggingface.co"
ENDPOINT_VARIABLE: Final = "HF_ENDPOINT"
REVISION: Final = "main"


class HubRepository:
    """The files of one model on the hub.

    Attributes:
        name: of the repository.
        endpoint: base URL of the hub or a mirror.
        mirror: how a person names another one.
    """

    mirror = ENDPOINT_VARIABLE

    def __init__(self, name: str, patterns: Sequence[str], endpoint: str | None = None) -> None:
        """Connect to nothing.

        Args:
            name: as in "Systran/faster-whisper-base".
            patterns: of the names of the files that the model consists of.
            endpoint: base URL; None: `$HF_ENDPOINT`, else huggingface.co.

        Raises:
            ModelError: the endpoint is no URL.
        """
        chosen = endpoint or os.environ.get(ENDPOINT_VARIABLE) or DEFAULT_ENDPOINT
        if not chosen.startswith(("http://", "https://")):
            raise ModelError(
                f"the model hub's address is {chosen!r}, but has to begin with http:// or "
                f"https://; see the variable {ENDPOINT_VARIABLE}"
            )
        self.name = name
        self.endpoint = chosen.rstrip("/")
        self._patterns = tuple(patterns)

    def list_files(self, transfer: Transfer) -> Listing:
        """The model's files in the repository, at the newest commit.

        Raises:
            UnreachableError: no answer.
            ModelError: no such repository, or an answer that cannot be understood.
        """
        base = f"{self.endpoint}/api/models/{self.name}"
        revision = transfer.get_json(f"{base}/revision/{REVISION}")
        try:
            commit = str(revision["sha"])
            entries = transfer.get_json(f"{base}/tree/{commit}")
            return Listing(commit, read_tree(entries, self._patterns))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{self.endpoint} lists the files of {self.name} in a form that is not that of "
                f"the Hugging Face hub ({error!r}); is it a mirror of it?"
            ) from error

    def url(self, listing: Listing, file: RemoteFile) -> str:
        """Where a file of a listing lies."""
        return f"{self.endpoint}/{self.name}/resolve/{listing.commit}/{file.name}"
