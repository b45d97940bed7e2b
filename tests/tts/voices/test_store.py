"""The folder of voices: several writers, and files of every kind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from streamkit.tts.latents import VoiceLatents
from streamkit.tts.voice_names import UnknownVoiceError
from streamkit.tts.voices import store as store_module
from streamkit.tts.voices.errors import (
    DamagedVoiceError,
    TooManyVoicesError,
    VoiceError,
    VoiceExistsError,
    VoiceFolderError,
    VoiceNameError,
)
from streamkit.tts.voices.store import VoiceStore
from streamkit.tts.voices.voice_file import MAX_FILE_BYTES, VoiceRecord, write_voice

RecordOf = Callable[..., VoiceRecord]


@pytest.fixture
def store(tmp_path: Path) -> VoiceStore:
    return VoiceStore(tmp_path / "some" / "voices", most=20)


def put(store: VoiceStore, name: str, content: bytes) -> Path:
    store.folder.mkdir(parents=True, exist_ok=True)
    path = store.folder / f"{name}.safetensors"
    path.write_bytes(content)
    return path


def test_a_folder_that_is_not_there_yet(store: VoiceStore) -> None:
    assert store.voices() == ([], [])
    assert store.names() == []
    assert store.find("anna") is None
    assert store.latents("anna") is None
    assert not store.folder.exists()


def test_there_and_back(store: VoiceStore, record_of: RecordOf, latents: VoiceLatents) -> None:
    store.add(record_of("Anna"), latents)
    assert store.find("ANNA") == record_of("Anna")
    found = store.latents("anna")
    assert found is not None
    np.testing.assert_array_equal(found.conditioning, latents.conditioning)
    assert store.voices() == ([record_of("Anna")], [])
    # A new one, as after a restart.
    assert VoiceStore(store.folder).voices() == ([record_of("Anna")], [])
    assert sorted(path.name for path in store.folder.iterdir()) == [".lock", "anna.safetensors"]


def test_removing(store: VoiceStore, record_of: RecordOf, latents: VoiceLatents) -> None:
    store.add(record_of("Anna"), latents)
    store.add(record_of("Berta"), latents)
    assert store.remove("aNNA") == "Anna"
    assert store.latents("anna") is None
    assert store.names() == ["berta"]
    with pytest.raises(UnknownVoiceError, match="berta"):
        store.remove("anna")
    store.add(record_of("ANNA"), latents)
    assert store.find("anna") == record_of("ANNA")


@pytest.mark.parametrize("name", ["Anna", "anna", "ANNA"])
def test_a_name_is_taken_once(
    store: VoiceStore, record_of: RecordOf, latents: VoiceLatents, name: str
) -> None:
    store.add(record_of("Anna"), latents)
    with pytest.raises(VoiceExistsError):
        store.add(record_of(name), latents)


@pytest.mark.parametrize("name", ["../anna", "a/b", "", ".x", "x" * 65])
def test_what_is_no_name(
    store: VoiceStore, record_of: RecordOf, latents: VoiceLatents, name: str
) -> None:
    with pytest.raises(VoiceNameError):
        store.add(record_of(name), latents)
    assert store.find(name) is None
    assert store.latents(name) is None
    with pytest.raises(UnknownVoiceError):
        store.remove(name)


def test_nothing_outside_is_touched(store: VoiceStore) -> None:
    store.folder.mkdir(parents=True)
    outside = store.folder.parent / "precious.safetensors"
    outside.write_bytes(b"x")
    for name in ("../precious", "..\\precious", str(outside), "precious"):
        with pytest.raises(UnknownVoiceError):
            store.remove(name)
    assert outside.exists()


def test_the_limit(tmp_path: Path, record_of: RecordOf, latents: VoiceLatents) -> None:
    store = VoiceStore(tmp_path, most=2)
    store.add(record_of("a"), latents)
    store.add(record_of("b"), latents)
    with pytest.raises(TooManyVoicesError, match="up to 2"):
        store.add(record_of("c"), latents)
    store.remove("a")
    store.add(record_of("c"), latents)


class TestOtherFiles:
    @pytest.fixture
    def content(self, record_of: RecordOf, latents: VoiceLatents) -> bytes:
        return write_voice(record_of("Anna"), latents)

    def test_one_damaged_file_harms_no_other(
        self, store: VoiceStore, content: bytes, record_of: RecordOf, latents: VoiceLatents
    ) -> None:
        store.add(record_of("Berta"), latents)
        put(store, "anna", content[:-1])
        records, (unusable,) = store.voices()
        assert [record.name for record in records] == ["Berta"]
        assert unusable.name == "anna"
        assert "damaged" in unusable.reason
        assert str(store.folder) not in unusable.reason
        # Once it was read, it is known; the error is the same.
        for _ in range(2):
            with pytest.raises(DamagedVoiceError, match="the voice anna cannot be used"):
                store.find("Anna")
            with pytest.raises(DamagedVoiceError):
                store.latents("Anna")
        with pytest.raises(VoiceExistsError):
            store.add(record_of("anna"), latents)
        assert store.remove("anna") == "anna"
        assert store.voices()[1] == []

    def test_a_file_that_was_mended(self, store: VoiceStore, content: bytes) -> None:
        path = put(store, "anna", content[:-1])
        assert len(store.voices()[1]) == 1
        path.write_bytes(content)
        assert store.voices()[1] == []

    def test_a_file_that_was_changed(
        self, store: VoiceStore, record_of: RecordOf, latents: VoiceLatents
    ) -> None:
        store.add(record_of("Anna"), latents)
        assert store.latents("anna") is not None
        other = VoiceLatents(latents.conditioning * 2, latents.speaker)
        draft = store.folder / "draft"
        draft.write_bytes(write_voice(record_of("Anna"), other))
        os.replace(draft, store.folder / "anna.safetensors")
        found = store.latents("anna")
        assert found is not None
        np.testing.assert_array_equal(found.conditioning, other.conditioning)

    def test_a_renamed_file_is_a_renamed_voice(self, store: VoiceStore, content: bytes) -> None:
        put(store, "berta", content)
        (record,), _ = store.voices()
        assert record.name == "berta"
        assert store.find("anna") is None

    def test_a_file_in_upper_case(self, store: VoiceStore, content: bytes) -> None:
        put(store, "ANNA", content)
        found = store.find("anna")
        assert found is not None
        assert found.name == "Anna"
        assert store.remove("anna") == "Anna"
        assert store.names() == []

    def test_too_large_a_file_is_not_read(self, store: VoiceStore) -> None:
        path = put(store, "anna", b"")
        with path.open("wb") as file:
            file.truncate(1 << 40)
        with pytest.raises(DamagedVoiceError, match=str(MAX_FILE_BYTES)):
            store.find("anna")

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
    def test_a_pipe_is_not_waited_for(self, store: VoiceStore) -> None:
        store.folder.mkdir(parents=True)
        os.mkfifo(store.folder / "anna.safetensors")
        with pytest.raises(DamagedVoiceError, match="no file"):
            store.latents("anna")

    def test_a_folder_is_no_voice(self, store: VoiceStore) -> None:
        (store.folder / "anna.safetensors").mkdir(parents=True)
        with pytest.raises(DamagedVoiceError, match="no file"):
            store.find("anna")

    def test_a_link_to_nothing(self, store: VoiceStore) -> None:
        store.folder.mkdir(parents=True)
        (store.folder / "anna.safetensors").symlink_to(store.folder / "nothing")
        assert store.find("anna") is None
        assert store.latents("anna") is None
        assert store.voices() == ([], [])

    @pytest.mark.parametrize(
        "name", ["anna.pth", ".hidden.safetensors", "a b.safetensors", "ä.safetensors", ".new"]
    )
    def test_what_is_no_voice_is_not_looked_at(self, store: VoiceStore, name: str) -> None:
        store.folder.mkdir(parents=True)
        (store.folder / name).write_bytes(b"\x80\x04")
        assert store.voices() == ([], [])
        assert store.names() == []


class TestFolder:
    def test_a_file_in_its_place(
        self, tmp_path: Path, record_of: RecordOf, latents: VoiceLatents
    ) -> None:
        place = tmp_path / "voices"
        place.write_text("")
        store = VoiceStore(place)
        with pytest.raises(VoiceFolderError, match="STREAMKIT_VOICES"):
            store.voices()
        with pytest.raises(VoiceFolderError, match="STREAMKIT_VOICES"):
            store.add(record_of("anna"), latents)

    def test_a_writer_that_died(
        self, store: VoiceStore, record_of: RecordOf, latents: VoiceLatents
    ) -> None:
        store.folder.mkdir(parents=True)
        (store.folder / ".new").write_bytes(b"half of a voice")
        store.add(record_of("anna"), latents)
        assert sorted(path.name for path in store.folder.iterdir()) == [".lock", "anna.safetensors"]

    def test_a_writer_that_fails_leaves_what_was(
        self,
        store: VoiceStore,
        record_of: RecordOf,
        latents: VoiceLatents,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(VoiceFolderError, match="free some space"):
            store.add(record_of("anna"), latents)
        assert store.voices() == ([], [])
        monkeypatch.undo()
        store.add(record_of("anna"), latents)

    def test_a_writer_that_hangs(
        self,
        store: VoiceStore,
        record_of: RecordOf,
        latents: VoiceLatents,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        import filelock

        monkeypatch.setattr(store_module, "LOCK_SECONDS", 0.05)
        store.folder.mkdir(parents=True)
        with (
            filelock.FileLock(store.folder / ".lock"),
            pytest.raises(VoiceFolderError, match="another process"),
        ):
            store.add(record_of("anna"), latents)


class TestTogether:
    def test_threads(self, store: VoiceStore, record_of: RecordOf, latents: VoiceLatents) -> None:
        """Of those who want one name, one gets it; the others are told."""
        told: list[str] = []

        def add(name: str) -> None:
            try:
                VoiceStore(store.folder).add(record_of(name), latents)
                told.append("added")
            except VoiceError as error:
                told.append(error.code)

        threads = [threading.Thread(target=add, args=(name,)) for name in ["Anna", "anna"] * 4]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(told) == ["added"] + ["voice_exists"] * 7

    def test_processes_and_the_limit(self, tmp_path: Path) -> None:
        """Two processes add as many as they can; no more than the limit, and each one whole."""
        code = """
import sys
import numpy as np
from pathlib import Path
from streamkit.tts.latents import VoiceLatents
from streamkit.tts.voices.errors import TooManyVoicesError
from streamkit.tts.voices.store import VoiceStore
from streamkit.tts.voices.voice_file import Consent, VoiceRecord

store = VoiceStore(Path(sys.argv[1]), most=9)
latents = VoiceLatents(np.ones((1, 32, 64), np.float32), np.ones((1, 512, 1), np.float32))
count = 0
for index in range(9):
    record = VoiceRecord(f"{sys.argv[2]}{index}", "m", Consent(True, "me", 1), 1, "", 7.0)
    try:
        store.add(record, latents)
        count += 1
    except TooManyVoicesError:
        break
print(count)
"""
        running = [
            subprocess.Popen(
                [sys.executable, "-c", code, str(tmp_path), name], stdout=subprocess.PIPE, text=True
            )
            for name in ("a", "b")
        ]
        counts = [int(process.communicate(timeout=60)[0]) for process in running]
        assert sum(counts) == 9
        records, unusable = VoiceStore(tmp_path).voices()
        assert (len(records), unusable) == (9, [])

    def test_readers_find_whole_voices(
        self, store: VoiceStore, record_of: RecordOf, latents: VoiceLatents
    ) -> None:
        over = threading.Event()
        seen: list[object] = []

        def write() -> None:
            writer = VoiceStore(store.folder)
            for _ in range(30):
                writer.add(record_of("anna"), latents)
                writer.remove("anna")
            over.set()

        thread = threading.Thread(target=write)
        thread.start()
        while not over.is_set():
            found = store.find("anna")
            assert found is None or found == record_of("anna")
            got = store.latents("anna")
            assert got is None or got.conditioning.shape == (1, 32, 64)
            seen.append(found)
        thread.join()
        assert seen


def test_memory_is_bounded(
    tmp_path: Path,
    record_of: RecordOf,
    latents: VoiceLatents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store_module, "_LATENTS_KEPT", 3)
    store = VoiceStore(tmp_path)
    for index in range(6):
        store.add(record_of(f"v{index}"), latents)
    for index in range(6):
        assert store.latents(f"v{index}") is not None
    assert len(store._latents) == 3
    for index in range(6):
        store.remove(f"v{index}")
    store.voices()
    assert (len(store._latents), len(store._known)) == (0, 0)
