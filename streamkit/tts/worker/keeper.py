"""Keeps a process with a speech model running, and everybody who waits for it informed.

One thread starts the process, reads what it tells, ends it when it hangs or takes too much memory,
and starts another one. All else is called from any thread, and waits for nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Final

from streamkit.errors import SynthesisError
from streamkit.tts.worker.handle import WorkerEndedError, WorkerProcess
from streamkit.tts.worker.health import End, Health
from streamkit.tts.worker.jobs import Cloning, Job, Sentence
from streamkit.tts.worker.limits import WorkerLimits
from streamkit.tts.worker.line import Line
from streamkit.tts.worker.messages import (
    Broken,
    Cancel,
    Cloned,
    Done,
    EngineInfo,
    Failed,
    Heartbeat,
    Ready,
    Report,
    Sound,
)
from streamkit.tts.worker.restarts import RestartPolicy
from streamkit.tts.worker.spec import Boot, EngineSpec

TICK_SECONDS: Final = 0.25
"""How often a silent process is looked at."""
IDLE_SECONDS: Final = 1.0
"""How often the thread looks whether it is wanted, when nobody tells it."""
STOP_SECONDS: Final = 2.0
"""For a process to end when it is asked to; then the system asks it."""
TERMINATE_SECONDS: Final = 1.0
"""For that; then it is killed."""
END_SECONDS: Final = 10.0
"""For the thread to see that."""

CLOSED: Final = "the voice was closed"

logger = logging.getLogger("streamkit.tts.worker")


@dataclass(frozen=True, slots=True)
class WorkerStatistics:
    """What there is to know of a process and its work.

    Attributes:
        pid: of the process; None: there is none.
        ready: its model is loaded.
        restarts: processes that took the place of another one.
        retries: sentences that were given to another process.
        memory: bytes, resident and on a device, as the process told last.
        active: sentences that are being spoken, as the process told last.
        waiting: sentences that wait in the process or for one.
    """

    pid: int | None
    ready: bool
    restarts: int
    retries: int
    memory: int
    active: int
    waiting: int


class Keeper:
    """See `streamkit.tts.worker.supervisor.Supervisor`, which is its door.

    Args:
        spec: what the process loads.
        limits: of the process and of waiting for it.
    """

    def __init__(self, spec: EngineSpec, limits: WorkerLimits) -> None:
        self._limits = limits
        level = logging.getLogger("streamkit").getEffectiveLevel()
        self._boot = Boot(spec, limits.heartbeat, limits.niceness, level)
        self._changed = threading.Condition()
        self._line: Line[Job] = Line(limits.max_sentences)
        self._policy = RestartPolicy(limits)
        self._thread: threading.Thread | None = None
        self._wanted = False
        self._closed = False
        self._refusal: str | None = None
        self._refusals = 0
        self._last_refusal = ""
        self._worker: WorkerProcess | None = None
        self._health = Health(limits)
        self._info: EngineInfo | None = None
        self._beat = Heartbeat(0, 0, 0)
        self._launches = 0
        self._retries = 0

    # What others ask for.

    def start(self) -> None:
        """Have a process, or begin to.

        Raises:
            SynthesisError: there will be none now; the message says why.
        """
        with self._changed:
            self._check()
            self._wanted = True
            self._changed.notify_all()
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="streamkit-voice", daemon=True)
                thread.start()
                self._thread = thread

    def wait_for_info(self) -> EngineInfo:
        """What is loaded; waits for the first process at most `WorkerLimits.ready_timeout`.

        Raises:
            SynthesisError: nothing was loaded, or this was closed.
        """
        with self._changed:
            if self._info is not None and not self._closed:
                return self._info
            self.start()
            # Counted, since one may be over before a thread that waits for it has noticed.
            before = self._refusals
            self._changed.wait_for(
                lambda: self._info is not None or self._closed or self._refusals > before,
                self._limits.ready_timeout,
            )
            self._check()
            if self._info is None:
                if self._refusals > before:
                    raise SynthesisError(self._last_refusal)
                raise SynthesisError(
                    f"the voice was not loaded within {self._limits.ready_timeout:g} s; it may "
                    "still be, so try again later, or allow it more time (tts_start_timeout)"
                )
            return self._info

    def add(self, job: Job) -> None:
        """Have something done.

        Raises:
            SynthesisError: there is too much to do, or no process for it.
        """
        self.start()
        with self._changed:
            self._check()
            self._line.add(job)
            self._send_due()

    def cancel(self, job: Job) -> None:
        """Nobody wants it any more; harmless when it is over."""
        with self._changed:
            id = self._line.remove(job)
            if id is not None and self._worker is not None:
                self._worker.send(Cancel(id))
                self._send_due()

    def statistics(self) -> WorkerStatistics:
        """What there is to know now."""
        with self._changed:
            return WorkerStatistics(
                pid=None if self._worker is None else self._worker.pid,
                ready=self._health.ready,
                restarts=max(0, self._launches - 1),
                retries=self._retries,
                memory=self._beat.memory,
                active=self._beat.active,
                waiting=self._beat.waiting + self._line.waiting,
            )

    def close(self) -> None:
        """End the process, and let go everybody who waits."""
        with self._changed:
            self._closed = True
            jobs = self._line.clear()
            worker, thread = self._worker, self._thread
            if worker is not None:
                worker.stop()
            self._changed.notify_all()
        for job in jobs:
            job.fail(CLOSED)
        if thread is None or thread is threading.current_thread():
            return
        thread.join(STOP_SECONDS)
        for seconds, end in (
            (TERMINATE_SECONDS, WorkerProcess.terminate),
            (END_SECONDS, WorkerProcess.kill),
        ):
            worker = self._worker
            if thread.is_alive() and worker is not None:
                end(worker)
            thread.join(seconds)

    def abandon(self) -> None:
        """The same where nothing may be waited for: takes no lock, and is noticed soon."""
        self._closed = True
        worker = self._worker
        if worker is not None:
            worker.kill()

    # The thread.

    def _run(self) -> None:
        while self._wait_until_wanted():
            try:
                end = self._live()
            except OSError as error:
                end = End(f"its process cannot be started: {error}", useful=False)
            except Exception as error:
                # Better a voice that is refused for a while than one that is waited for.
                logger.exception("the voice's process cannot be kept")
                end = End(f"its process cannot be kept: {type(error).__name__}", useful=False)
            if not self._closed:
                self._replace(end)
        # Whoever came while it was being abandoned.
        with self._changed:
            jobs = self._line.clear()
        for job in jobs:
            job.fail(CLOSED)

    def _wait_until_wanted(self) -> bool:
        """Wait until there is something to do; False: there never will be."""
        with self._changed:
            while not self._wanted and not self._closed and self._refusal is None:
                self._changed.wait(IDLE_SECONDS)
            # A refusal that is still there is there for good.
            return not self._closed and self._refusal is None

    def _live(self) -> End:
        """The whole life of one process.

        Raises:
            OSError: it could not begin.
        """
        worker = WorkerProcess(self._boot)
        with self._changed:
            self._worker = worker
            self._health = Health(self._limits)
            self._launches += 1
            if self._closed:
                worker.stop()
        try:
            end = self._listen(worker)
            if end.reason is not None:
                worker.kill()
        except BaseException:
            worker.kill()
            raise
        finally:
            how = worker.end()
            with self._changed:
                self._worker = None
                self._health = Health(self._limits)
                self._beat = Heartbeat(0, 0, 0)
        return end if end.reason is not None else End(how, end.useful)

    def _listen(self, worker: WorkerProcess) -> End:
        """Read until the process is over, or has to be."""
        before = time.monotonic()
        while True:
            try:
                reports = worker.read(TICK_SECONDS)
            except WorkerEndedError as error:
                logger.debug("the voice's process: %s", error)
                return End(None, useful=self._health.ready)
            now = time.monotonic()
            # Longer than this nobody has listened: this process itself was stopped meanwhile.
            passed = min(now - before, 2 * TICK_SECONDS)
            before = now
            with self._changed:
                for report in reports:
                    end = self._take(report)
                    if end is not None:
                        return end
            ill = self._health.passed(passed, told=bool(reports))
            # Whoever has closed this ends the process too.
            if ill is not None and not self._closed:
                return ill

    def _take(self, report: Report) -> End | None:
        """Do what a report asks for."""
        match report:
            case Ready(info):
                logger.info("%s is ready on %s (%s)", info.name, info.device, info.precision)
                self._info = info
                self._health.ready = True
                self._changed.notify_all()
            case Sound(id):
                job = self._line.find(id)
                if isinstance(job, Sentence):
                    job.receive(report)
                return None
            case Done(id):
                job = self._line.over(id)
                if isinstance(job, Sentence):
                    job.finish()
            case Cloned(id, latents):
                job = self._line.over(id)
                if isinstance(job, Cloning):
                    job.latents.set_result(latents)
            case Failed(id, reason, permanent):
                if not permanent and (job := self._line.again(id)) is not None:
                    job.interrupted()
                    self._retries += 1
                elif (job := self._line.over(id)) is not None:
                    job.fail(reason)
            case Heartbeat(memory):
                self._beat = report
                return self._health.takes(memory)
            case Broken(reason, permanent):
                return End(reason, useful=self._health.ready, permanent=permanent)
        self._send_due()
        return None

    def _replace(self, end: End) -> None:
        """A process has ended: decide who is tried again, and wait until it is time."""
        with self._changed:
            pause = self._policy.ended(time.monotonic(), loaded=end.useful)
            kept, lost = self._line.ended()
            self._wanted = not end.permanent and (not pause.refuse)
            if end.permanent:
                self._refusal = end.reason
            elif pause.refuse:
                self._refusal = (
                    f"the voice is not there: {end.reason}; it is tried again in "
                    f"{pause.seconds:g} s"
                )
            refused: list[Job] = []
            if self._refusal is None:
                self._retries += len(kept)
                for job in kept:
                    job.interrupted()
            else:
                self._refusals += 1
                self._last_refusal = self._refusal
                refused = self._line.clear()
            self._changed.notify_all()
        logger.warning(
            "the voice has ended: %s; %d sentences are tried again, %d are lost",
            end.reason,
            0 if refused else len(kept),
            len(lost) + len(refused),
        )
        for job in lost:
            job.fail(
                f"the voice ended again over the same words ({end.reason}); they are not tried "
                "once more: say it in other words"
            )
        for job in refused:
            job.fail(self._last_refusal)
        if not end.permanent:
            self._pause(pause.seconds)

    def _pause(self, seconds: float) -> None:
        over = time.monotonic() + seconds
        with self._changed:
            while not self._closed and (left := over - time.monotonic()) > 0:
                self._changed.wait(min(left, IDLE_SECONDS))
            self._refusal = None

    # With the lock held.

    def _check(self) -> None:
        if self._closed:
            raise SynthesisError(CLOSED)
        if self._refusal is not None:
            raise SynthesisError(self._refusal)

    def _send_due(self) -> None:
        if self._worker is None or not self._health.ready or self._info is None or self._closed:
            return
        for id, job in self._line.due():
            try:
                self._worker.send(job.request(id))
            except Exception as error:
                # What cannot be pickled, whose words may be in the error.
                self._line.over(id)
                job.fail(f"the voice cannot be asked for this ({type(error).__name__})")
                continue
            self._health.used = True
            job.sent(self._info.sample_rate)
