"""XTTS's GPT-2 with a place for each of several sentences, stepped together.

The weights are those of coqui-tts's `GPT`; the library's own loop keeps the prompt of the sentence
that is being spoken on the model, so it can speak one at a time. Here all that belongs to a
sentence lies in its place (`Place`), and a step takes any of them along: sentences join and leave
between two tokens.

A sentence is a prompt (the voice's latents, the text's tokens, the start token) and then a token
of sound at a time. What the vocoder takes is not the token but the hidden state that it was drawn
from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor

from streamkit.tts.xtts.matrices import Matrix, cache_type, maker

MOST_CONDITIONS: Final = 64
"""Latents that a voice may have; those of the published model have 32."""


@dataclass(frozen=True, slots=True, eq=False)
class Norm:
    """A layer normalisation."""

    weight: Tensor
    bias: Tensor
    epsilon: float

    def __call__(self, x: Tensor) -> Tensor:
        """Normalise each row: (rows, channels)."""
        return F.layer_norm(x, x.shape[-1:], self.weight, self.bias, self.epsilon)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """One layer of the transformer."""

    before_attention: Norm
    query_key_value: Matrix
    attention: Matrix
    before_feed_forward: Norm
    expand: Matrix
    contract: Matrix


@dataclass(slots=True, eq=False)
class Place:
    """Where one sentence keeps its keys and values.

    Attributes:
        index: of the place.
        length: positions that are filled.
        prompt: of these, how many are the prompt's; 0 until it is complete.
        text: the range of positions of the text's tokens.
    """

    index: int
    length: int = 0
    prompt: int = 0
    text: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What came out for each sentence of a step.

    Attributes:
        latents: float32 (sentences, channels), what the vocoder takes.
        logits: float32 (sentences, tokens of sound), for the token after it.
        attention: for each sentence float32 (heads, tokens of its text), of the heads that are
            watched; empty when none are.
    """

    latents: Tensor
    logits: Tensor
    attention: tuple[Tensor, ...] = ()


class Gpt:
    """The transformer.

    Args:
        gpt: coqui-tts's `TTS.tts.layers.xtts.gpt.GPT`.
        places: sentences that can be spoken at once.
        precision: one of `matrices.PRECISIONS`.

    Attributes:
        start: the token that sound begins with.
        stop: the token that ends it.
        vocabulary: number of tokens of sound.
        max_sounds: tokens of sound that a sentence can have.
        max_text: tokens of text that a sentence can have.
        watched: (layer, head) of which the attention to the text is told.
        alone: sentences attend one after the other, not all at once.
        device: where it is computed.
        channels: of the latents.
        layers: of the transformer.
        heads: of each layer.
    """

    def __init__(self, gpt: Any, *, places: int, precision: str) -> None:
        make = maker(precision)
        self.start: int = gpt.start_audio_token
        self.stop: int = gpt.stop_audio_token
        self.vocabulary: int = gpt.num_audio_tokens
        self.max_sounds: int = gpt.max_gen_mel_tokens
        self.max_text: int = gpt.text_pos_embedding.emb.num_embeddings - 2
        self.watched: Sequence[tuple[int, int]] = ()
        self._text_ends: tuple[int, int] = (gpt.start_text_token, gpt.stop_text_token)
        self._text = gpt.text_embedding.weight.detach().float()
        self._text_at = gpt.text_pos_embedding.emb.weight.detach().float()
        self._sound = gpt.mel_embedding.weight.detach().float()
        self._sound_at = gpt.mel_pos_embedding.emb.weight.detach().float()
        self._blocks = [_block(layer, make) for layer in gpt.gpt.h]
        self._last = _norm(gpt.gpt.ln_f)
        self._final = _norm(gpt.final_norm)
        self._head = make(gpt.mel_head.weight.detach().float(), gpt.mel_head.bias.detach().float())
        self.device = self._text.device
        self.alone = self.device.type == "cpu"
        self._dtype = cache_type(precision, self.device.type)
        self._heads: int = gpt.heads
        self.channels: int = gpt.model_dim
        self.layers = len(self._blocks)
        self.heads = self._heads
        longest = MOST_CONDITIONS + len(self._text_at) + self.max_sounds + 2
        size = (self.layers, places, self._heads, longest, self.channels // self._heads)
        # Never written as a whole: on a CPU memory is taken only where sentences get to.
        self._keys = torch.empty(size, dtype=self._dtype, device=self.device)
        self._values = torch.empty(size, dtype=self._dtype, device=self.device)

    def voice(self, place: Place, conditioning: Tensor) -> tuple[Tensor, Tensor]:
        """Put a voice at the beginning of an empty place.

        Args:
            place: where.
            conditioning: (latents, channels).

        Returns:
            Keys and values, to be used again with `restore`.
        """
        self._extend(place, conditioning.float())
        return (
            self._keys[:, place.index, :, : place.length].clone(),
            self._values[:, place.index, :, : place.length].clone(),
        )

    def restore(self, place: Place, voice: tuple[Tensor, Tensor]) -> None:
        """Put a voice at the beginning of an empty place: what `voice` returned."""
        place.length = voice[0].shape[2]
        self._keys[:, place.index, :, : place.length] = voice[0]
        self._values[:, place.index, :, : place.length] = voice[1]

    def embed_text(self, tokens: Sequence[int]) -> Tensor:
        """A sentence's text for `read`: float32 (tokens + 2, channels)."""
        first, last = self._text_ends
        index = torch.tensor([first, *tokens, last], device=self.device)
        return self._text[index] + self._text_at[: len(index)]

    def read(self, place: Place, embedded: Tensor) -> None:
        """Take in a stretch of the text; the first one comes after the voice."""
        if place.text == (0, 0):
            # The token that begins a text is none of its own.
            place.text = (place.length + 1, place.length + 1)
        self._extend(place, embedded)
        place.text = (place.text[0], place.length)

    def end_prompt(self, place: Place) -> None:
        """The whole text was read; sound may follow."""
        place.text = (place.text[0], place.length - 1)
        place.prompt = place.length

    def step(self, places: Sequence[Place], tokens: Sequence[int]) -> Step:
        """One more token of sound for each of several sentences.

        Args:
            places: whose prompt has ended.
            tokens: the last token of each; `start` at the beginning.
        """
        numbers = [
            (token, place.length - place.prompt, place.index, place.length)
            for token, place in zip(tokens, places, strict=True)
        ]
        # One transfer to the device for all of them.
        token, position, index, length = torch.tensor(numbers, device=self.device).t()
        x = self._sound[token] + self._sound_at[position]
        watched: list[list[Tensor]] = [[] for _ in places]
        for place in places:
            place.length += 1
        longest = max(place.length for place in places)
        known = torch.arange(longest, device=self.device)[None] <= length[:, None]
        for number, block in enumerate(self._blocks):
            q, k, v = self._split(block.query_key_value.step(block.before_attention(x)))
            self._keys[number][index, :, length] = k
            self._values[number][index, :, length] = v
            for layer, head in self.watched:
                if layer == number:
                    for row, place in enumerate(places):
                        watched[row].append(self._attention(number, head, place, q[row, head]))
            attended = (
                self._attend_each(number, places, q)
                if self.alone
                else self._attend_all(number, index, known, q)
            )
            x = x + block.attention.step(attended)
            x = x + block.contract.step(_gelu(block.expand.step(block.before_feed_forward(x))))
        latents = self._final(self._last(x))
        return Step(
            latents,
            self._head.step(latents).float(),
            tuple(torch.stack(rows) for rows in watched) if self.watched else (),
        )

    def _split(self, projected: Tensor) -> tuple[Tensor, ...]:
        """(rows, 3 channels) -> queries, keys and values, (rows, heads, width)."""
        rows = projected.to(self._dtype).view(len(projected), 3, self._heads, -1)
        return rows[:, 0], rows[:, 1], rows[:, 2]

    def _attend_each(self, layer: int, places: Sequence[Place], queries: Tensor) -> Tensor:
        """Attention of the newest position of each sentence: (rows, channels).

        One sentence at a time: no work is done for another's length, and none changes the result.
        """
        keys, values = self._keys[layer], self._values[layer]
        rows = [
            F.scaled_dot_product_attention(
                queries[row, None, :, None],
                keys[place.index, None, :, : place.length],
                values[place.index, None, :, : place.length],
            )
            for row, place in enumerate(places)
        ]
        return torch.cat(rows).view(len(places), -1)

    def _attend_all(self, layer: int, index: Tensor, known: Tensor, queries: Tensor) -> Tensor:
        """The same at once, for devices that are slow to be told and fast to compute."""
        longest = known.shape[1]
        attended = F.scaled_dot_product_attention(
            queries[:, :, None],
            self._keys[layer][index, :, :longest],
            self._values[layer][index, :, :longest],
            attn_mask=known[:, None, None],
        )
        return attended.reshape(len(index), -1)

    def _attention(self, layer: int, head: int, place: Place, query: Tensor) -> Tensor:
        """How much one head looks at each token of the text: float32 (tokens,)."""
        keys = self._keys[layer, place.index, head, : place.length].float()
        weights = torch.softmax(keys @ query.float() / math.sqrt(query.shape[0]), dim=0)
        return weights[place.text[0] : place.text[1]]

    def _extend(self, place: Place, x: Tensor) -> None:
        """Take in several positions of one sentence: float32 (positions, channels)."""
        begin, end = place.length, place.length + len(x)
        known = torch.ones(len(x), end, dtype=torch.bool, device=self.device).tril(begin)
        for number, block in enumerate(self._blocks):
            q, k, v = self._split(block.query_key_value.prompt(block.before_attention(x)))
            self._keys[number, place.index, :, begin:end] = k.transpose(0, 1)
            self._values[number, place.index, :, begin:end] = v.transpose(0, 1)
            attended = F.scaled_dot_product_attention(
                q.transpose(0, 1)[None],
                self._keys[number, place.index, None, :, :end],
                self._values[number, place.index, None, :, :end],
                attn_mask=known,
            )
            attended = attended[0].transpose(0, 1).reshape(len(x), -1)
            x = x + block.attention.prompt(attended)
            x = x + block.contract.prompt(_gelu(block.expand.prompt(block.before_feed_forward(x))))
        place.length = end


def _gelu(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


def _norm(norm: Any) -> Norm:
    return Norm(norm.weight.detach().float(), norm.bias.detach().float(), norm.eps)


def _block(layer: Any, make: Any) -> Block:
    def matrix(convolution: Any) -> Matrix:
        # GPT-2 keeps its matrices as (in, out).
        weight, bias = convolution.weight.detach().float(), convolution.bias.detach().float()
        made: Matrix = make(weight.t(), bias)
        return made

    return Block(
        _norm(layer.ln_1),
        matrix(layer.attn.c_attn),
        matrix(layer.attn.c_proj),
        _norm(layer.ln_2),
        matrix(layer.mlp.c_fc),
        matrix(layer.mlp.c_proj),
    )
