"""The web page: files of the package streamkit_clients, from memory, with the headers they need.

The files are read once, and a request names one of them or nothing, so there is no path that could
lead anywhere else. Their tag is made of what is in them: a browser asks each time, and gets either
the newest page or 304.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.resources
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

PACKAGE: Final = "streamkit_clients"
FOLDER: Final = "web"
INDEX: Final = "index.html"

TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "ico": "image/x-icon",
}
"""By ending; a file with another one is not served."""

PACKED: Final = ("html", "js", "css", "svg")
"""Endings of what gets smaller when it is compressed."""

MISSING: Final = (
    f"The page is not here, since the package {PACKAGE} is not installed with it: install "
    "streamkit anew from its wheel (pip install --force-reinstall streamkit).\n"
)

HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}
"""Of every answer with something of the page."""

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src {connect}; worker-src 'self'; media-src 'self' blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)

HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
"""A name or address with or without a port. Nothing else of a `Host` header is repeated."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file as it is sent.

    Attributes:
        media_type: of it.
        content: as it is.
        packed: the same compressed with gzip; None: that would not be smaller.
        tag: stands for the content, without quotes.
    """

    media_type: str
    content: bytes = field(repr=False)
    packed: bytes | None = field(repr=False)
    tag: str


def page_routes(folder: Traversable | None = None) -> list[BaseRoute]:
    """Routes for the page's files, to come after all others; `/` is there in any case.

    Args:
        folder: with the files; None: that of the installed package.
    """
    files = _installed() if folder is None else read_files(folder)
    if INDEX not in files:
        return [Route("/", _missing)]
    named = {"": files[INDEX], **files}
    return [Route(f"/{path}", partial(_send, file=file)) for path, file in named.items()]


def read_files(folder: Traversable) -> dict[str, PageFile]:
    """All files of a known kind in a folder and those below, by their paths from there."""
    return {
        path: _page_file(path.rpartition(".")[2], content) for path, content in _walk(folder, "")
    }


def policy(host: str | None) -> str:
    """The Content-Security-Policy of a page that was asked for under this `Host` header.

    Connections are named by their schemes as well: to some browsers, 'self' is no WebSocket.
    """
    connect = "'self'"
    if host is not None and HOST.fullmatch(host):
        connect += f" ws://{host} wss://{host}"
    return POLICY.format(connect=connect)


@cache
def _installed() -> dict[str, PageFile]:
    try:
        return read_files(importlib.resources.files(PACKAGE) / FOLDER)
    except ModuleNotFoundError:
        return {}


def _walk(folder: Traversable, before: str) -> Iterator[tuple[str, bytes]]:
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        # Braces would be parameters of a route.
        if entry.name.startswith(".") or not re.fullmatch(r"[\w.-]+", entry.name, re.ASCII):
            continue
        if entry.is_dir():
            yield from _walk(entry, f"{before}{entry.name}/")
        elif entry.name.rpartition(".")[2] in TYPES:
            yield before + entry.name, entry.read_bytes()


def _page_file(ending: str, content: bytes) -> PageFile:
    # Without a time in it, so that the same content is packed the same way each time.
    packed = gzip.compress(content, mtime=0) if ending in PACKED else None
    if packed is not None and len(packed) >= len(content):
        packed = None
    return PageFile(TYPES[ending], content, packed, hashlib.sha256(content).hexdigest()[:32])


async def _missing(request: Request) -> Response:
    return PlainTextResponse(MISSING, 404)


async def _send(request: Request, file: PageFile) -> Response:
    packed = file.packed if _takes_gzip(request.headers.get("accept-encoding", "")) else None
    # Two representations, so two tags; whoever shows either has what is current.
    tag = f'"{file.tag}"' if packed is None else f'"{file.tag}-gzip"'
    headers = {
        **HEADERS,
        "Content-Security-Policy": policy(request.headers.get("host")),
        "ETag": tag,
    }
    if _known(request.headers.get("if-none-match", ""), file.tag):
        return Response(status_code=304, headers=headers)
    if packed is not None:
        headers["Content-Encoding"] = "gzip"
    content = file.content if packed is None else packed
    return Response(content, headers=headers, media_type=file.media_type)


def _takes_gzip(accepted: str) -> bool:
    """Whether a header `Accept-Encoding` names gzip, and not with the weight 0."""
    for each in accepted.lower().split(","):
        coding, *parameters = (part.strip() for part in each.split(";"))
        if coding in ("gzip", "x-gzip", "*"):
            return not any(re.fullmatch(r"q=0(\.0*)?", parameter) for parameter in parameters)
    return False


def _known(if_none_match: str, tag: str) -> bool:
    """Whether a header `If-None-Match` has one of the tags of this content."""
    tags = {each.strip().removeprefix("W/").strip('"') for each in if_none_match.split(",")}
    return not tags.isdisjoint({tag, f"{tag}-gzip", "*"})
