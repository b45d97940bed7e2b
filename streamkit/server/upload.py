"""A form with a file in it: bounded, on disk where it is large, and gone when it is done with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from streamkit.protocols.openai_audio import MAX_FIELDS, ApiError
from streamkit.server.exchange import Exchange, Gone

MAX_FIELD_BYTES = 1 << 16
"""More than any field but the file needs."""

FORM = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Upload:
    """What a form holds.

    Attributes:
        fields: names and values of all but the file, as they came.
        file: can be seeked in; large ones are on disk. None: it holds none of that name.
    """

    fields: list[tuple[str, str]]
    file: BinaryIO | None

    def close(self) -> None:
        """Delete the file."""
        if self.file is not None:
            self.file.close()


async def read_upload(exchange: Exchange, most: int, name: str, accepted: str = "") -> Upload:
    """Read the form of a request.

    Args:
        exchange: of the request.
        most: bytes of all of it.
        name: of the part with the file.
        accepted: what else a form has to hold, for whoever sends none.

    Raises:
        ApiError: it is no form, or too large, or does not come.
        Gone: the client has left.
    """
    given = exchange.request.headers.get("content-type", "")
    if given.partition(";")[0].strip().lower() != FORM:
        raise ApiError(
            f"the request is no form with a file; accepted: content-type {FORM}{accepted}",
            code="unsupported_content_type",
        )
    exchange.allow(most)
    try:
        form = await exchange.request.form(
            max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES
        )
    except HTTPException as error:
        raise ApiError(f"the form cannot be read: {error.detail}", code="invalid_form") from error
    except ClientDisconnect:
        raise Gone from None
    fields = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    file = form.get(name)
    if isinstance(file, UploadFile):
        return Upload(fields, file.file)
    # It may hold a file of another name.
    await form.close()
    return Upload(fields, None)
