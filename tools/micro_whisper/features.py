"""faster-whisper's log-mel features for a batch, and other voices made out of them."""

import torch
from torch import Tensor, nn


class LogMel(nn.Module):
    """What faster-whisper's `FeatureExtractor` computes, for (batch, samples) at once."""

    filters: Tensor
    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        from faster_whisper.feature_extractor import FeatureExtractor

        self.register_buffer("filters", torch.from_numpy(FeatureExtractor().mel_filters))
        self.register_buffer("window", torch.hann_window(400))

    def forward(self, wave: Tensor, zero_after: Tensor, vary: bool) -> Tensor:
        """(batch, 80, frames); 0 after `zero_after` frames, as faster-whisper pads."""
        spectrum = torch.stft(wave, 400, 160, window=self.window, return_complex=True)[..., :-1]
        mel = self.filters @ (spectrum.real**2 + spectrum.imag**2)
        mel = mel.clamp(min=1e-10).log10()
        if vary:
            mel = other_voice(mel)
        mel = torch.maximum(mel, mel.amax((1, 2), keepdim=True) - 8.0)
        mel = (mel + 4.0) / 4.0
        return mel * (torch.arange(mel.shape[2])[None] < zero_after[:, None])[:, None]


def other_voice(mel: Tensor) -> Tensor:
    """Shifts the formants of half the items and colours half, as other throats would."""
    rows, bands = mel.shape[:2]
    factor = torch.where(torch.rand(rows) < 0.5, 0.84 + 0.34 * torch.rand(rows), torch.ones(rows))
    source = (torch.arange(bands)[None] * factor[:, None]).clamp(max=bands - 1)
    warp = (1 - (torch.arange(bands)[None, None] - source[:, :, None]).abs()).clamp(min=0)
    place = torch.arange(bands) / bands
    colour = torch.zeros(rows, bands)
    for waves in (0.5, 1, 2, 3):
        shift = 2 * torch.rand(rows, 1)
        colour += 0.25 * torch.randn(rows, 1) * torch.cos(torch.pi * (waves * place[None] + shift))
    coloured = (torch.rand(rows) < 0.5).float()[:, None]
    return (warp @ mel + (coloured * colour)[:, :, None]).clamp(min=-10)


def hide(mel: Tensor) -> Tensor:
    """Hides up to two bands and one moment of each item."""
    for row in mel:
        for _ in range(int(torch.randint(0, 3, ()))):
            width = int(torch.randint(1, 11, ()))
            first = int(torch.randint(0, mel.shape[1] - width, ()))
            row[first : first + width] = row.mean()
    return mel
