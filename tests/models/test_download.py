"""Pulling from a hub that is well, slow, broken, lying or not there."""

from __future__ import annotations

import errno
import json
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from streamkit.errors import ModelError
from streamkit.models import BUNDLED_NAME, find
from streamkit.models.catalogue import bundled_path
from streamkit.models.directory import find_faults
from streamkit.models.download import PullProgress, pull
from streamkit.models.store import partial_path, remove
from streamkit.models.transfer import FIRST_PAUSE, MAX_ATTEMPTS

NAME = "base.en"


@pytest.fixture
def pauses() -> list[float]:
    """Seconds that the pull would have slept."""
    return []


@pytest.fixture
def get(hub: Any, cache: Path, pauses: list[float]) -> Callable[..., Path]:
    def run(**options: Any) -> Path:
        options = {"endpoint": hub.endpoint, "cache": cache, "sleep": pauses.append} | options
        return pull(NAME, **options)

    return run


def check_complete(path: Path, hub: Any) -> None:
    for name, content in hub.files.items():
        assert (path / name).is_file() == (name != "README.md")
        if name != "README.md":
            assert (path / name).read_bytes() == content
    assert find_faults(path) == []


class TestPull:
    def test_brings_the_files_of_the_model(
        self, get: Callable[..., Path], hub: Any, cache: Path
    ) -> None:
        path = get()
        assert path == cache / NAME
        check_complete(path, hub)
        manifest = json.loads((path / "streamkit.json").read_text())
        assert manifest["commit"] == hub.commit
        assert not partial_path(cache, NAME).exists()
        found = find(NAME, cache=cache)
        assert found is not None
        assert found.source == "cache"

    def test_a_second_pull_asks_nobody(self, get: Callable[..., Path], hub: Any) -> None:
        path = get()
        asked = len(hub.requests)
        assert get() == path
        assert len(hub.requests) == asked

    def test_reports_progress_up_to_the_total(self, get: Callable[..., Path], hub: Any) -> None:
        seen: list[PullProgress] = []
        get(on_progress=seen.append)
        total = sum(len(content) for name, content in hub.files.items() if name != "README.md")
        assert {progress.total for progress in seen} == {total}
        assert seen[0].done == 0
        assert seen[-1].done == total
        done = [progress.done for progress in seen]
        assert done == sorted(done)
        assert len(set(done)) > 5

    def test_the_endpoint_comes_from_the_environment(
        self, get: Callable[..., Path], hub: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_ENDPOINT", f"{hub.endpoint}/")
        check_complete(get(endpoint=None), hub)

    def test_aliases(self, hub: Any, cache: Path, pauses: list[float]) -> None:
        with pytest.raises(ModelError, match=r"faster-whisper-large-v3-turbo.*404"):
            pull("turbo", endpoint=hub.endpoint, cache=cache, sleep=pauses.append)

    def test_the_bundled_model_is_there_already(self, cache: Path) -> None:
        assert pull(BUNDLED_NAME, cache=cache) == bundled_path()
        assert not cache.exists()

    def test_what_huggingface_hub_has_is_not_pulled_again(
        self, get: Callable[..., Path], hub: Any, in_hub_cache: Callable[[str], Path]
    ) -> None:
        snapshot = in_hub_cache("Systran/faster-whisper-base.en")
        assert get() == snapshot
        assert hub.requests == []

    @pytest.mark.parametrize("name", ["base.fr", "../base.en", "/etc", "", "Systran/x"])
    def test_an_unknown_name_lists_the_known(self, name: str, cache: Path) -> None:
        with pytest.raises(ModelError, match=r"unknown model.*tiny\.en, tiny, base\.en"):
            pull(name, cache=cache)
        assert not cache.exists()


class TestResume:
    def test_goes_on_where_the_connection_was_cut(
        self, get: Callable[..., Path], hub: Any, pauses: list[float]
    ) -> None:
        hub.cuts["model.bin"] = [500_000, 700_000]
        check_complete(get(), hub)
        ranges = hub.downloads("model.bin")
        assert ranges[0] is None
        assert ranges[-1] == "bytes=1200000-"
        assert pauses == [FIRST_PAUSE, 2 * FIRST_PAUSE]

    def test_a_later_pull_goes_on_with_what_is_there(
        self, get: Callable[..., Path], hub: Any, cache: Path
    ) -> None:
        hub.cuts["model.bin"] = [400_000] * MAX_ATTEMPTS
        with pytest.raises(ModelError, match="What came so far is kept"):
            get()
        assert not (cache / NAME).exists()
        assert find(NAME, cache=cache) is None
        hub.requests.clear()
        seen: list[PullProgress] = []
        check_complete(get(on_progress=seen.append), hub)
        assert set(hub.downloads("model.bin")) == {"bytes=1600000-"}
        assert hub.downloads("config.json") == []
        assert seen[0].done >= 1_600_000

    def test_starting_again_and_again_is_no_progress(
        self, get: Callable[..., Path], hub: Any, pauses: list[float]
    ) -> None:
        hub.knows_ranges = False
        hub.cuts["model.bin"] = [2_500_000] * 99
        with pytest.raises(ModelError, match="What came so far is kept"):
            get()
        assert len(pauses) <= MAX_ATTEMPTS

    def test_progress_counts_as_success(self, get: Callable[..., Path], hub: Any) -> None:
        hub.files["model.bin"] += b"x" * 9_000_000
        hub.cuts["model.bin"] = [1_500_000] * (MAX_ATTEMPTS + 2)
        check_complete(get(), hub)

    def test_a_server_without_ranges(self, get: Callable[..., Path], hub: Any) -> None:
        hub.knows_ranges = False
        hub.cuts["model.bin"] = [500_000]
        check_complete(get(), hub)

    def test_a_server_that_answers_another_range(self, get: Callable[..., Path], hub: Any) -> None:
        hub.cuts["model.bin"] = [500_000]
        hub.range_shift = 1
        check_complete(get(), hub)
        assert hub.downloads("model.bin")[-1] is None

    def test_a_damaged_partial_file_starts_again(
        self, get: Callable[..., Path], hub: Any, cache: Path
    ) -> None:
        hub.cuts["model.bin"] = [400_000] * MAX_ATTEMPTS
        with pytest.raises(ModelError):
            get()
        (part,) = partial_path(cache, NAME).glob("model.bin.*")
        part.write_bytes(b"\0" * part.stat().st_size)
        check_complete(get(), hub)

    def test_a_partial_file_that_is_too_long_starts_again(
        self, get: Callable[..., Path], hub: Any, cache: Path
    ) -> None:
        hub.cuts["model.bin"] = [400_000] * MAX_ATTEMPTS
        with pytest.raises(ModelError):
            get()
        (part,) = partial_path(cache, NAME).glob("model.bin.*")
        part.write_bytes(b"\0" * 4_000_000)
        check_complete(get(), hub)

    def test_a_new_commit_with_other_content_starts_again(
        self, get: Callable[..., Path], hub: Any
    ) -> None:
        hub.cuts["model.bin"] = [400_000] * MAX_ATTEMPTS
        with pytest.raises(ModelError):
            get()
        hub.commit = "d" * 40
        hub.files["model.bin"] = hub.files["model.bin"][::-1]
        hub.files["model.bin"] = b"\x06\0\0\0\x0c\0WhisperSpec\0" + hub.files["model.bin"]
        hub.requests.clear()
        check_complete(get(), hub)
        assert hub.downloads("model.bin")[0] is None

    def test_ctrl_c_keeps_the_partial_file(
        self, get: Callable[..., Path], hub: Any, cache: Path
    ) -> None:
        def interrupt(progress: PullProgress) -> None:
            if progress.done > 1_000_000:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            get(on_progress=interrupt)
        (part,) = partial_path(cache, NAME).glob("model.bin.*")
        assert part.stat().st_size > 500_000
        assert not (cache / NAME).exists()
        check_complete(get(), hub)


class TestFailures:
    @pytest.mark.parametrize("name", ["model.bin", "config.json"])
    def test_wrong_content_is_never_installed(
        self, get: Callable[..., Path], hub: Any, cache: Path, name: str
    ) -> None:
        content = bytearray(hub.files[name])
        content[-1] ^= 1
        hub.tampered[name] = bytes(content)
        with pytest.raises(ModelError, match=f"{name} does not have the content that .* promises"):
            get()
        assert not (cache / NAME).exists()
        assert list(partial_path(cache, NAME).glob(f"{name}.*")) == []
        hub.tampered.clear()
        check_complete(get(), hub)

    @pytest.mark.parametrize("change", [b"more", b""])
    def test_wrong_size(self, get: Callable[..., Path], hub: Any, change: bytes) -> None:
        content = hub.files["model.bin"]
        hub.tampered["model.bin"] = content + change if change else content[:-1]
        with pytest.raises(ModelError, match=r"model\.bin does not have the content"):
            get()
        assert len(hub.downloads("model.bin")) == 2

    def test_passing_server_errors_are_waited_out(
        self, get: Callable[..., Path], hub: Any, pauses: list[float]
    ) -> None:
        hub.statuses["api"] = [503, 429]
        hub.statuses["model.bin"] = [500, 502, 504]
        check_complete(get(), hub)
        assert pauses == [0.5, 1.0, 0.5, 1.0, 2.0]

    def test_lasting_server_errors_end_it(
        self, get: Callable[..., Path], hub: Any, pauses: list[float]
    ) -> None:
        hub.statuses["model.bin"] = [500] * 99
        with pytest.raises(ModelError, match=r"the server answers 500.*\(4 tries\)"):
            get()
        assert len(hub.downloads("model.bin")) == MAX_ATTEMPTS
        assert len(pauses) == MAX_ATTEMPTS - 1

    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_a_refusal_is_not_repeated(
        self, get: Callable[..., Path], hub: Any, pauses: list[float], status: int
    ) -> None:
        hub.statuses["api"] = [status]
        with pytest.raises(ModelError, match=rf"answers {status}.*HF_ENDPOINT"):
            get()
        assert pauses == []

    def test_an_answer_that_is_no_hub(self, get: Callable[..., Path], hub: Any) -> None:
        hub.commit = "../.."
        with pytest.raises(ModelError, match="answers 404"):
            get()

    def test_a_listing_without_hashes(
        self, get: Callable[..., Path], hub: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hub, "tree", lambda: [{"path": "model.bin", "size": 3}])
        with pytest.raises(ModelError, match="is it a mirror of it"):
            get()

    def test_a_login_page(self, get: Callable[..., Path], hub: Any) -> None:
        hub.statuses["api"] = [200]
        with pytest.raises(ModelError, match="no JSON; is a login page"):
            get()

    def test_file_names_never_leave_the_folder(
        self, get: Callable[..., Path], hub: Any, cache: Path
    ) -> None:
        hub.files["vocabulary.x/../../../evil"] = b"evil"
        get()
        assert list(cache.parent.rglob("evil")) == []

    def test_an_incomplete_repository(
        self, get: Callable[..., Path], hub: Any, cache: Path
    ) -> None:
        del hub.files["tokenizer.json"]
        with pytest.raises(ModelError, match=r"tokenizer.json is missing.*is not complete"):
            get()
        assert not (cache / NAME).exists()

    def test_a_broken_copy_is_replaced(
        self, get: Callable[..., Path], hub: Any, cache: Path
    ) -> None:
        (cache / NAME).mkdir(parents=True)
        (cache / NAME / "model.bin").write_bytes(b"")
        check_complete(get(), hub)

    def test_a_full_disk_before(
        self, get: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usage = shutil.disk_usage("/")._replace(free=1_000_000)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
        with pytest.raises(ModelError, match=r"has only 1 MB left.*STREAMKIT_MODEL_CACHE"):
            get()

    def test_a_full_disk_in_between(
        self, get: Callable[..., Path], hub: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr("os.fsync", full)
            with pytest.raises(ModelError, match=r"no space left.*is kept"):
                get()
        check_complete(get(), hub)

    def test_a_cache_that_cannot_be_made(self, hub: Any, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(ModelError, match="cannot write to the folder of models"):
            pull(NAME, endpoint=hub.endpoint, cache=tmp_path / "file" / "models")

    @pytest.mark.parametrize("endpoint", ["huggingface.co", "ftp://x", "file:///etc"])
    def test_an_endpoint_that_is_no_url(self, endpoint: str, cache: Path) -> None:
        with pytest.raises(ModelError, match="http:// or https://"):
            pull(NAME, endpoint=endpoint, cache=cache)


class TestOffline:
    def test_says_what_to_do(self, cache: Path, closed_endpoint: str, pauses: list[float]) -> None:
        with pytest.raises(ModelError) as caught:
            pull(NAME, endpoint=closed_endpoint, cache=cache, sleep=pauses.append)
        message = str(caught.value)
        assert closed_endpoint in message
        assert "refused" in message
        assert f"copy the files of the directory that `streamkit models path {NAME}`" in message
        assert str(cache / NAME) in message
        assert "On this machine there is: whisper-micro-en." in message
        assert "--model whisper-micro-en always works" in message
        assert "\n" not in message

    def test_the_switch_of_huggingface_hub_counts(
        self, get: Callable[..., Path], hub: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set"):
            get()
        assert hub.requests == []

    def test_a_model_copied_by_hand_works(
        self, get: Callable[..., Path], hub: Any, cache: Path, tmp_path: Path
    ) -> None:
        other = tmp_path / "other"
        shutil.copytree(get(), other / NAME)
        remove(NAME, cache=cache)
        found = find(NAME, cache=other)
        assert found is not None
        assert found.path == other / NAME


class TestTogether:
    def test_two_pulls_download_once(self, get: Callable[..., Path], hub: Any) -> None:
        hub.gate.clear()
        started = threading.Event()

        def second() -> Path:
            started.set()
            return get()

        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(get)
            assert hub.entered.wait(30)
            later = pool.submit(second)
            assert started.wait(30)
            hub.gate.set()
            assert first.result(60) == later.result(60)
        check_complete(first.result(), hub)
        # One request to the hub, one where it sends the client on to.
        assert len(hub.downloads("model.bin")) == 2
