"""The micro models' tokens: byte-level BPE of the domain, then Whisper's special tokens in order.

An English model has 2632 tokens. The text tokens of a multilingual one are filled up with unused
ones to the place where the special tokens of the real multilingual Whisper stand: these then have
the same numbers, and programs that know such a model by its size, 51,865, are right. While it is
trained, all the unused tokens are one (`padded` tells them apart).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from tools.micro_whisper import grammar, parallel

BASE_SIZE = 1024  # most words of the domain become one token
EACH_MORE = 256  # tokens for each further language
MULTILINGUAL_TEXT, MULTILINGUAL_SIZE = 50_257, 51_865  # text tokens and all, of the real one
LANGUAGES = (
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta "
    "no th ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk "
    "sq sw gl mr pa si km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb "
    "my bo tl mg as tt haw ln ha ba jw su"
).split()
TASKS = ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def corpus(languages: Sequence[str]) -> Iterator[str]:
    """What the tokens are learnt from."""
    # " a", " b", ...: a word must never need a bare space token, because Whisper's lists of
    # suppressed tokens forbid it.
    for letter in LETTERS + ("äöüßÄÖÜáéíóúñàâçèêëîïôùûœÀÂÇÉÈÊ" if len(languages) > 1 else ""):
        for _ in range(50_000):
            yield " " + letter
    for sentence in grammar.sample(40_000, 77):
        yield " " + sentence
    for language in languages:
        if language != "en":
            for pair in parallel.sample(language, 30_000, 77):
                yield " " + pair.text


def _with_special_tokens(tokenizer: Tokenizer) -> Tokenizer:
    names = ["endoftext", "startoftranscript", *LANGUAGES, *TASKS]
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(f"<|{name}|>", special=True, normalized=False) for name in names]
    )
    tokenizer.add_tokens(
        [AddedToken(f"<|{i * 0.02:.2f}|>", special=False, normalized=False) for i in range(1501)]
    )
    return tokenizer


def build(path: Path, languages: Sequence[str] = ("en",)) -> Tokenizer:
    """Learns the tokens of the languages and writes them to `path`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=BASE_SIZE + EACH_MORE * (len(languages) - 1),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(languages), trainer)
    _with_special_tokens(tokenizer)
    tokenizer.save(str(path))
    return tokenizer


def padded(tokenizer: Tokenizer) -> Tokenizer:
    """The same tokens, the special ones where the real multilingual Whisper has them."""
    learnt = json.loads(tokenizer.to_str())["model"]
    vocabulary = dict(learnt["vocab"])
    for i in range(len(vocabulary), MULTILINGUAL_TEXT):
        vocabulary[f"<unused{i}>"] = i
    merges = [tuple(pair) for pair in learnt["merges"]]
    return _with_special_tokens(Tokenizer(models.BPE(vocab=vocabulary, merges=merges)))


def unused(languages: Sequence[str], size: int) -> int:
    """How many tokens `padded` adds to a vocabulary of `size`; none to an English one."""
    return MULTILINGUAL_SIZE - size if len(languages) > 1 else 0


def names(tokenizer: Tokenizer) -> list[str]:
    """All tokens in the order of their numbers."""
    return [str(tokenizer.id_to_token(i)) for i in range(tokenizer.get_vocab_size())]


@dataclass(frozen=True, slots=True)
class Ids:
    """The numbers of the tokens that training and evaluation name."""

    eot: int
    sot: int
    translate: int
    transcribe: int
    previous: int
    no_speech: int
    no_timestamps: int
    timestamp_begin: int
    size: int
    languages: dict[str, int]

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "Ids":
        """Looks them up."""

        def number(name: str) -> int:
            found = tokenizer.token_to_id(f"<|{name}|>")
            if found is None:
                raise ValueError(f"the tokenizer has no <|{name}|>: it was not made by `build`")
            return int(found)

        return cls(
            eot=number("endoftext"),
            sot=number("startoftranscript"),
            translate=number("translate"),
            transcribe=number("transcribe"),
            previous=number("startofprev"),
            no_speech=number("nospeech"),
            no_timestamps=number("notimestamps"),
            timestamp_begin=number("notimestamps") + 1,
            size=int(tokenizer.get_vocab_size()),
            languages={name: number(name) for name in LANGUAGES},
        )
