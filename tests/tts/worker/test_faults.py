"""What a listener notices when a process crashes, hangs, grows, or cannot be had: little."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from streamkit.errors import SynthesisError
from streamkit.tts.synthesizer import SpeechPiece, WordMark
from streamkit.tts.worker.synthesizer import WorkerSynthesizer
from streamkit.tts.worker.testing import GROWN_BYTES

PATIENCE_SECONDS = 60

MakeVoice = Callable[..., WorkerSynthesizer]
Eventually = Callable[[Callable[[], bool]], None]
Heard = tuple[npt.NDArray[np.float32], list[WordMark]]


def hear(pieces: Iterable[SpeechPiece]) -> Heard:
    """All sound and all marks."""
    all_pieces = list(pieces)
    sound = np.concatenate([np.zeros(0, np.float32), *(piece.samples for piece in all_pieces)])
    return sound, [mark for piece in all_pieces for mark in piece.marks]


def check_same(found: Heard, expected: Heard) -> None:
    assert np.array_equal(found[0], expected[0])
    assert found[1] == expected[1]


def pid_of(voice: WorkerSynthesizer) -> int:
    pid = voice.supervisor.statistics().pid
    assert pid is not None
    return pid


class TestOneProcessEnds:
    @pytest.mark.parametrize("word", ["crashonce", "garbleonce", "breakonce"])
    def test_the_listener_hears_one_seamless_sentence(
        self, start_voice: MakeVoice, calm: WorkerSynthesizer, word: str
    ) -> None:
        text = f"One, two {word} three, four. And five."
        voice = start_voice()
        check_same(hear(voice.synthesize(text)), hear(calm.synthesize(text)))
        statistics = voice.supervisor.statistics()
        assert (statistics.restarts, statistics.retries) == (1, 1)

    def test_so_it_is_when_the_system_kills_it(
        self, start_voice: MakeVoice, calm: WorkerSynthesizer, tmp_path: Path
    ) -> None:
        text = "One, two gate three, four. And five."
        voice = start_voice()
        stream = voice.synthesize(text)
        pieces = [next(stream)]
        killed = pid_of(voice)
        os.kill(killed, signal.SIGKILL)
        (tmp_path / "open").touch()
        pieces += stream
        check_same(hear(pieces), hear(calm.synthesize(text)))
        assert pid_of(voice) != killed

    def test_between_two_sentences_nothing_is_noticed_either(
        self, start_voice: MakeVoice, calm: WorkerSynthesizer, eventually: Eventually
    ) -> None:
        voice = start_voice()
        text = "One. Two."
        hear(voice.synthesize(text))
        os.kill(pid_of(voice), signal.SIGKILL)
        # It is replaced before anybody asks.
        eventually(lambda: voice.supervisor.statistics().restarts == 1)
        check_same(hear(voice.synthesize(text)), hear(calm.synthesize(text)))
        assert voice.supervisor.statistics().retries == 0

    def test_all_others_are_spoken_on_as_well(
        self, start_voice: MakeVoice, calm: WorkerSynthesizer
    ) -> None:
        texts = [f"Listener {n} hears one two three. And four." for n in range(6)]
        texts.append("One crashonce two.")
        expected = [hear(calm.synthesize(text)) for text in texts]
        voice = start_voice(step_pause=0.002)
        with ThreadPoolExecutor(len(texts)) as pool:
            found = pool.map(lambda text: hear(voice.synthesize(text)), texts)
            for one, other in zip(found, expected, strict=True):
                check_same(one, other)
        assert voice.supervisor.statistics().restarts == 1

    def test_a_voice_is_made_in_the_next_one(self, start_voice: MakeVoice) -> None:
        voice = start_voice(step_pause=0.01)
        with ThreadPoolExecutor(1) as pool:
            stream = voice.synthesize("One crashonce two.")
            heard = pool.submit(hear, stream)
            latents = voice.supervisor.clone(np.full(30_000, 0.25, np.float32))
            heard.result(PATIENCE_SECONDS)
        assert latents.speaker.max() == pytest.approx(0.25)


class TestPoison:
    def test_a_sentence_that_ends_two_processes_fails(self, start_voice: MakeVoice) -> None:
        voice = start_voice()
        stream = voice.synthesize("One two crash three. Four.")
        heard = []
        with pytest.raises(SynthesisError, match=r"ended again over the same words .*SIGKILL"):
            heard += stream
            heard += stream
        assert list(stream) == []
        assert voice.supervisor.statistics().restarts <= 2
        assert hear(voice.synthesize("Fine."))[0].any()

    def test_nobody_else_fails_for_it(
        self,
        start_voice: MakeVoice,
        calm: WorkerSynthesizer,
        tmp_path: Path,
        eventually: Eventually,
    ) -> None:
        texts = [f"Listener {n} waits at the gate and goes on. And on." for n in range(5)]
        voice = start_voice()
        with ThreadPoolExecutor(10) as pool:
            others = [pool.submit(hear, voice.synthesize(text)) for text in texts]
            eventually(lambda: voice.supervisor.statistics().active == 5)
            poison = pool.submit(hear, voice.synthesize("One crash two."))
            eventually(lambda: voice.supervisor.statistics().restarts == 2)
            (tmp_path / "open").touch()
            with pytest.raises(SynthesisError, match="ended again over the same words"):
                poison.result(PATIENCE_SECONDS)
            for text, other in zip(texts, others, strict=True):
                check_same(other.result(PATIENCE_SECONDS), hear(calm.synthesize(text)))
        assert voice.supervisor.statistics().restarts == 3

    def test_a_failure_that_may_pass_is_tried_again_in_the_same_process(
        self, start_voice: MakeVoice, calm: WorkerSynthesizer
    ) -> None:
        voice = start_voice()
        text = "One two failonce three. Four."
        check_same(hear(voice.synthesize(text)), hear(calm.synthesize(text)))
        with pytest.raises(SynthesisError, match="failed as it was told to"):
            hear(voice.synthesize("One fail two."))
        with pytest.raises(SynthesisError, match="refused as it was told to"):
            hear(voice.synthesize("One refuse two."))
        statistics = voice.supervisor.statistics()
        assert (statistics.restarts, statistics.retries) == (0, 2)


class TestHangAndGrowth:
    def test_a_process_that_hangs_is_replaced(
        self, start_voice: MakeVoice, calm: WorkerSynthesizer, caplog: pytest.LogCaptureFixture
    ) -> None:
        voice = start_voice({"heartbeat_timeout": 1.5})
        text = "One, two hangonce three, four. And five."
        check_same(hear(voice.synthesize(text)), hear(calm.synthesize(text)))
        assert voice.supervisor.statistics().restarts == 1
        assert "told nothing for" in caplog.text

    def test_a_process_that_is_stopped_is_replaced(
        self, start_voice: MakeVoice, calm: WorkerSynthesizer, tmp_path: Path
    ) -> None:
        voice = start_voice({"heartbeat_timeout": 1.5})
        text = "One, two gate three, four. And five."
        stream = voice.synthesize(text)
        pieces = [next(stream)]
        os.kill(pid_of(voice), signal.SIGSTOP)
        (tmp_path / "open").touch()
        pieces += stream
        check_same(hear(pieces), hear(calm.synthesize(text)))

    def test_a_process_that_takes_too_much_memory_is_replaced(
        self,
        start_voice: MakeVoice,
        calm: WorkerSynthesizer,
        tmp_path: Path,
        eventually: Eventually,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        voice = start_voice({"memory_limit": GROWN_BYTES // 2})
        text = "One, growonce two gate three, four. And five."
        with ThreadPoolExecutor(1) as pool:
            heard = pool.submit(hear, voice.synthesize(text))
            eventually(lambda: voice.supervisor.statistics().restarts == 1)
            (tmp_path / "open").touch()
            check_same(heard.result(PATIENCE_SECONDS), hear(calm.synthesize(text)))
        assert "may take 524288 (tts_memory_limit)" in caplog.text
        assert 0 < voice.supervisor.statistics().memory < GROWN_BYTES

    def test_a_limit_that_no_model_keeps_is_told(self, start_voice: MakeVoice) -> None:
        voice = start_voice({"memory_limit": 1 << 20})
        with pytest.raises(
            SynthesisError, match=r"took \d+ MiB, and may take 1 \(tts_memory_limit\)"
        ):
            hear(voice.synthesize("One."))


class TestLoading:
    def test_what_is_missing_is_told_to_everybody_at_once(self, start_voice: MakeVoice) -> None:
        voice = start_voice(load="missing")
        for _ in range(3):
            with pytest.raises(SynthesisError, match="needs the package streamkit_has_no_such_"):
                voice.synthesize("One.")
        with pytest.raises(SynthesisError, match="needs the package"):
            voice.voices()
        with pytest.raises(SynthesisError, match="needs the package"):
            voice.supervisor.start()
        assert voice.supervisor.statistics().restarts == 0

    def test_what_passes_is_waited_for(
        self, start_voice: MakeVoice, calm: WorkerSynthesizer
    ) -> None:
        voice = start_voice(load="failonce")
        check_same(hear(voice.synthesize("One.")), hear(calm.synthesize("One.")))
        assert voice.supervisor.statistics().restarts == 1

    @pytest.mark.parametrize(
        ("load", "limits", "reason"),
        [
            ("fail", {}, "cannot be loaded .RuntimeError: the device is busy.; it is tried again"),
            ("crash", {}, "it was killed by SIGKILL; it is tried again in 60 s"),
            ("hang", {"ready_timeout": 1.0}, r"not (there|loaded)"),
        ],
    )
    def test_what_does_not_pass_is_refused_for_a_while(
        self,
        start_voice: MakeVoice,
        eventually: Eventually,
        load: str,
        limits: dict[str, object],
        reason: str,
    ) -> None:
        voice = start_voice({"refusal_pause": 60.0, **limits}, load=load)
        with pytest.raises(SynthesisError, match=reason):
            voice.synthesize("One.")
        # Where the first wait was for one process only, the second has failed soon as well.
        eventually(lambda: refuses(voice))
        restarts = voice.supervisor.statistics().restarts
        with pytest.raises(SynthesisError, match=r"is not there: .*; it is tried again in 60 s"):
            for _ in range(3):
                voice.synthesize("One.")
        assert voice.supervisor.statistics().restarts == restarts <= 1

    def test_after_the_pause_it_is_tried_again(
        self, start_voice: MakeVoice, eventually: Eventually, tmp_path: Path
    ) -> None:
        voice = start_voice({"refusal_pause": 0.01, "max_load_failures": 1}, load="failonce")
        with pytest.raises(SynthesisError, match="the device is busy"):
            voice.supervisor.prepare()
        eventually(lambda: ready(voice))
        assert hear(voice.synthesize("One."))[0].any()

    def test_a_process_that_cannot_be_started_is_told(
        self, start_voice: MakeVoice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.executable", "/nowhere/python")
        voice = start_voice({"refusal_pause": 60.0})
        with pytest.raises(SynthesisError, match=r"process cannot be started: .*/nowhere/python"):
            voice.synthesize("One.")


def test_what_is_known_of_a_voice_stays_known(
    start_voice: MakeVoice, eventually: Eventually
) -> None:
    voice = start_voice({"max_restarts": 0, "refusal_pause": 60.0})
    voices = voice.voices()
    os.kill(pid_of(voice), signal.SIGKILL)
    eventually(lambda: refuses(voice))
    assert voice.voices() == voices
    with pytest.raises(SynthesisError, match="killed by SIGKILL; it is tried again in 60 s"):
        voice.supervisor.prepare()


def refuses(voice: WorkerSynthesizer) -> bool:
    try:
        voice.supervisor.start()
    except SynthesisError:
        return True
    return False


def ready(voice: WorkerSynthesizer) -> bool:
    try:
        voice.supervisor.prepare()
    except SynthesisError:
        return False
    return True


class TestMany:
    def test_fifty_streams_at_once_get_their_own_sound(
        self, start_voice: MakeVoice, calm: WorkerSynthesizer, eventually: Eventually
    ) -> None:
        texts = [f"Stream {n} says {'so ' * (n % 7)}much. And it ends." for n in range(50)]
        voice = start_voice(places=8)
        together = threading.Barrier(len(texts))

        def speak(text: str) -> Heard:
            stream = voice.synthesize(text)
            together.wait(PATIENCE_SECONDS)
            return hear(stream)

        with ThreadPoolExecutor(len(texts)) as pool:
            for text, found in zip(texts, pool.map(speak, texts), strict=True):
                check_same(found, hear(calm.synthesize(text)))
        assert voice.supervisor.statistics().restarts == 0
        eventually(lambda: voice.supervisor.statistics().waiting == 0)

    def test_more_sentences_than_the_limit_are_refused(
        self, start_voice: MakeVoice, tmp_path: Path
    ) -> None:
        voice = start_voice({"max_sentences": 2})
        open_streams = [voice.synthesize("One gate two.") for _ in range(2)]
        for stream in open_streams:
            next(stream)
        with pytest.raises(SynthesisError, match=r"2 sentences to speak.*max_sentences"):
            next(voice.synthesize("One."))
        (tmp_path / "open").touch()
        for stream in open_streams:
            hear(stream)
        assert hear(voice.synthesize("One."))[0].any()

    def test_a_model_that_is_too_slow_is_told(self, start_voice: MakeVoice) -> None:
        voice = start_voice({"sound_timeout": 0.3})
        stream = voice.synthesize("One gate two.")
        with pytest.raises(SynthesisError, match="no sound in time"):
            hear(stream)

    def test_a_stream_that_is_closed_while_it_waits_is_let_go_and_forgotten(
        self, start_voice: MakeVoice, eventually: Eventually
    ) -> None:
        voice = start_voice()
        stream = voice.synthesize("One gate two. Three.")
        next(stream)
        with ThreadPoolExecutor(1) as pool:
            rest = pool.submit(hear, stream)
            eventually(lambda: voice.supervisor.statistics().active == 1)
            stream.close()
            assert len(rest.result(PATIENCE_SECONDS)[1]) <= 1
        eventually(lambda: voice.supervisor.statistics().active == 0)
        assert hear(voice.synthesize("One."))[0].any()
