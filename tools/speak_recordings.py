"""Speak sentences into recordings that `benchmarks/stream_quality.py` can play.

    python tools/speak_recordings.py FOLDER --seed 1 < SENTENCES

One sentence a line. Recordings hold one to eight sentences with pauses of 0.15 to 1.6 s, in
voices of espeak-ng that the micro model knows, at varying speed and loudness; three in ten have
white noise at 15 dB. The texts and the arrangement repeat with the seed; the sound does but for
tiny differences, since espeak-ng is not the same to the sample at each run.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

import numpy as np
import soundfile

from streamkit.audio.clock import SAMPLE_RATE
from streamkit.tts.espeak import EspeakSynthesizer
from streamkit.tts.render import render

LANGUAGES = ("en-us", "en-us", "en-us", "en", "en", "en-gb-x-rp", "en-gb-scotland", "en-us-nyc")
VARIANTS = (
    "m1", "m2", "m3", "m4", "m6", "m7", "f1", "f2", "f3", "f4", "klatt", "adam", "steph", "linda",
)  # fmt: skip
SENTENCES_PER_RECORDING = (1, 1, 4, 6, 8)
NOISY_SHARE = 0.3
NOISE_DB = 15.0


def main() -> None:
    """Write the recordings and `reference.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    choose = random.Random(arguments.seed)
    noise = np.random.default_rng(arguments.seed)
    synthesizer = EspeakSynthesizer()
    sentences = [line.strip() for line in sys.stdin if line.strip()]
    entries = []
    while sentences:
        count = choose.choice(SENTENCES_PER_RECORDING)
        part, sentences = sentences[:count], sentences[count:]
        noisy = choose.random() < NOISY_SHARE
        pieces = [np.zeros(SAMPLE_RATE // 2, np.float32)]
        for text in part:
            voice = f"{choose.choice(LANGUAGES)}+{choose.choice(VARIANTS)}"
            sound = render(synthesizer, text, voice=voice, speed=choose.uniform(0.85, 1.15))
            pause = np.zeros(round(SAMPLE_RATE * choose.uniform(0.15, 1.6)), np.float32)
            pieces += [sound * choose.uniform(0.4, 1), pause]
        samples = np.concatenate(pieces)
        if noisy:
            level = np.sqrt(np.mean(samples**2)) * 10 ** (-NOISE_DB / 20)
            samples = samples + noise.normal(0, level, len(samples)).astype(np.float32)
        name = f"recording_{len(entries):03d}.flac"
        soundfile.write(arguments.folder / name, np.clip(samples, -1, 1), SAMPLE_RATE)
        entries.append(
            {
                "file": name,
                "text": " ".join(part),
                "snr_db": NOISE_DB if noisy else None,
                "sentences": [{"text": text, "seen_voice": True} for text in part],
            }
        )
    (arguments.folder / "reference.json").write_text(json.dumps(entries, indent=1))
    print(f"{len(entries)} recordings in {arguments.folder}")


if __name__ == "__main__":
    main()
