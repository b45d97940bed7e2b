"""Writes a checkpoint as an int8 CTranslate2 model, the way faster-whisper loads it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from ctranslate2.converters.transformers import WhisperLoader
from faster_whisper.tokenizer import Tokenizer as WhisperTokenizer
from tokenizers import Tokenizer
from torch import Tensor
from transformers import WhisperConfig, WhisperForConditionalGeneration

from tools.micro_whisper import vocabulary
from tools.micro_whisper.network import GUIDED_HEADS, SHAPE
from tools.micro_whisper.vocabulary import Ids

PREPROCESSOR = {
    "feature_extractor_type": "WhisperFeatureExtractor",
    "feature_size": SHAPE.mels,
    "sampling_rate": 16_000,
    "hop_length": 160,
    "chunk_length": 30,
    "n_fft": 400,
    "padding_value": 0.0,
}


def hugging_face(weights: dict[str, Tensor], ids: Ids) -> Any:
    """The network as transformers has it, from which CTranslate2 knows the way."""
    config = WhisperConfig(
        vocab_size=ids.size,
        d_model=SHAPE.width,
        num_mel_bins=SHAPE.mels,
        encoder_layers=SHAPE.encoder_layers,
        decoder_layers=SHAPE.decoder_layers,
        encoder_attention_heads=SHAPE.heads,
        decoder_attention_heads=SHAPE.heads,
        encoder_ffn_dim=SHAPE.feed_forward,
        decoder_ffn_dim=SHAPE.feed_forward,
        max_source_positions=SHAPE.source_positions,
        max_target_positions=SHAPE.target_positions,
        bos_token_id=ids.eot,
        eos_token_id=ids.eot,
        pad_token_id=ids.eot,
        decoder_start_token_id=ids.sot,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    net = WhisperForConditionalGeneration(config)
    net.train(False)
    # The converter rounds in place, and the checkpoint may be wanted again.
    known = {name: w.clone() for name, w in weights.items() if not name.startswith("ctc.")}
    known["proj_out.weight"] = known["model.decoder.embed_tokens.weight"]
    net.load_state_dict(known)
    return net


def full_embedding(weights: dict[str, Tensor], compact: Tokenizer, full: Tokenizer) -> Tensor:
    """The rows of the exported vocabulary: the learnt ones, the unused one for others."""
    learnt = weights["model.decoder.embed_tokens.weight"]
    rows = [compact.token_to_id(name) for name in vocabulary.names(full)]
    return torch.stack([weights["unused_row"] if row is None else learnt[row] for row in rows])


def export(checkpoint: Path, tokenizer: Path, out: Path, languages: Sequence[str]) -> Path:
    """Writes the model folder `out` and returns it; `languages` are those it was taught."""
    compact = Tokenizer.from_file(str(tokenizer))
    tokens = vocabulary.padded(compact) if len(languages) > 1 else compact
    ids = Ids.of(tokens)
    weights = torch.load(checkpoint, weights_only=True)["net"]
    weights["model.decoder.embed_tokens.weight"] = full_embedding(weights, compact, tokens)
    weights.pop("unused_row", None)
    whisper = WhisperTokenizer(tokens, multilingual=False)
    spec = WhisperLoader().get_model_spec(hugging_face(weights, ids))
    names = vocabulary.names(tokens)
    if len(languages) > 1:
        # By this empty token CTranslate2 knows a multilingual model since 4.7; before, by its size.
        names[vocabulary.MULTILINGUAL_TEXT - 1] = ""
    spec.register_vocabulary(names)
    spec.config.suppress_ids = sorted(
        {
            *whisper.non_speech_tokens,
            ids.transcribe,
            ids.translate,
            ids.sot,
            ids.previous,
            whisper.sot_lm,
            ids.no_speech,
        }
    )
    # Whisper forbids an empty answer here by naming the end of the text too, since it answers
    # silence with phrases anyway. This model has learnt to say nothing, so it may.
    spec.config.suppress_ids_begin = [tokens.token_to_id("Ġ")]
    spec.config.lang_ids = [ids.languages[language] for language in languages]
    spec.config.alignment_heads = GUIDED_HEADS
    spec.validate()
    spec.optimize(quantization="int8")
    out.mkdir(parents=True, exist_ok=True)
    spec.save(str(out))
    tokens.save(str(out / "tokenizer.json"))
    (out / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR, indent=1) + "\n")
    return out
