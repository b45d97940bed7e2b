"""An XTTS v2 of any size with random weights: times are real, sound is not.

    python -m streamkit_benchmarks.random_xtts FOLDER [--size full|vocoder|tiny]

Needs the extra [xtts]. `full` has the published model's sizes (1.8 GB on disk); `vocoder` has a
transformer of two narrow layers, so that nearly all of the work is the vocoder's; `tiny` is that
with short sentences, for tests. The vocoder and the speaker encoder are always of their real size.
"""

from __future__ import annotations

import argparse
import string
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

SPEAKERS = ("Ada Random", "Ben Random")


@dataclass(frozen=True, slots=True)
class Size:
    """What makes one model larger than another.

    Attributes:
        layers: of the transformer.
        channels: of the transformer, and of the latents.
        heads: of its attention.
        sounds: tokens of sound in a sentence, at most.
        text_tokens: entries of the text vocabulary; 0: as many as the tokenizer needs.
    """

    layers: int
    channels: int
    heads: int
    sounds: int
    text_tokens: int = 0


SIZES = {
    "full": Size(30, 1024, 16, 605, 6681),
    "vocoder": Size(2, 64, 2, 605),
    "tiny": Size(2, 64, 2, 96),
}


def make(folder: Path, size: Size, *, seed: int = 0, tokens_per_text: float = 0.0) -> Path:
    """Write a model.

    Args:
        folder: is made.
        size: of the model.
        seed: of the weights.
        tokens_per_text: above 0: the first layer's heads look at the text from its beginning to its
            end, a token of text for so many of sound, as trained ones do.

    Returns:
        The folder.
    """
    import torch
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer
    from TTS.tts.models.xtts import Xtts

    folder.mkdir(parents=True, exist_ok=True)
    _write_vocabulary(folder / "vocab.json", size.text_tokens)
    tokenizer = VoiceBpeTokenizer(str(folder / "vocab.json"))
    config = XttsConfig()
    arguments = config.model_args
    arguments.gpt_layers = size.layers
    arguments.gpt_n_model_channels = arguments.decoder_input_dim = size.channels
    arguments.gpt_n_heads = size.heads
    arguments.gpt_use_perceiver_resampler = True
    arguments.gpt_max_audio_tokens = size.sounds
    arguments.gpt_num_audio_tokens = 1026
    arguments.gpt_start_audio_token, arguments.gpt_stop_audio_token = 1024, 1025
    arguments.gpt_number_text_tokens = tokenizer.get_number_tokens()
    arguments.gpt_start_text_token = tokenizer.tokenizer.token_to_id("[START]")
    arguments.gpt_stop_text_token = tokenizer.tokenizer.token_to_id("[STOP]")
    random_state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    try:
        model = Xtts(config)
        if tokens_per_text:
            _follow_the_text(model.gpt, tokens_per_text)
        speakers = {
            name: {
                "gpt_cond_latent": torch.randn(1, 32, size.channels),
                "speaker_embedding": torch.nn.functional.normalize(torch.randn(1, 512, 1), dim=1),
            }
            for name in SPEAKERS
        }
    finally:
        torch.random.set_rng_state(random_state)
    # Random convolutions whisper; speech has about this level.
    model.hifigan_decoder.waveform_decoder.conv_post.weight.data *= 8
    torch.save({"model": model.state_dict()}, folder / "model.pth")
    torch.save(speakers, folder / "speakers_xtts.pth")
    config.save_json(str(folder / "config.json"))
    return folder


def _write_vocabulary(path: Path, count: int) -> None:
    """Letters are tokens, whatever the language; tokens that no text has make it `count`."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    from streamkit.tts.xtts.limits import LANGUAGES

    codes = ["zh-cn" if each == "zh" else each for each in LANGUAGES]
    special = ["[STOP]", "[UNK]", "[SPACE]", "[START]", *(f"[{code}]" for code in codes)]
    letters = set(string.ascii_lowercase + string.digits + ".,;:!?'-")
    for first, last in ("àÿ", "ąż", "аё", "ءي", "अ०", "가힣", "ぁん"):
        letters |= {chr(code) for code in range(ord(first), min(ord(last), ord(first) + 200) + 1)}
    tokens = [*special, *sorted(letters)]
    # The library sizes the model by the largest number here, whatever the configuration says.
    tokens += [f"[unused {number}]" for number in range(len(tokens), count)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(special)
    tokenizer.save(str(path))


def _follow_the_text(gpt: Any, tokens_per_text: float) -> None:
    """Make position embeddings of waves, and a first layer that compares them.

    In each head's share of the channels the first two tell text (1, -1) from sound (-1, 1): the
    query of a sound has them turned around, so that it looks at texts and at no sound.
    """
    import torch

    width = gpt.model_dim // gpt.heads
    waves = torch.tensor(1.45 ** -np.arange(width // 2 - 1), dtype=torch.float32)

    def positions(count: int, scale: float, shift: float, sign: float) -> Any:
        angle = (torch.arange(count)[:, None] / scale - shift) * waves[None]
        flags = torch.tensor([[sign, -sign]]).expand(count, 2)
        return torch.cat([flags, angle.cos(), angle.sin()], dim=1).repeat(1, gpt.heads)

    # The text's first position is a token of its own; the one that is spoken first is the second.
    text, sound = gpt.text_pos_embedding.emb.weight, gpt.mel_pos_embedding.emb.weight
    text.data = positions(len(text), 1.0, 1.0, 1.0)
    sound.data = positions(len(sound), tokens_per_text, 0.0, -1.0)
    gpt.text_embedding.weight.data *= 0.05
    gpt.mel_embedding.weight.data *= 0.05
    attention = gpt.gpt.h[0].attn.c_attn
    keys = torch.eye(gpt.model_dim) * 2
    queries = keys.clone()
    for head in range(gpt.heads):
        queries[head * width, head * width] *= -4
        queries[head * width + 1, head * width + 1] *= -4
    attention.weight.data[:, : 2 * gpt.model_dim] = torch.cat([queries, keys], dim=1)
    attention.bias.data.zero_()


def main() -> None:
    """Write the model that was asked for."""
    parser = argparse.ArgumentParser(description="Write an XTTS v2 with random weights.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=sorted(SIZES), default="full")
    parser.add_argument("--layers", type=int, help="another number of layers")
    given = parser.parse_args()
    size = SIZES[given.size]
    make(given.folder, replace(size, layers=given.layers) if given.layers else size)


if __name__ == "__main__":
    main()
