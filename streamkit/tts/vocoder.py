"""XTTS's vocoder, incrementally: every latent is computed once, and the result is that of one pass.

The library turns latents into sound with two linear interpolations and a HiFi-GAN generator
(Kong et al. 2020, "HiFi-GAN"): convolutions that look to both sides. Its own streaming runs all of
this again over everything at each step. Here each convolution keeps the few samples that it will
need again, so that new latents cost the same wherever in a sentence they come, and the sound that
comes out is that of `HifiDecoder.forward` over the whole sentence, up to the rounding of floats.

A sample is given out as soon as all that it depends on is known. The generator looks about 13
frames (0.14 s) ahead, so that much is held back until more latents come, or the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

LEAKY_SLOPE = 0.1
"""Of all but the last activation, which has torch's default."""


class Layer(Protocol):
    """Something that is computed as its input arrives.

    Tensors are (1, channels, samples); no samples is a tensor too. What comes out altogether is
    what the layer makes of the whole input at once.
    """

    def push(self, x: Tensor, *, last: bool) -> Tensor:
        """Take more input; returns what is known by now, and all of it after the last."""
        ...


class Stretch:
    """`torch.nn.functional.interpolate(mode="linear")` by a factor.

    Args:
        factor: samples of output for each of input.
        copies: an input so short that the output has its length is copied, as torch does; nothing
            is known before that is ruled out.
    """

    def __init__(self, factor: float, *, copies: bool = False) -> None:
        self._factor = factor
        self._copies = copies
        self._held: Tensor | None = None
        self._first = 0  # position in the input of the first sample that is held
        self._inputs = 0
        self._outputs = 0

    def push(self, x: Tensor, *, last: bool) -> Tensor:
        """See `Layer`."""
        held = x if self._held is None else torch.cat((self._held, x), dim=2)
        self._inputs += x.shape[2]
        if self._copies and math.floor(self._inputs * self._factor) == self._inputs:
            self._held = held
            return held if last else held[:, :, :0]
        count = self._known(last=last) - self._outputs
        if count <= 0 or not self._inputs:
            self._held = held
            return held[:, :, :0]
        # The positions are rounded as the library's are: in single precision.
        index = torch.arange(self._outputs, self._outputs + count, device=x.device)
        at = ((index.float() + 0.5) * (1 / self._factor) - 0.5).clamp(min=0)
        before = at.long()
        weight = (at - before).to(x.dtype)
        after = (before + 1).clamp(max=self._inputs - 1)
        y = (
            held[:, :, before - self._first] * (1 - weight)
            + held[:, :, after - self._first] * weight
        )
        self._outputs += count
        first = min(self._source(self._outputs), self._inputs - 1)
        self._held = held[:, :, first - self._first :]
        self._first = first
        return y

    def _known(self, *, last: bool) -> int:
        """Outputs whose inputs are there."""
        count = math.floor(self._inputs * self._factor)
        if not last:
            # The first whose second input is still to come, or a little before it.
            while count and self._source(count - 1) + 1 >= self._inputs:
                count -= 1
        return count

    def _source(self, output: int) -> int:
        return max(0, math.floor((output + 0.5) / self._factor - 0.5 + 1e-4))


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Of one convolution.

    Attributes:
        weight: (out, in, width); of a transposed one (in, out, width).
        bias: (out,), or None.
        step: dilation; of a transposed one its stride.
    """

    weight: Tensor
    bias: Tensor | None
    step: int


class Convolution:
    """A convolution with zeros at both ends, as long as its input.

    Args:
        weights: of an odd width.
    """

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._margin = (weights.weight.shape[2] - 1) * weights.step // 2
        self._held: Tensor | None = None

    def push(self, x: Tensor, *, last: bool) -> Tensor:
        """See `Layer`."""
        held, w, margin = self._held, self._weights, self._margin
        if held is None:
            held = x.new_zeros((1, x.shape[1], margin))
        parts = [held, x, x.new_zeros((1, x.shape[1], margin))] if last else [held, x]
        known = torch.cat(parts, dim=2)
        width = 2 * margin
        self._held = known[:, :, max(0, known.shape[2] - width) :]
        if known.shape[2] <= width:
            return x.new_zeros((1, w.weight.shape[0], 0))
        return F.conv1d(known, w.weight, w.bias, dilation=w.step)


class Upsampling:
    """A transposed convolution that is twice as wide as its stride, and cut to the stride's length.

    Args:
        weights: of a width that is the stride plus an even number.
    """

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._overlap = weights.weight.shape[2] - weights.step
        self._cut = self._overlap // 2  # at either end
        self._skip = self._cut
        self._tail: Tensor | None = None

    def push(self, x: Tensor, *, last: bool) -> Tensor:
        """See `Layer`."""
        w, overlap = self._weights, self._overlap
        channels = w.weight.shape[1]
        tail = x.new_zeros((1, channels, overlap)) if self._tail is None else self._tail
        if x.shape[2]:
            y = F.conv_transpose1d(x, w.weight, None, stride=w.step)
            y[:, :, :overlap] += tail
        else:
            y = tail
        # The last ones wait for what the next input adds.
        end = y.shape[2] - (self._cut if last else overlap)
        self._tail = y[:, :, y.shape[2] - overlap :]
        begin = min(self._skip, end)
        self._skip -= begin
        y = y[:, :, begin:end]
        return y if w.bias is None else y + w.bias[:, None]


class Residual:
    """Two convolutions, added to what went into them.

    Args:
        first: of the first convolution.
        second: of the second one.
    """

    def __init__(self, first: Weights, second: Weights) -> None:
        self._first = Convolution(first)
        self._second = Convolution(second)
        self._waiting: Tensor | None = None

    def push(self, x: Tensor, *, last: bool) -> Tensor:
        """See `Layer`."""
        waiting = x if self._waiting is None else torch.cat((self._waiting, x), dim=2)
        y = self._first.push(F.leaky_relu(x, LEAKY_SLOPE), last=last)
        y = self._second.push(F.leaky_relu(y, LEAKY_SLOPE), last=last)
        count = y.shape[2]
        self._waiting = waiting[:, :, count:]
        return y + waiting[:, :, :count]


class Chain:
    """Layers one after the other."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = layers

    def push(self, x: Tensor, *, last: bool) -> Tensor:
        """See `Layer`."""
        for layer in self._layers:
            x = layer.push(x, last=last)
        return x


class Mean:
    """The mean of what several layers make of the same input."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = layers
        self._waiting: list[Tensor | None] = [None] * len(layers)

    def push(self, x: Tensor, *, last: bool) -> Tensor:
        """See `Layer`."""
        known = []
        for layer, waiting in zip(self._layers, self._waiting, strict=True):
            y = layer.push(x, last=last)
            known.append(y if waiting is None else torch.cat((waiting, y), dim=2))
        count = min(y.shape[2] for y in known)
        self._waiting = [y[:, :, count:] for y in known]
        total = known[0][:, :, :count]
        for y in known[1:]:
            total = total + y[:, :, :count]
        return total / len(known)


class Pointwise:
    """A function of each sample."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        self._function = function

    def push(self, x: Tensor, *, last: bool) -> Tensor:
        """See `Layer`."""
        return self._function(x)


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """One step of the generator: more samples, fewer channels.

    Attributes:
        up: of the transposed convolution.
        condition: what the voice adds, before it is applied to a voice.
        blocks: for each width of convolution, the pairs of it.
    """

    up: Weights
    condition: Callable[[Tensor], Tensor] | None
    blocks: tuple[tuple[tuple[Weights, Weights], ...], ...]


class Vocoder:
    """The weights, for any number of sentences at once.

    Args:
        decoder: coqui-tts's `HifiDecoder` in evaluation mode. Its weight normalisation is taken
            off here once; in the library it is computed again with every call.

    Attributes:
        sample_rate: of the sound, in Hz.
        samples_per_latent: of sound, on average.
    """

    def __init__(self, decoder: Any) -> None:
        generator = decoder.waveform_decoder
        self.sample_rate: int = decoder.output_sample_rate
        self._frames: float = decoder.ar_mel_length_compression / decoder.output_hop_length
        self._rate: float = decoder.output_sample_rate / decoder.input_sample_rate
        self.samples_per_latent: float = decoder.ar_mel_length_compression * self._rate
        self._before = _weights(generator.conv_pre)
        self._voice = generator.cond_layer
        self._stages = tuple(
            Stage(
                _weights(up),
                generator.conds[number] if generator.cond_in_each_up_layer else None,
                tuple(
                    tuple(
                        (_weights(first), _weights(second))
                        for first, second in zip(block.convs1, block.convs2, strict=True)
                    )
                    for block in generator.resblocks[
                        number * generator.num_kernels : (number + 1) * generator.num_kernels
                    ]
                ),
            )
            for number, up in enumerate(generator.ups)
        )
        self._after = _weights(generator.conv_post)

    def open(self, speaker: Tensor, *, speed: float = 1.0) -> VocoderStream:
        """Begin a sentence.

        Args:
            speaker: embedding of the voice, (1, 512, 1).
            speed: 2 is twice as fast: the latents are interpolated in time, as the library does.
                (It leaves a sentence as it is whose few latents would be no more after it.)
        """
        layers: list[Layer] = [] if speed == 1.0 else [Stretch(1 / speed)]
        layers.append(Stretch(self._frames))
        if self._rate != 1.0:
            layers.append(Stretch(self._rate, copies=True))
        layers += [Convolution(self._before), _adding(self._voice(speaker))]
        for stage in self._stages:
            layers += [Pointwise(_leaky), Upsampling(stage.up)]
            if stage.condition is not None:
                layers.append(_adding(stage.condition(speaker)))
            layers.append(
                Mean([Chain([Residual(*pair) for pair in pairs]) for pairs in stage.blocks])
            )
        layers += [Pointwise(F.leaky_relu), Convolution(self._after), Pointwise(torch.tanh)]
        return VocoderStream(Chain(layers))


class VocoderStream:
    """The sound of one sentence; see `Vocoder.open`."""

    def __init__(self, layers: Chain) -> None:
        self._layers = layers

    def push(self, latents: Tensor, *, last: bool = False) -> Tensor:
        """Add latents.

        Args:
            latents: (count, channels), in the dtype of the vocoder's weights; count may be 0.
            last: nothing follows; only once.

        Returns:
            The samples that are known now and were not before, (samples,), within [-1, 1].
        """
        return self._layers.push(latents.t()[None], last=last)[0, 0]


def _adding(constant: Tensor) -> Pointwise:
    return Pointwise(lambda x: x + constant)


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, LEAKY_SLOPE)


def _weights(layer: Any) -> Weights:
    """The plain weights of a convolution, with or without weight normalisation."""
    bias = None if layer.bias is None else layer.bias.detach()
    step = layer.stride[0] if layer.transposed else layer.dilation[0]
    return Weights(layer.weight.detach().contiguous(), bias, step)
