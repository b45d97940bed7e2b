"""Whisper's architecture in plain PyTorch, under the names that Hugging Face's has.

So its weights, less the CTC head, load there as they are. For the training alone: the encoder takes
any length up to 30 s, and any place in the window; a CTC head sits on it; and some cross-attention
heads are given back, to be taught where each token was spoken.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from tools.micro_whisper.compose import LETTERS

# (decoder layer, head): taught to follow the speech, and CTranslate2's `alignment_heads` later.
GUIDED_HEADS = [(1, 0), (1, 1), (2, 0)]


@dataclass(frozen=True, slots=True)
class Shape:
    """The network's size; 4.6 million parameters as it stands."""

    width: int = 192
    heads: int = 3
    encoder_layers: int = 4
    decoder_layers: int = 3
    feed_forward: int = 768
    mels: int = 80
    source_positions: int = 1500
    target_positions: int = 448


SHAPE = Shape()


PLACE = 48  # of the width carry nothing but the place in the window
# Frames that the encoder's heads look ahead at the start of the training; None: wherever they like.
NEIGHBOURS: list[list[int | None]] = [[-2, 0, 2], [-5, 5, None], [-10, 10, None], [-3, 3, None]]


def sinusoids(length: int, channels: int) -> Tensor:
    """Whisper's positions, (length, channels)."""
    step = math.log(10000) / (channels // 2 - 1)
    angle = torch.arange(length)[:, None] * torch.exp(-step * torch.arange(channels // 2))[None]
    return torch.cat([angle.sin(), angle.cos()], 1)


def frequencies() -> Tensor:
    """Of the encoder's places, in radians a frame: waves of 6 to 3000 frames, (PLACE / 2,)."""
    steps = torch.arange(PLACE // 2) / (PLACE // 2 - 1)
    return 2 * math.pi / (6 * 500**steps)


def places(length: int, width: int) -> Tensor:
    """The encoder's positions, (length, width): cosines and sines in the last `PLACE` channels."""
    angle = torch.arange(length)[:, None] * frequencies()[None]
    code = torch.zeros(length, width)
    code[:, -PLACE:] = torch.cat([angle.cos(), angle.sin()], 1)
    return code


class Attention(nn.Module):
    """Attention over `source`; with `guided`, also those heads' log weights."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(
        self, x: Tensor, source: Tensor, causal: bool = False, guided: tuple[int, ...] = ()
    ) -> tuple[Tensor, Tensor | None]:
        """See the class."""
        batch, length, width = x.shape
        scale = (width // self.heads) ** -0.5

        def split(y: Tensor) -> Tensor:
            return y.view(batch, -1, self.heads, width // self.heads).transpose(1, 2)

        q, k, v = split(self.q_proj(x)), split(self.k_proj(source)), split(self.v_proj(source))
        weights = None
        if guided:
            taught = list(guided)
            scores = q[:, taught].float() @ k[:, taught].float().transpose(2, 3) * scale
            weights = scores.log_softmax(-1)
        if causal or length * source.shape[1] > 900 * 900:
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
        else:  # spelled out: its backward is much faster on a CPU
            y = (q * scale @ k.transpose(2, 3)).softmax(-1, dtype=q.dtype) @ v
        out: Tensor = self.out_proj(y.transpose(1, 2).reshape(batch, length, width))
        return out, weights


def look_at_neighbours(attention: Attention, ahead: list[int | None]) -> None:
    """Lets heads begin by attending to the frame that lies so many frames ahead.

    Whisper's encoder has no convolution over neighbouring frames but the first two, and learns
    slowly from absolute positions to look around itself. Queries that are the place's own code,
    turned by a fixed angle, give it that from the first step, at any place in the window alike.
    """
    size = attention.q_proj.out_features // attention.heads
    gain, omega = 1.15, frequencies()
    with torch.no_grad():
        for head, frames in enumerate(ahead):
            if frames is None:
                continue
            cos, sin = torch.diag((omega * frames).cos()), torch.diag((omega * frames).sin())
            turn = torch.cat([torch.cat([cos, -sin], 1), torch.cat([sin, cos], 1)])
            rows = slice(head * size, head * size + PLACE)
            for weight, code in (
                (attention.q_proj.weight, turn),
                (attention.k_proj.weight, torch.eye(PLACE)),
            ):
                weight[rows] = 0
                weight[rows, -PLACE:] = gain * code


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, each after its norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn = Attention(shape.width, shape.heads)
        self.self_attn_layer_norm = nn.LayerNorm(shape.width)
        self.fc1 = nn.Linear(shape.width, shape.feed_forward)
        self.fc2 = nn.Linear(shape.feed_forward, shape.width)
        self.final_layer_norm = nn.LayerNorm(shape.width)

    def attend(self, x: Tensor, causal: bool = False) -> Tensor:
        """The first half of the layer."""
        h = self.self_attn_layer_norm(x)
        out: Tensor = x + self.self_attn(h, h, causal=causal)[0]
        return out

    def think(self, x: Tensor) -> Tensor:
        """The second half of the layer."""
        out: Tensor = x + self.fc2(functional.gelu(self.fc1(self.final_layer_norm(x))))
        return out

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return self.think(self.attend(x))


class DecoderLayer(EncoderLayer):
    """An encoder layer that also looks at the audio."""

    def __init__(self, shape: Shape, guided: tuple[int, ...]) -> None:
        super().__init__(shape)
        self.encoder_attn = Attention(shape.width, shape.heads)
        self.encoder_attn_layer_norm = nn.LayerNorm(shape.width)
        self.guided = guided

    def listen(self, x: Tensor, audio: Tensor) -> tuple[Tensor, Tensor | None]:
        """The whole layer: the states, and the guided heads' log attention."""
        x = self.attend(x, causal=True)
        y, weights = self.encoder_attn(self.encoder_attn_layer_norm(x), audio, guided=self.guided)
        return self.think(x + y), weights


class Encoder(nn.Module):
    """Mel features (batch, mels, 2n) to states (batch, n, width)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(shape.mels, shape.width, 3, padding=1)
        self.conv2 = nn.Conv1d(shape.width, shape.width, 3, stride=2, padding=1)
        self.embed_positions = nn.Embedding(shape.source_positions, shape.width)
        self.embed_positions.weight = nn.Parameter(
            places(shape.source_positions, shape.width), requires_grad=False
        )
        with torch.no_grad():
            self.conv1.weight *= 2
            self.conv2.weight *= 2
            self.conv2.weight[-PLACE:] = 0
            self.conv2.bias[-PLACE:] = 0  # type: ignore[index]
        self.layers = nn.ModuleList(EncoderLayer(shape) for _ in range(shape.encoder_layers))
        for layer, ahead in zip(self.layers, NEIGHBOURS, strict=True):
            assert isinstance(layer, EncoderLayer)
            look_at_neighbours(layer.self_attn, ahead)
        self.layer_norm = nn.LayerNorm(shape.width)

    def forward(self, mel: Tensor, offset: int = 0) -> Tensor:
        """See the class."""
        x = functional.gelu(self.conv2(functional.gelu(self.conv1(mel)))).transpose(1, 2)
        x = x + self.embed_positions.weight[offset : offset + x.shape[1]]
        for layer in self.layers:
            x = layer(x)
        out: Tensor = self.layer_norm(x)
        return out


class Decoder(nn.Module):
    """Tokens so far to states; the embedding is also the output layer."""

    def __init__(self, shape: Shape, vocabulary: int) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(vocabulary, shape.width)
        nn.init.normal_(self.embed_tokens.weight, std=0.03)
        # Neighbouring timestamps start out alike, so that rare ones learn from the frequent ones.
        with torch.no_grad():
            self.embed_tokens.weight[-1501:] += 0.04 * sinusoids(1501, shape.width)
        self.embed_positions = nn.Embedding(shape.target_positions, shape.width)
        self.embed_positions.weight.data = 0.05 * sinusoids(shape.target_positions, shape.width)
        self.layers = nn.ModuleList(
            DecoderLayer(shape, tuple(head for layer, head in GUIDED_HEADS if layer == i))
            for i in range(shape.decoder_layers)
        )
        self.layer_norm = nn.LayerNorm(shape.width)

    def forward(self, tokens: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        x = self.embed_tokens(tokens) + self.embed_positions.weight[: tokens.shape[1]]
        followed = []
        for layer in self.layers:
            assert isinstance(layer, DecoderLayer)
            x, weights = layer.listen(x, audio)
            if weights is not None:
                followed.append(weights)
        return self.layer_norm(x), torch.cat(followed, 1)


class Halves(nn.Module):
    """Encoder and decoder under one name, as Hugging Face has them."""

    def __init__(self, shape: Shape, vocabulary: int) -> None:
        super().__init__()
        self.encoder = Encoder(shape)
        self.decoder = Decoder(shape, vocabulary)


class MicroWhisper(nn.Module):
    """The whole network, with the CTC head of the training.

    `unused` tokens of the exported vocabulary share one row here, `unused_row`.
    """

    def __init__(self, vocabulary: int, unused: int = 0, shape: Shape = SHAPE) -> None:
        super().__init__()
        self.model = Halves(shape, vocabulary)
        self.ctc = nn.Linear(shape.width, len(LETTERS) + 1)
        self.unused = unused
        if unused:
            self.unused_row = nn.Parameter(torch.randn(shape.width) * 0.03)

    def forward(
        self, mel: Tensor, tokens: Tensor, offset: int = 0
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Decoder states, the guided heads' log attention, and CTC logits."""
        audio = self.model.encoder(mel, offset)
        states, followed = self.model.decoder(tokens, audio)
        return states, followed, self.ctc(audio)

    def project(self, states: Tensor) -> Tensor:
        """Logits over the vocabulary; last, where there are any, all unused tokens as one."""
        logits = functional.linear(states, self.model.decoder.embed_tokens.weight)
        if not self.unused:
            return logits
        never = states @ self.unused_row + math.log(self.unused)
        return torch.cat([logits, never[..., None]], -1)
