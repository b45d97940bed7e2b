"""Which token of sound comes next: the library's rules, for several sentences, each with its dice.

The order and the values are those of coqui-tts's `Xtts.inference_stream`: repetition penalty,
temperature, top-k, top-p, then a draw. Each sentence draws from a generator of its own on the CPU,
so that its seed decides what it sounds like, on whatever device and beside whatever else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

PROMPT_TOKEN = 1
"""What the library stands in for each position of a prompt; it is penalised as if it was drawn."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """The defaults are the published model's.

    Attributes:
        temperature: above 0.
        top_k: tokens that may be drawn, at most.
        top_p: probability that these have together, at most; the likeliest may be always drawn.
        repetition_penalty: 1 is none.
        greedy: take the likeliest, whatever the other values; for tests.
    """

    temperature: float = 0.75
    top_k: int = 50
    top_p: float = 0.85
    repetition_penalty: float = 10.0
    greedy: bool = False


class Dice:
    """What one sentence has drawn, and will draw.

    Args:
        seed: of the generator.
        vocabulary: number of tokens.
        start: the token that sound begins with.
        device: where the logits will be.
    """

    def __init__(self, seed: int, vocabulary: int, start: int, device: torch.device) -> None:
        self._generator = torch.Generator().manual_seed(seed)
        self.drawn = torch.zeros(vocabulary, dtype=torch.bool, device=device)
        self.drawn[[PROMPT_TOKEN, start]] = True

    def throw(self) -> float:
        """A number from 0 to 1."""
        return float(torch.rand((), generator=self._generator, dtype=torch.float64))


def scores(logits: Tensor, drawn: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """Probabilities of the tokens that may be drawn.

    Args:
        logits: float32 (sentences, tokens).
        drawn: bool (sentences, tokens), what each has drawn before.
        sampling: the rules.

    Returns:
        Probabilities in falling order, float32 (sentences, k), and the tokens that they are of.
    """
    penalty = sampling.repetition_penalty
    penalised = torch.where(logits < 0, logits * penalty, logits / penalty)
    logits = torch.where(drawn, penalised, logits)
    if sampling.greedy:
        best = logits.argmax(dim=1, keepdim=True)
        return torch.ones_like(best, dtype=torch.float32), best
    k = min(sampling.top_k, logits.shape[1])
    values, tokens = (logits / sampling.temperature).topk(k, dim=1)
    probabilities = values.softmax(dim=1)
    before = probabilities.cumsum(dim=1) - probabilities
    probabilities = probabilities.masked_fill(before >= sampling.top_p, 0.0)
    return probabilities / probabilities.sum(dim=1, keepdim=True), tokens


def draw(logits: Tensor, dice: Sequence[Dice], sampling: Sampling) -> list[int]:
    """Draw the next token of each sentence.

    Args:
        logits: float32 (sentences, tokens).
        dice: of each sentence; what was drawn is noted in it.
        sampling: the rules.
    """
    drawn = torch.stack([each.drawn for each in dice])
    probabilities, tokens = scores(logits, drawn, sampling)
    thrown = torch.tensor(
        [each.throw() for each in dice], dtype=torch.float64, device=logits.device
    )
    ends = probabilities.double().cumsum(dim=1)
    # The last one that can be drawn catches what rounding leaves above the last end.
    last = (probabilities > 0).sum(dim=1, keepdim=True) - 1
    chosen = torch.searchsorted(ends, thrown[:, None], right=True).minimum(last)
    picked: list[int] = tokens.gather(1, chosen)[:, 0].tolist()
    for each, token in zip(dice, picked, strict=True):
        each.drawn[token] = True
    return picked
