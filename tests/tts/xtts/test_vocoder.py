"""The incremental vocoder against the library's single pass."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="extra [xtts]: torch is not installed")
pytest.importorskip("TTS", reason="extra [xtts]: coqui-tts is not installed")

CHANNELS = 64


@pytest.fixture(scope="module")
def decoder() -> Any:
    from TTS.tts.layers.xtts.hifigan_decoder import HifiDecoder

    torch.manual_seed(3)
    made = HifiDecoder(decoder_input_dim=CHANNELS, output_sample_rate=24000).eval()
    # Loud enough that a mistake shows.
    made.waveform_decoder.conv_post.weight.data *= 20
    return made


@pytest.fixture(scope="module")
def vocoder(decoder: Any) -> Any:
    from streamkit.tts.vocoder import Vocoder

    with torch.inference_mode():
        return Vocoder(decoder)


@pytest.fixture(scope="module")
def speaker() -> Any:
    torch.manual_seed(4)
    return torch.nn.functional.normalize(torch.randn(1, 512, 1), dim=1)


def latents(count: int) -> Any:
    torch.manual_seed(count)
    return torch.randn(count, CHANNELS)


def whole(decoder: Any, given_latents: Any, speaker: Any, speed: float = 1.0) -> Any:
    """What the library makes of it at once, with its way to change the speed."""
    x = given_latents[None]
    if speed != 1.0:
        x = torch.nn.functional.interpolate(
            x.transpose(1, 2), scale_factor=1 / speed, mode="linear"
        ).transpose(1, 2)
    with torch.inference_mode():
        return decoder(x, g=speaker)[0, 0]


def pieces(vocoder: Any, given_latents: Any, speaker: Any, sizes: list[int], speed: float) -> Any:
    with torch.inference_mode():
        stream = vocoder.open(speaker, speed=speed)
        made, at = [], 0
        for size in sizes:
            end = min(len(given_latents), at + size)
            made.append(stream.push(given_latents[at:end]))
            at = end
        made.append(stream.push(given_latents[at:], last=True))
    return torch.cat(made)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    count=st.integers(1, 40),
    sizes=st.lists(st.integers(0, 12), max_size=12),
    speed=st.sampled_from([1.0, 1.0, 0.5, 0.83, 1.2, 1.37, 2.0]),
)
def test_any_chunks_give_what_one_pass_gives(
    request: pytest.FixtureRequest, count: int, sizes: list[int], speed: float
) -> None:
    decoder, vocoder, speaker = map(request.getfixturevalue, ("decoder", "vocoder", "speaker"))
    given_latents = latents(count)
    if int(count / speed) in (0, count) and speed != 1.0:
        return  # the library cannot, or does not, change the speed of so little
    expected = whole(decoder, given_latents, speaker, speed)
    found = pieces(vocoder, given_latents, speaker, sizes, speed)
    assert found.shape == expected.shape
    assert expected.abs().max() > 0.05
    assert (found - expected).abs().max() < 1e-4


def test_twenty_seconds_are_exact_to_their_end(decoder: Any, vocoder: Any, speaker: Any) -> None:
    given_latents = latents(430)
    expected = whole(decoder, given_latents, speaker)
    found = pieces(vocoder, given_latents, speaker, [5, 5, *[20] * 21], 1.0)
    assert (found - expected).abs().max() < 1e-4


def test_nothing_is_computed_twice(
    decoder: Any, vocoder: Any, speaker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = []
    convolve = torch.nn.functional.conv1d

    def counting(x: Any, *args: Any, **options: Any) -> Any:
        y = convolve(x, *args, **options)
        computed.append(y.shape[1] * y.shape[2])
        return y

    with monkeypatch.context() as patch:
        patch.setattr("torch.nn.functional.conv1d", counting)
        pieces(vocoder, latents(60), speaker, [7] * 8, 1.0)
    in_pieces = sum(computed)
    computed.clear()
    with monkeypatch.context() as patch:
        patch.setattr("torch.nn.functional.conv1d", counting)
        pieces(vocoder, latents(60), speaker, [], 1.0)
    assert in_pieces == sum(computed) > 0


def test_only_what_it_looks_ahead_is_held_back(vocoder: Any, speaker: Any) -> None:
    with torch.inference_mode():
        found = vocoder.open(speaker).push(latents(20))
    held = 20 * vocoder.samples_per_latent - len(found)
    assert 0 < held <= 4 * vocoder.samples_per_latent


def test_streams_do_not_touch_each_other(vocoder: Any, speaker: Any) -> None:
    one, other = latents(24), latents(25)
    alone = pieces(vocoder, one, speaker, [6] * 4, 1.0)
    with torch.inference_mode():
        first, second = vocoder.open(speaker), vocoder.open(-speaker)
        made = []
        for at in range(0, 24, 6):
            second.push(other[at : at + 6])
            made.append(first.push(one[at : at + 6]))
        made.append(first.push(one[:0], last=True))
    assert torch.equal(torch.cat(made), alone)
