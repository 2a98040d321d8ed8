"""A Piper voice that is real in every part except its network, a handful of nodes: a buzz, louder or softer with each sound."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

RATE = 16_000
HOP = 256
"""Samples of each sound at the usual pace."""
WAVE = HOP // 4


def make_tiny_piper(model: Path, espeak_voice: str = "en-us", speakers: tuple[str, ...] = ()) -> Path:
    """Write the voice to `model`, an `.onnx` file, and its description beside it."""
    onnx.save(_network(len(speakers)), str(model))
    description = {
        "audio": {"sample_rate": RATE},
        "espeak": {"voice": espeak_voice},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "num_symbols": len(DEFAULT_PHONEME_ID_MAP),
        "num_speakers": max(1, len(speakers)),
        "speaker_id_map": {name: number for number, name in enumerate(speakers)},
        "phoneme_id_map": DEFAULT_PHONEME_ID_MAP,
    }
    model.with_name(f"{model.name}.json").write_text(json.dumps(description))
    return model


def _network(speakers: int) -> onnx.ModelProto:
    times = np.arange(WAVE) / WAVE
    buzz = np.stack([np.sin(2 * np.pi * (2 + 2 * speaker) * times) for speaker in range(max(1, speakers))])
    constants = [
        numpy_helper.from_array(buzz.astype(np.float32), "buzz"),
        numpy_helper.from_array(np.array([1, -1, 1]), "column"),
        numpy_helper.from_array(np.array([1, 1, -1]), "flat"),
        numpy_helper.from_array(np.array([0]), "first"),
        numpy_helper.from_array(np.array([1]), "one"),
        numpy_helper.from_array(np.array([HOP / WAVE], np.float32), "waves"),
    ]
    nodes = [
        helper.make_node("Cast", ["input"], ["loudness"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["loudness", "column"], ["each"]),
        helper.make_node("Gather", ["buzz", "sid" if speakers else "first"], ["voice"], axis=0),
        helper.make_node("Gather", ["scales", "one"], ["length_scale"]),
        helper.make_node("Mul", ["length_scale", "waves"], ["stretched"]),
        helper.make_node("Cast", ["stretched"], ["times"], to=TensorProto.INT64),
        helper.make_node("Concat", ["one", "times"], ["tiles"], axis=0),
        helper.make_node("Tile", ["voice", "tiles"], ["tiled"]),
        helper.make_node("Mul", ["each", "tiled"], ["sounds"]),
        helper.make_node("Reshape", ["sounds", "flat"], ["output"]),
    ]
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, "sounds"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    if speakers:
        inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, [1]))
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, "samples"])]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
