"""The voices of `streamkit doctor`: real processes, with packages that are made for a test."""

from __future__ import annotations

import importlib
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from streamkit.commands import doctor_voices
from streamkit.commands.doctor_voices import Requirement, extra_requirements, voice_findings
from streamkit.commands.finding import Finding
from streamkit.models.licence import CPML, record_acceptance

PINS = ("coqui-tts==1.0", "torch==2.0", "torchaudio==2.0", "torchcodec==0.1", "six")
OTHERS = ("kokoro-onnx>=0.6,<1", "numpy>=1.26")
JAPANESE = "fugashi[unidic-lite]>=1.3; python_version < '3.99' and extra == 'xtts'"

TORCH = """
class cuda:
    @staticmethod
    def is_available():
        return {cuda}

    @staticmethod
    def get_device_name(index):
        return "Imaginary 9000"
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages that doctor, and the processes that it starts, find first."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("STREAMKIT_MODEL_CACHE", str(tmp_path / "models"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("STREAMKIT_TTS", raising=False)
    lines = [f"Requires-Dist: {pin}; extra == 'xtts'" for pin in PINS]
    lines += [f"Requires-Dist: {pin}; extra == 'kokoro'" for pin in OTHERS[:1]]
    lines += [f"Requires-Dist: {JAPANESE}"]
    lines += [f"Requires-Dist: {OTHERS[1]}", "Requires-Dist: plotter>=1; extra == 'bench'"]
    declare(folder, "streamkit", "0.1.0", *lines)
    return folder


def declare(folder: Path, name: str, version: str, *lines: str) -> None:
    """Say that a distribution is installed."""
    path = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    path.mkdir()
    head = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines]
    (path / "METADATA").write_text("\n".join(head) + "\n")
    importlib.invalidate_caches()


def install(folder: Path, *, cuda: bool = False, torch: str = "2.0", model: str = "") -> None:
    """Packages that can be imported as those of XTTS are."""
    (folder / "torch.py").write_text(TORCH.format(cuda=cuda))
    for name in ("torchaudio", "torchcodec", "transformers", "six"):
        (folder / f"{name}.py").write_text("print('welcome')")
    package = folder / "TTS" / "tts" / "models"
    package.mkdir(parents=True)
    for path in (package, package.parent, package.parent.parent):
        (path / "__init__.py").touch()
    (package / "xtts.py").write_text(model)
    declare(folder, "coqui-tts", "1.0")
    declare(folder, "torch", torch)
    declare(folder, "torchaudio", "2.0")
    declare(folder, "torchcodec", "0.1")
    declare(folder, "six", "1.17")
    declare(folder, "fugashi", "1.5")


def find(subject: str) -> Finding:
    [found] = [each for each in voice_findings() if each.subject == subject]
    return found


def put_xtts(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("config.json", "vocab.json"):
        (folder / name).write_text("{}")
    with zipfile.ZipFile(folder / "model.pth", "w") as archive:
        archive.writestr("archive/data.pkl", bytes(1_100_000))
    return folder


class TestRequirements:
    def test_are_those_of_the_extra(self, site: Path) -> None:
        assert extra_requirements("xtts") == [
            Requirement("coqui-tts", "==1.0"),
            Requirement("torch", "==2.0"),
            Requirement("torchaudio", "==2.0"),
            Requirement("torchcodec", "==0.1"),
            Requirement("six", ""),
            Requirement("fugashi", "[unidic-lite]>=1.3"),
        ]
        assert extra_requirements("kokoro") == [Requirement("kokoro-onnx", ">=0.6,<1")]

    def test_without_metadata_the_names_are_known(
        self, site: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def none(name: str) -> list[str]:
            raise metadata.PackageNotFoundError(name)

        monkeypatch.setattr(metadata, "requires", none)
        assert Requirement("coqui-tts", "") in extra_requirements("xtts")


class TestPackages:
    def test_missing_ones_are_named_with_the_command_that_brings_them(
        self, site: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here = {"coqui-tts": "1.0", "torch": "2.0", "six": "1.17"}
        monkeypatch.setattr(doctor_voices, "_version", here.get)
        finding = find("voice xtts")
        assert finding.state == "missing"
        assert "without torchaudio, torchcodec" in finding.detail
        assert (
            "pip install coqui-tts==1.0 torch==2.0 torchaudio==2.0 torchcodec==0.1 six "
            "'fugashi[unidic-lite]>=1.3'`" in finding.detail
        )

    def test_ranges_are_quoted_for_the_shell(
        self, site: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(doctor_voices, "_version", lambda name: None)
        assert "`pip install 'kokoro-onnx>=0.6,<1'`" in find("voice kokoro").detail

    def test_packages_that_go_together(self, site: Path) -> None:
        install(site, cuda=True)
        finding = find("voice xtts")
        assert finding.state == "ok"
        assert "coqui-tts 1.0, torch 2.0" in finding.detail
        assert finding.detail.endswith("on Imaginary 9000")

    def test_on_a_cpu_the_other_voice_is_named(self, site: Path) -> None:
        install(site)
        finding = find("voice xtts")
        assert finding.state == "ok"
        assert "on the CPU" in finding.detail
        assert "--tts kokoro" in finding.detail

    @pytest.mark.parametrize(
        ("model", "reason"),
        [
            ("raise OSError('libc10_cuda.so: cannot open')", "OSError: libc10_cuda.so: cannot"),
            ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashed (signal 11)"),
            ("import os; os._exit(3)", "exit code 3"),
            ("import os; os._exit(0)", "told something else"),
        ],
    )
    def test_packages_that_do_not_go_together(self, site: Path, model: str, reason: str) -> None:
        install(site, torch="2.1", model=model)
        finding = find("voice xtts")
        assert finding.state == "broken"
        assert reason in finding.detail
        assert "torch 2.1 (not 2.0)" in finding.detail
        assert "To mend it: `pip install coqui-tts==1.0" in finding.detail

    def test_other_versions_that_do_are_noted(self, site: Path) -> None:
        install(site, torch="2.1")
        finding = find("voice xtts")
        assert finding.state == "ok"
        assert "not tried together: torch 2.1 (not 2.0)" in finding.detail

    def test_an_import_that_does_not_end_is_given_up(
        self, site: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(doctor_voices, "IMPORT_SECONDS", 1.0)
        install(site, model="import threading; threading.Event().wait()")
        finding = find("voice xtts")
        assert finding.state == "broken"
        assert "within 1 s" in finding.detail


class TestWeights:
    def test_how_to_get_them_and_under_which_licence(self, site: Path) -> None:
        finding = find("weights xtts_v2")
        assert finding.state == "missing"
        assert "`streamkit models pull xtts_v2`, 1877 MB" in finding.detail
        assert "non-commercial (https://coqui.ai/cpml)" in finding.detail
        assert "Apache-2.0" in find("weights kokoro").detail

    @pytest.mark.parametrize(
        ("prepare", "told"),
        [
            (lambda path: None, "not recorded as accepted"),
            (lambda path: record_acceptance(path, CPML, "terminal"), "accepted 20"),
        ],
    )
    def test_those_that_are_here(
        self, site: Path, tmp_path: Path, prepare: Callable[[Path], None], told: str
    ) -> None:
        path = put_xtts(tmp_path / "models" / "xtts_v2")
        prepare(path)
        finding = find("weights xtts_v2")
        assert finding.state == "ok"
        assert str(path) in finding.detail
        assert told in finding.detail

    def test_incomplete_ones_are_broken(self, site: Path, tmp_path: Path) -> None:
        (put_xtts(tmp_path / "models" / "xtts_v2") / "vocab.json").unlink()
        finding = find("weights xtts_v2")
        assert finding.state == "broken"
        assert "vocab.json is missing" in finding.detail

    def test_ones_own_are_listed(self, site: Path, tmp_path: Path) -> None:
        put_xtts(tmp_path / "models" / "grandmother")
        assert find("weights grandmother").state == "ok"


class TestChosenVoice:
    def test_espeak_is_always_there(self, site: Path) -> None:
        assert find("chosen voice").state == "ok"

    def test_one_that_cannot_be_had(self, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STREAMKIT_TTS", "xtts")
        finding = find("chosen voice")
        assert finding.state == "broken"
        assert "streamkit models pull xtts_v2" in finding.detail
