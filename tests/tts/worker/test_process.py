"""One real process, asked and heard directly."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import numpy as np
import psutil
import pytest

from streamkit.tts.worker.handle import WorkerEndedError, WorkerProcess
from streamkit.tts.worker.memory import resident_memory
from streamkit.tts.worker.messages import (
    Broken,
    Cancel,
    Clone,
    Cloned,
    Done,
    Failed,
    Heartbeat,
    Ready,
    Report,
    Sound,
    Speak,
)
from streamkit.tts.worker.spec import Boot, EngineSpec
from streamkit.tts.worker.testing import INFO, prepare_plainly, render_sentence, scripted_spec

PATIENCE_SECONDS = 30.0

Until = Callable[[type[Report]], list[Report]]


class Heard:
    """A process, and all that it has told."""

    def __init__(self, spec: EngineSpec, niceness: int = 0, level: int = logging.WARNING) -> None:
        self.worker = WorkerProcess(Boot(spec, 0.05, niceness, level))
        self.reports: list[Report] = []

    def until(self, kind: type[Report], count: int = 1) -> list[Report]:
        """Read until something of a kind was told so often; those that were."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(found := [r for r in self.reports if isinstance(r, kind)]) < count:
            assert time.monotonic() < deadline, f"{kind.__name__} was not told: {self.reports}"
            self.reports.extend(self.worker.read(0.1))
        return found

    def until_idle(self) -> None:
        """Read until it tells that it speaks nothing any more."""
        heard = len(self.reports)
        while not any(isinstance(r, Heartbeat) and not r.active for r in self.reports[heard:]):
            beats = sum(isinstance(r, Heartbeat) for r in self.reports)
            self.until(Heartbeat, beats + 1)

    def until_it_ends(self) -> str:
        """Read until it has closed its connection; how it ended."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        try:
            while time.monotonic() < deadline:
                self.reports.extend(self.worker.read(0.1))
        except WorkerEndedError:
            return self.worker.end()
        raise AssertionError("it did not end")


@pytest.fixture
def start() -> Iterator[Callable[..., Heard]]:
    with ExitStack() as exits:

        def start(*args: object, **kwargs: object) -> Heard:
            heard = Heard(*args, **kwargs)  # type: ignore[arg-type]
            exits.callback(heard.worker.end)
            exits.callback(heard.worker.kill)
            return heard

        yield start


def speak(id: int, text: str, skip: int = 0) -> Speak:
    (sentence,) = prepare_plainly(text, "en")
    return Speak(id, sentence.text, sentence.words, "en", "Ada", 1.0, 3, skip)


def sound_of(heard: Heard, id: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.concatenate([r.samples for r in heard.reports if isinstance(r, Sound) and r.id == id])


def test_a_sentence_is_spoken_from_where_it_was(start: Callable[..., Heard]) -> None:
    heard = start(scripted_spec())
    assert heard.until(Ready) == [Ready(INFO)]
    whole, rest = speak(1, "one two three"), speak(2, "one two three", skip=7000)
    heard.worker.send(whole)
    heard.worker.send(rest)
    assert {report.id for report in heard.until(Done, 2) if isinstance(report, Done)} == {1, 2}
    assert np.array_equal(sound_of(heard, 1), render_sentence(whole))
    assert np.array_equal(sound_of(heard, 2), render_sentence(whole)[7000:])
    marks = [m.sample for r in heard.reports if isinstance(r, Sound) and r.id == 2 for m in r.marks]
    assert marks == [round(8 * 0.05 * INFO.sample_rate)]


def test_it_tells_that_it_is_well_while_it_loads_and_when_idle(start: Callable[..., Heard]) -> None:
    heard = start(scripted_spec(load="hang"))
    beats = heard.until(Heartbeat, 3)
    assert all(isinstance(beat, Heartbeat) and beat.memory > 1_000_000 for beat in beats)
    assert not any(isinstance(report, Ready) for report in heard.reports)
    heard = start(scripted_spec())
    heard.until(Ready)
    assert len(heard.until(Heartbeat, 5)) >= 5


def test_a_cancelled_sentence_is_gone_and_others_go_on(
    start: Callable[..., Heard], tmp_path: Path
) -> None:
    heard = start(scripted_spec(folder=str(tmp_path)))
    heard.until(Ready)
    heard.worker.send(speak(1, "one gate two"))
    heard.until(Sound)
    heard.worker.send(Cancel(1))
    heard.worker.send(Cancel(99))
    heard.until_idle()
    (tmp_path / "open").touch()
    heard.worker.send(speak(2, "three"))
    heard.until(Done)
    assert heard.until(Done) == [Done(2)]
    assert len(sound_of(heard, 1)) <= round(4 * 0.05 * INFO.sample_rate)


def test_what_one_request_cannot_have_harms_no_other(start: Callable[..., Heard]) -> None:
    heard = start(scripted_spec())
    heard.worker.send(Clone(1, np.zeros(10, np.float32)))
    heard.worker.send(Clone(2, np.zeros(30_000, np.float32)))
    heard.worker.send(speak(3, "refuse"))
    heard.worker.send(speak(4, "fail"))
    heard.worker.send(speak(5, "fine"))
    heard.until(Done)
    heard.until(Cloned)
    failed = {r.id: r.permanent for r in heard.until(Failed, 3) if isinstance(r, Failed)}
    assert failed == {1: True, 3: True, 4: False}


def test_what_no_request_can_be_is_survived(start: Callable[..., Heard]) -> None:
    heard = start(scripted_spec())
    # A voice without sound fails the scripted model in a way that it does not know.
    heard.worker.send(Speak(1, "x", (), "en", None, 1.0, 3))  # type: ignore[arg-type]
    (failed,) = heard.until(Failed)
    assert failed == Failed(1, "the voice failed with AttributeError", permanent=False)
    heard.worker.send(speak(2, "fine"))
    heard.until(Done)


@pytest.mark.parametrize(
    ("spec", "permanent", "reason"),
    [
        (scripted_spec(load="refuse"), True, "there are no weights: pull them first"),
        (scripted_spec(load="fail"), False, "cannot be loaded (RuntimeError: the device is busy)"),
        (
            EngineSpec("streamkit.tts.worker.testing:load_scripted", {"load": "missing"}, "xtts"),
            True,
            "the voice needs the package streamkit_has_no_such_package, which is not installed: "
            "pip install 'streamkit[xtts]'",
        ),
        (
            EngineSpec("streamkit.tts.worker.testing:load_scripted", {"load": "misfit"}),
            True,
            "needs a package that does not work here (cannot import name 'torch_of_old' from",
        ),
        (EngineSpec("streamkit.nowhere:load"), True, "needs the package streamkit.nowhere"),
        (EngineSpec("streamkit.errors:load"), True, "no function 'load' in the module"),
        (scripted_spec(nonsense=1), False, "cannot be loaded (TypeError"),
    ],
    ids=["refuse", "fail", "missing", "misfit", "module", "function", "arguments"],
)
def test_it_says_in_one_line_why_it_cannot_load(
    start: Callable[..., Heard],
    caplog: pytest.LogCaptureFixture,
    spec: EngineSpec,
    permanent: bool,
    reason: str,
) -> None:
    heard = start(spec)
    (broken,) = heard.until(Broken)
    assert isinstance(broken, Broken)
    assert broken.permanent == permanent
    assert reason in broken.reason
    assert "\n" not in broken.reason
    assert heard.until_it_ends() == "it ended with exit code 0"
    # What nobody expected is logged as a whole; what a person can mend is no traceback.
    assert ("Traceback" in caplog.text) == (not permanent)


def test_what_its_process_cannot_read_is_told(
    start: Callable[..., Heard], monkeypatch: pytest.MonkeyPatch
) -> None:
    here_only = ModuleType("a_module_that_is_in_no_file")
    here_only.Thing = type("Thing", (), {"__module__": here_only.__name__})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, here_only.__name__, here_only)
    heard = start(scripted_spec(folder=here_only.Thing()))
    (broken,) = heard.until(Broken)
    assert isinstance(broken, Broken)
    assert broken.permanent
    assert "cannot be read in its process" in broken.reason


def test_a_model_that_fails_as_a_whole_says_so_without_anybodys_words(
    start: Callable[..., Heard], caplog: pytest.LogCaptureFixture
) -> None:
    heard = start(scripted_spec())
    heard.worker.send(speak(1, "secret break"))
    assert heard.until(Broken) == [Broken("the voice failed with RuntimeError", permanent=False)]
    heard.until_it_ends()
    assert "RuntimeError" in caplog.text
    assert "in advance" in caplog.text
    assert "secret" not in caplog.text
    assert "it broke over" in caplog.text  # the place, and not what was said there


def test_it_steps_back_behind_others(start: Callable[..., Heard]) -> None:
    heard = start(scripted_spec(), niceness=3)
    heard.until(Ready)
    here = psutil.Process().nice()
    assert psutil.Process(heard.worker.pid).nice() == min(19, here + 3)


def test_ctrl_c_is_for_the_one_that_started_it(start: Callable[..., Heard]) -> None:
    heard = start(scripted_spec())
    # At its very beginning, and when it works.
    os.kill(heard.worker.pid, signal.SIGINT)
    heard.until(Ready)
    os.kill(heard.worker.pid, signal.SIGINT)
    heard.worker.send(speak(1, "fine"))
    heard.until(Done)


@pytest.mark.parametrize("busy", ["idle", "hang", "load"])
def test_it_ends_when_it_is_asked_to_whatever_it_does(
    start: Callable[..., Heard], busy: str
) -> None:
    heard = start(scripted_spec(load="hang" if busy == "load" else ""))
    heard.until(Heartbeat)
    if busy == "hang":
        heard.worker.send(speak(1, "one hang"))
        heard.until(Sound)
    heard.worker.stop()
    assert heard.until_it_ends() == "it ended with exit code 0"


def test_what_it_prints_and_logs_ends_in_the_log(
    start: Callable[..., Heard],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "loud.py").write_text(
        "import logging, os, sys, warnings\n"
        "from streamkit.tts.worker.testing import ScriptedEngine\n"
        "def load():\n"
        "    print('printed')\n"
        "    print('complained', file=sys.stderr)\n"
        "    os.write(1, b'written below\\n')\n"
        "    logging.getLogger('streamkit.tts').info('told')\n"
        "    logging.getLogger('other').info('not told')\n"
        "    logging.getLogger('other').error('wrong')\n"
        "    warnings.warn('beware')\n"
        "    return ScriptedEngine()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    caplog.set_level(logging.DEBUG)
    heard = start(EngineSpec("loud:load"), level=logging.INFO)
    heard.until(Ready)
    heard.worker.stop()
    heard.until_it_ends()
    told = {(name, level, text) for name, level, text in caplog.record_tuples}
    output = "streamkit.tts.worker.output"
    assert told >= {
        (output, logging.DEBUG, "printed"),
        (output, logging.DEBUG, "complained"),
        (output, logging.DEBUG, "written below"),
        ("streamkit.tts", logging.INFO, "told"),
        ("other", logging.ERROR, "wrong"),
    }
    assert "not told" not in caplog.text
    assert any(name == "py.warnings" and "beware" in text for name, _, text in told)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("word", "how"),
    [("crash", "it was killed by SIGKILL"), ("garble", None)],
)
def test_its_end_is_seen(start: Callable[..., Heard], word: str, how: str | None) -> None:
    heard = start(scripted_spec())
    heard.worker.send(speak(1, f"one {word}"))
    end = heard.until_it_ends()
    assert how is None or end == how
    assert not psutil.pid_exists(heard.worker.pid)


def test_its_end_is_seen_though_something_holds_its_connection(
    start: Callable[..., Heard], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "forked.py").write_text(
        "import os, time\n"
        "from streamkit.tts.worker.testing import ScriptedEngine\n"
        "def load():\n"
        "    if not os.fork():\n"
        "        time.sleep(4)\n"
        "        os._exit(0)\n"
        "    return ScriptedEngine()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    heard = start(EngineSpec("forked:load"))
    heard.until(Ready)
    os.kill(heard.worker.pid, signal.SIGKILL)
    assert heard.until_it_ends() == "it was killed by SIGKILL"


def test_a_python_that_cannot_be_found_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    boot = Boot(scripted_spec(), 1.0, 0, logging.WARNING)
    before = psutil.Process().num_fds()
    for executable in ("", "/nowhere/python"):
        monkeypatch.setattr("sys.executable", executable)
        with pytest.raises(OSError, match=r"sys\.executable is empty|No such file"):
            WorkerProcess(boot)
    assert psutil.Process().num_fds() == before


def test_a_machine_without_room_for_a_thread_keeps_no_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    here = psutil.Process()
    files, children = here.num_fds(), set(here.children())
    monkeypatch.setattr("threading.Thread.start", start)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        WorkerProcess(Boot(scripted_spec(), 1.0, 0, logging.WARNING))
    assert (here.num_fds(), set(here.children())) == (files, children)


def test_memory_is_that_of_this_process() -> None:
    assert resident_memory() == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)
