"""What is wrong with an endpoint, in words that help."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

MAX_MESSAGE_CHARACTERS: Final = 300
LEAST_QUOTE_CHARACTERS: Final = 8
"""Texts of a conversation from this length on are taken out of an endpoint's message."""

_AGAIN: Final = frozenset({408, 409, 425, 429})
_KEY_REFUSED: Final = frozenset({401, 403})
_REQUEST_REFUSED: Final = frozenset({400, 413, 422})
_NO_QUOTA: Final = "insufficient_quota"
_HTML: Final = re.compile(r"\s*<(?:!doctype|html|head|body)\b", re.IGNORECASE)
_REDACTED: Final = "[…]"


class Fault(Exception):
    """One try failed; becomes a ReplyError when it was the last one.

    Attributes:
        reason: goes behind "the language model X at Y".
        again: another try may help.
        pause: seconds to wait before that; None: the endpoint does not say.
        complaint: all that the endpoint says, where it refuses the form of the request.
    """

    def __init__(
        self,
        reason: str,
        *,
        again: bool = False,
        pause: float | None = None,
        complaint: str | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again
        self.pause = pause
        self.complaint = complaint


class Redactor:
    """Takes what must not be logged out of an endpoint's words.

    Args:
        key: the API key, if there is one.
        texts: what was said in the conversation, which some endpoints quote.
    """

    def __init__(self, key: str | None, texts: Sequence[str] = ()) -> None:
        self._key = key
        self._texts = texts

    def clean(self, message: str) -> str:
        """One line of at most `MAX_MESSAGE_CHARACTERS`, without key and conversation."""
        if self._key:
            message = message.replace(self._key, _REDACTED)
        # Validators in Python quote all that they were given behind this word.
        message = re.split(r"['\"]input['\"]\s*:", message)[0]
        for text in sorted(self._texts, key=len, reverse=True):
            if len(text) >= LEAST_QUOTE_CHARACTERS:
                for form in (text, json.dumps(text)[1:-1], repr(text)[1:-1]):
                    message = message.replace(form, _REDACTED)
        message = "".join(c if c.isprintable() else " " for c in message)
        message = " ".join(message.split())
        if len(message) > MAX_MESSAGE_CHARACTERS:
            message = message[: MAX_MESSAGE_CHARACTERS - 1] + "…"
        return message


def status_fault(
    status: int,
    headers: Mapping[str, str],
    body: str,
    redactor: Redactor,
    *,
    has_key: bool,
) -> Fault:
    """What an answer with an HTTP status other than 2xx means.

    Args:
        status: the HTTP status.
        headers: of the answer, names in lower case or looked up in any case.
        body: the beginning of the answer.
        redactor: for what the endpoint says.
        has_key: a key was sent.
    """
    message = redactor.clean(read_message(body))
    said = f"{status}: {message}" if message else str(status)
    again = status in _AGAIN or status >= 500
    if 300 <= status < 400:
        target = redactor.clean(headers.get("location", "another address").partition("?")[0])
        return Fault(
            f"answers {status} and sends one on to {target}: if you trust that address, use it "
            "instead; redirections are not followed, since the key and the conversation would go "
            "along"
        )
    if status in _KEY_REFUSED:
        hint = "refuses the API key" if has_key else "wants an API key, and none is set"
        return Fault(f"{hint} ({said}): check the key, and what it is allowed to do")
    if status == 404:
        return Fault(
            f"is not there ({said}): check the model's name, and that the address is that of an "
            "OpenAI-compatible API (most end with /v1)"
        )
    if status in _REQUEST_REFUSED:
        return Fault(f"refuses the request ({said})", complaint=body)
    if status == 429 and _NO_QUOTA in body:
        return Fault(f"has no quota left for this key ({said}): see the account's limits")
    if status == 429:
        hint = f"gets too many requests ({said}): wait, or raise its limits"
    else:
        hint = f"fails ({said}): see the log of that server"
    return Fault(hint, again=again, pause=_read_pause(headers))


def transport_fault(error: Exception, connect_timeout: float) -> Fault:
    """What a failure of the connection means, by the error that httpx raised."""
    match error:
        case httpx.ConnectTimeout():
            return Fault(
                f"does not accept a connection within {connect_timeout:g} s: is the server "
                "running, and the address right?",
                again=True,
            )
        case httpx.ConnectError():
            return Fault(
                f"cannot be reached ({error or 'no connection'}): is the server running, and the "
                "address right?",
                again=True,
            )
        case httpx.PoolTimeout():
            return Fault("has as many replies open as are allowed at once: raise max_replies")
        case httpx.NetworkError() | httpx.RemoteProtocolError():
            # Mostly a connection that was kept, and that the server has closed meanwhile.
            return Fault("dropped the connection: see the log of that server", again=True, pause=0)
        case _:
            return Fault(f"cannot be asked ({type(error).__name__})")


def error_fault(error: object, redactor: Redactor) -> Fault:
    """What an error object within a stream means."""
    status = error.get("code") if isinstance(error, dict) else None
    if not isinstance(status, int) and isinstance(error, dict):
        status = error.get("status")
    message = redactor.clean(read_message(json.dumps({"error": error}))) or "without a reason"
    again = isinstance(status, int) and (status in _AGAIN or 500 <= status < 600)
    return Fault(f"broke off with an error ({message}): see the log of that server", again=again)


def read_message(body: str) -> str:
    """The sentence for people in an error's body, in one of the forms that are about.

    Only messages are taken, since some endpoints quote the request beside them.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return "a web page instead of an answer" if _HTML.match(body) else body
    return _find_message(content)


def _find_message(content: Any) -> str:
    match content:
        case str():
            return content
        case {"message": str() as message} | {"msg": str() as message} if message:
            return message
        case {"error": inner} | {"detail": inner} | {"errors": inner}:
            return _find_message(inner)
        case [*entries]:
            return "; ".join(filter(None, map(_find_message, entries[:3])))
        case _:
            return ""


def _read_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds that the header Retry-After names; a date is compared with that of the answer."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value):
        return float(value)
    try:
        pause = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("date", ""))
    except (TypeError, ValueError):
        return None
    return max(0.0, pause.total_seconds())
