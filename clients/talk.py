"""`streamkit talk`: speak with an agent, and interrupt it."""

from __future__ import annotations

import sys
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streamkit_clients.program import KeyOption, ServerOption, refuse, run_program

if TYPE_CHECKING:
    from streamkit.client.realtime_messages import TurnDetection
    from streamkit_clients.talk_screen import TalkScreen

_refuse = partial(refuse, "talk")


class Eagerness(str, Enum):
    """How soon the agent takes its turn."""

    low = "low"
    medium = "medium"
    high = "high"
    auto = "auto"


def talk(
    server: ServerOption = None,
    key: KeyOption = None,
    model: Annotated[
        str | None,
        typer.Option(help="Recognizer of the server inside, or the model to ask --server for."),
    ] = None,
    llm: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where the server inside finds the language model: any OpenAI-compatible "
            "address, http://127.0.0.1:11434/v1 for example.",
        ),
    ] = None,
    llm_model: Annotated[str | None, typer.Option(help="Name of the language model.")] = None,
    tts: Annotated[
        str | None,
        typer.Option(
            help="Who speaks in the server inside: espeak, xtts_v2, kokoro, or a directory with "
            "weights [espeak]."
        ),
    ] = None,
    voice: Annotated[str | None, typer.Option(help="Voice of the agent.")] = None,
    speed: Annotated[
        float | None, typer.Option(min=0.25, max=1.5, help="Of the voice; 1 is usual.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="Language that you speak, such as en.")
    ] = None,
    instructions: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What the agent is to be like.")
    ] = None,
    eagerness: Annotated[
        Eagerness | None, typer.Option(help="How soon the agent takes its turn.")
    ] = None,
    silence: Annotated[
        int | None,
        typer.Option(
            min=100, max=10000, metavar="MS", help="A turn ends after this silence, always."
        ),
    ] = None,
    push_to_talk: Annotated[
        bool,
        typer.Option(
            "--push-to-talk", help="Speak while space is held, or between two strokes of it."
        ),
    ] = False,
    text: Annotated[
        bool, typer.Option("--text", help="Write what you would say, a line each, on stdin.")
    ] = False,
    headphones: Annotated[
        bool,
        typer.Option(
            "--headphones", help="The microphone does not hear the loudspeaker: no echo to cancel."
        ),
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(help="Microphone by number or part of its name (see streamkit devices)."),
    ] = None,
    speaker: Annotated[
        str | None, typer.Option(help="Loudspeaker by number or part of its name.")
    ] = None,
    input_: Annotated[
        list[Path] | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="Say this audio file in the place of the microphone, in real time; may be given "
            "many times: each is said when the reply to the one before was played.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            metavar="FILE",
            help="Write what the agent says as WAV, in real time, in the place of the loudspeaker.",
        ),
    ] = None,
    turn_gap: Annotated[
        float,
        typer.Option(min=0.5, max=60, metavar="S", help="Seconds from a reply to what follows it."),
    ] = 1.0,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per turn, nothing else.")
    ] = False,
    no_latency: Annotated[
        bool, typer.Option("--no-latency", help="Do not show how long replies take.")
    ] = False,
) -> None:
    """Speak with an agent: it listens while it speaks, and stops when you interrupt it.

    What you say and what you have heard of the replies is written down as it happens, with the
    time from the end of your words to the first sound of the reply. Ctrl-C leaves.
    """
    _check(
        push_to_talk=push_to_talk,
        text=text,
        inputs=bool(input_),
        device=device,
        output=output is not None,
        speaker=speaker,
        both_ends=eagerness is not None and silence is not None,
        inside=server is None,
        llm=llm is not None or llm_model is not None,
        tts=tts is not None,
    )

    # Everything heavy is loaded here, so that --help and completion are quick.
    from streamkit.client.realtime_messages import TalkOptions
    from streamkit_clients.talk_plan import TalkPlan
    from streamkit_clients.talk_run import TalkRun

    settings = {"model": model, "llm_url": llm, "llm_model": llm_model, "tts": tts}

    def make() -> TalkRun:
        detection = _turn_detection(eagerness, silence, manual=push_to_talk)
        plan = TalkPlan(
            options=TalkOptions(voice, speed, language, instructions, detection),
            server=server,
            key=key,
            model=model,
            settings=tuple((name, value) for name, value in settings.items() if value is not None),
            device=device,
            speaker=speaker,
            headphones=headphones,
            push_to_talk=push_to_talk,
            text=text,
            inputs=tuple(input_ or ()),
            output=output,
            turn_gap=turn_gap,
        )
        live = not (json or text)
        return TalkRun(plan, _screen(live, json=json, latency=not no_latency, meter=not input_))

    run_program(make)


def _check(
    *,
    push_to_talk: bool,
    text: bool,
    inputs: bool,
    device: str | None,
    output: bool,
    speaker: str | None,
    both_ends: bool,
    inside: bool,
    llm: bool,
    tts: bool,
) -> None:
    """Exit with status 2 when options contradict each other."""
    ways = {"--push-to-talk": push_to_talk, "--text": text, "--input": inputs}
    given = [name for name, is_given in ways.items() if is_given]
    if len(given) > 1:
        _refuse(f"{' and '.join(given)} are different ways to speak; give one of them")
    if device is not None and (text or inputs):
        _refuse(f"--device names a microphone, and with {given[0]} there is none; leave one out")
    if speaker is not None and output:
        _refuse("--output takes the place of the loudspeaker; leave out --speaker or --output")
    if both_ends:
        _refuse("--eagerness and --silence are two ways to end a turn; give one of them")
    if push_to_talk and not sys.stdin.isatty():
        _refuse("--push-to-talk needs a terminal, and stdin is none; leave it out")
    if llm and not inside:
        _refuse(
            "--llm and --llm-model are for the server inside; that of --server has its own "
            "(streamkit serve --llm URL)",
        )
    if tts and not inside:
        _refuse(
            "--tts is for the server inside; that of --server has its own (streamkit serve --tts "
            "NAME)",
        )


def _turn_detection(
    eagerness: Eagerness | None, silence: int | None, *, manual: bool
) -> TurnDetection | None:
    from streamkit.client.realtime_messages import Manual, SemanticVad, ServerVad

    if manual:
        return Manual()
    if silence is not None:
        return ServerVad(silence)
    return None if eagerness is None else SemanticVad(eagerness.value)


def _screen(live: bool, *, json: bool, latency: bool, meter: bool) -> TalkScreen:
    from rich.console import Console

    from streamkit_clients.talk_screen import JsonTalk, LiveTalk, PlainTalk

    if json:
        return JsonTalk(sys.stdout, sys.stderr, latency=latency)
    console = Console(highlight=False)
    if not live or not console.is_terminal or console.is_dumb_terminal:
        return PlainTalk(sys.stdout, sys.stderr, latency=latency)
    return LiveTalk(console, meter=meter, latency=latency)
