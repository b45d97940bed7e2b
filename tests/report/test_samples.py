"""What is kept of a stream that is too long to be kept."""

from __future__ import annotations

import numpy as np

from streamkit.report.samples import Envelope, Reservoir


def test_all_is_kept_while_it_fits() -> None:
    kept: Reservoir[int] = Reservoir(5)
    for value in range(5):
        kept.add(value)
    assert list(kept) == [0, 1, 2, 3, 4]
    assert not kept.sampled


def test_each_value_has_the_same_chance() -> None:
    kept: Reservoir[int] = Reservoir(2000)
    for value in range(20_000):
        kept.add(value)
    assert kept.sampled
    assert (len(kept), kept.count) == (2000, 20_000)
    early = sum(value < 10_000 for value in kept)
    assert 900 < early < 1100
    assert len(set(kept)) == 2000


def test_a_curve_grows_coarser_and_loses_nothing_loud() -> None:
    curve = Envelope(64)
    for number in range(1000):
        loud = number == 700
        curve.add(number + 1, float(number), 0.0 if loud else -60.0, 1.0 if loud else None)
    assert 32 <= len(curve) <= 64
    assert curve.level.max() == 0
    assert (curve.level == 0).sum() == 1
    assert np.nanmax(curve.speech) == 1
    at = int(curve.level.argmax())
    assert curve.at[at - 1] < 700 <= curve.at[at]
    assert (np.diff(curve.position) > 0).all()
    assert curve.at[-1] == 999


def test_what_is_not_known_stays_so() -> None:
    curve = Envelope(4)
    curve.add(1, 1.0, None, None)
    assert np.isnan(curve.level).all()
    assert np.isnan(curve.speech).all()
