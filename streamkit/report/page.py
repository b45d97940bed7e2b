"""A page of results: one HTML file with nothing outside, for the screen, dark or light, and paper.

What it shows is put together from sections, and those from paragraphs, key figures, tables and
pictures. All texts are escaped here and nowhere else, so what comes from a trace, or from a
server, stays text. The page has no script, and its Content-Security-Policy forbids any.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from typing import Literal

MediaType = Literal["image/svg+xml", "image/png"]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text.

    Attributes:
        text: plain; a blank line begins a new paragraph.
        quiet: small print.
    """

    text: str
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that one reads first.

    Attributes:
        label: what it is.
        value: with its unit.
        note: how it is to be taken.
    """

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """Some of them in a row."""

    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head.

    Attributes:
        columns: titles.
        rows: texts, as many as there are columns.
        caption: what stands above it.
        names: so many columns from the left are names; the others are figures, to the right.
        folded: it is long, and shown when it is asked for; its caption is what one clicks.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    names: int = 1
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing, in the file itself.

    Attributes:
        light: image on a light ground; also what is printed.
        alternative: what it shows, in words, for those who do not see it.
        dark: the same on a dark ground; None: the light one is used.
        caption: what stands below it.
        media_type: of both.
    """

    light: bytes
    alternative: str
    dark: bytes | None = None
    caption: str = ""
    media_type: MediaType = "image/svg+xml"


Part = Paragraph | Figures | Table | Picture


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with a title of its own, that the contents name."""

    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that one file shows.

    Attributes:
        title: of the page.
        lead: what it is about, one sentence or two.
        facts: where the figures come from: pairs of name and value.
        opening: what stands before the first section.
        sections: in order.
        foot: last line.
    """

    title: str
    lead: str = ""
    facts: Sequence[tuple[str, str]] = ()
    opening: tuple[Part, ...] = ()
    sections: tuple[Section, ...] = field(default=())
    foot: str = ""


def render(page: Page) -> str:
    """The page as HTML, for a file in UTF-8."""
    style = files("streamkit.report").joinpath("page.css").read_text("utf-8")
    # The policy names the one style sheet by its digest: no other style and no script can run.
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'"
    body = [f"<h1>{escape(page.title)}</h1>"]
    if page.lead:
        body.append(f'<p class="lead">{escape(page.lead)}</p>')
    if page.facts:
        rows = "".join(
            f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
            for name, value in page.facts
        )
        body.append(f'<dl class="facts">{rows}</dl>')
    body += [_part(part) for part in page.opening]
    if len(page.sections) > 1:
        body.append(_contents(page.sections))
    for number, section in enumerate(page.sections, 1):
        body.append(f'<section id="part-{number}"><h2>{escape(section.title)}</h2>')
        body += [_part(part) for part in section.parts]
        body.append("</section>")
    if page.foot:
        body.append(f"<footer>{escape(page.foot)}</footer>")
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(page.title)}</title>",
            f"<style>{style}</style></head><body><main>",
            *body,
            "</main></body></html>",
            "",
        )
    )


def _contents(sections: Sequence[Section]) -> str:
    links = "".join(
        f'<li><a href="#part-{number}">{escape(section.title)}</a></li>'
        for number, section in enumerate(sections, 1)
    )
    return f'<nav aria-label="Contents"><ul>{links}</ul></nav>'


def _part(part: Part) -> str:
    match part:
        case Paragraph(text=text, quiet=quiet):
            kind = ' class="quiet"' if quiet else ""
            return "\n".join(f"<p{kind}>{escape(each)}</p>" for each in text.split("\n\n"))
        case Figures(figures=figures):
            return f'<ul class="figures">{"".join(map(_figure, figures))}</ul>'
        case Table():
            return _table(part)
        case Picture():
            return _picture(part)


def _figure(figure: Figure) -> str:
    note = f'<span class="note">{escape(figure.note)}</span>' if figure.note else ""
    return (
        f'<li><span class="label">{escape(figure.label)}</span>'
        f'<span class="value">{escape(figure.value)}</span>{note}</li>'
    )


def _table(table: Table) -> str:
    kinds = ["" if place < table.names else ' class="n"' for place in range(len(table.columns))]
    head = "".join(
        f'<th scope="col"{kind}>{escape(title)}</th>'
        for kind, title in zip(kinds, table.columns, strict=True)
    )
    rows = []
    for row in table.rows:
        cells = []
        for place, (kind, text) in enumerate(zip(kinds, row, strict=True)):
            name = place == 0 and table.names > 0
            tag, scope = ("th", ' scope="row"') if name else ("td", "")
            cells.append(f"<{tag}{scope}{kind}>{escape(text)}</{tag}>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    caption = escape(table.caption)
    if table.folded:
        inner = f'<div class="wide"><table>{body}</table></div>'
        return f"<details><summary>{caption or 'Table'}</summary>{inner}</details>"
    above = f"<caption>{caption}</caption>" if caption else ""
    return f'<div class="wide"><table>{above}{body}</table></div>'


def _picture(picture: Picture) -> str:
    image = (
        f'<img src="{_data(picture.light, picture.media_type)}" '
        f'alt="{escape(picture.alternative)}">'
    )
    if picture.dark is not None:
        # Paper is white whatever the screen is.
        image = (
            '<picture><source media="screen and (prefers-color-scheme: dark)" '
            f'srcset="{_data(picture.dark, picture.media_type)}">{image}</picture>'
        )
    caption = f"<figcaption>{escape(picture.caption)}</figcaption>" if picture.caption else ""
    return f'<figure><div class="wide">{image}</div>{caption}</figure>'


def _data(image: bytes, media_type: MediaType) -> str:
    return f"data:{media_type};base64,{base64.b64encode(image).decode()}"
