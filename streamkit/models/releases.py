"""Files of a release on GitHub, whose hashes are written down here.

A release says no hash that every mirror repeats, so a model that is published this way comes with
the hashes that its files had when it was put into the catalogue: other files are another model.
"""

from __future__ import annotations

from typing import Final

from streamkit.errors import ModelError
from streamkit.models.listing import Listing, Release, RemoteFile
from streamkit.models.transfer import Transfer

DEFAULT_ENDPOINT: Final = "https://github.com"


class ReleaseFiles:
    """The files of one release, as a source for a pull.

    Attributes:
        name: of the repository.
        endpoint: base URL of GitHub or a mirror.
        mirror: how a person names another one.
    """

    mirror = "--endpoint"

    def __init__(self, release: Release, endpoint: str | None = None) -> None:
        """Connect to nothing.

        Raises:
            ModelError: the endpoint is no URL.
        """
        chosen = endpoint or DEFAULT_ENDPOINT
        if not chosen.startswith(("http://", "https://")):
            raise ModelError(
                f"the address of the mirror is {chosen!r}, but has to begin with http:// or "
                f"https://; see {self.mirror}"
            )
        self.name = release.repository
        self.endpoint = chosen.rstrip("/")
        self._release = release

    def list_files(self, transfer: Transfer) -> Listing:
        """The files, which need not be asked for."""
        return Listing(self._release.tag, self._release.files)

    def url(self, listing: Listing, file: RemoteFile) -> str:
        """Where a file lies."""
        return f"{self.endpoint}/{self.name}/releases/download/{listing.commit}/{file.name}"
