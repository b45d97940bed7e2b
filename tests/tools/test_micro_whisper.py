"""The scripts that make the micro models: what the model is told must be what was said."""

from __future__ import annotations

import json
import multiprocessing
import random
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tools.micro_whisper import grammar, parallel, speech


@cache
def english_words() -> frozenset[str]:
    # The only sentence with "know" is on the held-out side.
    sentences = [*grammar.sample(20_000, 0), *grammar.sample(2_000, 0, held_out=True)]
    return frozenset(word for s in sentences for word in re.findall(r"[a-z']+", s.lower()))


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Executor]:
    """Another process: espeak-ng is one a process, and here it is streamkit's."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        yield executor


def test_a_sentence_is_on_one_side_of_the_split_only() -> None:
    training = set(grammar.sample(5_000, 1, scrambled=0.3))
    held = set(grammar.sample(1_000, 1, held_out=True))
    assert not training & held
    assert all(grammar.is_held_out(sentence) for sentence in held)


def test_sentences_are_written_as_whisper_writes_them() -> None:
    for sentence in grammar.sample(500, 2, scrambled=0.5):
        assert re.fullmatch(r"[A-Z].*[.?]", sentence), sentence
        assert not re.search(r"\s[.,?]|\s\s|[<>{}\[\]|]|\bi\b", sentence), sentence


def test_scrambled_sentences_have_no_word_that_only_sense_could_spell() -> None:
    strangers = set(grammar.free_words())
    assert strangers < english_words()
    assert not strangers & grammar.HOMOPHONES
    rng, templates = random.Random(3), grammar.Grammar()
    said = Counter(
        word
        for _ in range(3_000)
        for word in re.findall(r"[a-z']+", templates.scrambled(rng).lower())
    )
    assert strangers <= set(said)


@pytest.mark.parametrize("language", parallel.LANGUAGES)
def test_translations_need_no_word_beyond_the_english_domain(language: str) -> None:
    pairs = list(parallel.sample(language, 3_000, 4))
    assert {pair.language for pair in pairs} == {language}
    for pair in pairs:
        assert set(re.findall(r"[a-z']+", pair.english.lower())) <= english_words(), pair
        assert not re.search(r"[<>{}\[\]|=]", pair.text + pair.english), pair
    words = {word for pair in pairs for word in re.findall(r"[^\W\d_]+", pair.text.lower())}
    assert len(words) >= 90


@pytest.mark.parametrize("language", parallel.LANGUAGES)
def test_one_sentence_has_one_translation(language: str) -> None:
    translations: dict[str, str] = {}
    for pair in parallel.sample(language, 5_000, 5):
        assert translations.setdefault(pair.text, pair.english) == pair.english


def test_words_that_espeak_joins_share_their_time() -> None:
    places = list(re.finditer(r"\S+", "come in the room"))
    spans = speech.filled_in({0: 0.1, 5: 0.4, 12: 0.9}, places, 1.3)
    assert spans[0] == (0.1, 0.4)
    assert spans[1][0] == 0.4
    assert spans[1][1] == spans[2][0] == pytest.approx(0.6)
    assert spans[3] == (0.9, 1.3)


def test_a_word_ends_where_its_sound_does() -> None:
    sound = np.zeros(speech.RATE, np.float32)
    sound[1600:8000] = 0.5
    assert speech.tightened(sound, [(0.0, 1.0)]) == [(0.1, 0.5)]


@pytest.mark.parametrize(("language", "voice"), [("en", "en-us+m3"), ("de", "de+f2"), ("es", "es")])
def test_word_times_cover_the_clip_in_order(elsewhere: Executor, language: str, voice: str) -> None:
    text = {
        "en": "Turn on the light in the kitchen, please.",
        "de": "Können Sie die Tür öffnen?",
        "es": "¿Dónde está el baño?",
    }[language]
    clip = elsewhere.submit(speech.Speaker(1, Path()).espeak, text, voice).result()
    assert clip is not None
    assert [word for word, _, _ in clip.words] == text.split()
    times = [time for _, start, end in clip.words for time in (start, end)]
    assert times == sorted(times)
    assert 0 <= times[0] < 0.1
    assert len(clip.samples) / speech.RATE == pytest.approx(times[-1], abs=0.1)


@pytest.fixture(scope="module")
def work(elsewhere: Executor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred English sentences and as many German ones, spoken by espeak-ng."""
    folder = tmp_path_factory.mktemp("micro")
    for name in ("espeak-1", "de"):
        elsewhere.submit(speech.speak_set, name, folder, 100 / speech.SETS[name].count).result()
    return folder


def test_clips_come_back_as_they_were_spoken(work: Path) -> None:
    from tools.micro_whisper.clips import Clips

    clips = Clips([work / "espeak-1", work / "de"])
    assert len(clips.notes) == 200
    assert set(clips.by_language) == {"en", "de"}
    note = clips.pick(random.Random(1), language="de")
    assert note.language == "de"
    assert np.abs(note.samples()).max() == pytest.approx(0.6, abs=0.01)


class TestTraining:
    """What needs torch; the weights are made up, so no word is expected of them."""

    @pytest.fixture(autouse=True)
    def _torch(self) -> None:
        pytest.importorskip("torch", reason="the training needs torch, see requirements.txt there")
        pytest.importorskip("scipy", reason="the training needs scipy")
        pytest.importorskip("transformers", reason="the export needs transformers")

    def tokenizer(self, work: Path, *languages: str) -> Path:
        from tools.micro_whisper import vocabulary

        path = work / f"{'-'.join(languages)}.json"
        if not path.exists():
            vocabulary.build(path, languages)
        return path

    def test_the_answer_has_the_words_that_were_complete(self, work: Path) -> None:
        from tools.micro_whisper.compose import Composer, Mix

        composer = Composer([work / "espeak-1"], self.tokenizer(work, "en"), 1)
        ids, cut_short = composer.ids, 0
        for _ in range(300):
            item = composer.item(Mix(3, 15.0, cut=1.0, silent=0.0, prompt=0.5))
            assert len(item.tokens) == len(item.labels) == len(item.places)
            answer = [label for label in item.labels if 0 <= label < ids.eot]
            places = [
                p for p, label in zip(item.places, item.labels, strict=True) if label in answer
            ]
            length = len(item.wave) / speech.RATE
            words = composer.tokenizer.decode(answer).split()
            assert all(word.strip(".,?").lower() in english_words() for word in words)
            # Punctuation comes after its word, so it may lie a little beyond the end.
            assert all(p is not None and p[0] <= length for p in places)
            cut_short += not words or words[-1][-1] not in ".?"
        assert cut_short > 100

    def test_silence_is_labelled_as_such_and_answered_with_nothing(self, work: Path) -> None:
        from tools.micro_whisper.compose import Composer, Mix

        composer = Composer([work / "espeak-1"], self.tokenizer(work, "en"), 1)
        for _ in range(50):
            item = composer.item(Mix(1, 5.0, silent=1.0, prompt=0.0))
            assert item.labels[0] == composer.ids.no_speech or composer.ids.no_speech in item.labels
            assert not [label for label in item.labels if 0 <= label < composer.ids.eot]
            assert np.isfinite(item.wave).all()

    def test_features_are_those_of_faster_whisper(self) -> None:
        import torch
        from faster_whisper.feature_extractor import FeatureExtractor

        from tools.micro_whisper.features import LogMel

        wave = np.random.default_rng(1).normal(0, 0.1, 32_000).astype(np.float32)
        ours = LogMel()(torch.from_numpy(wave)[None], torch.tensor([1 << 20]), vary=False)[0]
        theirs = FeatureExtractor()(wave)
        # The last frame reaches beyond the end: they see silence there, torch a reflection.
        assert np.abs(ours.numpy()[:, :-1] - theirs[:, : ours.shape[1] - 1]).max() < 1e-3

    def test_heads_begin_by_looking_at_their_neighbours(self) -> None:
        import torch

        from tools.micro_whisper import network

        torch.manual_seed(1)
        encoder = network.MicroWhisper(1600).model.encoder
        assert isinstance(encoder, network.Encoder)
        x = encoder.conv2(encoder.conv1(torch.randn(1, 80, 1200))).transpose(1, 2)
        for offset in (0, 800):  # the place in the window makes no difference
            h = x + encoder.embed_positions.weight[offset : offset + 600]
            first = encoder.layers[0]
            assert isinstance(first, network.EncoderLayer)
            h = first.self_attn_layer_norm(h)
            attention = first.self_attn
            q, k = attention.q_proj(h)[0], attention.k_proj(h)[0]
            for head, ahead in enumerate(network.NEIGHBOURS[0]):
                part = slice(64 * head, 64 * (head + 1))
                scores = q[100:500, part] @ k[:, part].T
                seen = scores.argmax(1) - torch.arange(100, 500)
                assert ahead is not None
                assert (seen - ahead).abs().median() <= 1

    @pytest.mark.parametrize("languages", [("en",), ("en", "de")])
    def test_from_clips_to_a_model_that_loads(
        self, work: Path, tmp_path: Path, languages: tuple[str, ...]
    ) -> None:
        import torch
        from faster_whisper import WhisperModel

        from tools.micro_whisper import export, training

        clips = [
            work / name for name, code in (("espeak-1", "en"), ("de", "de")) if code in languages
        ]
        tokenizer = self.tokenizer(work, *languages)
        plan = training.Plan(minutes=0.05, audio_seconds=20.0, begin=0.9)
        first = training.train(plan, tmp_path / "run", clips, tokenizer, languages)
        resumed = training.train(plan, tmp_path / "more", clips, tokenizer, languages, first)
        saved = torch.load(resumed, weights_only=True)
        assert saved["info"]["steps"] > 0
        out = export.export(resumed, tokenizer, tmp_path / "model", languages)

        model = WhisperModel(str(out), device="cpu", compute_type="int8")
        assert model.model.is_multilingual == (len(languages) > 1)
        sound = np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32)
        segments, info = model.transcribe(sound, language=None if len(languages) > 1 else "en")
        list(segments)  # decoding goes to its end, whatever these weights say
        assert info.language in languages
        if len(languages) > 1:
            number = model.hf_tokenizer.token_to_id
            assert number("<|endoftext|>") == 50_257
            assert number("<|notimestamps|>") == 50_363
            assert number("<|30.00|>") == 51_864

    def test_a_checkpoint_of_other_words_keeps_what_both_know(
        self, work: Path, tmp_path: Path
    ) -> None:
        import torch
        from tokenizers import Tokenizer

        from tools.micro_whisper import network, training, vocabulary

        english = vocabulary.names(Tokenizer.from_file(str(self.tokenizer(work, "en"))))
        both = vocabulary.names(Tokenizer.from_file(str(self.tokenizer(work, "en", "de"))))
        source = network.MicroWhisper(len(english))
        training.save(source, english, tmp_path / "last.pt", 0, 0.0)
        target = network.MicroWhisper(len(both), vocabulary.unused(("en", "de"), len(both)))
        training.take_over(target, both, torch.load(tmp_path / "last.pt", weights_only=True))
        for name in (" kitchen", "<|startoftranscript|>", "<|12.34|>"):
            name = name.replace(" ", "Ġ")
            row = target.model.decoder.embed_tokens.weight[both.index(name)]
            assert torch.equal(row, source.model.decoder.embed_tokens.weight[english.index(name)])


def test_notes_of_clips_are_json_lines(work: Path) -> None:
    lines = (work / "de.jsonl").read_text().splitlines()
    notes = [json.loads(line) for line in lines]
    assert all({"text", "english", "words", "voice", "language"} <= set(note) for note in notes)
