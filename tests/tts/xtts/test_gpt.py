"""The transformer with several places, against the library's own loop."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="extra [xtts]: torch is not installed")
pytest.importorskip("TTS", reason="extra [xtts]: coqui-tts is not installed")

TEXT = "the quiet water of the lake"
STEPS = 40


def open_gpt(xtts: Any, precision: str, places: int = 4) -> Any:
    from streamkit.tts.xtts.gpt import Gpt

    with torch.inference_mode():
        return Gpt(xtts.gpt, places=places, precision=precision)


def voice(xtts: Any) -> Any:
    return xtts.speaker_manager.speakers["Ada Random"]["gpt_cond_latent"][0]


def place(gpt: Any, index: int, conditioning: Any, tokens: list[int], stretch: int = 500) -> Any:
    from streamkit.tts.xtts.gpt import Place

    made = Place(index)
    gpt.voice(made, conditioning)
    embedded = gpt.embed_text(tokens)
    for at in range(0, len(embedded), stretch):
        gpt.read(made, embedded[at : at + stretch])
    gpt.end_prompt(made)
    return made


def follow(gpt: Any, places: list[Any], tokens: list[list[int]]) -> tuple[Any, Any]:
    """Latents and logits for given tokens, (steps, places, …)."""
    steps = [gpt.step(places, list(row)) for row in zip(*tokens, strict=True)]
    return torch.stack([s.latents for s in steps]), torch.stack([s.logits for s in steps])


@pytest.fixture(scope="module")
def ids(xtts: Any) -> list[int]:
    encoded: list[int] = xtts.tokenizer.encode(TEXT, "en")
    return encoded


@pytest.fixture(scope="module")
def by_library(xtts: Any, ids: list[int]) -> tuple[list[int], Any]:
    """The likeliest tokens and their latents, as the library's streaming loop gives them."""
    from streamkit.tts.xtts.checkpoint import quiet
    from streamkit_benchmarks.speaking.tokens import generate

    with torch.inference_mode(), quiet():
        generator = generate(xtts, voice(xtts)[None], ids, top_k=1)
        pairs = [pair for pair, _ in zip(generator, range(STEPS), strict=False)]
    return [int(token) for token, _ in pairs], torch.cat([latent for _, latent in pairs])


def test_tokens_and_latents_are_the_librarys(
    xtts: Any, ids: list[int], by_library: tuple[list[int], Any]
) -> None:
    from streamkit.tts.xtts.sampling import Dice, Sampling, draw

    expected_tokens, expected_latents = by_library
    gpt = open_gpt(xtts, "float32")
    with torch.inference_mode():
        where = place(gpt, 2, voice(xtts), ids)
        dice = Dice(0, gpt.vocabulary, gpt.start, gpt.device)
        token, tokens, latents = gpt.start, [], []
        for _ in expected_tokens:
            step = gpt.step([where], [token])
            (token,) = draw(step.logits, [dice], Sampling(greedy=True))
            tokens.append(token)
            latents.append(step.latents[0])
    assert tokens == expected_tokens
    assert (torch.stack(latents) - expected_latents).abs().max() < 1e-4


@pytest.mark.parametrize(("precision", "most"), [("int8", 0.03), ("bfloat16", 0.03)])
def test_smaller_numbers_are_close(
    xtts: Any, ids: list[int], by_library: tuple[list[int], Any], precision: str, most: float
) -> None:
    tokens, expected = by_library
    gpt = open_gpt(xtts, precision)
    with torch.inference_mode():
        where = place(gpt, 0, voice(xtts), ids)
        latents, _ = follow(gpt, [where], [[gpt.start, *tokens[:-1]]])
    error = (latents[:, 0] - expected).norm() / expected.norm()
    assert 0 < error < most


def test_a_step_with_others_is_the_step_alone_to_the_bit(xtts: Any, ids: list[int]) -> None:
    gpt = open_gpt(xtts, "int8", places=6)
    torch.manual_seed(1)
    rows = [[gpt.start, *torch.randint(0, 1000, (12,)).tolist()] for _ in range(6)]
    texts = [ids[: 5 + 3 * n] for n in range(6)]
    with torch.inference_mode():
        together = follow(
            gpt, [place(gpt, n, voice(xtts), text) for n, text in enumerate(texts)], rows
        )
        for n in range(6):
            alone = follow(gpt, [place(gpt, 5 - n, voice(xtts), texts[n])], [rows[n]])
            assert torch.equal(alone[0][:, 0], together[0][:, n])
            assert torch.equal(alone[1][:, 0], together[1][:, n])


def test_attending_all_at_once_is_the_same(xtts: Any, ids: list[int]) -> None:
    gpt = open_gpt(xtts, "float32", places=5)
    row = [gpt.start, 4, 8, 15, 16, 23, 42]
    results = []
    for alone in (True, False):
        gpt.alone = alone
        with torch.inference_mode():
            places = [place(gpt, 4 - n, voice(xtts), ids[: 3 + 4 * n]) for n in range(4)]
            results.append(follow(gpt, places, [row] * 4)[0])
    assert torch.allclose(*results, atol=1e-5)


def test_a_place_is_used_again_without_a_trace(xtts: Any, ids: list[int]) -> None:
    gpt = open_gpt(xtts, "int8", places=1)
    row = [gpt.start, 4, 8, 15, 16, 23, 42]
    with torch.inference_mode():
        first = follow(gpt, [place(gpt, 0, voice(xtts), ids)], [row])
        follow(gpt, [place(gpt, 0, -voice(xtts), ids[::-1] * 2)], [row * 3])
        again = follow(gpt, [place(gpt, 0, voice(xtts), ids)], [row])
    assert torch.equal(first[0], again[0])


def test_a_voice_that_was_kept_is_the_voice(xtts: Any, ids: list[int]) -> None:
    from streamkit.tts.xtts.gpt import Place

    gpt = open_gpt(xtts, "int8")
    row = [gpt.start, 4, 8, 15, 16, 23, 42]
    with torch.inference_mode():
        first = Place(0)
        kept = gpt.voice(first, voice(xtts))
        second = Place(3)
        gpt.restore(second, kept)
        for where in (first, second):
            gpt.read(where, gpt.embed_text(ids))
            gpt.end_prompt(where)
        latents, _ = follow(gpt, [first, second], [row, row])
    assert torch.equal(latents[:, 0], latents[:, 1])


@pytest.mark.parametrize("stretch", [1, 4, 11])
def test_a_text_may_be_read_in_stretches(xtts: Any, ids: list[int], stretch: int) -> None:
    gpt = open_gpt(xtts, "float32")
    row = [gpt.start, 4, 8, 15, 16, 23, 42]
    with torch.inference_mode():
        whole = place(gpt, 0, voice(xtts), ids)
        parts = place(gpt, 1, voice(xtts), ids, stretch)
        assert (whole.length, whole.text, whole.prompt) == (parts.length, parts.text, parts.prompt)
        latents, _ = follow(gpt, [whole, parts], [row, row])
    assert torch.allclose(latents[:, 0], latents[:, 1], atol=1e-5)


def test_attention_to_the_text_is_told(xtts: Any, ids: list[int]) -> None:
    gpt = open_gpt(xtts, "float32")
    gpt.watched = [(0, 1), (1, 0), (1, 1)]
    with torch.inference_mode():
        where = place(gpt, 0, voice(xtts), ids)
        (seen,) = gpt.step([where], [gpt.start]).attention
    assert seen.shape == (3, len(ids))
    assert (seen >= 0).all()
    assert ((sums := seen.sum(dim=1)) > 0).all()
    assert (sums < 1).all()
