"""Nothing is left over: no process, thread or file, and nobody who waits."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psutil
import pytest

from streamkit.errors import SynthesisError
from streamkit.tts.synthesizer import SpeechPiece
from streamkit.tts.worker.synthesizer import WorkerSynthesizer
from streamkit.tts.worker.testing import scripted_synthesizer

PATIENCE_SECONDS = 60

MakeVoice = Callable[..., WorkerSynthesizer]
Eventually = Callable[[Callable[[], bool]], None]


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has buried has."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def pid_of(voice: WorkerSynthesizer) -> int:
    pid = voice.supervisor.statistics().pid
    assert pid is not None
    return pid


def test_a_closed_voice_leaves_nothing(tmp_path: Path) -> None:
    gc.collect()
    here = psutil.Process()
    files, threads = here.num_fds(), set(threading.enumerate())
    children = set(here.children(recursive=True))
    for text in ("One.", "One crashonce two.", "One."):
        voice = scripted_synthesizer(folder=str(tmp_path))
        assert list(voice.synthesize(text))
        voice.close()
        voice.close()
    assert set(threading.enumerate()) == threads
    assert set(here.children(recursive=True)) == children
    assert here.num_fds() == files


def test_a_voice_that_nobody_uses_has_no_process(start_voice: MakeVoice) -> None:
    voice = start_voice()
    statistics = voice.supervisor.statistics()
    assert (statistics.pid, statistics.ready) == (None, False)
    voice.close()
    with pytest.raises(SynthesisError, match="was closed"):
        voice.synthesize("One.")
    with pytest.raises(SynthesisError, match="was closed"):
        voice.supervisor.prepare()


@pytest.mark.parametrize("load", ["", "hang"])
def test_who_waits_is_let_go_when_it_is_closed(
    start_voice: MakeVoice, eventually: Eventually, load: str
) -> None:
    voice = start_voice(load=load)
    supervisor = voice.supervisor
    named = WorkerSynthesizer(
        supervisor, lambda _text, _language: [], find_voice=str, languages=("en",)
    )
    supervisor.start()
    with ThreadPoolExecutor(8) as pool:
        if load:
            waiting = [pool.submit(supervisor.prepare) for _ in range(3)]
            eventually(lambda: supervisor.statistics().pid is not None)
        else:
            waiting = [pool.submit(list, voice.synthesize("One gate two.")) for _ in range(3)]
            eventually(lambda: supervisor.statistics().active == 3)
        assert list(named.synthesize("", voice="x")) == []
        closing = [pool.submit(voice.close) for _ in range(5)]
        for closed in closing:
            closed.result(PATIENCE_SECONDS)
        for other in waiting:
            with pytest.raises(SynthesisError, match="was closed"):
                other.result(PATIENCE_SECONDS)
    assert supervisor.statistics().pid is None


@pytest.mark.parametrize(
    "text", ["One hang two.", "One crash two.", "One gate two."], ids=["hangs", "crashes", "waits"]
)
def test_it_may_be_closed_at_any_moment(
    start_voice: MakeVoice, text: str, eventually: Eventually
) -> None:
    for moment in (0, 1, 1, 1, 2, 2, 2):
        voice = start_voice(step_pause=0.002)
        with ThreadPoolExecutor(2) as pool:
            listener = pool.submit(listen, voice, text)
            if moment:
                eventually(partial(has_begun, voice, listener, loaded=moment > 1))
            pool.submit(voice.close).result(PATIENCE_SECONDS)
            with pytest.raises(SynthesisError):
                listener.result(PATIENCE_SECONDS)
        assert voice.supervisor.statistics().pid is None


def listen(voice: WorkerSynthesizer, text: str) -> list[SpeechPiece]:
    return list(voice.synthesize(text))


def has_begun(
    voice: WorkerSynthesizer, listener: Future[list[SpeechPiece]], *, loaded: bool
) -> bool:
    statistics = voice.supervisor.statistics()
    return listener.done() or (statistics.ready if loaded else statistics.pid is not None)


def test_it_may_be_closed_while_it_waits_to_start_again(start_voice: MakeVoice) -> None:
    voice = start_voice({"refusal_pause": 1000.0, "longest_pause": 1000.0}, load="fail")
    with pytest.raises(SynthesisError, match="tried again in 1000 s"):
        voice.synthesize("One.")
    voice.close()
    with pytest.raises(SynthesisError, match="was closed"):
        voice.synthesize("One.")


def test_a_process_that_does_not_end_is_made_to(start_voice: MakeVoice) -> None:
    voice = start_voice()
    next(voice.synthesize("One gate two."))
    pid = pid_of(voice)
    os.kill(pid, signal.SIGSTOP)
    voice.close()
    assert is_gone(pid)


def test_a_forgotten_voice_ends_with_its_last_reference(
    eventually: Eventually, tmp_path: Path
) -> None:
    before = set(threading.enumerate())
    voice = scripted_synthesizer(folder=str(tmp_path))
    stream = voice.synthesize("One gate two.")
    next(stream)
    pid = pid_of(voice)
    threads = set(threading.enumerate()) - before
    assert threads
    del voice
    gc.collect()
    (tmp_path / "open").touch()
    assert list(stream)
    del stream
    gc.collect()
    eventually(lambda: is_gone(pid))
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


SCRIPT = """
import os, sys, time
from streamkit.tts.worker.testing import scripted_synthesizer

voice = scripted_synthesizer(load={load!r})
{use}
while voice.supervisor.statistics().pid is None:
    time.sleep(0.01)
print(voice.supervisor.statistics().pid, flush=True)
{end}
"""
SPEAK = "assert list(voice.synthesize('One two.'))"


def run_script(tmp_path: Path, end: str, load: str = "", use: str = SPEAK) -> subprocess.Popen[str]:
    """A program without a guard around what it does."""
    script = tmp_path / "unguarded.py"
    script.write_text(SCRIPT.format(load=load, use=use, end=end))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("voice.close()", 0),
        ("", 0),
        ("del voice", 0),
        ("sys.exit(3)", 3),
        ("os._exit(4)", 4),
        ("list(voice.synthesize('One hang'))", -signal.SIGINT),
    ],
    ids=["closed", "forgotten", "deleted", "exit", "exit-at-once", "interrupted"],
)
def test_no_process_outlives_the_program(
    tmp_path: Path, eventually: Eventually, end: str, code: int
) -> None:
    with run_script(tmp_path, end) as program:
        assert program.stdout is not None
        pid = int(program.stdout.readline())
        if code == -signal.SIGINT:
            program.send_signal(signal.SIGINT)
        output, errors = program.communicate(timeout=PATIENCE_SECONDS)
    assert program.returncode == code
    assert output == ""
    if code == -signal.SIGINT:
        # One traceback, the program's own.
        assert errors.count("Traceback") == 1
    else:
        assert errors == ""
    eventually(lambda: is_gone(pid))


@pytest.mark.parametrize("load", ["", "hang"])
def test_no_process_outlives_a_killed_program(
    tmp_path: Path, eventually: Eventually, load: str
) -> None:
    use = "voice.supervisor.start()" if load else SPEAK
    with run_script(tmp_path, "time.sleep(1000)", load, use) as program:
        assert program.stdout is not None
        pid = int(program.stdout.readline())
        assert not is_gone(pid)
        program.kill()
        program.communicate(timeout=PATIENCE_SECONDS)
    eventually(lambda: is_gone(pid))
