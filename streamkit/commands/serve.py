"""`streamkit serve`: the server, in the foreground."""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streamkit import __version__
from streamkit.errors import ConfigurationError

if TYPE_CHECKING:
    from streamkit.config import Settings
    from streamkit.server.serving import Server
    from streamkit.server.tls import Tls

THREAD_SECONDS = 1.0
"""How long a worker thread may take to end after the server has."""

ANY_ADDRESS = ("0.0.0.0", "::")
"""Hosts at which a server listens and nobody can be reached."""

LOG_LEVELS = ("debug", "info", "warning", "error")


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on [127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one [8000].")] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help="Certificate chain (PEM): serves https and wss.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Private key (PEM) to it.")] = None,
    tls_self_signed: Annotated[
        bool, typer.Option("--tls-self-signed", help="Make a certificate, for development.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="Name, directory, or auto: the best one here (auto).")
    ] = None,
    api_key: Annotated[
        list[str] | None, typer.Option(help="Accepted key; may be given several times.")
    ] = None,
    allowed_origin: Annotated[
        list[str] | None, typer.Option(help="Origin of web pages that may connect; several.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto (what there is), cpu or cuda.")] = None,
    compute_type: Annotated[
        str | None, typer.Option(help="CTranslate2 type: int8, float16, …; else its own.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads of one decoding [1].")] = None,
    workers: Annotated[int | None, typer.Option(help="Decodings at once [1].")] = None,
    endpointing: Annotated[
        float | None, typer.Option(help="Seconds of silence that end an utterance [0.3].")
    ] = None,
    llm: Annotated[
        str | None,
        typer.Option(metavar="URL", help="OpenAI-compatible endpoint that replies; else a parrot."),
    ] = None,
    llm_model: Annotated[
        str | None, typer.Option(help="The endpoint's model; else its only one.")
    ] = None,
    llm_api_key: Annotated[
        str | None, typer.Option(help="The endpoint's key; better in STREAMKIT_LLM_API_KEY.")
    ] = None,
    turn_model: Annotated[
        Path | None, typer.Option(help="Network that hears when a turn is over (Smart Turn).")
    ] = None,
    tts: Annotated[
        str | None,
        typer.Option(help="Who speaks: espeak, xtts_v2, kokoro, or a directory [espeak]."),
    ] = None,
    tts_device: Annotated[
        str | None, typer.Option(help="Of the voice: auto (what there is), cpu or cuda.")
    ] = None,
    voice: Annotated[
        str | None, typer.Option(help="Voice of the replies; else the usual one of the language.")
    ] = None,
    trace: Annotated[
        Path | None, typer.Option(help="Write lines of JSON: where the time of each turn goes.")
    ] = None,
    otel: Annotated[
        bool, typer.Option("--otel", help="Send spans to where OTEL_* say; extra otel.")
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps every session, with sound and words, for replay."),
    ] = None,
    max_sessions: Annotated[int | None, typer.Option(help="Sessions at once [64].")] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder of pulled models.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other setting; see the docs."),
    ] = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Serve live captions (Deepgram's protocol) and conversations (OpenAI's), until Ctrl-C.

    Every setting can also be given as an environment variable STREAMKIT_<NAME>.
    """
    if log_level not in LOG_LEVELS:
        raise typer.BadParameter(f"{log_level!r} is none of {', '.join(LOG_LEVELS)}")
    given: dict[str, Any] = {
        "host": host,
        "port": port,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "tls_self_signed": tls_self_signed or None,
        "model": model,
        "api_keys": tuple(api_key) if api_key else None,
        "allowed_origins": tuple(allowed_origin) if allowed_origin else None,
        "device": device,
        "compute_type": compute_type,
        "threads": threads,
        "workers": workers,
        "endpointing": endpointing,
        "llm_url": llm,
        "llm_model": llm_model,
        "llm_api_key": llm_api_key,
        "turn_model": turn_model,
        "tts": tts,
        "tts_device": tts_device,
        "voice": voice,
        "trace": trace,
        "otel": otel or None,
        "record": record,
        "max_sessions": max_sessions,
        "cache": cache,
    }
    settings = read_settings(
        {name: value for name, value in given.items() if value is not None} | assignments(set_)
    )
    logging.basicConfig(
        level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    import anyio

    anyio.run(_serve, settings)
    _leave_behind_what_hangs()


def _leave_behind_what_hangs() -> None:
    """End the process even if a recognizer never comes back: its thread would keep it alive."""
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    for thread in others:
        thread.join(THREAD_SECONDS)
    if any(thread.is_alive() and not thread.daemon for thread in others):
        typer.echo("streamkit: the recognizer did not stop; leaving it behind.", err=True)
        os._exit(1)


def read_settings(given: dict[str, Any]) -> Settings:
    """Settings from the environment and from what was given.

    Raises:
        ConfigurationError: a setting is unknown or has a value that cannot be used.
    """
    from pydantic import ValidationError

    from streamkit.config import Settings

    unknown = sorted(set(given) - set(Settings.model_fields))
    if unknown:
        raise ConfigurationError(
            f"there is no setting {', '.join(unknown)}; accepted: "
            f"{', '.join(sorted(Settings.model_fields))}"
        )
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}"
            for each in error.errors(include_url=False, include_input=False)
        )
        raise ConfigurationError(f"settings that cannot be used: {problems}") from error


def assignments(pairs: list[str] | None) -> dict[str, Any]:
    """Read NAME=VALUE, values as JSON where they are."""
    values: dict[str, Any] = {}
    for pair in pairs or []:
        name, sign, value = pair.partition("=")
        if not sign:
            raise typer.BadParameter(f"--set {pair}: write it as NAME=VALUE")
        try:
            values[name.strip()] = json.loads(value)
        except ValueError:
            values[name.strip()] = value
    return values


async def _serve(settings: Settings) -> None:
    import anyio

    from streamkit.server.serving import check_exposure, load_recognizer, running
    from streamkit.server.speech_engines import ESPEAK, load_speech
    from streamkit.server.tls import read_tls

    check_exposure(settings)
    # To find mistakes before the model is loaded, which takes a while.
    read_tls(settings)
    speech = load_speech(settings)
    typer.echo(f"streamkit {__version__}: loading model {settings.model} …", err=True)
    recognizer, profile, notice = load_recognizer(settings)
    if notice:
        typer.echo(notice, err=True)
    if settings.tts != ESPEAK:
        typer.echo(f"loading voice {speech.name} …", err=True)
    async with running(settings, recognizer, profile, speech=speech) as (server, url):
        typer.echo(f"page     {_page(settings, url)}", err=True)
        typer.echo(f"model    {recognizer.info.name}", err=True)
        typer.echo(f"voice    {speech.name}", err=True)
        typer.echo(f"captions {url}/v1/listen", err=True)
        typer.echo(f"talk     {url}/v1/realtime, with {server.state.chat_model.name}", err=True)
        typer.echo(f"health   {url.replace('ws', 'http', 1)}/readyz, /metrics", err=True)
        if server.tls and settings.tls_self_signed:
            typer.echo(_how_to_trust(server.tls), err=True)
        if settings.record:
            typer.secho(
                f"RECORDING every session, with sound and words, in {settings.record.resolve()}: "
                "tell the people who talk here.",
                fg=typer.colors.RED,
                bold=True,
                err=True,
            )
        typer.echo("Ctrl-C ends it.", err=True)
        # What is loaded now stays. Looking through it for garbage would stop all sessions for 12 ms
        # and more each time.
        gc.collect()
        gc.freeze()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_obey_signals, server)
            await server.stopped.wait()
            tasks.cancel_scope.cancel()
    typer.echo("streamkit: ended.", err=True)


def _page(settings: Settings, url: str) -> str:
    """Where a person opens the page, and what that takes from another machine."""
    own = url.replace("ws", "http", 1) + "/"
    if settings.host not in ANY_ADDRESS:
        return own
    scheme, port = own.partition(":")[0], own.rstrip("/").rpartition(":")[2]
    here = f"{scheme}://localhost:{port}/"
    if settings.allowed_origins and scheme == "https":
        return here
    return (
        f"{here}\n"
        "         from other machines browsers give the microphone to pages over https only:\n"
        f"         --tls-self-signed --allowed-origin https://NAME-OF-THIS-MACHINE:{port}"
    )


def _how_to_trust(tls: Tls) -> str:
    return (
        f"trust    {tls.authority}, until {tls.expires_at:%Y-%m-%d}, as {', '.join(tls.names)}\n"
        f"         Node:   NODE_EXTRA_CA_CERTS='{tls.authority}'\n"
        f"         Python: SSL_CERT_FILE='{tls.authority}'"
    )


async def _obey_signals(server: Server) -> None:
    import anyio

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            if not server.should_exit:
                typer.echo("Letting sessions finish; once more ends them at once.", err=True)
            server.stop()
