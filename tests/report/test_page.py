"""The page: valid, self-contained, and safe with any text."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from streamkit.report.page import (
    Figure,
    Figures,
    Page,
    Paragraph,
    Picture,
    Section,
    Table,
    render,
)

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;"
VOID = {"meta", "img", "source"}


class Tags(HTMLParser):
    """Collects elements, and sees that each is closed where it has to be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def page(text: str) -> Page:
    picture = Picture(b"<svg xmlns='http://www.w3.org/2000/svg'/>", text, b"<svg/>", text)
    parts = (
        Paragraph(f"{text}\n\n{text}", quiet=True),
        Figures((Figure(text, text, text),)),
        Table((text, text), ((text, text),), text),
        Table((text,), ((text,),), text, folded=True),
        picture,
        Picture(b"\x89PNG", text, media_type="image/png"),
    )
    return Page(text, text, ((text, text),), parts, (Section(text, parts),) * 2, text)


def test_texts_stay_texts() -> None:
    tags = Tags(render(page(HOSTILE)))
    kinds = {tag for tag, _ in tags.found}
    assert not kinds & {"script", "iframe", "object", "link", "base", "form"}
    assert not any(name.startswith("on") for _, given in tags.found for name in given)
    assert tags.text.count(HOSTILE) > 20


def test_nothing_comes_from_outside() -> None:
    text = render(page("words"))
    for tag, given in Tags(text).found:
        for name in ("src", "srcset", "href"):
            value = given.get(name)
            assert value is None or value.startswith(("data:image/", "#")), tag
    assert "url(" not in text
    assert "@import" not in text


def test_the_policy_allows_the_one_style_and_no_script() -> None:
    text = render(page("words"))
    style = re.search(r"<style>(.*)</style>", text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policies = [given["content"] for _, given in Tags(text).found
                if given.get("http-equiv") == "Content-Security-Policy"]  # fmt: skip
    assert policies == [f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'"]


def test_pictures_are_in_the_page_for_both_grounds() -> None:
    text = render(page("words"))
    light = base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>").decode()
    dark = base64.b64encode(b"<svg/>").decode()
    assert f'src="data:image/svg+xml;base64,{light}" alt="words"' in text
    assert f'srcset="data:image/svg+xml;base64,{dark}"' in text
    assert "screen and (prefers-color-scheme: dark)" in text


def test_rows_must_fit_their_table() -> None:
    with pytest.raises(ValueError, match="zip"):
        render(Page("p", opening=(Table(("a", "b"), (("1",),)),)))
