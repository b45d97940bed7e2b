"""The page's files over HTTP, and which pages may connect."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from streamkit.asr.profile import ModelProfile
from streamkit.asr.recognizer import Recognizer
from streamkit.commands.serve import _page
from streamkit.config import Settings
from streamkit.server import app
from streamkit.server.page import page_routes, policy
from streamkit.server.testing import PATIENCE_SECONDS, LiveServer

StartServer = Callable[..., LiveServer]

SCRIPT = b"export const text = 'the same words, again and again';\n" * 40
FILES = {
    "index.html": b"<!doctype html><title>A page</title>" + b"<p>Hello.</p>" * 40,
    "main.js": SCRIPT,
    "core/clock.js": SCRIPT[:57],
    "style.css": b"body { margin: 0 }",
    "icon.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "icon.png": bytes(range(256)),
}
OTHERS = {
    "notes.md": b"not for everybody",
    "core/__pycache__/x.pyc": b"\0",
    ".hidden.js": b"secret()",
    ".git/config.js": b"secret()",
    "{name}.js": b"is no pattern",
    "README": b"",
}
WORDS = {
    "index.html": "text/html; charset=utf-8",
    "main.js": "text/javascript; charset=utf-8",
    "core/clock.js": "text/javascript; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "icon.png": "image/png",
}


@dataclass(frozen=True)
class Answer:
    """What a server has said, nothing unpacked."""

    status: int
    headers: Message
    content: bytes


class Page:
    """Sends requests to a server as they are: no client tidies their paths."""

    def __init__(self, server: LiveServer) -> None:
        self.place = urlsplit(server.http_url).netloc

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = HTTPConnection(self.place, timeout=PATIENCE_SECONDS)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in ({"host": self.place} | names).items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def page(
    micro: tuple[Recognizer, ModelProfile], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """A server with a page of these files."""
    folder = tmp_path_factory.mktemp("page") / "web"
    for path, content in (FILES | OTHERS).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    (folder.parent / "secret.js").write_bytes(b"secret()")
    (folder / "core" / "link.txt").symlink_to(folder.parent / "secret.js")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "page_routes", lambda: page_routes(folder))
        with LiveServer(Settings(port=0), *micro) as running:
            yield Page(running)


@pytest.mark.parametrize("path", FILES)
def test_every_file_has_its_type_and_the_headers_that_keep_it_safe(page: Page, path: str) -> None:
    response = page.ask("/" if path == "index.html" else f"/{path}")
    assert response.status == 200
    assert response.content == FILES[path]
    assert response.headers["content-type"] == WORDS[path]
    assert response.headers["content-length"] == str(len(FILES[path]))
    for name, value in {
        "content-security-policy": policy(page.place),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "permissions-policy": "microphone=(self)",
        "cross-origin-opener-policy": "same-origin",
        "cache-control": "no-cache",
    }.items():
        assert response.headers[name] == value


def test_the_policy_lets_a_page_load_and_connect_to_its_own_server_only() -> None:
    assert policy("localhost:8000") == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self' ws://localhost:8000 wss://localhost:8000; worker-src 'self'; "
        "media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert "ws://[::1]:8000 wss://[::1]:8000;" in policy("[::1]:8000")


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "a b",
        "x; script-src *",
        "x 'unsafe-inline'",
        "x,y",
        "*",
        "*.example.org",
        "x:port",
        "x:8000/evil",
        "x\r\nSet-Cookie: a=b",
        "ex\xe4mple.org",
        "a" * 254,
    ],
)
def test_rubbish_in_the_host_header_is_not_repeated(host: str | None) -> None:
    assert "connect-src 'self';" in policy(host)


def test_the_host_of_the_request_is_the_one_in_the_policy(page: Page) -> None:
    for host, named in (("talk.example.org", "talk.example.org"), ("x; script-src *", None)):
        assert page.ask("/", host=host).headers["content-security-policy"] == policy(named)


def test_what_is_known_is_not_sent_again_until_it_has_changed(page: Page) -> None:
    tag = page.ask("/main.js").headers["etag"]
    assert hashlib.sha256(SCRIPT).hexdigest().startswith(tag.strip('"'))
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = page.ask("/main.js", if_none_match=known)
        assert (again.status, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == "no-cache"
    assert page.ask("/main.js", if_none_match='"other"').status == 200
    assert page.ask("/style.css", if_none_match=tag).status == 200


def test_whoever_takes_gzip_gets_it_where_it_is_smaller(page: Page) -> None:
    plain = page.ask("/main.js")
    for accepted in ("gzip", "deflate, gzip;q=0.5, br", "*"):
        packed = page.ask("/main.js", accept_encoding=accepted)
        assert packed.headers["content-encoding"] == "gzip"
        assert int(packed.headers["content-length"]) == len(packed.content) < len(SCRIPT) / 4
        assert gzip.decompress(packed.content) == SCRIPT
        assert packed.headers["etag"] != plain.headers["etag"]
        assert packed.headers["vary"] == "Accept-Encoding"
        known = packed.headers["etag"]
        assert page.ask("/main.js", accept_encoding=accepted, if_none_match=known).status == 304
    for accepted in ("identity", "br", "gzip;q=0", "gzip; q=0.000, *"):
        assert page.ask("/main.js", accept_encoding=accepted).content == SCRIPT
    for path in ("style.css", "icon.png"):
        assert page.ask(f"/{path}", accept_encoding="gzip").content == FILES[path]


def test_head_is_get_without_the_content(page: Page) -> None:
    for path in ("/", "/main.js"):
        asked, told = page.ask(path), page.ask(path, "HEAD")
        assert (told.status, told.content) == (200, b"")
        assert told.headers["content-length"] == asked.headers["content-length"]
        assert told.headers["etag"] == asked.headers["etag"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_another_method_is_refused(page: Page, method: str) -> None:
    for path in ("/", "/main.js"):
        response = page.ask(path, method)
        assert response.status == 405
        assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize(
    "path",
    [
        "/no-such.js",
        "/core",
        "/core/",
        "/notes.md",
        "/README",
        "/.hidden.js",
        "/.git/config.js",
        "/core/__pycache__/x.pyc",
        "/core/link.txt",
        "/name.js",
        "/{name}.js",
        "/%7Bname%7D.js",
        "/../secret.js",
        "/%2e%2e/secret.js",
        "/core/..%2f..%2fsecret.js",
        "/core/../main.js",
        "//main.js",
        "/main.js%00",
        "/main.jsx",
        "/mainxjs",
        "/MAIN.JS",
    ],
)
def test_nothing_else_is_there(page: Page, path: str) -> None:
    assert page.ask(path).status == 404


def test_paths_of_the_protocols_are_not_the_page_s(page: Page) -> None:
    assert page.ask("/v1/models").status == 200
    assert page.ask("/v1/audio/speech").status == 405
    assert page.ask("/v1/nothing", "POST").status == 404


def test_without_its_files_the_page_says_what_to_install(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "page_routes", lambda: page_routes(tmp_path / "absent"))
    bare = Page(start_server())
    response = bare.ask("/")
    assert response.status == 404
    assert b"streamkit_clients" in response.content
    assert b"pip install" in response.content
    assert bare.ask("/main.js").status == 404


def test_a_server_has_the_page_of_its_package(server: LiveServer) -> None:
    response = Page(server).ask("/")
    assert response.status == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"


def test_a_page_that_was_opened_under_another_name_connects_once_its_origin_is_named(
    start_server: StartServer,
) -> None:
    origin = "https://talk.example.org:8000"
    with (
        pytest.raises(InvalidStatus) as refused,
        start_server().listen(origin=origin, encoding="linear16", sample_rate=16000),
    ):
        pass
    assert refused.value.response.status_code == 403
    assert f"--allowed-origin {origin}" in refused.value.response.headers["dg-error"]
    named = start_server(allowed_origins=[origin])
    with named.listen(origin=origin, encoding="linear16", sample_rate=16000) as client:
        client.close_stream()
    assert client.closed[0] == 1000


def test_a_host_header_that_fits_the_origin_opens_nothing(server: LiveServer) -> None:
    port = urlsplit(server.http_url).port
    for name in ("evil.example", "127.0.0.1.evil.example"):
        response = httpx.post(
            f"{server.http_url}/v1/realtime/client_secrets",
            headers={"host": f"{name}:{port}", "origin": f"http://{name}:{port}"},
            json={},
            trust_env=False,
        )
        assert response.status_code == 403
        assert f"--allowed-origin http://{name}:{port}" in response.json()["error"]["message"]
    rubbish = httpx.post(
        f"{server.http_url}/v1/realtime/client_secrets",
        headers={"origin": "http://x --allowed-origin *"},
        json={},
        trust_env=False,
    )
    assert rubbish.status_code == 403
    assert "*" not in rubbish.json()["error"]["message"]


@pytest.mark.parametrize(
    ("settings", "url", "first", "hint"),
    [
        ({}, "ws://127.0.0.1:8000", "http://127.0.0.1:8000/", False),
        ({"host": "::1"}, "ws://[::1]:8000", "http://[::1]:8000/", False),
        ({"host": "192.0.2.7"}, "wss://192.0.2.7:8443", "https://192.0.2.7:8443/", False),
        ({"host": "0.0.0.0"}, "ws://0.0.0.0:8000", "http://localhost:8000/", True),
        ({"host": "::"}, "wss://[::]:8443", "https://localhost:8443/", True),
        (
            {"host": "0.0.0.0", "allowed_origins": ["https://talk.example.org:8000"]},
            "wss://0.0.0.0:8000",
            "https://localhost:8000/",
            False,
        ),
    ],
)
def test_the_address_that_is_printed_can_be_opened(
    settings: dict[str, object], url: str, first: str, hint: bool
) -> None:
    said = _page(Settings.model_validate(settings), url).splitlines()
    assert said[0] == first
    assert ("--allowed-origin" in "".join(said[1:])) is hint
