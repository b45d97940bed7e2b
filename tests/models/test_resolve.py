"""Names, directories and "auto"; what is said about the broken ones; profiles."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streamkit.asr.profile import ModelProfile
from streamkit.errors import ModelError
from streamkit.models import BUNDLED_NAME, CATALOGUE, find, installed, resolve, resolve_registered
from streamkit.models.catalogue import ALIASES, bundled_path, default_cache
from streamkit.models.directory import is_multilingual
from streamkit.models.resolve import _REAL_TIME, _SLOWER
from streamkit.models.store import remove

MakeModel = Callable[[Path], Path]


class TestCatalogue:
    def test_repositories_are_those_of_faster_whisper(self) -> None:
        from faster_whisper.utils import _MODELS

        for name, entry in CATALOGUE.items():
            if name != BUNDLED_NAME:
                assert entry.repository == _MODELS[name]
        for alias, name in ALIASES.items():
            assert _MODELS[alias] == CATALOGUE[name].repository

    def test_every_model_has_its_place_in_the_order_of_auto(self) -> None:
        assert sorted((*_REAL_TIME, *_SLOWER, BUNDLED_NAME)) == sorted(CATALOGUE)

    def test_english_only(self) -> None:
        assert CATALOGUE["base.en"].profile.english_only
        assert CATALOGUE["distil-large-v3"].profile.english_only
        assert not CATALOGUE["large-v3-turbo"].profile.english_only

    def test_the_cache_can_be_moved(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("STREAMKIT_MODEL_CACHE", str(tmp_path / "elsewhere"))
        assert default_cache() == tmp_path / "elsewhere"
        monkeypatch.delenv("STREAMKIT_MODEL_CACHE")
        assert default_cache().name == "models"


class TestBundled:
    def test_is_found_by_name(self) -> None:
        model = resolve(BUNDLED_NAME)
        assert model.path == bundled_path()
        assert model.source == "bundled"
        assert model.notice is None
        assert (model.profile.margin, model.profile.suppress_blank) == (1.0, True)
        assert model.profile.english_only

    def test_loads_in_faster_whisper(self) -> None:
        from faster_whisper import WhisperModel

        model: Any = WhisperModel(str(resolve(BUNDLED_NAME).path), device="cpu", cpu_threads=1)
        assert not model.model.is_multilingual
        assert not is_multilingual(bundled_path())


class TestAuto:
    def test_nothing_pulled_takes_the_bundled_with_a_notice(self) -> None:
        model = resolve("auto")
        assert model.name == BUNDLED_NAME
        assert model.notice is not None
        assert "streamkit models pull base.en" in model.notice
        assert "\n" not in model.notice

    def test_takes_the_best_that_keeps_up(self, cache: Path, make_model: MakeModel) -> None:
        for name in ("tiny.en", "base", "large-v3", "small.en"):
            make_model(cache / name)
        model = resolve("auto")
        assert (model.name, model.notice) == ("base", None)

    def test_a_larger_one_is_better_than_the_bundled(
        self, cache: Path, make_model: MakeModel
    ) -> None:
        make_model(cache / "large-v3")
        make_model(cache / "small")
        model = resolve("auto")
        assert model.name == "small"
        assert model.notice is not None
        assert "lag behind" in model.notice

    def test_passes_over_models_without_the_language(
        self, cache: Path, make_model: MakeModel
    ) -> None:
        make_model(cache / "base.en")
        make_model(cache / "tiny")
        assert resolve("auto", language="en-US").name == "base.en"
        assert resolve("auto", language="de").name == "tiny"
        remove("tiny")
        bundled = resolve("auto", language="de")
        assert bundled.name == BUNDLED_NAME
        assert bundled.notice is not None
        assert bundled.notice.endswith("`streamkit models pull base`")

    def test_passes_over_broken_ones(self, cache: Path, make_model: MakeModel) -> None:
        make_model(cache / "base.en")
        make_model(cache / "tiny.en")
        (cache / "base.en" / "model.bin").unlink()
        assert resolve("auto").name == "tiny.en"

    def test_finds_what_huggingface_hub_has(self, in_hub_cache: Callable[[str], Path]) -> None:
        snapshot = in_hub_cache("Systran/faster-whisper-tiny")
        model = resolve("auto")
        assert (model.name, model.source, model.path) == ("tiny", "hub-cache", snapshot)

    def test_passes_over_what_huggingface_hub_has_not_finished(
        self, in_hub_cache: Callable[[str], Path]
    ) -> None:
        (in_hub_cache("Systran/faster-whisper-tiny") / "tokenizer.json").unlink()
        assert resolve("auto").name == BUNDLED_NAME


class TestNames:
    def test_own_cache_goes_first(
        self, cache: Path, make_model: MakeModel, in_hub_cache: Callable[[str], Path]
    ) -> None:
        in_hub_cache("Systran/faster-whisper-base")
        make_model(cache / "base")
        assert resolve("base").path == cache / "base"

    def test_aliases(self, cache: Path, make_model: MakeModel) -> None:
        make_model(cache / "large-v3-turbo")
        assert resolve("turbo").name == "large-v3-turbo"

    def test_a_model_of_ones_own_in_the_cache(self, cache: Path, make_model: MakeModel) -> None:
        make_model(cache / "my-dialect")
        assert resolve("my-dialect").profile.english_only
        assert installed() == [BUNDLED_NAME, "my-dialect"]

    def test_not_here_says_how_to_get_it(self) -> None:
        with pytest.raises(ModelError, match=r"`streamkit models pull base.en`.*whisper-micro-en"):
            resolve("base.en")

    def test_unknown_lists_the_known(self) -> None:
        with pytest.raises(ModelError, match=r"unknown model 'nova-3'.*auto, .*base\.en.*turbo"):
            resolve("nova-3")

    def test_broken_says_what_and_what_to_do(self, cache: Path, make_model: MakeModel) -> None:
        (make_model(cache / "base.en") / "model.bin").unlink()
        with pytest.raises(ModelError, match=r"model.bin is missing.*models remove base\.en`"):
            resolve("base.en")
        assert installed() == [BUNDLED_NAME]

    def test_a_pulled_file_that_was_cut_short_is_noticed(
        self, cache: Path, make_model: MakeModel
    ) -> None:
        path = make_model(cache / "base.en")
        size = (path / "model.bin").stat().st_size
        (path / "streamkit.json").write_text(json.dumps({"files": {"model.bin": {"size": size}}}))
        assert resolve("base.en").path == path
        with (path / "model.bin").open("r+b") as weights:
            weights.truncate(size - 1)
        with pytest.raises(ModelError, match=f"model.bin has {size - 1} of {size} bytes"):
            resolve("base.en")


class TestRegistered:
    def test_names(self, cache: Path, make_model: MakeModel) -> None:
        make_model(cache / "tiny.en")
        assert resolve_registered("tiny.en").path == cache / "tiny.en"
        assert resolve_registered(BUNDLED_NAME).source == "bundled"

    @pytest.mark.parametrize(
        "name",
        [
            "..",
            ".",
            "",
            "../models/tiny.en",
            "tiny.en/../tiny.en",
            "/etc",
            "~",
            ".tiny.en.partial",
            "a\\b",
            "tiny.en\n",
            "x" * 5000,
            "base",
        ],
    )
    def test_nothing_else(self, name: str, cache: Path, make_model: MakeModel) -> None:
        make_model(cache / "tiny.en")
        make_model(cache / ".tiny.en.partial")
        with pytest.raises(ModelError, match=r"on this server; it has: whisper-micro-en, tiny\.en"):
            resolve_registered(name)

    def test_no_absolute_path_of_a_model(self, tmp_path: Path, make_model: MakeModel) -> None:
        path = make_model(tmp_path / "mine")
        with pytest.raises(ModelError, match="no model"):
            resolve_registered(str(path))


class TestDirectory:
    @pytest.fixture
    def mine(self, tmp_path: Path, make_model: MakeModel) -> Path:
        return make_model(tmp_path / "mine")

    def test_is_taken_as_it_is(self, mine: Path) -> None:
        model = resolve(str(mine))
        assert (model.name, model.path, model.source) == ("mine", mine, "directory")
        assert model.profile.margin is None
        assert model.profile.english_only

    def test_relative(self, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(mine.parent)
        assert resolve("mine").path == mine
        assert resolve("./mine").path == mine

    def test_the_bundled_one_keeps_its_profile(self) -> None:
        assert resolve(str(bundled_path())).profile.margin == 1.0

    def test_many_languages_by_its_vocabulary(self, mine: Path) -> None:
        (mine / "vocabulary.json").unlink()
        (mine / "vocabulary.txt").write_text("".join(f"t{n}\n" for n in range(51_865)))
        assert not resolve(str(mine)).profile.english_only

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match=r"there is no such directory.*streamkit models list"):
            resolve(str(tmp_path / "nowhere"))

    def test_a_file(self, mine: Path) -> None:
        with pytest.raises(ModelError, match="there is no such directory"):
            resolve(str(mine / "model.bin"))

    def test_empty_names_all_that_is_missing(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        with pytest.raises(ModelError) as caught:
            resolve(str(tmp_path / "empty"))
        for name in ("config.json", "tokenizer.json", "model.bin", "vocabulary.json or"):
            assert name in str(caught.value)
        assert "preprocessor" not in str(caught.value)

    @pytest.mark.parametrize(
        ("name", "content", "fault"),
        [
            ("model.bin", b"", "model.bin is empty"),
            ("model.bin", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
            ("model.bin", b"<!doctype html>", "no Whisper model in CTranslate2's format"),
            ("config.json", b"{", "config.json is not readable as JSON"),
            ("config.json", b"[]", "config.json holds no JSON object"),
            ("config.json", b"\xff", "config.json is not readable as JSON"),
            ("tokenizer.json", b"", "tokenizer.json is not readable as JSON"),
            ("preprocessor_config.json", b"no", "preprocessor_config.json is not readable"),
            ("vocabulary.json", b"{", "vocabulary in .* cannot be read"),
        ],
    )
    def test_broken_files(self, mine: Path, name: str, content: bytes, fault: str) -> None:
        (mine / name).write_bytes(content)
        with pytest.raises(ModelError, match=fault):
            resolve(str(mine))


class TestProfile:
    def test_a_file_beside_the_weights_changes_single_fields(
        self, cache: Path, make_model: MakeModel
    ) -> None:
        path = make_model(cache / "base.en")
        (path / "profile.json").write_text('{"margin": 2, "beam_size": 5}')
        profile = resolve("base.en").profile
        assert (profile.margin, profile.beam_size) == (2, 5)
        assert profile.english_only

    def test_one_in_the_cache_goes_last(self, cache: Path) -> None:
        cache.mkdir()
        (cache / f"{BUNDLED_NAME}.profile.json").write_text('{"margin": 0.5}')
        assert resolve(BUNDLED_NAME).profile.margin == 0.5
        assert resolve(BUNDLED_NAME).profile.english_only

    @pytest.mark.parametrize(
        ("content", "fault"),
        [
            (
                '{"margins": 1}',
                "some of these fields: margin, suppress_blank, beam_size, english_only",
            ),
            ("[1]", "JSON object"),
            ("{", "cannot be read"),
            ('{"margin": -1}', "margin is -1, but has to be null or 0 to 30 seconds"),
            ('{"margin": NaN}', "margin is nan"),
            ('{"margin": true}', "margin is True"),
            (
                '{"commit_probability": 2}',
                "commit_probability is 2, but has to be a number from 0 to",
            ),
            ('{"beam_size": 0}', "beam_size is 0"),
            ('{"beam_size": 1.5}', "beam_size is 1.5"),
            ('{"suppress_blank": 1}', "suppress_blank is 1, but has to be true or false"),
            ('{"description": null}', "description is None"),
        ],
    )
    def test_bad_ones_name_the_file_and_the_field(
        self, tmp_path: Path, content: str, fault: str
    ) -> None:
        file = tmp_path / "profile.json"
        file.write_text(content)
        with pytest.raises(ModelError, match=fault) as caught:
            ModelProfile().override(file)
        assert str(file) in str(caught.value)


class TestRemove:
    def test_a_pulled_model_is_gone(self, cache: Path, make_model: MakeModel) -> None:
        make_model(cache / "tiny")
        make_model(cache / ".tiny.partial")
        assert remove("tiny") == cache / "tiny"
        assert find("tiny") is None
        assert not (cache / ".tiny.partial").exists()

    @pytest.mark.parametrize(
        ("name", "fault"),
        [
            ("tiny", "is not in"),
            (BUNDLED_NAME, "part of the package"),
            ("../models", "no name of a model"),
            ("..", "no name of a model"),
        ],
    )
    def test_nothing_else_goes(self, name: str, fault: str, cache: Path) -> None:
        cache.mkdir()
        with pytest.raises(ModelError, match=fault):
            remove(name)
        assert cache.is_dir()

    def test_what_huggingface_hub_has_stays(self, in_hub_cache: Callable[[str], Path]) -> None:
        snapshot = in_hub_cache("Systran/faster-whisper-tiny")
        with pytest.raises(ModelError, match="hf cache"):
            remove("tiny")
        assert snapshot.is_dir()
        shutil.rmtree(snapshot)
