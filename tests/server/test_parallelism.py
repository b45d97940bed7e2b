"""How many decodings at once, on how many threads each, for machines of any size."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit.asr.profile import ModelProfile
from streamkit.config import Settings
from streamkit.server import parallelism as module
from streamkit.server.parallelism import Parallelism, parallelism, usable_cores

SHORT = ModelProfile(margin=1.0)
LONG = ModelProfile(margin=None)


@pytest.mark.parametrize(
    ("cores", "profile", "given", "chosen"),
    [
        (1, SHORT, {}, Parallelism(1, 1)),
        (2, SHORT, {}, Parallelism(1, 1)),
        (8, SHORT, {}, Parallelism(7, 1)),
        (1, LONG, {}, Parallelism(1, 1)),
        (2, LONG, {}, Parallelism(1, 2)),
        (8, LONG, {}, Parallelism(2, 4)),
        (16, LONG, {}, Parallelism(4, 4)),
        (8, SHORT, {"workers": 3}, Parallelism(3, 1)),
        (8, SHORT, {"threads": 2}, Parallelism(4, 2)),
        (8, SHORT, {"threads": 16}, Parallelism(1, 16)),
        (8, LONG, {"threads": 1}, Parallelism(2, 1)),
        (8, LONG, {"workers": 5, "threads": 2}, Parallelism(5, 2)),
        (16, SHORT, {"device": "cuda"}, Parallelism(1, 1)),
        (16, LONG, {"device": "cuda", "workers": 2}, Parallelism(2, 1)),
    ],
)
def test_what_fits_the_machine(
    monkeypatch: pytest.MonkeyPatch,
    cores: int,
    profile: ModelProfile,
    given: dict[str, Any],
    chosen: Parallelism,
) -> None:
    monkeypatch.setattr(module, "usable_cores", lambda: cores)
    assert parallelism(Settings.model_validate(given), profile) == chosen


@pytest.mark.parametrize("profile", [SHORT, LONG], ids=["short", "long"])
def test_never_more_threads_than_cores(
    monkeypatch: pytest.MonkeyPatch, profile: ModelProfile
) -> None:
    for cores in range(1, 65):
        monkeypatch.setattr(module, "usable_cores", lambda cores=cores: cores)
        chosen = parallelism(Settings(), profile)
        assert chosen.workers >= 1
        assert chosen.threads >= 1
        assert chosen.workers * chosen.threads <= cores


def test_this_machine_has_cores() -> None:
    assert usable_cores() >= 1
