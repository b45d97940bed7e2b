"""The turn detector that listens, on small networks that are made here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamkit.errors import ModelError
from streamkit.vad.smart_turn import LOOK_BACK, SmartTurn, _features

onnx = pytest.importorskip("onnx")


def network(
    path: Path, name: str = "input_features", shape: tuple[int, ...] = (1, 80, 800)
) -> Path:
    """A network that gives the sigmoid of the newest second's mean feature."""
    helper, proto = onnx.helper, onnx.TensorProto
    frames = shape[-1]
    graph = helper.make_graph(
        [
            helper.make_node("Slice", [name, "from", "to", "axis"], ["newest"]),
            helper.make_node("ReduceMean", ["newest"], ["mean"], keepdims=0),
            helper.make_node("Sigmoid", ["mean"], ["squashed"]),
            helper.make_node("Reshape", ["squashed", "one"], ["logits"]),
        ],
        "turn",
        [helper.make_tensor_value_info(name, proto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", proto.FLOAT, (1, 1))],
        [
            helper.make_tensor("from", proto.INT64, (1,), [max(0, frames - 100)]),
            helper.make_tensor("to", proto.INT64, (1,), [frames]),
            helper.make_tensor("axis", proto.INT64, (1,), [len(shape) - 1]),
            helper.make_tensor("one", proto.INT64, (2,), [1, 1]),
        ],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def noise(seconds: float, level: float = 0.1) -> Any:
    return (np.random.default_rng(1).standard_normal(int(seconds * 16000)) * level).astype(
        "float32"
    )


def test_gives_a_probability_of_what_was_heard_last(tmp_path: Path) -> None:
    detector = SmartTurn.load(network(tmp_path / "turn.onnx"))
    loud_end = np.concatenate([np.zeros(32000, np.float32), noise(1)])
    quiet_end = np.concatenate([noise(1), np.zeros(32000, np.float32)])
    assert 0 <= detector.probability(quiet_end) < detector.probability(loud_end) <= 1


def test_looks_at_eight_seconds_and_no_further(tmp_path: Path) -> None:
    detector = SmartTurn.load(network(tmp_path / "turn.onnx"))
    last = noise(8)
    longer = np.concatenate([noise(3, 0.9), last])
    assert detector.probability(longer) == detector.probability(last)
    assert _features(longer[-LOOK_BACK:]).shape == (1, 80, 800)


def test_a_short_turn_ends_where_the_window_ends() -> None:
    features = _features(noise(1))
    loudness = features[0].mean(axis=0)
    assert loudness[-90:].min() > loudness[:600].max()


def test_the_level_does_not_matter() -> None:
    assert np.allclose(_features(noise(8, 0.01)), _features(noise(8, 0.5)), atol=1e-2)


def test_silence_and_nothing_are_taken(tmp_path: Path) -> None:
    detector = SmartTurn.load(network(tmp_path / "turn.onnx"))
    for samples in (np.zeros(0, np.float32), np.zeros(16000, np.float32)):
        assert 0 <= detector.probability(samples) <= 1


def test_equals_the_features_that_it_was_trained_with() -> None:
    """The trainer's features are those of transformers' WhisperFeatureExtractor."""
    transformers = pytest.importorskip("transformers")
    samples = noise(8)
    theirs = transformers.WhisperFeatureExtractor(chunk_length=8)(
        samples,
        sampling_rate=16000,
        return_tensors="np",
        padding="max_length",
        max_length=LOOK_BACK,
        truncation=True,
        do_normalize=True,
    ).input_features
    assert np.abs(_features(samples) - theirs).max() < 1e-3


@pytest.mark.parametrize("kind", ["missing", "rubbish", "other input", "other shape"])
def test_what_is_no_detector_is_said_to_be_none(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "turn.onnx"
    match kind:
        case "rubbish":
            path.write_bytes(b"no network")
        case "other input":
            network(path, name="audio")
        case "other shape":
            network(path, shape=(1, 128, 50))
    with pytest.raises(ModelError, match=r"turn\.onnx"):
        SmartTurn.load(path)
