"""What the benchmark of the page writes: a table for people, JSON for programs, a page for both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table as Screen

from streamkit.report.page import Figure, Figures, Page, Paragraph, Picture, Section, Table, render
from streamkit_benchmarks import page_load, page_memory, page_talk
from streamkit_benchmarks.page_plots import draw
from streamkit_benchmarks.report import PLAIN_WIDTH, machine, save

Report = dict[str, Any]

KIB: Final = 1024
MAX_INTERACTIVE_MS: Final = 1000.0
MAX_TRANSFER_BYTES: Final = 300 * KIB
MAX_CAPTION_MS: Final = 50.0
MAX_DIFFERENCE_MS: Final = 5.0
MAX_BARGE_IN_MS: Final = 200.0


class Row:
    """One figure: what is asked of it, how it is told, and whether that is met."""

    def __init__(
        self,
        name: str,
        label: str,
        asked: str,
        told: Callable[[Report], str],
        met: Callable[[Report], bool | None],
    ) -> None:
        self.name, self.label, self.asked = name, label, asked
        self._told, self._met = told, met

    def told(self, report: Report) -> str:
        """The figure in words."""
        return self._told(report["figures"][self.name])

    def met(self, report: Report) -> bool | None:
        """Whether it is as asked; None: nothing was measured."""
        return self._met(report["figures"][self.name])


def _three(figures: Report, unit: str = "ms") -> str:
    if not figures["count"]:
        return "–"
    values = " / ".join(f"{figures[name]:.1f}" for name in ("p50", "p95", "max"))
    return f"{values} {unit} ({figures['count']})"


def _below(value: float | None, limit: float) -> bool | None:
    return None if value is None else value <= limit


def _interactive(figures: Report) -> str:
    ready, usable = figures["ready"], figures["usable"]
    return (
        f"{usable['median']:.0f} ms, worst {usable['worst']:.0f} ms "
        f"(script run: {ready['median']:.0f} / {ready['worst']:.0f})"
    )


def _transfer(figures: Report) -> str:
    return (
        f"{figures['bytes'] / KIB:.1f} KiB in {len(figures['files'])} files, "
        f"with {figures['answer_bytes'] / KIB:.1f} KiB of answers"
    )


def _barge_in(figures: Report) -> str:
    return f"{_three(figures['silence'])}, {figures['missed']} missed of {figures['of']}"


def _chat(figures: Report) -> str:
    return (
        f"{figures['underruns']} underruns, {figures['gaps']} gaps in {figures['replies']} "
        f"replies, {figures['played_seconds']:.0f} s played"
    )


def _memory(figures: Report) -> str:
    found = figures["lines_through"]
    units = {"heap_mib": "MiB heap", "rss_mib": "MiB tab", "nodes": "nodes"}
    parts = []
    for name, unit in units.items():
        line = found[name]
        if line is not None:
            parts.append(
                f"{line['per_hour']:+.2f} {unit}/h [{line['low']:+.2f}, {line['high']:+.2f}]"
            )
    return "; ".join(parts) or "too short for a line"


def _flat(figures: Report) -> bool | None:
    flat = [line and line["flat"] for line in figures["lines_through"].values()]
    return None if None in flat and False not in flat else all(flat)


ROWS: Final = (
    Row(
        "interactive", "until the page can be used", "< 1 s", _interactive,
        lambda figures: figures["usable"]["worst"] < MAX_INTERACTIVE_MS,
    ),
    Row(
        "transfer", "everything that it loads", "< 300 KiB", _transfer,
        lambda figures: figures["bytes"] < MAX_TRANSFER_BYTES and not figures["foreign"],
    ),
    Row(
        "captions", "caption: message to screen, p50/p95/max", "<= 50 ms",
        lambda figures: _three(figures["arrival"]),
        lambda figures: _below(figures["arrival"]["p95"], MAX_CAPTION_MS),
    ),
    Row(
        "waterfall", "|waterfall - samples|, p50/p95/max", "<= 5 ms",
        lambda figures: _three(figures["difference_clear"]),
        lambda figures: _below(figures["difference_clear"]["p95"], MAX_DIFFERENCE_MS),
    ),
    Row(
        "barge-in", "speech to silence, p50/p95/max", "<= 200 ms", _barge_in,
        lambda figures: (
            _below(figures["silence"]["p95"], MAX_BARGE_IN_MS) if not figures["missed"] else False
        ),
    ),
    Row(
        "chat", "chat with one core busy", "no underrun", _chat,
        lambda figures: not figures["underruns"] and not figures["gaps"] and not figures["altered"],
    ),
    Row("memory", "growth in the second half, 95 %", "flat", _memory, _flat),
)  # fmt: skip


def begin(model: str, seed: int) -> Report:
    """A report before anything was measured."""
    return {
        "finished": False,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "browser": None,
        "model": model,
        "seed": seed,
        "figures": {},
    }


def finish(report: Report, out: Path) -> list[Path]:
    """Print the table, and write everything; gives what was written."""
    report["met"] = {row.name: row.met(report) for row in _rows(report)}
    show(report)
    written = [out / "page.json", out / "page.html"]
    save(report, written[0])
    drawings = draw(report["figures"], out)
    written[1].write_text(render(page(report, drawings)), "utf-8")
    return written + [path for path, _ in drawings]


def _rows(report: Report) -> list[Row]:
    return [row for row in ROWS if row.name in report["figures"]]


def _verdict(met: bool | None) -> str:
    return {True: "yes", False: "NO", None: "–"}[met]


def show(report: Report, console: Console | None = None) -> None:
    """Print the table of whatever the report has."""
    console = console or Console()
    if not console.is_terminal:
        console.width = max(console.width, PLAIN_WIDTH)
    table = Screen(title=f"The page in {report['browser']}", title_justify="left")
    for name in ("", "found", "asked", "met"):
        table.add_column(name)
    for row in _rows(report):
        table.add_row(row.label, row.told(report), row.asked, _verdict(row.met(report)))
    console.print(table)
    for line in remarks(report["figures"]):
        console.print(line, highlight=False, markup=False)


def remarks(figures: Report) -> list[str]:
    """What a reader has to be told beside the figures."""
    lines = []
    if captions := figures.get("captions"):
        lines.append(
            f"captions, p50/p95/max: from the server's sending, by its clock, "
            f"{_three(captions['sending'])} ± {captions['clock_error']:.1f} ms; until the next "
            f"frame begins {_three(captions['next_frame'])}; the page itself says "
            f"{_three(captions['page_says'])}."
        )
    if waterfall := figures.get("waterfall"):
        lines.append(
            f"waterfall, p50/p95/max: of the beginning {_three(waterfall['of_capture'])}, of the "
            f"end {_three(waterfall['of_heard'])}; with sentences that do not end clearly "
            f"{_three(waterfall['difference'])}; {waterfall['unanswered']} sentences were "
            f"not answered, {waterfall['unmatched']} silences or turns have no other side."
        )
    if chat := figures.get("chat"):
        device = chat["device_underruns"]
        lines.append(
            f"chat: {chat['interrupted']} replies interrupted, {chat['cut']} not played to their "
            f"end, {chat['altered']} not as they were sent; {chat['dry_ms']:.0f} ms of silence in "
            f"underruns; the device's own underruns: {'not told' if device is None else device}."
        )
    if foreign := figures.get("transfer", {}).get("foreign"):
        lines.append(f"! loaded from elsewhere: {', '.join(foreign)}")
    return lines


# The page


def page(report: Report, drawings: Sequence[tuple[Path, str]]) -> Page:
    """Everything as one HTML file."""
    hardware, figures, rows = report["machine"], report["figures"], _rows(report)
    sections = [
        Section(
            "All figures",
            (
                Table(
                    ("", "found", "asked", "met"),
                    [
                        (row.label, row.told(report), row.asked, _verdict(row.met(report)))
                        for row in rows
                    ],
                    names=2,
                ),
                *(Paragraph(line) for line in remarks(figures)),
            ),
        )
    ]
    if drawings:
        pictures = tuple(
            Picture(path.read_bytes(), words, caption=words, media_type="image/png")
            for path, words in drawings
        )
        sections.append(Section("Drawings", pictures))
    if transfer := figures.get("transfer"):
        files = [(name, f"{size:,}") for name, size in transfer["files"].items()]
        table = Table(("file", "bytes on the wire"), files, "Every file", folded=True)
        sections.append(Section("What is loaded", (table,)))
    sections.append(Section("Method", tuple(map(Paragraph, _methods()))))
    return Page(
        title="How well the page works",
        lead="Measured in a real browser, in front of a real server on the same machine.",
        facts=[
            ("browser", str(report["browser"])),
            ("server", f"streamkit, {report['model']}"),
            ("processor", f"{hardware['processor']}, {hardware['cores']} cores"),
            ("system", hardware["system"]),
            ("versions", ", ".join(f"{name} {v}" for name, v in hardware["versions"].items())),
            ("measured", report["at"]),
        ],
        opening=(
            Figures(
                tuple(Figure(row.label, row.told(report), f"asked: {row.asked}") for row in rows)
            ),
        ),
        sections=tuple(sections),
        foot="Made by `streamkit bench page`; page.json has every figure.",
    )


def _methods() -> list[str]:
    """The paragraphs in which the modules say how they measure, as running text."""
    texts = (
        page_load.interactive.__doc__,
        page_load.transfer.__doc__,
        page_load.captions.__doc__,
        page_talk.__doc__,
        page_talk.chat.__doc__,
        page_memory.memory.__doc__,
    )
    return [
        "\n\n".join(
            " ".join(part.split()).replace("`", "") for part in (text or "").split("\n\n")
        ).strip()
        for text in texts
    ]
