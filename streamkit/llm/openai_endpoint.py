"""The address of a chat API: checked, connected to, and asked."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx
from pydantic import SecretStr

from streamkit.errors import ConfigurationError
from streamkit.llm.openai_exchange import MAX_ERROR_BYTES, close_response, read_beginning
from streamkit.llm.openai_faults import Fault, Redactor, status_fault, transport_fault

KEPT_CONNECTIONS: Final = 16
KEEP_SECONDS: Final = 60.0
"""Between two turns of a conversation there may be that much silence."""
MAX_LIST_BYTES: Final = 1 << 20

_NO_LIST: Final = frozenset({400, 403, 404, 405, 406, 410, 422, 501})
"""Answers to the question for the models of endpoints that have no such list, or not for this
key, and may reply nevertheless."""


class Endpoint:
    """Connections to one address, kept between requests.

    Args:
        url: base address of the API.
        api_key: sent as a bearer token; None sends none.
        connect_timeout: seconds for a connection to stand, or for one of those that are allowed
            to be free.
        write_timeout: seconds for each piece of a request to leave.
        max_connections: connections at once.

    Attributes:
        url: the address as it may be shown.
        closed: no more requests are accepted.

    Raises:
        ConfigurationError: the address or the key cannot be one.
    """

    def __init__(
        self,
        url: str,
        api_key: SecretStr | str | None,
        *,
        connect_timeout: float,
        write_timeout: float,
        max_connections: int,
    ) -> None:
        self._base = _check_url(url)
        self._key = _check_key(api_key)
        self._connect_timeout = connect_timeout
        self.url = str(self._base.copy_with(query=None))
        self.closed = False
        headers = {"user-agent": "streamkit", "accept-encoding": "identity"}
        if self._key is not None:
            headers["authorization"] = f"Bearer {self._key.get_secret_value()}"
        self._client = httpx.AsyncClient(
            headers=headers,
            # How long an answer may take is measured in tokens, not in bytes.
            timeout=httpx.Timeout(
                connect=connect_timeout, pool=connect_timeout, write=write_timeout, read=None
            ),
            limits=httpx.Limits(
                max_connections=max_connections,
                max_keepalive_connections=KEPT_CONNECTIONS,
                keepalive_expiry=KEEP_SECONDS,
            ),
            # The key and the conversation would go along.
            follow_redirects=False,
            # A proxy of the environment cannot reach what runs on this machine.
            trust_env=self._base.scheme == "https" or not _is_loopback(self._base.host),
        )

    def redactor(self, texts: Sequence[str] = ()) -> Redactor:
        """What the endpoint says is passed on through this; `texts` are taken out of it too."""
        return Redactor(None if self._key is None else self._key.get_secret_value(), texts)

    async def ask(self, body: Mapping[str, Any], redactor: Redactor) -> httpx.Response:
        """Ask for a completion; returns the answer, open, its status being 2xx.

        Raises:
            Fault: there is no answer, or another one, or the body is not JSON.
        """
        try:
            content = json.dumps(body, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise Fault(
                f"cannot be asked: a tool's parameters or the extra fields are not JSON ({error})"
            ) from error
        response = await self._send(
            "POST",
            "chat/completions",
            content=content.encode("utf-8", "replace"),
            headers={"content-type": "application/json", "accept": "text/event-stream"},
        )
        if response.is_success:
            return response
        try:
            raise await self._read_fault(response, redactor)
        finally:
            await close_response(response)

    async def list_models(self) -> list[str] | None:
        """Names of the models; None: the endpoint has no such list.

        Raises:
            Fault: it cannot be reached, or refuses the key.
        """
        response = await self._send("GET", "models", headers={"accept": "application/json"})
        try:
            if not response.is_success and response.status_code not in _NO_LIST:
                raise await self._read_fault(response, self.redactor())
            # Read in any case, so that the connection can be kept.
            body = await self._read(response, MAX_LIST_BYTES)
        finally:
            await close_response(response)
        try:
            entries = json.loads(body)["data"] if response.is_success else None
            return None if entries is None else [str(entry["id"]) for entry in entries]
        except (ValueError, TypeError, KeyError, RecursionError):
            return None

    async def close(self) -> None:
        """Close all connections."""
        self.closed = True
        await self._client.aclose()

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        url = self._base.copy_with(path=f"{self._base.path}/{path}")
        request = self._client.build_request(method, url, **options)
        try:
            return await self._client.send(request, stream=True)
        except (httpx.HTTPError, httpx.StreamError, UnicodeError) as error:
            # The last one is a host whose name cannot be looked up.
            raise transport_fault(error, self._connect_timeout) from error

    async def _read(self, response: httpx.Response, max_bytes: int) -> str:
        try:
            return await read_beginning(response, max_bytes)
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise transport_fault(error, self._connect_timeout) from error

    async def _read_fault(self, response: httpx.Response, redactor: Redactor) -> Fault:
        return status_fault(
            response.status_code,
            response.headers,
            await self._read(response, MAX_ERROR_BYTES),
            redactor,
            has_key=self._key is not None,
        )


def _check_url(url: str) -> httpx.URL:
    accepted = 'an address is accepted like "http://127.0.0.1:11434/v1"'
    try:
        base = httpx.URL(url.strip())
    except httpx.InvalidURL as error:
        raise ConfigurationError(
            f"the language model's address cannot be read ({error}); {accepted}"
        ) from error
    if base.userinfo:
        raise ConfigurationError(
            "the language model's address holds a user name or password, which would get into "
            f"logs: give a key as api_key instead; {accepted}"
        )
    port_exists = base.port is None or 0 < base.port < 1 << 16
    if base.scheme not in ("http", "https") or not base.host or not port_exists:
        raise ConfigurationError(
            f"the language model's address is {url!r}, which is none; {accepted}"
        )
    path = base.path.rstrip("/").removesuffix("/chat/completions")
    return base.copy_with(path=path or "/v1", fragment=None)


def _check_key(key: SecretStr | str | None) -> SecretStr | None:
    text = (key.get_secret_value() if isinstance(key, SecretStr) else key or "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigurationError(
            "the language model's key holds blanks, line breaks or characters that are not ASCII, "
            "which no key does: was something else pasted?"
        )
    return SecretStr(text)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
