"""The models that speak and are known by name; espeak-ng, which needs no weights, is none of them.

Kokoro's files are those of the release `model-files-v1.1`. Those of `model-files-v1.0` hold the
same network, but it does not say there how long each phoneme is, and so not where words begin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from streamkit.models.licence import APACHE, CPML, Licence
from streamkit.models.listing import Release, RemoteFile

Engine = Literal["xtts", "kokoro"]
"""What loads the weights; also the name of the extra that it needs."""

_MB: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class VoiceModel:
    """A model that speaks and is known by name.

    Attributes:
        name: what ``--tts`` and ``streamkit models pull`` take.
        engine: what loads it.
        size: bytes to download, about.
        languages: for people.
        licence: of the weights.
        description: what it is good for.
        repository: on the Hugging Face hub; None: it is in a release.
        release: on GitHub; None: it is on the hub.
    """

    name: str
    engine: Engine
    size: int
    languages: str
    licence: Licence
    description: str
    repository: str | None = None
    release: Release | None = None


XTTS_FILES: Final = (
    "config.json",
    "model.pth",
    "vocab.json",
    "speakers_xtts.pth",
    "LICENSE.txt",
)
"""Of the repository; `dvae.pth` and `mel_stats.pth` are for training only."""

KOKORO_VOICES: Final = RemoteFile(
    "voices-v1.0.bin",
    28_214_398,
    "bca610b8308e8d99f32e6fe4197e7ec01679264efed0cac9140fe9c29f1fbf7d",
    "sha256",
)


def _kokoro(name: str, weights: RemoteFile, description: str) -> VoiceModel:
    return VoiceModel(
        name,
        "kokoro",
        weights.size + KOKORO_VOICES.size,
        "6",
        APACHE,
        description,
        release=Release("thewh1teagle/kokoro-onnx", "model-files-v1.1", (weights, KOKORO_VOICES)),
    )


VOICE_MODELS: Final = {
    model.name: model
    for model in (
        VoiceModel(
            "xtts_v2",
            "xtts",
            1_877 * _MB,
            "17",
            CPML,
            "clones voices; a GPU, or a recent CPU for one or two listeners",
            repository="coqui/XTTS-v2",
        ),
        _kokoro(
            "kokoro",
            RemoteFile(
                "kokoro-v1.0.onnx",
                325_505_369,
                "beb0d1848dee9a49da392cc3df26958d46cfa35d321edf434f52949153f0df3a",
                "sha256",
            ),
            "a natural voice on a CPU",
        ),
        _kokoro(
            "kokoro-fp16",
            RemoteFile(
                "kokoro-v1.0.fp16.onnx",
                163_527_961,
                "f3a290d384fbb27966d462905c71a46cef9e5fd00516b40df32a0b4afe77ac96",
                "sha256",
            ),
            "as kokoro; half the download, no faster",
        ),
        _kokoro(
            "kokoro-int8",
            RemoteFile(
                "kokoro-v1.0.int8.onnx",
                114_119_327,
                "ae315a79b623f244700e4afb9246c46a26066782e049ba174bf3ba433970ee9c",
                "sha256",
            ),
            "as kokoro; a third of the download, sounds worse, and slower on many CPUs",
        ),
    )
}
"""By name."""

VOICE_ALIASES: Final = {"xtts": "xtts_v2"}
