"""`language=multi` over the socket: each sentence of a recording in a language of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from streamkit.audio.pcm import to_linear16
from streamkit.config import Settings
from streamkit.server.serving import load_recognizer
from streamkit.server.testing import LiveServer


@pytest.fixture(scope="module")
def polyglot(multilingual: Path) -> LiveServer:
    settings = Settings.model_validate({"model": str(multilingual), "port": 0})
    recognizer, profile, _ = load_recognizer(settings)
    return LiveServer(settings, recognizer, profile)


def test_each_sentence_tells_its_language(polyglot: LiveServer, languages: Path) -> None:
    entries = json.loads((languages / "reference.json").read_text("utf-8"))
    mixed = [entry for entry in entries if entry["file"].startswith("mixed")]
    assert len(mixed) >= 2
    with polyglot as server:
        for entry in mixed:
            samples, rate = soundfile.read(languages / entry["file"], dtype="float32")
            with server.listen(encoding="linear16", sample_rate=rate, language="multi") as client:
                client.send(to_linear16(samples))
                client.close_stream()
            spoken = [sentence.get("language", "en") for sentence in entry["sentences"]]
            heard: list[str] = []
            for result in client.finals:
                found = result["channel"]["alternatives"][0]["languages"]
                heard += [language for language in found if heard[-1:] != [language]]
            assert heard == spoken, entry["file"]
