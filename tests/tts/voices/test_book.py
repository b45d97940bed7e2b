"""Who speaks when a voice is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from streamkit.tts.latents import VoiceLatents
from streamkit.tts.voice_names import OPENAI_VOICES, UnknownVoiceError
from streamkit.tts.voices.book import XTTS_STAND_INS, VoiceBook, stand_ins
from streamkit.tts.voices.errors import DamagedVoiceError, VoiceNameError
from streamkit.tts.voices.store import VoiceStore
from streamkit.tts.voices.voice_file import VoiceRecord

RecordOf = Callable[..., VoiceRecord]

SPEAKERS = sorted({speaker for some in XTTS_STAND_INS.values() for speaker in some})
ALL_SPEAKERS = [*SPEAKERS, "Camilla Holmström", "Alma María"]


@pytest.fixture
def store(tmp_path: Path) -> VoiceStore:
    return VoiceStore(tmp_path / "voices")


@pytest.fixture
def book(store: VoiceStore) -> VoiceBook:
    return VoiceBook(ALL_SPEAKERS, store, "xtts_v2")


class TestStandIns:
    def test_every_name_has_its_own_speaker(self) -> None:
        chosen = stand_ins(SPEAKERS)
        assert list(chosen) == list(OPENAI_VOICES)
        assert chosen == {name: some[0] for name, some in XTTS_STAND_INS.items()}
        assert len(set(chosen.values())) == 13

    def test_the_order_of_the_speakers_changes_nothing(self) -> None:
        few = ["Xenia", "Berta", "Anton", "Damien Black"]
        assert stand_ins(few) == stand_ins(few[::-1])

    def test_second_choices(self) -> None:
        lacking = [speaker for speaker in SPEAKERS if speaker != "Damien Black"]
        assert stand_ins(lacking)["onyx"] == "Baldur Sanjin"

    def test_a_model_with_other_speakers(self) -> None:
        others = [f"speaker {index:02}" for index in range(20)]
        chosen = stand_ins(others)
        assert len(set(chosen.values())) == 13
        assert chosen["alloy"] == "speaker 00"

    def test_fewer_speakers_than_names(self) -> None:
        chosen = stand_ins(["Anton", "Berta"])
        assert set(chosen) == set(OPENAI_VOICES)
        assert set(chosen.values()) == {"Anton", "Berta"}

    def test_no_speaker(self) -> None:
        assert stand_ins([]) == {}

    def test_one_speaker_never_stands_for_two_while_others_are_free(self) -> None:
        chosen = stand_ins(["Claribel Dervla", *[f"s{index}" for index in range(12)]])
        assert len(set(chosen.values())) == 13

    def test_wishes_of_another_model(self) -> None:
        chosen = stand_ins(["am_onyx", "af_nova"], {"onyx": ("AM_ONYX",), "nova": ("af_nova",)})
        assert (chosen["onyx"], chosen["nova"]) == ("am_onyx", "af_nova")


class TestBuiltIn:
    @pytest.mark.parametrize("name", ["Claribel Dervla", "claribel dervla", "CLARIBEL DERVLA"])
    def test_speakers(self, book: VoiceBook, name: str) -> None:
        assert book.find(name) == book.voice(name) == "Claribel Dervla"

    def test_accents(self, book: VoiceBook) -> None:
        assert book.voice("CAMILLA HOLMSTRO\u0308M") == "Camilla Holmström"

    @pytest.mark.parametrize("name", [*OPENAI_VOICES, "ALLOY"])
    def test_openai_s_names(self, book: VoiceBook, name: str) -> None:
        assert book.voice(name) == stand_ins(ALL_SPEAKERS)[name.lower()]

    def test_a_speaker_s_own_name_goes_first(self, store: VoiceStore) -> None:
        book = VoiceBook(["Onyx", "Damien Black"], store, "xtts_v2")
        assert book.voice("onyx") == "Onyx"

    @pytest.mark.parametrize("name", ["gandalf", "", "../alloy", "a\0b", "x" * 10_000])
    def test_nobody(self, book: VoiceBook, name: str) -> None:
        with pytest.raises(UnknownVoiceError) as caught:
            book.voice(name)
        text = str(caught.value)
        assert "Aaron Dreschner" in text
        assert "alloy" in text
        assert len(text) < 800

    def test_nobody_at_all(self, store: VoiceStore) -> None:
        with pytest.raises(UnknownVoiceError, match="none at all"):
            VoiceBook([], store, "xtts_v2").voice("alloy")


class TestCloned:
    def test_found_in_any_case(
        self, book: VoiceBook, store: VoiceStore, record_of: RecordOf, latents: VoiceLatents
    ) -> None:
        store.add(record_of("Anna"), latents)
        assert book.find("ANNA") == "Anna"
        found = book.voice("anna")
        assert isinstance(found, VoiceLatents)
        np.testing.assert_array_equal(found.speaker, latents.speaker)
        assert book.names() == [*sorted(ALL_SPEAKERS), "Anna"]

    def test_added_and_removed_by_somebody_else(
        self, book: VoiceBook, store: VoiceStore, record_of: RecordOf, latents: VoiceLatents
    ) -> None:
        other = VoiceStore(store.folder)
        with pytest.raises(UnknownVoiceError):
            book.voice("anna")
        other.add(record_of("Anna"), latents)
        assert book.find("anna") == "Anna"
        other.remove("anna")
        with pytest.raises(UnknownVoiceError):
            book.voice("anna")

    def test_of_another_model(
        self, book: VoiceBook, store: VoiceStore, record_of: RecordOf, latents: VoiceLatents
    ) -> None:
        store.add(record_of("Anna", "my_model"), latents)
        with pytest.raises(UnknownVoiceError, match="my_model"):
            book.voice("anna")
        assert "Anna" not in book.names()

    def test_a_file_cannot_take_a_built_in_name(
        self, book: VoiceBook, store: VoiceStore, record_of: RecordOf, latents: VoiceLatents
    ) -> None:
        store.add(record_of("Anna"), latents)
        shutil.copy(store.folder / "anna.safetensors", store.folder / "alloy.safetensors")
        assert book.voice("alloy") == "Claribel Dervla"
        assert "alloy" not in book.names()

    @pytest.mark.parametrize("name", ["alloy", "Default", "claribel dervla"])
    def test_reserved(
        self,
        book: VoiceBook,
        store: VoiceStore,
        record_of: RecordOf,
        latents: VoiceLatents,
        name: str,
    ) -> None:
        with pytest.raises(VoiceNameError):
            store.add(record_of(name), latents, book.reserved)

    def test_a_damaged_one(self, book: VoiceBook, store: VoiceStore) -> None:
        store.folder.mkdir()
        (store.folder / "anna.safetensors").write_bytes(b"nothing")
        with pytest.raises(DamagedVoiceError, match="anna"):
            book.voice("anna")
        assert book.voice("alloy") == "Claribel Dervla"
        assert "anna" not in book.names()
