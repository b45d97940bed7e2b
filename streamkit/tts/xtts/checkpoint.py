"""From a directory to the parts of XTTS v2 that speaking needs.

| file | what |
|---|---|
| `config.json` | sizes of the networks |
| `model.pth` | the weights, a pickle: loaded with `weights_only` |
| `vocab.json` | the text tokenizer |
| `speakers_xtts.pth` | the voices that are built in; may be missing |
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streamkit.errors import SynthesisError

logger = logging.getLogger("streamkit.xtts")

FILES = ("config.json", "model.pth", "vocab.json")
SPEAKERS = "speakers_xtts.pth"

_TRAINING = ("torch_mel_spectrogram_style_encoder", "torch_mel_spectrogram_dvae", "dvae")
"""Parts of a checkpoint that only training uses."""


def load_model(directory: Path) -> Any:
    """Load coqui-tts's `Xtts`, in evaluation mode, on the CPU.

    Raises:
        SynthesisError: a file is missing or damaged, or the library is not there or does not
            import; the message says what to do.
    """
    missing = [name for name in FILES if not (directory / name).is_file()]
    if missing:
        raise SynthesisError(
            f"the voice model in {directory} is not complete: {', '.join(missing)} missing; "
            "`streamkit models pull xtts_v2` downloads it"
        )
    with quiet():
        try:
            return _load(directory)
        except ImportError as error:
            raise SynthesisError(
                f"XTTS needs packages that cannot be imported ({error}); install them with "
                "pip install 'streamkit[xtts]', and see `streamkit doctor`"
            ) from error
        except SynthesisError:
            raise
        except Exception as error:
            # A damaged file fails in whatever the unpickler meets first.
            raise SynthesisError(
                f"the voice model in {directory} cannot be loaded ({type(error).__name__}: "
                f"{str(error)[:200]}); pull it again with `streamkit models pull xtts_v2`"
            ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the library's advice to its developers from people who only want to hear a voice."""
    libraries = [logging.getLogger(name) for name in ("transformers", "TTS", "trainer")]
    levels = [each.level for each in libraries]
    for each in libraries:
        each.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for each, level in zip(libraries, levels, strict=True):
            each.setLevel(level)


def _load(directory: Path) -> Any:
    import torch
    from transformers.initialization import no_init_weights
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer
    from TTS.tts.models.xtts import Xtts

    config = XttsConfig()
    config.load_json(str(directory / "config.json"))
    # What the file holds is not drawn at random first, nor made twice.
    size, config.model_args.gpt_number_text_tokens = config.model_args.gpt_number_text_tokens, 0
    with no_init_weights():
        model = Xtts(config)
        model.tokenizer = VoiceBpeTokenizer(str(directory / "vocab.json"))
        config.model_args.gpt_number_text_tokens = size
        model.init_models()
    weights = _weights(torch, directory / "model.pth")
    absent, _ = model.load_state_dict(weights, strict=False, assign=True)
    if absent:
        raise SynthesisError(
            f"{directory / 'model.pth'} is of another model than config.json beside it: it has no "
            f"{', '.join(absent[:3])}{' …' if len(absent) > 3 else ''}"
        )
    # `Xtts.eval` would build the library's own generation loop as well.
    for part in (model.gpt, model.hifigan_decoder):
        part.eval()
    return model


def _weights(torch: Any, path: Path) -> dict[str, Any]:
    from TTS.config.shared_configs import BaseDatasetConfig
    from TTS.tts.configs.xtts_config import XttsArgs, XttsAudioConfig, XttsConfig

    # The published file holds its configuration too, as objects of the library's; two of their
    # classes have moved since.
    known = [BaseDatasetConfig, XttsConfig, XttsArgs, XttsAudioConfig]
    moved = [(each, f"TTS.tts.models.xtts.{each.__name__}") for each in (XttsArgs, XttsAudioConfig)]
    with torch.serialization.safe_globals([*known, *moved]):
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("model"), dict):
        raise SynthesisError(f"{path} is no checkpoint of XTTS: it holds no model")
    named = {name.removeprefix("xtts."): value for name, value in checkpoint["model"].items()}
    return {name: value for name, value in named.items() if name.partition(".")[0] not in _TRAINING}


def load_speakers(directory: Path) -> dict[str, tuple[Any, Any]]:
    """The voices that are built in: name -> conditioning (1, 32, channels) and speaker (1, 512, 1).

    Raises:
        SynthesisError: the file is damaged.
    """
    import torch

    path = directory / SPEAKERS
    if not path.is_file():
        return {}
    try:
        speakers = torch.load(path, map_location="cpu", weights_only=True)
        return {
            name: (each["gpt_cond_latent"].float(), each["speaker_embedding"].float())
            for name, each in speakers.items()
        }
    except Exception as error:
        raise SynthesisError(
            f"{path} cannot be read ({type(error).__name__}); pull the model again with "
            "`streamkit models pull xtts_v2`"
        ) from error
