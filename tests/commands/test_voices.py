"""``streamkit voices``, with a model that makes the same voice of everything."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from typer.testing import CliRunner, Result

from streamkit.commands import voices
from streamkit.errors import SynthesisError
from streamkit.server.testing import PATIENCE_SECONDS
from streamkit.tts.espeak_engine import load_espeak
from streamkit.tts.latents import VoiceLatents
from streamkit.tts.speech_engine import SpeechEngine
from streamkit.tts.voices.store import VoiceStore

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]

TEXT = "The bus to Berlin is eight minutes late, and nobody at the station knows the reason. "

# The command in a process of its own, with a model that is quick, or never done.
PROGRAM = """
import sys, time
import numpy as np
from dataclasses import replace
from streamkit.commands import voices
from streamkit.tts.espeak_engine import load_espeak
from streamkit.tts.latents import VoiceLatents

class Cloner:
    def clone(self, samples):
        if sys.argv.pop(1) == "hang":
            print("cloning", flush=True)
            # One long wait could miss a signal that comes just before it.
            while True:
                time.sleep(0.05)
        return VoiceLatents(np.ones((1, 32, 64), np.float32), np.ones((1, 512, 1), np.float32))

voices.load_cloner = lambda model: replace(load_espeak(), name=model, cloner=Cloner())
voices.app(sys.argv[2:])
"""


class Cloner:
    """Makes the same voice of everything, or fails."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.closed = 0
        self.models: list[str] = []

    def clone(self, samples: Samples) -> VoiceLatents:
        if self.failure is not None:
            raise self.failure
        return VoiceLatents(np.ones((1, 32, 64), np.float32), np.ones((1, 512, 1), np.float32))

    def close(self) -> None:
        self.closed += 1

    def load(self, model: str) -> SpeechEngine:
        self.models.append(model)
        return replace(
            load_espeak(),
            name=model,
            cloner=self,
            voice_names=lambda: ["Claribel Dervla", "Viktor"],
            close=self.close,
        )


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("STREAMKIT_MODEL_CACHE", str(tmp_path / "models"))
    monkeypatch.delenv("STREAMKIT_VOICES", raising=False)
    return tmp_path / "voices"


@pytest.fixture
def cloner(monkeypatch: pytest.MonkeyPatch) -> Cloner:
    made = Cloner()
    monkeypatch.setattr(voices, "load_cloner", made.load)
    return made


@pytest.fixture(scope="session")
def recording(speak: Speak, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recordings") / "anna [1].wav"
    soundfile.write(path, speak(TEXT * 3, 22_050), 22_050)
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(voices.app, [str(argument) for argument in arguments])


def refused(result: Result) -> str:
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


class TestAdd:
    def test_a_voice(self, cloner: Cloner, recording: Path, folder: Path) -> None:
        result = run("add", "Anna", recording, "--consent", "--language", "en-GB")
        assert result.exit_code == 0, result.output
        lines = result.stdout.splitlines()
        assert lines[0].startswith(f"{recording}: ")
        assert "% speech" in lines[0]
        assert lines[1:] == [
            "loading xtts_v2 …",
            "making the voice Anna …",
            f"added Anna, kept in {folder}",
        ]
        record = VoiceStore(folder).find("anna")
        assert record is not None
        assert (record.name, record.model, record.language) == ("Anna", "xtts_v2", "en-gb")
        assert record.consent.given
        assert record.consent.said_by.endswith("with --consent")
        assert cloner.closed == 1

    def test_another_model(self, cloner: Cloner, recording: Path, folder: Path) -> None:
        assert run("add", "a", recording, "--consent", "--tts-model", "mine").exit_code == 0
        assert cloner.models == ["mine"]
        record = VoiceStore(folder).find("a")
        assert record is not None
        assert record.model == "mine"

    def test_without_consent(self, cloner: Cloner, recording: Path, folder: Path) -> None:
        assert "--consent" in refused(run("add", "Anna", recording))
        assert cloner.models == []
        assert not folder.exists()

    @pytest.mark.parametrize("name", ["../anna", "a b", "alloy", "Default", "viktor", "VIKTOR"])
    def test_names(self, cloner: Cloner, recording: Path, folder: Path, name: str) -> None:
        assert "accepted" in refused(run("add", name, recording, "--consent"))
        assert VoiceStore(folder).names() == []
        assert cloner.closed == len(cloner.models)

    def test_a_name_is_taken_once(self, cloner: Cloner, recording: Path) -> None:
        assert run("add", "Anna", recording, "--consent").exit_code == 0
        assert "already" in refused(run("add", "ANNA", recording, "--consent"))
        assert len(cloner.models) == 1

    def test_the_limit(
        self, cloner: Cloner, recording: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("STREAMKIT_MAX_VOICES", "1")
        assert run("add", "a", recording, "--consent").exit_code == 0
        assert "max_voices" in refused(run("add", "b", recording, "--consent"))

    def test_a_recording_that_is_not_fit(
        self, cloner: Cloner, speak: Speak, tmp_path: Path
    ) -> None:
        path = tmp_path / "short.wav"
        soundfile.write(path, speak("Hello.", 22_050), 22_050)
        assert "6 s or more" in refused(run("add", "Anna", path, "--consent"))
        assert cloner.models == []

    def test_notes(self, cloner: Cloner, speak: Speak, tmp_path: Path) -> None:
        path = tmp_path / "quiet.wav"
        soundfile.write(path, speak(TEXT * 3, 22_050) * 0.05, 22_050)
        result = run("add", "Anna", path, "--consent")
        assert result.exit_code == 0
        assert "note: the recording is quiet" in result.stdout

    @pytest.mark.parametrize("content", [None, b"no sound"], ids=["missing", "text"])
    def test_no_sound_file(self, cloner: Cloner, tmp_path: Path, content: bytes | None) -> None:
        path = tmp_path / "anna.wav"
        if content is not None:
            path.write_bytes(content)
        refused(run("add", "Anna", path, "--consent"))
        refused(run("add", "Anna", tmp_path, "--consent"))

    def test_a_wrong_language(self, cloner: Cloner, recording: Path) -> None:
        assert "pt-BR" in refused(run("add", "A", recording, "--consent", "--language", "Klingon!"))

    def test_a_model_that_fails(self, cloner: Cloner, recording: Path, folder: Path) -> None:
        cloner.failure = SynthesisError("out of memory")
        assert "out of memory" in refused(run("add", "Anna", recording, "--consent"))
        assert cloner.closed == 1
        assert VoiceStore(folder).names() == []

    def test_a_model_that_cannot(self, recording: Path) -> None:
        result = run("add", "Anna", recording, "--consent", "--tts-model", "espeak")
        assert "--tts-model xtts_v2" in refused(result)

    def test_a_setting_that_cannot_be_used(
        self, recording: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("STREAMKIT_MAX_VOICES", "many")
        assert "max_voices" in refused(run("add", "Anna", recording, "--consent"))

    def test_another_folder(
        self, cloner: Cloner, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("STREAMKIT_VOICES", str(tmp_path / "elsewhere"))
        assert run("add", "Anna", recording, "--consent").exit_code == 0
        assert VoiceStore(tmp_path / "elsewhere").names() == ["anna"]


class OnTerminal:
    """The command on a terminal of its own."""

    def __init__(self, mode: str, *arguments: str | Path) -> None:
        self._here, there = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, mode, *map(str, arguments)],
            stdin=there,
            stdout=there,
            stderr=there,
            start_new_session=True,
        )
        os.close(there)
        self.said = ""

    def wait_for(self, text: str) -> None:
        while text not in self.said:
            self.said += os.read(self._here, 4096).decode()

    def answer(self, text: str) -> None:
        os.write(self._here, text.encode())

    def end(self) -> int:
        while True:
            # Linux says so when nobody holds the other end any more; macOS gives nothing.
            try:
                data = os.read(self._here, 4096)
            except OSError:
                break
            if not data:
                break
            self.said += data.decode()
        return self.process.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        os.close(self._here)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture
def on_terminal() -> Iterator[Callable[..., OnTerminal]]:
    running: list[OnTerminal] = []

    def begin(*arguments: str | Path) -> OnTerminal:
        running.append(OnTerminal(*map(str, arguments)))
        return running[-1]

    yield begin
    for each in running:
        each.close()


class TestOnATerminal:
    def test_yes(
        self, on_terminal: Callable[..., OnTerminal], recording: Path, folder: Path
    ) -> None:
        terminal = on_terminal("quick", "add", "Anna", recording)
        terminal.wait_for("agreed? [y/N]")
        terminal.answer("y\n")
        assert terminal.end() == 0, terminal.said
        record = VoiceStore(folder).find("anna")
        assert record is not None
        assert record.consent.said_by.endswith("asked on the terminal")

    @pytest.mark.parametrize("answer", ["n\n", "\n"])
    def test_no(
        self,
        on_terminal: Callable[..., OnTerminal],
        recording: Path,
        folder: Path,
        answer: str,
    ) -> None:
        terminal = on_terminal("quick", "add", "Anna", recording)
        terminal.wait_for("agreed? [y/N]")
        terminal.answer(answer)
        assert terminal.end() == 1
        assert "no voice was made" in terminal.said
        assert not folder.exists()

    def test_no_answer(
        self, on_terminal: Callable[..., OnTerminal], recording: Path, folder: Path
    ) -> None:
        terminal = on_terminal("quick", "add", "Anna", recording)
        terminal.wait_for("agreed? [y/N]")
        terminal.answer("\x04")  # Ctrl-D
        assert terminal.end() == 130
        assert "there is no new voice Anna" in terminal.said
        assert not folder.exists()

    def test_interrupted_while_it_is_made(
        self, on_terminal: Callable[..., OnTerminal], recording: Path, folder: Path
    ) -> None:
        terminal = on_terminal("hang", "add", "Anna", recording, "--consent")
        terminal.wait_for("cloning")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 130
        assert "Traceback" not in terminal.said
        assert VoiceStore(folder).names() == []


class TestListAndRemove:
    def test_nothing(self, folder: Path) -> None:
        result = run("list")
        assert (result.exit_code, result.stdout) == (0, f"cloned voices are kept in {folder}\n")

    def test_what_there_is(self, cloner: Cloner, recording: Path, folder: Path) -> None:
        run("add", "Anna", recording, "--consent", "--language", "de")
        run("add", "berta", recording, "--consent")
        (folder / "carla.safetensors").write_bytes(b"\x80\x04")
        result = run("list")
        assert result.exit_code == 0, result.output
        header, anna, berta, broken, _ = result.stdout.splitlines()
        assert header.split() == ["name", "model", "language", "made", "from", "consent"]
        assert anna.split()[:3] == ["Anna", "xtts_v2", "de"]
        assert "with --consent" in anna
        assert berta.startswith("berta ")
        assert "carla cannot be used" in broken

    def test_removing(self, cloner: Cloner, recording: Path, folder: Path) -> None:
        run("add", "Anna", recording, "--consent")
        result = run("remove", "ANNA")
        assert (result.exit_code, result.stdout) == (0, "removed Anna\n")
        assert VoiceStore(folder).names() == []
        assert "there is no cloned voice 'anna'" in refused(run("remove", "anna"))

    def test_removing_a_damaged_one(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "anna.safetensors").write_bytes(b"")
        assert run("remove", "anna").stdout == "removed anna\n"

    def test_a_folder_that_is_none(self, folder: Path) -> None:
        folder.write_text("")
        assert "STREAMKIT_VOICES" in refused(run("list"))
        assert "STREAMKIT_VOICES" in refused(run("remove", "anna"))


def test_importing_the_command_loads_nothing_heavy() -> None:
    code = (
        "import sys, streamkit.commands.voices; "
        "print([m for m in ('pydantic', 'numpy', 'av', 'safetensors', 'onnxruntime', 'rich.table')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_it_is_a_command_of_the_program() -> None:
    from streamkit.cli import app

    assert "voices" in CliRunner().invoke(app, ["--help"]).stdout
    assert "remove" in CliRunner().invoke(app, ["voices", "--help"]).stdout
