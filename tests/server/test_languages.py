"""Languages over the socket: one after the other in one stream, and into English."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jiwer
import pytest
import soundfile

from streamkit.audio.pcm import to_linear16
from streamkit.config import Settings
from streamkit.server.serving import load_recognizer
from streamkit.server.testing import LiveServer, WireClient


@pytest.fixture(scope="module")
def polyglot(multilingual: Path) -> Iterator[LiveServer]:
    settings = Settings.model_validate({"model": str(multilingual), "port": 0})
    recognizer, profile, _ = load_recognizer(settings)
    with LiveServer(settings, recognizer, profile) as server:
        yield server


@pytest.fixture(scope="module")
def entries(languages: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((languages / "reference.json").read_text("utf-8"))
    return found


def listen(server: LiveServer, path: Path, **parameters: Any) -> WireClient:
    samples, rate = soundfile.read(path, dtype="float32")
    with server.listen(encoding="linear16", sample_rate=rate, **parameters) as client:
        client.send(to_linear16(samples))
        client.close_stream()
    assert client.closed == (1000, "")
    return client


def languages_of(client: WireClient) -> list[str]:
    """In the order in which they were spoken."""
    heard: list[str] = []
    for result in client.finals:
        found = result["channel"]["alternatives"][0]["languages"]
        heard += [language for language in found if heard[-1:] != [language]]
    return heard


def plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W\d_]+", text.lower()))


def english(entry: dict[str, Any]) -> str:
    return plain(
        " ".join(sentence.get("english", sentence["text"]) for sentence in entry["sentences"])
    )


def test_each_sentence_tells_its_language(
    polyglot: LiveServer, languages: Path, entries: list[dict[str, Any]]
) -> None:
    mixed = [entry for entry in entries if entry["file"].startswith("mixed")]
    assert len(mixed) >= 2
    for entry in mixed:
        client = listen(polyglot, languages / entry["file"], language="multi")
        spoken = [sentence.get("language", "en") for sentence in entry["sentences"]]
        assert languages_of(client) == spoken, entry["file"]


@pytest.mark.parametrize("language", ["de", "es", "fr"])
def test_speech_comes_out_in_english(
    polyglot: LiveServer, languages: Path, entries: list[dict[str, Any]], language: str
) -> None:
    meant, translated, transcribed = [], [], []
    for entry in entries:
        if entry["file"].startswith(language):
            path = languages / entry["file"]
            asked: dict[str, Any] = {"language": language, "interim_results": True}
            meant.append(english(entry))
            translated.append(plain(listen(polyglot, path, task="translate", **asked).text))
            transcribed.append(plain(listen(polyglot, path, **asked).text))
    # The model is a very small one; what it transcribes is nearly all wrong as English.
    assert jiwer.wer(meant, translated) < 0.45
    assert jiwer.wer(meant, transcribed) > 0.75


def test_whatever_language_it_is(
    polyglot: LiveServer, languages: Path, entries: list[dict[str, Any]]
) -> None:
    """Each final tells the language that was spoken; its text is English."""
    meant, translated = [], []
    for entry in entries:
        if entry["file"].startswith("mixed"):
            client = listen(polyglot, languages / entry["file"], language="multi", task="translate")
            spoken = [sentence.get("language", "en") for sentence in entry["sentences"]]
            assert languages_of(client) == spoken, entry["file"]
            meant.append(english(entry))
            translated.append(plain(client.text))
    assert jiwer.wer(meant, translated) < 0.45


def test_committed_words_of_a_translation_never_change(
    polyglot: LiveServer, languages: Path
) -> None:
    client = listen(
        polyglot, languages / "de_0.flac", language="de", task="translate", interim_results=True
    )
    said: list[str] = []
    firm: list[str] = []
    for message in client.of_type("Results"):
        words = message["channel"]["alternatives"][0]["words"]
        now = said + [w["punctuated_word"] for w in words[: message["streamkit"]["committed"]]]
        assert now[: len(firm)] == firm
        firm = now
        if message["is_final"]:
            said = now
    assert said
