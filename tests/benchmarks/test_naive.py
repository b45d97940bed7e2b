from __future__ import annotations

import numpy as np
import numpy.typing as npt
import psutil

from streamkit.models import resolve
from streamkit_benchmarks.drive import play, serving
from streamkit_benchmarks.naive import NaiveSystem, transcribe
from streamkit_benchmarks.systems import Setup
from streamkit_benchmarks.talk import make_talk


class Scripted:
    """Stands in for faster-whisper's model."""

    def transcribe(
        self, samples: npt.NDArray[np.float32], **options: object
    ) -> tuple[list[Scripted], None]:
        assert options == {"language": "en", "beam_size": 5}
        self.text = f" {len(samples)} at {samples.max():.1f}"
        return [self], None


def test_samples_reach_the_model_as_it_wants_them() -> None:
    assert transcribe(Scripted(), np.full(10, 16384, np.int16)) == "10 at 0.5"


def test_the_loop_of_the_tutorials_hears_something() -> None:
    """Its own process, paced: about 15 s."""
    system = NaiveSystem()
    talk = make_talk(5.0, sentences=["Turn it down.", "What time is it in London?"])
    setup = Setup(resolve("whisper-micro-en").path, threads=1, cores=())
    with serving(system, setup) as served:
        process = served.process
        load = play(system, served, [talk], lambda line: None)
    (viewer,) = load.viewers
    assert viewer.failure is None
    assert "time is it in london" in viewer.recording.committed.lower()
    assert not viewer.recording.tentative
    assert load.cpu > 0
    assert not psutil.pid_exists(process.pid)
