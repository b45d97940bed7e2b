"""A Whisper of a real size with random weights: times are real, text is not.

    python benchmarks/random_model.py FOLDER [--like MODEL] [--size tiny]

Writes a CTranslate2 directory, int8, with numpy alone. The tokenizer is copied from another
multilingual model with 51,865 tokens; `tests/data/whisper-micro-multilingual` is one. Which
answers such a model gives is chance, so `redecode.py --truth` puts the truth in their place.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from streamkit.errors import ModelError

Weights = npt.NDArray[np.float32]

TOKENIZER_FILES = ("tokenizer.json", "preprocessor_config.json")
VOCABULARY = 51_865
MELS = 80
SOURCE_POSITIONS = 1500
TARGET_POSITIONS = 448
HEAD_WIDTH = 64
DEVIATION = 0.02
"""Of the weights: Whisper's own are of this order, and the layer norms keep the sums tame."""

LIKE = Path(__file__).resolve().parent.parent / "tests" / "data" / "whisper-micro-multilingual"


@dataclass(frozen=True, slots=True)
class Size:
    """Width and number of layers, of the encoder and of the decoder each."""

    width: int
    layers: int


SIZES = {"tiny": Size(384, 4), "base": Size(512, 6), "small": Size(768, 12)}
"""As OpenAI's: 39, 74 and 244 million parameters."""


class _Chance:
    """Random weights, float32."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def weights(self, *shape: int) -> Weights:
        return self._rng.normal(0, DEVIATION, shape).astype(np.float32)

    def linear(self, spec: Any, outputs: int, inputs: int) -> None:
        spec.weight = self.weights(outputs, inputs)
        spec.bias = np.zeros(outputs, np.float32)

    def norm(self, spec: Any, width: int) -> None:
        spec.gamma = np.ones(width, np.float32)
        spec.beta = np.zeros(width, np.float32)

    def attention(self, spec: Any, width: int, shapes: tuple[int, ...]) -> None:
        """Args: shapes: outputs of each projection, in multiples of the width."""
        self.norm(spec.layer_norm, width)
        for linear, times in zip(spec.linear, shapes, strict=True):
            self.linear(linear, times * width, width)

    def feed_forward(self, spec: Any, width: int) -> None:
        self.norm(spec.layer_norm, width)
        self.linear(spec.linear_0, 4 * width, width)
        self.linear(spec.linear_1, width, 4 * width)


def write(folder: Path, size: Size, like: Path = LIKE, seed: int = 0) -> None:
    """Write the model.

    Args:
        folder: new directory.
        size: of the model.
        like: directory with the tokenizer and the special tokens of a multilingual Whisper.
        seed: of the weights.

    Raises:
        ModelError: `like` lacks a file, or has another vocabulary.
    """
    from ctranslate2.specs import WhisperSpec

    names = [*TOKENIZER_FILES, "config.json", "vocabulary.json"]
    absent = [name for name in names if not (like / name).is_file()]
    if absent:
        raise ModelError(
            f"{like} has no {', '.join(absent)}; the directory of a multilingual CTranslate2 "
            "Whisper is accepted"
        )
    tokens: list[str] = json.loads((like / "vocabulary.json").read_text("utf-8"))
    if len(tokens) != VOCABULARY:
        raise ModelError(
            f"the vocabulary of {like} has {len(tokens)} tokens; one with {VOCABULARY} is needed"
        )
    width, heads = size.width, size.width // HEAD_WIDTH
    chance = _Chance(seed)
    spec = WhisperSpec(size.layers, heads, size.layers, heads)
    encoder, decoder = spec.encoder, spec.decoder
    for conv, inputs in ((encoder.conv1, MELS), (encoder.conv2, width)):
        conv.weight = chance.weights(width, inputs, 3)
        conv.bias = np.zeros(width, np.float32)
    encoder.position_encodings.encodings = chance.weights(SOURCE_POSITIONS, width)
    chance.norm(encoder.layer_norm, width)
    for layer in encoder.layer:
        chance.attention(layer.self_attention, width, (3, 1))
        chance.feed_forward(layer.ffn, width)
    decoder.embeddings.weight = chance.weights(VOCABULARY, width)
    decoder.projection.weight = decoder.embeddings.weight
    decoder.position_encodings.encodings = chance.weights(TARGET_POSITIONS, width)
    chance.norm(decoder.layer_norm, width)
    for layer in decoder.layer:
        chance.attention(layer.self_attention, width, (3, 1))
        chance.attention(layer.attention, width, (1, 2, 1))
        chance.feed_forward(layer.ffn, width)
    known = json.loads((like / "config.json").read_text("utf-8"))
    for name in ("suppress_ids", "suppress_ids_begin", "lang_ids"):
        setattr(spec.config, name, known[name])
    # Half of the decoder's layers follow the speech in OpenAI's models; any heads cost the same.
    spec.config.alignment_heads = [
        (layer, head)
        for layer in range(size.layers // 2, size.layers)
        for head in range(min(3, heads))
    ]
    spec.register_vocabulary(tokens)
    spec.validate()
    spec.optimize(quantization="int8")
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    for name in TOKENIZER_FILES:
        shutil.copyfile(like / name, folder / name)
    # As the micro model is decoded, so that their costs can be compared.
    profile = {
        "margin": 1.0,
        "policy": "either",
        "hold_back": 0.4,
        "trim": 3.0,
        "context_words": 16,
        "description": "random weights: for timing only",
    }
    (folder / "profile.json").write_text(json.dumps(profile), "utf-8")


def main() -> None:
    """Write a model and say how large it is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--like", type=Path, default=LIKE, help="model with the tokenizer")
    parser.add_argument("--size", choices=SIZES, default="tiny")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    try:
        write(arguments.folder, SIZES[arguments.size], arguments.like, arguments.seed)
    except ModelError as error:
        raise SystemExit(f"random_model: {error}") from error
    size = (arguments.folder / "model.bin").stat().st_size / 1e6
    print(f"{arguments.folder}: {size:.0f} MB")


if __name__ == "__main__":
    main()
