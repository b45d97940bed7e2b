"""The library's rules of drawing, against transformers' own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="extra [xtts]: torch is not installed")
processors = pytest.importorskip("transformers", reason="extra [xtts]: no transformers")

VOCABULARY = 130


def expected(logits: Any, drawn: Any, sampling: Any) -> Any:
    ids = drawn.nonzero()[:, 0][None]
    scores = logits[None]
    for process in (
        processors.RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty),
        processors.TemperatureLogitsWarper(sampling.temperature),
        processors.TopKLogitsWarper(sampling.top_k),
        processors.TopPLogitsWarper(sampling.top_p),
    ):
        scores = process(ids, scores)
    return scores.softmax(dim=1)[0]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    temperature=st.sampled_from([0.1, 0.75, 1.0, 2.0]),
    top_k=st.sampled_from([1, 2, 50, 129, 200]),
    top_p=st.sampled_from([0.05, 0.5, 0.85, 0.999]),
    penalty=st.sampled_from([1.0, 2.0, 10.0]),
)
def test_probabilities_are_those_of_the_library(
    seed: int, temperature: float, top_k: int, top_p: float, penalty: float
) -> None:
    from streamkit.tts.xtts.sampling import Sampling, scores

    torch.manual_seed(seed)
    sampling = Sampling(temperature, top_k, top_p, penalty)
    logits = torch.randn(3, VOCABULARY) * 3
    drawn = torch.rand(3, VOCABULARY) < 0.2
    drawn[:, 1] = True
    probabilities, tokens = scores(logits, drawn, sampling)
    for row in range(3):
        found = torch.zeros(VOCABULARY).scatter(0, tokens[row], probabilities[row])
        assert torch.allclose(found, expected(logits[row], drawn[row], sampling), atol=1e-6)


def dice(seed: int) -> Any:
    from streamkit.tts.xtts.sampling import Dice

    return Dice(seed, VOCABULARY, 7, torch.device("cpu"))


def test_each_sentence_draws_for_itself() -> None:
    from streamkit.tts.xtts.sampling import Sampling, draw

    torch.manual_seed(0)
    steps = torch.randn(30, 2, VOCABULARY)
    sampling = Sampling(temperature=1.5, repetition_penalty=1.0)

    def tokens(seeds: list[int], rows: list[int]) -> list[list[int]]:
        all_dice = [dice(seed) for seed in seeds]
        return [draw(step[rows], all_dice, sampling) for step in steps]

    together = tokens([1, 2], [0, 1])
    assert [pair[0] for pair in together] == [one for (one,) in tokens([1], [0])]
    assert [pair[1] for pair in together] == [one for (one,) in tokens([2], [1])]
    assert tokens([1], [0]) == tokens([1], [0]) != tokens([3], [0])


def test_tokens_come_as_often_as_they_are_likely() -> None:
    from streamkit.tts.xtts.sampling import Sampling, draw

    logits = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]]))
    sampling = Sampling(temperature=1.0, top_k=4, top_p=1.0, repetition_penalty=1.0)
    from streamkit.tts.xtts.sampling import Dice

    one = Dice(5, 4, 0, torch.device("cpu"))
    counts = torch.bincount(
        torch.tensor([draw(logits, [one], sampling)[0] for _ in range(4000)]), minlength=4
    )
    # Four standard deviations.
    for count, likely in zip(counts.tolist(), (0.5, 0.3, 0.15, 0.05), strict=True):
        assert abs(count - 4000 * likely) < 4 * (4000 * likely * (1 - likely)) ** 0.5


def test_what_was_drawn_is_penalised() -> None:
    from streamkit.tts.xtts.sampling import Sampling, draw

    one = dice(0)
    logits = torch.zeros(1, VOCABULARY)
    logits[0, 9], logits[0, 4] = 5.0, 4.0
    greedy = Sampling(greedy=True)
    assert [draw(logits, [one], greedy)[0] for _ in range(2)] == [9, 4]
