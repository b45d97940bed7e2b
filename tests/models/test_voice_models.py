"""Weights of models that speak: pulled with consent, found, and looked through without loading."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from streamkit.errors import ModelError
from streamkit.models import find, installed, resolve, resolve_registered
from streamkit.models.download import ConsentError, missing_consent, pull
from streamkit.models.licence import CPML, read_acceptance
from streamkit.models.store import partial_path, remove
from streamkit.models.transfer import MAX_ATTEMPTS
from streamkit.models.voice_directory import detect_engine, find_voice_faults
from streamkit.models.voice_models import VOICE_ALIASES, VOICE_MODELS
from streamkit.models.voice_resolve import (
    find_voice_model,
    installed_voice_models,
    resolve_voice_model,
)

Get = Callable[..., Path]
WriteFiles = Callable[[Path, dict[str, bytes]], Path]

XTTS = "xtts_v2"
OPTION = "--accept-license"


@pytest.fixture
def get(hub: Any, cache: Path) -> Get:
    def run(name: str = XTTS, **options: Any) -> Path:
        given = {"endpoint": hub.endpoint, "cache": cache, "sleep": lambda seconds: None}
        return pull(name, **(given | options))

    return run


@pytest.fixture
def xtts_files(xtts_hub: Any) -> dict[str, bytes]:
    wanted = ("config.json", "model.pth", "vocab.json", "speakers_xtts.pth")
    return {name: xtts_hub.files[name] for name in wanted}


class TestCatalogue:
    def test_every_file_of_a_release_has_a_hash(self) -> None:
        releases = [model.release for model in VOICE_MODELS.values() if model.release is not None]
        assert len(releases) == 3
        for release in releases:
            assert {file.name for file in release.files} >= {"voices-v1.0.bin"}
            assert all(file.algorithm == "sha256" for file in release.files)
            assert all(len(bytes.fromhex(file.digest)) == 32 for file in release.files)

    def test_each_is_on_the_hub_or_in_a_release(self) -> None:
        for model in VOICE_MODELS.values():
            assert (model.repository is None) != (model.release is None)

    def test_no_name_stands_for_two_things(self) -> None:
        assert set(VOICE_ALIASES.values()) <= set(VOICE_MODELS)
        assert set(VOICE_ALIASES).isdisjoint(VOICE_MODELS)


class TestConsent:
    def test_nothing_is_asked_of_the_hub_without_it(self, get: Get, xtts_hub: Any) -> None:
        with pytest.raises(ConsentError) as caught:
            get()
        text = str(caught.value)
        assert "non-commercial" in text
        assert "https://coqui.ai/cpml" in text
        assert "LICENSE.txt" in text
        assert "streamkit models pull xtts_v2 --accept-license" in text
        assert "\n" not in text
        assert xtts_hub.requests == []

    def test_it_is_recorded_beside_the_weights(self, get: Get, xtts_hub: Any) -> None:
        path = get(accepted=OPTION)
        accepted = read_acceptance(path)
        assert accepted is not None
        assert accepted.licence == CPML.name
        assert accepted.address == "https://coqui.ai/cpml"
        assert accepted.by == OPTION
        age = datetime.now(timezone.utc) - datetime.fromisoformat(accepted.accepted_at)
        assert timedelta(0) <= age < timedelta(minutes=5)
        assert (path / "LICENSE.txt").read_bytes() == xtts_hub.files["LICENSE.txt"]

    def test_the_environment_may_give_it(
        self, get: Get, xtts_hub: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COQUI_TOS_AGREED", "1")
        assert missing_consent(XTTS) is None
        accepted = read_acceptance(get())
        assert accepted is not None
        assert accepted.by == "COQUI_TOS_AGREED"

    @pytest.mark.parametrize("value", ["", "0", "yes"])
    def test_other_values_of_the_variable_are_no_consent(
        self, get: Get, xtts_hub: Any, monkeypatch: pytest.MonkeyPatch, value: str
    ) -> None:
        monkeypatch.setenv("COQUI_TOS_AGREED", value)
        with pytest.raises(ConsentError):
            get()

    def test_it_is_needed_for_the_alias_too(self) -> None:
        refusal = missing_consent("xtts")
        assert refusal is not None
        assert refusal.licence is CPML

    @pytest.mark.parametrize("name", ["kokoro", "base.en", "no-such-model"])
    def test_others_need_none(self, name: str) -> None:
        assert missing_consent(name) is None

    def test_weights_that_are_here_need_none_to_be_found(
        self, get: Get, cache: Path, write_files: WriteFiles, xtts_files: dict[str, bytes]
    ) -> None:
        path = write_files(cache / XTTS, xtts_files)
        assert get() == path
        assert read_acceptance(path) is None
        assert get(accepted=OPTION) == path
        assert read_acceptance(path) is not None

    def test_a_later_pull_does_not_change_what_was_recorded(
        self, get: Get, xtts_hub: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = get(accepted=OPTION)
        before = read_acceptance(path)
        monkeypatch.setenv("COQUI_TOS_AGREED", "1")
        get()
        assert read_acceptance(path) == before

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"licence": "x"}', '{"other": 1}'])
    def test_a_damaged_record_is_none(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "licence-accepted.json").write_text(content)
        assert read_acceptance(tmp_path) is None


class TestPullXtts:
    def test_brings_what_speaking_needs_and_nothing_else(
        self, get: Get, xtts_hub: Any, cache: Path
    ) -> None:
        path = get(accepted=OPTION)
        assert path == cache / XTTS
        assert {file.name for file in path.iterdir()} == {
            "config.json", "model.pth", "vocab.json", "speakers_xtts.pth", "LICENSE.txt",
            "streamkit.json", "licence-accepted.json",
        }  # fmt: skip
        assert (path / "model.pth").read_bytes() == xtts_hub.files["model.pth"]
        assert json.loads((path / "streamkit.json").read_text())["commit"] == xtts_hub.commit
        assert find_voice_faults(path, "xtts") == []

    def test_the_alias_brings_the_same(self, get: Get, xtts_hub: Any, cache: Path) -> None:
        assert get("xtts", accepted=OPTION) == cache / XTTS

    def test_goes_on_where_it_stopped(self, get: Get, xtts_hub: Any, cache: Path) -> None:
        xtts_hub.cuts["model.pth"] = [300_000] * MAX_ATTEMPTS
        with pytest.raises(ModelError, match="--tts espeak always works"):
            get(accepted=OPTION)
        assert not (cache / XTTS).exists()
        assert find_voice_model(XTTS, cache=cache) is None
        xtts_hub.requests.clear()
        get(accepted=OPTION)
        assert set(xtts_hub.downloads("model.pth")) == {"bytes=1200000-"}

    def test_damage_on_the_way_is_found(self, get: Get, xtts_hub: Any, cache: Path) -> None:
        content = bytearray(xtts_hub.files["model.pth"])
        content[-100] ^= 1
        xtts_hub.tampered["model.pth"] = bytes(content)
        with pytest.raises(ModelError, match=r"model\.pth does not have the content"):
            get(accepted=OPTION)
        assert not (cache / XTTS).exists()

    def test_a_repository_without_the_vocabulary_is_said_to_be_incomplete(
        self, get: Get, xtts_hub: Any, cache: Path
    ) -> None:
        del xtts_hub.files["vocab.json"]
        with pytest.raises(ModelError, match=r"vocab\.json is missing.*coqui/XTTS-v2 holds"):
            get(accepted=OPTION)
        assert not (cache / XTTS).exists()

    def test_offline_says_what_to_do(
        self, get: Get, xtts_hub: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        with pytest.raises(ModelError, match=r"HF_HUB_OFFLINE is set.*HF_ENDPOINT"):
            get(accepted=OPTION)
        assert xtts_hub.requests == []

    def test_a_pulled_model_that_shrank_is_pulled_again(self, get: Get, xtts_hub: Any) -> None:
        path = get(accepted=OPTION)
        (path / "model.pth").write_bytes(xtts_hub.files["model.pth"][:-1000])
        with pytest.raises(ModelError, match=r"model\.pth is cut off.*models remove xtts_v2"):
            resolve_voice_model(XTTS)
        assert get(accepted=OPTION) == path
        assert resolve_voice_model(XTTS).path == path


class TestPullKokoro:
    def test_brings_the_files_of_the_release(
        self, get: Get, kokoro_release: Any, cache: Path
    ) -> None:
        path = get("kokoro")
        assert path == cache / "kokoro"
        assert {file.name for file in path.iterdir()} == {*kokoro_release.files, "streamkit.json"}
        manifest = json.loads((path / "streamkit.json").read_text())
        assert manifest["repository"] == "thewh1teagle/kokoro-onnx"
        assert manifest["commit"] == "model-files-v1.1"
        assert not any(path.startswith("/api/") for path, _ in kokoro_release.requests)

    def test_goes_on_where_it_stopped(self, get: Get, kokoro_release: Any) -> None:
        kokoro_release.cuts["kokoro-v1.0.onnx"] = [400_000, 300_000]
        get("kokoro")
        assert kokoro_release.downloads("kokoro-v1.0.onnx")[-1] == "bytes=700000-"

    def test_other_content_than_that_of_the_catalogue_is_refused(
        self, get: Get, kokoro_release: Any, cache: Path
    ) -> None:
        content = bytearray(kokoro_release.files["kokoro-v1.0.onnx"])
        content[-1] ^= 1
        kokoro_release.tampered["kokoro-v1.0.onnx"] = bytes(content)
        with pytest.raises(ModelError, match="another mirror through --endpoint"):
            get("kokoro")
        assert not (cache / "kokoro").exists()

    def test_the_hubs_variable_is_not_githubs(
        self, get: Get, kokoro_release: Any, monkeypatch: pytest.MonkeyPatch, closed_endpoint: str
    ) -> None:
        monkeypatch.setenv("HF_ENDPOINT", closed_endpoint)
        assert get("kokoro").is_dir()

    def test_nobody_there(self, get: Get, kokoro_release: Any, closed_endpoint: str) -> None:
        with pytest.raises(ModelError, match=f"{closed_endpoint}.*--tts espeak always works"):
            get("kokoro", endpoint=closed_endpoint)

    def test_an_endpoint_that_is_no_address(self, get: Get) -> None:
        with pytest.raises(ModelError, match=r"'github\.com'.*http://"):
            get("kokoro", endpoint="github.com")


class TestFaults:
    def test_a_complete_directory_has_none(
        self, tmp_path: Path, write_files: WriteFiles, xtts_files: dict[str, bytes]
    ) -> None:
        assert find_voice_faults(write_files(tmp_path / "x", xtts_files), "xtts") == []

    def test_the_speakers_may_be_missing(
        self, tmp_path: Path, write_files: WriteFiles, xtts_files: dict[str, bytes]
    ) -> None:
        del xtts_files["speakers_xtts.pth"]
        assert find_voice_faults(write_files(tmp_path / "x", xtts_files), "xtts") == []

    @pytest.mark.parametrize(
        ("name", "content", "fault"),
        [
            ("config.json", b"not json", "config.json is not readable as JSON"),
            ("vocab.json", b"[]", "vocab.json holds no JSON object"),
            ("model.pth", b"", "model.pth is empty"),
            ("model.pth", b"<html>" * 300_000, "model.pth is no checkpoint of torch"),
            ("model.pth", b"version https://git-lfs.github.com/spec/v1", "git-lfs pointer"),
            ("model.pth", b"PK\x03\x04" + bytes(2_000_000), "model.pth is cut off or damaged"),
            ("model.pth", b"PK\x03\x04few", "model.pth has 7 bytes, too few"),
            ("speakers_xtts.pth", b"PK\x03\x04few", "speakers_xtts.pth is cut off or damaged"),
        ],
    )
    def test_each_is_told(
        self,
        tmp_path: Path,
        write_files: WriteFiles,
        xtts_files: dict[str, bytes],
        name: str,
        content: bytes,
        fault: str,
    ) -> None:
        path = write_files(tmp_path / "x", xtts_files | {name: content})
        [told] = find_voice_faults(path, "xtts")
        assert fault in told

    def test_an_archive_of_something_else_is_none(
        self,
        tmp_path: Path,
        write_files: WriteFiles,
        xtts_files: dict[str, bytes],
        kokoro_release: Any,
    ) -> None:
        voices = kokoro_release.files["voices-v1.0.bin"]
        path = write_files(tmp_path / "x", xtts_files | {"speakers_xtts.pth": voices})
        [told] = find_voice_faults(path, "xtts")
        assert "no checkpoint of torch: it has no data.pkl" in told

    def test_a_cut_checkpoint_is_noticed_without_a_manifest(
        self, tmp_path: Path, write_files: WriteFiles, xtts_files: dict[str, bytes]
    ) -> None:
        xtts_files["model.pth"] = xtts_files["model.pth"][:-500_000]
        [told] = find_voice_faults(write_files(tmp_path / "x", xtts_files), "xtts")
        assert "model.pth is cut off or damaged" in told

    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            ({"voices-v1.0.bin": None}, r"voices-v1\.0\.bin is missing"),
            ({"kokoro-v1.0.onnx": None}, r"kokoro-v1\.0\.onnx or .* is missing"),
            ({"kokoro-v1.0.onnx": b"<html>" * 300_000}, "is no network in ONNX"),
            ({"kokoro-v1.0.onnx": b"\x08few"}, "has 4 bytes, too few"),
            ({"voices-v1.0.bin": b"junk"}, "is no archive of voices"),
        ],
    )
    def test_kokoros(
        self,
        tmp_path: Path,
        write_files: WriteFiles,
        kokoro_release: Any,
        change: dict[str, bytes | None],
        fault: str,
    ) -> None:
        files = kokoro_release.files | change
        here = {name: content for name, content in files.items() if content is not None}
        path = write_files(tmp_path / "k", here)
        assert detect_engine(path) == "kokoro"
        with pytest.raises(ModelError, match=fault):
            resolve_voice_model(str(path))

    def test_no_directory(self, tmp_path: Path) -> None:
        assert find_voice_faults(tmp_path / "x", "xtts") == ["there is no such directory"]


class TestResolve:
    def test_what_is_not_here_says_how_to_get_it(self) -> None:
        with pytest.raises(ModelError, match=r"streamkit models pull xtts_v2.*--tts espeak"):
            resolve_voice_model("xtts")

    def test_an_unknown_name_lists_the_known(self) -> None:
        with pytest.raises(ModelError, match=r"'xtts3'; accepted: espeak, xtts, xtts_v2, kokoro"):
            resolve_voice_model("xtts3")

    def test_weights_put_there_by_hand_are_used_and_their_licence_told(
        self, cache: Path, write_files: WriteFiles, xtts_files: dict[str, bytes]
    ) -> None:
        path = write_files(cache / XTTS, xtts_files)
        found = resolve_voice_model("xtts")
        assert (found.name, found.engine, found.path) == (XTTS, "xtts", path)
        assert found.notice is not None
        assert "non-commercial" in found.notice
        assert "https://coqui.ai/cpml" in found.notice

    def test_accepted_ones_tell_nothing(self, get: Get, xtts_hub: Any) -> None:
        get(accepted=OPTION)
        assert resolve_voice_model(XTTS).notice is None

    def test_a_free_licence_is_nothing_to_tell(self, get: Get, kokoro_release: Any) -> None:
        get("kokoro")
        found = resolve_voice_model("kokoro")
        assert found.engine == "kokoro"
        assert found.notice is None

    def test_a_directory(
        self, tmp_path: Path, write_files: WriteFiles, xtts_files: dict[str, bytes]
    ) -> None:
        path = write_files(tmp_path / "my-voice", xtts_files)
        found = resolve_voice_model(str(path))
        assert (found.name, found.engine, found.path) == ("my-voice", "xtts", path.resolve())
        assert found.notice is not None

    def test_a_directory_of_ones_own_in_the_cache(
        self, cache: Path, write_files: WriteFiles, xtts_files: dict[str, bytes]
    ) -> None:
        write_files(cache / "grandmother", xtts_files)
        assert resolve_voice_model("grandmother").engine == "xtts"
        assert [found.name for found in installed_voice_models()] == ["grandmother"]

    @pytest.mark.parametrize(("name", "problem"), [("empty", "holds no"), ("gone", "is no dir")])
    def test_a_directory_without_weights(self, tmp_path: Path, name: str, problem: str) -> None:
        (tmp_path / "empty").mkdir()
        with pytest.raises(ModelError, match=f"{problem}.*model.pth and vocab.json"):
            resolve_voice_model(str(tmp_path / name))

    def test_an_incomplete_directory_is_one_sentence(
        self, tmp_path: Path, write_files: WriteFiles, xtts_files: dict[str, bytes]
    ) -> None:
        del xtts_files["vocab.json"], xtts_files["config.json"]
        path = write_files(tmp_path / "x", xtts_files)
        with pytest.raises(
            ModelError, match=r"no usable xtts model: config\.json is missing; vocab\.json is miss"
        ):
            resolve_voice_model(str(path))

    def test_what_huggingface_hub_has_is_used(
        self, tmp_path: Path, write_files: WriteFiles, xtts_files: dict[str, bytes], get: Get
    ) -> None:
        folder = tmp_path / "hub" / "models--coqui--XTTS-v2"
        snapshot = write_files(folder / "snapshots" / ("a" * 40), xtts_files)
        write_files(folder / "refs", {"main": b"a" * 40})
        assert resolve_voice_model(XTTS).path == snapshot
        assert get() == snapshot
        with pytest.raises(ModelError, match="downloaded by huggingface_hub, not by streamkit"):
            remove(XTTS)


class TestBesideRecognizers:
    def test_a_voice_is_no_recognizer(
        self, cache: Path, write_files: WriteFiles, xtts_files: dict[str, bytes]
    ) -> None:
        write_files(cache / XTTS, xtts_files)
        assert find(XTTS) is None
        assert XTTS not in installed()
        for name in (XTTS, "xtts"):
            with pytest.raises(ModelError, match="speaks and does not hear: give it to --tts"):
                resolve(name)
        with pytest.raises(ModelError, match="no model 'xtts_v2' on this server"):
            resolve_registered(XTTS)

    def test_a_recognizer_is_no_voice(self, cache: Path, make_model: Callable[..., Path]) -> None:
        make_model(cache / "base.en")
        assert find_voice_model("base.en") is None
        assert installed_voice_models() == []
        with pytest.raises(ModelError, match=r"unknown voice engine 'base\.en'"):
            resolve_voice_model("base.en")

    def test_removing(self, get: Get, xtts_hub: Any, cache: Path) -> None:
        path = get(accepted=OPTION)
        assert remove("xtts") == path
        assert not path.exists()
        xtts_hub.statuses["model.pth"] = [404]
        with pytest.raises(ModelError):
            get(accepted=OPTION)
        assert partial_path(cache, XTTS).is_dir()
        remove(XTTS)
        assert not partial_path(cache, XTTS).exists()
        with pytest.raises(ModelError, match="is not in"):
            remove(XTTS)
