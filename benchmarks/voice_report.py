"""What the voice benchmark writes: tables for people, JSON for programs, a page for both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table as Screen

from streamkit.report.page import Figure, Figures, Page, Paragraph, Part, Picture, Section, Table
from streamkit.report.page import render as render_page
from streamkit_benchmarks.report import PLAIN_WIDTH, machine, save
from streamkit_benchmarks.voice_judge import TOO_SHORT, WHOLE
from streamkit_benchmarks.voice_scene import INTO_REPLY
from streamkit_benchmarks.voice_sounds import LOUD, PAUSE

if TYPE_CHECKING:
    from streamkit_benchmarks.voice_run import Plan

Report = dict[str, Any]

METHOD: Final = (
    "Each person sends 20 ms of sound every 20 ms, speech or silence, and behaves by a script: "
    "plain sentences; sentences with a pause for thought of {pause} s after an unfinished word; "
    "sentences said into the answer, {into} s after it has begun; back-channels and noises in the "
    "same place. A sample is loud from {loud:g} of full scale (-40 dB) on. Voice to voice is from "
    "the capture of the last loud sample of a sentence to the first loud sample of the answer, at "
    "a client that plays at once; it holds up to 20 ms in which the last chunk is filled.\n\n"
    "A false endpoint is an answer that is announced before the last loud sample of the sentence. "
    "A barge-in is missed when the answer is still played at the end of the sentence that is said "
    "into it; a false one is a back-channel or a noise that stops the answer. Answers that would "
    "have ended within {short:g} s are not judged. Time to silence is from the first loud sample "
    "of the sentence to the last loud one that a client plays that has {jitter} ms of buffer, and "
    "throws everything away when the server says that somebody speaks; “last sound sent” is the "
    "arrival of the last sound of that answer (0: nothing came after the onset)."
)


def begin(plan: Plan, limit: float, model: str | None) -> Report:
    """A report before anything was measured.

    Args:
        plan: of the measurement.
        limit: of p95, seconds.
        model: recognizer of the server that was started; None: it was there.
    """
    target = plan.target
    return {
        "finished": False,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        # A query may hold what is nobody's business.
        "url": urlsplit(target.url)._replace(query="").geturl() if model is None else None,
        "model": model,
        "reply_model": target.model if model is None else None,
        "voice": target.voice,
        "turn_detection": target.turn_detection,
        "persons": plan.voices.origin,
        "kinds": list(plan.kinds),
        "turns": plan.turns,
        "seed": plan.seed,
        "jitter_ms": round(1000 * plan.jitter),
        "limit": limit,
        "steps": [],
    }


def finish(report: Report, out: Path, *, plots: bool) -> list[Path]:
    """Print the tables, and write everything; gives what was written."""
    show(report)
    written = [out / "voice.json", out / "voice.html"]
    save(report, written[0])
    drawings: list[tuple[Path, str]] = []
    if plots:
        from streamkit_benchmarks.voice_plots import draw

        drawings = draw(report, out)
    written[1].write_text(render_page(page(report, drawings)), "utf-8")
    return written + [path for path, _ in drawings]


# The tables


def _seconds(value: Any) -> str:
    return "–" if value is None else f"{value:.3f}"


def _three(figures: Report, *names: str) -> str:
    return " / ".join(_seconds(figures[name]) for name in names or ("p50", "p95", "p99"))


def _of(count: Report) -> str:
    more = f" ({count['not_judged']} not judged)" if count.get("not_judged") else ""
    return f"{count['count']} of {count['of']}{more}"


def _false_endpoints(step: Report) -> str:
    found = step["false_endpoints"]
    heard = f", {found['heard']} heard" if found["count"] else ""
    return f"{found['count']} of {found['of']}{heard}"


def _thinking(step: Report) -> str:
    kinds = step["false_endpoints"]["by_kind"]
    return _of(kinds["thinking"]) if "thinking" in kinds else "–"


def _difference(step: Report) -> str:
    found = step["difference"]
    return (
        "–"
        if found is None
        else " / ".join(f"{found['all'][name]:.1f}" for name in ("p50", "p95", "max"))
    )


def _server(step: Report) -> str:
    if "server" not in step:
        return "–"
    return f"{100 * step['server']['cpu']:.0f} ({100 * step['server']['cpu_per_user']:.1f})"


def _late(step: Report) -> str:
    load = step["load"]
    late = [load["chunk_late_p99"], load["chunk_late_max"], load["loop_late_p99"]]
    return " / ".join("–" if each is None else f"{1000 * each:.0f}" for each in late)


def _gaps(step: Report) -> str:
    gaps = step["gaps"]
    longest = f", longest {1000 * gaps['longest']:.0f} ms" if gaps["count"] else ""
    return f"{gaps['count']} in {gaps['replies']}{longest}"


ROWS: Final[tuple[tuple[str, Callable[[Report], str]], ...]] = (
    ("sentences", lambda step: str(step["sentences"])),
    ("voice to voice, s, p50/p95/p99", lambda step: _three(step["voice_to_voice"])),
    ("… with the client's buffer", lambda step: _three(step["voice_to_voice_buffered"])),
    ("… beyond the endpoint, as the server says", lambda step: _three(step["beyond_endpoint"])),
    ("unanswered", lambda step: f"{step['unanswered']} of {step['sentences']}"),
    ("false endpoints", _false_endpoints),
    ("… in sentences with a pause", _thinking),
    ("missed barge-ins", lambda step: _of(step["barge_ins"])),
    ("onset to silence, s, p50/p95/p99", lambda step: _three(step["time_to_silence"])),
    ("onset to last sound sent, s, p50/p95/p99", lambda step: _three(step["last_sound_sent"])),
    ("false barge-ins: back-channels", lambda step: _of(step["false_barge_ins"]["back-channel"])),
    ("false barge-ins: noises", lambda step: _of(step["false_barge_ins"]["noise"])),
    ("answers that nobody asked for", lambda step: str(step["stray_replies"])),
    ("gaps in answers, at the client", _gaps),
    ("|waterfall - samples|, ms, p50/p95/max", _difference),
    ("server CPU, % of a core (each user)", _server),
    ("benchmark's CPU, % of a core", lambda step: f"{100 * step['load']['own_cpu']:.0f}"),
    ("late: chunks p99/max, own clock p99, ms", _late),
    ("sessions that broke off", lambda step: str(len(step["failures"]))),
)


def _title(step: Report) -> str:
    users = f"{step['users']} user{'s' * (step['users'] > 1)}"
    return users + (" !" if step["doubts"] else "")


def show(report: Report, console: Console | None = None) -> None:
    """Print the table of whatever the report has."""
    console = console or Console()
    if not console.is_terminal:
        console.width = max(console.width, PLAIN_WIDTH)
    steps = report["steps"]
    table = Screen(title=f"Voice agent: {subject(report)}", title_justify="left")
    table.add_column("")
    for step in steps:
        table.add_column(_title(step), justify="right")
    for name, cell in ROWS:
        table.add_row(name, *(cell(step) for step in steps))
    console.print(table)
    for line in remarks(report):
        console.print(line, highlight=False, markup=False)


def subject(report: Report) -> str:
    """What was measured."""
    if report["url"] is None:
        return f"streamkit, {report['model']}"
    return f"{report['url']}, {report['reply_model']}"


def remarks(report: Report) -> list[str]:
    """What a reader has to be told beside the figures."""
    lines = []
    for step in report["steps"]:
        users = f"{step['users']} user{'s' * (step['users'] > 1)}"
        lines += [f"! {users}, not to be trusted: {doubt}." for doubt in step["doubts"]]
        lines += [f"{users}: the server said: {error}" for error in step["errors"]]
        lines += [f"{users}: a session broke off {failure}" for failure in step["failures"]]
    last = report["steps"][-1]
    if last["passes_limit"]:
        lines.append(
            f"p95 passes {report['limit']:g} s with {last['users']} "
            f"user{'s' * (last['users'] > 1)} at once."
        )
    else:
        lines.append(f"p95 stays within {report['limit']:g} s with as many users as were tried.")
    if not report["finished"]:
        lines.append("Interrupted: these are the parts that were finished.")
    return lines


# The page


def page(report: Report, drawings: Sequence[tuple[Path, str]]) -> Page:
    """Everything as one HTML file."""
    steps, hardware = report["steps"], report["machine"]
    first = steps[0]
    facts = [
        ("server", subject(report)),
        ("persons", report["persons"]),
        ("processor", f"{hardware['processor']}, {hardware['cores']} cores"),
        ("system", hardware["system"]),
        ("versions", ", ".join(f"{name} {each}" for name, each in hardware["versions"].items())),
        ("measured", report["at"]),
    ]
    sections = [
        Section(
            "All figures",
            (
                Table(
                    ("", *map(_title, steps)),
                    [(name, *(cell(step) for step in steps)) for name, cell in ROWS],
                    caption="A column for each number of users at once",
                ),
            ),
        )
    ]
    if drawings:
        pictures = tuple(
            Picture(path.read_bytes(), words, caption=words, media_type="image/png")
            for path, words in drawings
        )
        sections.append(Section("Drawings", pictures))
    staged = [step for step in steps if step["stages"]]
    if staged:
        sections.append(Section("What the server says", _stage_parts(staged)))
    sections.append(Section("Kind by kind", _kind_parts(steps)))
    method = METHOD.format(
        pause=f"{PAUSE[0]} to {PAUSE[1]}",
        into=f"{INTO_REPLY[0]} to {INTO_REPLY[1]}",
        loud=LOUD,
        short=TOO_SHORT,
        jitter=report["jitter_ms"],
    )
    sections.append(Section("Method", (Paragraph(method),)))
    return Page(
        title="How long a voice agent lets one wait",
        lead="Persons talked with it, in real time; everything was measured from the samples "
        "at their side.",
        facts=facts,
        opening=(_key_figures(first), *(Paragraph(line) for line in remarks(report))),
        sections=tuple(sections),
        foot="Made by `streamkit bench voice`; voice.json has every figure.",
    )


def _key_figures(step: Report) -> Figures:
    waits, silence = step["voice_to_voice"], step["time_to_silence"]
    users = f"{step['users']} user{'s' * (step['users'] > 1)}, {waits['count']} answers"
    false = step["false_barge_ins"].values()
    stopped, asides = sum(each["count"] for each in false), sum(each["of"] for each in false)
    return Figures(
        (
            Figure("voice to voice, p50", f"{_seconds(waits['p50'])} s", users),
            Figure("voice to voice, p95", f"{_seconds(waits['p95'])} s", users),
            Figure("false endpoints", _false_endpoints(step), "sentences"),
            Figure("missed barge-ins", _of(step["barge_ins"]), "interruptions"),
            Figure("false barge-ins", f"{stopped} of {asides}", "back-channels and noises"),
            Figure(
                "onset to silence, p50",
                f"{_seconds(silence['p50'])} s",
                f"{silence['count']} times",
            ),
        )
    )


def _stage_parts(steps: Sequence[Report]) -> tuple[Part, ...]:
    names = [stage for stage in steps[0]["stages"] if stage != WHOLE] + [WHOLE]
    rows = [
        (stage, *(_three(step["stages"][stage], "p50", "p95", "mean") for step in steps))
        for stage in names
        if all(stage in step["stages"] for step in steps)
    ]
    parts: list[Part] = [
        Table(("stage", *map(_title, steps)), rows, caption="Seconds, p50 / p95 / mean")
    ]
    told = [step for step in steps if step["difference"] is not None]
    if told:
        parts.append(
            Table(
                ("milliseconds", *map(_title, told)),
                [
                    (
                        name,
                        *(
                            " / ".join(
                                f"{step['difference'][key][each]:.1f}"
                                for each in ("p50", "p95", "max")
                            )
                            for step in told
                        ),
                    )
                    for name, key in (
                        ("parts of the waterfall, and the samples", "all"),
                        ("of that: where speech ended", "end_of_speech"),
                        ("not in the server's stages: last chunk, both ways", "outside"),
                    )
                ],
                caption="How far the server's figures are from the samples, p50 / p95 / max",
            )
        )
    return tuple(parts)


def _kind_parts(steps: Sequence[Report]) -> tuple[Part, ...]:
    kinds = list(dict.fromkeys(kind for step in steps for kind in step["voice_to_voice_by_kind"]))
    rows = []
    for kind in kinds:
        for step in steps:
            if kind not in step["voice_to_voice_by_kind"]:
                continue
            waits = step["voice_to_voice_by_kind"][kind]
            soon = step["false_endpoints"]["by_kind"][kind]
            rows.append((kind, _title(step), str(soon["of"]), str(soon["count"]), _three(waits)))
    return (
        Table(
            ("sentence", "at once", "said", "answered too soon", "voice to voice, p50/p95/p99"),
            rows,
            caption="Sentences by what the person was about; an opening is one whose answer is "
            "then broken into",
            names=2,
        ),
    )
