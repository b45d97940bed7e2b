"""When latents become sound, in simulated time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.tts.xtts.chunks import HELD, LATEST_FIRST, LEAST, MARGIN, MOST, Chunks, Pace

LATENT = 1114.56 / 24_000


def speak(step: float, latent: float, count: int = 200) -> tuple[list[int], float, float]:
    """A sentence on a machine: sizes of its chunks, when the first is heard, how long it was dry.

    Args:
        step: seconds of a token.
        latent: seconds that a latent takes to become sound; a chunk costs two more.
        count: latents of the sentence.
    """
    pace = Pace()
    for _ in range(30):
        pace.note_step(step)
        pace.note_chunk(LEAST, latent * (LEAST + 2))
    chunks = Chunks(LATENT)
    now, sizes, pending, told = 0.0, [], 0, 0
    dry = 0.0
    for number in range(count):
        now += step
        pending += 1
        last = number == count - 1
        if last or chunks.due(pending, now, pace):
            now += latent * (pending + 2)
            told += pending
            if chunks.first_at is not None:
                dry = max(dry, now - chunks.first_at - chunks.seconds)
            given_out = told * LATENT - (0 if last else HELD * LATENT)
            chunks.given(given_out - chunks.seconds, now)
            sizes.append(pending)
            pending = 0
    assert chunks.first_at is not None
    return sizes, chunks.first_at, dry


@given(step=st.floats(0.002, 0.028), latent=st.floats(0.0005, 0.008))
def test_playback_never_runs_dry_on_a_machine_that_keeps_up(step: float, latent: float) -> None:
    sizes, _, dry = speak(step, latent)
    assert dry <= 0.0
    assert all(LEAST <= size <= MOST for size in sizes[:-1])


def test_a_fast_machine_begins_with_the_smallest_chunk_and_goes_on_with_the_largest() -> None:
    sizes, first, _ = speak(0.004, 0.001)
    assert sizes[0] == LEAST
    assert sizes[2:-1] == [MOST] * len(sizes[2:-1])
    assert first < 0.05


def test_a_machine_that_just_keeps_up_begins_a_little_later() -> None:
    sizes, _, dry = speak(0.028, 0.009)
    assert LEAST < sizes[0] <= LATEST_FIRST
    assert dry <= 0.0


def test_a_machine_that_is_too_slow_is_heard_as_soon_as_there_is_something() -> None:
    sizes, _, dry = speak(0.1, 0.01)
    assert sizes[0] <= LATEST_FIRST
    assert max(sizes[1:]) == LEAST
    assert dry > 0


@pytest.mark.parametrize("pending", [MOST, MOST + 5])
def test_a_full_chunk_is_always_due(pending: int) -> None:
    chunks = Chunks(LATENT, first_at=0.0, seconds=1e6)
    assert chunks.due(pending, 1.0, Pace())
    assert not chunks.due(MOST - 1, 1.0, Pace())


def test_sound_in_hand_is_used_up_to_the_margin() -> None:
    pace = Pace()
    pace.note_step(0.03)
    pace.note_chunk(LEAST, 0.07)
    chunks = Chunks(LATENT, first_at=0.0, seconds=1.0)
    needed = MARGIN + 0.03 + pace.chunk(9)
    assert not chunks.due(8, 1.0 - needed - 0.001, pace)
    assert chunks.due(8, 1.0 - needed + 0.001, pace)
