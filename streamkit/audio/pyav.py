"""What differs between the releases of PyAV."""

from __future__ import annotations

from typing import Any


def lenient_metadata() -> dict[str, Any]:
    """Options for `av.open`: a title in another character set is no reason to fail.

    PyAV 19 decodes titles only when somebody asks for them, and has no such option any more.
    """
    import av

    return {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
