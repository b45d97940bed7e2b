"""How far two computations of the same thing are apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
Figures = dict[str, Any]

SILENCE_DB = 200.0
"""Of a difference that is none."""


def largest_difference(one: Array, other: Array) -> float:
    """Between two arrays, over the length of the shorter one."""
    count = min(len(one), len(other))
    return float(np.abs(one[:count] - other[:count]).max(initial=0.0))


def relative_error(reference: Array, other: Array) -> float:
    """Length of the difference by that of the reference."""
    return float(np.linalg.norm(other - reference) / np.linalg.norm(reference))


def signal_to_noise(reference: Array, other: Array) -> float:
    """In dB; the noise is the difference, over the length of the shorter one."""
    count = min(len(reference), len(other))
    signal = float(np.sum(np.square(reference[:count], dtype=np.float64)))
    noise = float(np.sum(np.square(other[:count] - reference[:count], dtype=np.float64)))
    if noise <= signal * 10 ** (-SILENCE_DB / 10):
        return SILENCE_DB
    return float(10 * np.log10(signal / noise))


def divergence(reference: Array, other: Array, temperature: float) -> Array:
    """Kullback-Leibler divergence of each step's distribution from the reference's, in nats.

    Args:
        reference: logits, (steps, tokens).
        other: likewise.
        temperature: that both are divided by.
    """
    p, q = (_log_softmax(each / temperature) for each in (reference, other))
    found: Array = np.maximum(np.sum(np.exp(p) * (p - q), axis=1), 0.0)
    return found


def _log_softmax(logits: Array) -> Array:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    found: Array = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return found


def predictions(reference: Array, other: Array, temperature: float) -> Figures:
    """How alike the distributions of the next token are, step by step.

    Returns:
        `divergence`, mean and highest, in nats; `same_likeliest`, share of the steps; `entropy`,
        mean of the reference, in nats: how much there is to decide.
    """
    apart = divergence(reference, other, temperature)
    log_p = _log_softmax(reference / temperature)
    return {
        "divergence": {"mean": float(apart.mean()), "max": float(apart.max())},
        "same_likeliest": float(np.mean(reference.argmax(axis=1) == other.argmax(axis=1))),
        "entropy": float(np.mean(-np.sum(np.exp(log_p) * log_p, axis=1))),
    }


def seams(samples: Array, chunks: Sequence[int]) -> Figures:
    """How large the steps from sample to sample are where a chunk ends, beside all others.

    Args:
        samples: all of the sound.
        chunks: lengths of its chunks, in order.

    Returns:
        `borders`, number of them; `at_borders` and `elsewhere`, the largest step of each;
        `typical` step elsewhere (99.9 % are smaller); `ratio` of the largest one at a border to the
        largest elsewhere: a seam that can be noticed has one above 1.
    """
    steps = np.abs(np.diff(samples))
    borders = np.cumsum(chunks)[:-1] - 1
    borders = borders[(borders >= 0) & (borders < len(steps))]
    others = np.delete(steps, borders)
    at, elsewhere = float(steps[borders].max(initial=0.0)), float(others.max(initial=0.0))
    return {
        "borders": len(borders),
        "at_borders": at,
        "elsewhere": elsewhere,
        "typical": float(np.quantile(others, 0.999)) if len(others) else 0.0,
        "ratio": at / elsewhere if elsewhere else 0.0,
    }


def error_at_borders(samples: Array, reference: Array, chunks: Sequence[int], around: int) -> float:
    """The largest difference from the reference within `around` samples of where a chunk ends."""
    count = min(len(samples), len(reference))
    apart = np.abs(samples[:count] - reference[:count])
    found = [
        apart[max(0, border - around) : border + around].max(initial=0.0)
        for border in np.cumsum(chunks)[:-1].tolist()
    ]
    return float(max(found, default=0.0))
