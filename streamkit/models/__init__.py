"""Speech models: which there are, where they lie, how they come here.

`streamkit.models.download.pull` is not imported here: it brings the HTTP client with it, and
a server that has its model needs none.
"""

from __future__ import annotations

from streamkit.models.catalogue import BUNDLED_NAME, CATALOGUE, CatalogueEntry, default_cache
from streamkit.models.resolve import (
    AUTO,
    ResolvedModel,
    find,
    installed,
    resolve,
    resolve_registered,
)

__all__ = [
    "AUTO",
    "BUNDLED_NAME",
    "CATALOGUE",
    "CatalogueEntry",
    "ResolvedModel",
    "default_cache",
    "find",
    "installed",
    "resolve",
    "resolve_registered",
]
