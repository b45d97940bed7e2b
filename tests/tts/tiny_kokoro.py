"""A model with the inputs and outputs of Kokoro v1.0, made at test time, which beeps.

Each token is a tone of its own pitch and length, silence for punctuation and blanks, and the style
moves all pitches. So different texts, voices and speeds sound different, phonemes can be heard,
and where each begins is known.
"""

# ruff: noqa: RUF001 (there are letters of the phonetic alphabet)

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from kokoro_onnx.config import DEFAULT_VOCAB
from onnx import TensorProto, helper, numpy_helper

RATE = 24_000
FRAME = 600
"""Samples of one frame of durations, as in the real model."""
TOKENS = 178
STYLES = 510
VOICES = (
    "af_alloy", "af_heart", "af_nova", "af_sky", "am_echo", "am_onyx", "bf_emma", "bm_fable",
    "ef_dora", "ff_siwis", "hf_alpha", "if_sara", "jf_alpha", "pf_dora", "zf_xiaobei",
)  # fmt: skip
VOWELS = "aeiouyɑɐɒæɔəɛɜɪʊʌᵻɚ"
SILENT = ' ;:,.!?—…"()“”'
NO_SOUND = "ˈˌ"


def make_kokoro(
    directory: Path,
    *,
    seed: int = 1,
    durations: bool = False,
    endless: bool = False,
    name: str = "kokoro-v1.0.onnx",
) -> Path:
    """Write a model and its voices.

    Args:
        directory: is made if need be.
        seed: of the voices.
        durations: the model tells them, and calls its tokens otherwise, as newer exports do.
        endless: the model computes for hours.
        name: of the model's file.
    """
    directory.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    styles = {
        voice: np.full((STYLES, 1, 256), level, np.float32)
        for voice, level in zip(VOICES, random.permutation(len(VOICES)), strict=True)
    }
    with (directory / "voices-v1.0.bin").open("wb") as file:
        np.savez(file, **styles)  # type: ignore[arg-type]
    onnx.save(_model(durations, endless), directory / name)
    return directory


def frames_of(phonemes: str) -> list[int]:
    """Frames of each phoneme at the usual speed, the padding on both sides included."""
    table = _tables()[0]
    return [int(table[0]), *(int(table[DEFAULT_VOCAB[each]]) for each in phonemes), int(table[0])]


def _tables() -> tuple[Any, Any]:
    """Frames and loudness of each token."""
    frames = np.full(TOKENS, 3, np.float32)
    loudness = np.full(TOKENS, 0.2, np.float32)
    frames[0], loudness[0] = 10, 0
    for phoneme, token in DEFAULT_VOCAB.items():
        if phoneme in VOWELS:
            frames[token], loudness[token] = 4, 0.4
        elif phoneme in SILENT:
            frames[token], loudness[token] = 0 if phoneme == " " else 8, 0
        elif phoneme in NO_SOUND:
            frames[token] = 0
        elif phoneme == "ː":
            frames[token], loudness[token] = 2, 0.4
    return frames, loudness


def _model(durations: bool, endless: bool) -> onnx.ModelProto:
    tokens = "input_ids" if durations else "tokens"
    frames, loudness = _tables()
    constants = {
        "frames": frames,
        "loudness": loudness,
        "pitches": (120 + 5 * np.arange(TOKENS)).astype(np.float32),
        "row": np.array([-1], np.int64),
        "column": np.array([-1, 1], np.int64),
        "zero": np.array(0, np.int64),
        "one": np.array(1, np.int64),
        "first": np.array([0], np.int64),
        "axis": np.array([1], np.int64),
        "samples": np.arange(FRAME, dtype=np.float32).reshape(1, -1),
        "frame": np.array(FRAME, np.float32),
        "semitones": np.array(8, np.float32),
        "rounds": np.array(1 << 40, np.int64),
        "turn": np.array(2 * np.pi / RATE, np.float32),
    }
    node = helper.make_node
    nodes = [
        node("Reshape", [tokens, "row"], ["flat"]),
        # Durations: the table's, by the speed, in whole frames.
        node("Gather", ["frames", "flat"], ["usual"]),
        node("Div", ["usual", "speed"], ["quick"]),
        node("Round", ["quick"], ["whole"]),
        node("Cast", ["whole"], ["duration"], to=TensorProto.INT64),
        # The token of each frame: how many tokens have ended before it.
        node("CumSum", ["duration", "zero"], ["ends"]),
        node("ReduceSum", ["duration"], ["count"], keepdims=0),
        node("Range", ["zero", "count", "one"], ["places"]),
        node("Reshape", ["places", "column"], ["place"]),
        node("GreaterOrEqual", ["place", "ends"], ["over"]),
        node("Cast", ["over"], ["passed"], to=TensorProto.INT64),
        node("ReduceSum", ["passed", "axis"], ["which"], keepdims=0),
        node("Gather", ["flat", "which"], ["token"]),
        # Its tone.
        node("Gather", ["pitches", "token"], ["pitch"]),
        node("ReduceMean", ["style"], ["level"], keepdims=0),
        node("Mul", ["level", "semitones"], ["higher"]),
        node("Add", ["pitch", "higher"], ["hertz"]),
        node("Reshape", ["hertz", "column"], ["rows"]),
        node("Cast", ["place"], ["at"], to=TensorProto.FLOAT),
        node("Mul", ["at", "frame"], ["begin"]),
        node("Add", ["begin", "samples"], ["time"]),
        node("Mul", ["time", "rows"], ["turns"]),
        node("Mul", ["turns", "turn"], ["angle"]),
        node("Sin", ["angle"], ["tone"]),
        node("Gather", ["loudness", "token"], ["loud"]),
        node("Reshape", ["loud", "column"], ["gain"]),
        node("Mul", ["tone", "gain"], ["sound"]),
        node("Reshape", ["sound", "row"], ["audio"]),
    ]
    if endless:
        nodes[-1] = node("Reshape", ["late", "row"], ["audio"])
        nodes.insert(-1, node("Loop", ["rounds", "", "sound"], ["late"], body=_round()))
    outputs = [helper.make_tensor_value_info("audio", TensorProto.FLOAT, ["samples"])]
    if durations:
        outputs.append(helper.make_tensor_value_info("duration", TensorProto.INT64, ["count"]))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info(tokens, TensorProto.INT64, [1, "length"]),
            helper.make_tensor_value_info("style", TensorProto.FLOAT, [1, 256]),
            helper.make_tensor_value_info("speed", TensorProto.FLOAT, [1]),
        ],
        outputs,
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def _round() -> onnx.GraphProto:
    """What an endless model does again and again: the magnitude of its sound."""
    info = helper.make_tensor_value_info
    return helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["on"]),
            helper.make_node("Abs", ["sound_before"], ["sound_after"]),
        ],
        "round",
        [
            info("round", TensorProto.INT64, []),
            info("going", TensorProto.BOOL, []),
            info("sound_before", TensorProto.FLOAT, None),
        ],
        [info("on", TensorProto.BOOL, []), info("sound_after", TensorProto.FLOAT, None)],
    )
