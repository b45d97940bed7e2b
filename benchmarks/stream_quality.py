"""What streaming costs in words: the stream's error rate beside the same model offline.

    python benchmarks/stream_quality.py RECORDINGS [--nonspeech FOLDER] [--json FILE]

RECORDINGS is a folder with `reference.json`, a list of {"file", "text", "snr_db", "sentences":
[{"seen_voice"}]}, and the files that it names. Each recording is played through the real detector,
session and recognizer under simulated time, chunk by chunk; then the model decodes the very
segments of that run once each, whole, which is "offline". The difference is what committing
early costs. A tail is present when the stream has a word that ends where the last word of
offline decoding does, give or take half a second, or later.

With `--nonspeech`, every clip of that folder is played too, and the words that come out are
counted, separately for clips in which the detector hears speech (singing, say) and for those
that it rejects.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jiwer
import numpy as np

from streamkit.asr.recognizer import join
from streamkit.audio.clock import SAMPLE_RATE
from streamkit.session.effects import SpeechBegan
from streamkit_benchmarks.offline import Bench
from streamkit_benchmarks.talk import load_sound
from streamkit_benchmarks.timeline import Ints, plain
from streamkit_benchmarks.timeline import interval as bootstrap

TAIL_TOLERANCE = SAMPLE_RATE // 2


@dataclass
class Group:
    """Texts of one kind of recording, one entry per recording."""

    reference: list[str] = field(default_factory=list)
    stream: list[str] = field(default_factory=list)
    offline: list[str] = field(default_factory=list)
    tails: int = 0
    tails_present: int = 0


def interval(group: Group) -> tuple[float, float]:
    """95 % bootstrap interval of stream minus offline, in points, over recordings."""
    words = np.array([len(text.split()) for text in group.reference])

    def errors(texts: list[str]) -> Ints:
        results = [jiwer.process_words(a, b) for a, b in zip(group.reference, texts, strict=True)]
        return np.array([r.substitutions + r.deletions + r.insertions for r in results])

    return bootstrap(errors(group.stream) - errors(group.offline), words)


def speech(bench: Bench, folder: Path) -> dict[str, Any]:
    """Error rates and tails of all recordings of a folder, by kind."""
    groups: defaultdict[str, Group] = defaultdict(Group)
    entries = json.loads((folder / "reference.json").read_text())
    audio_seconds = 0.0
    started = time.process_time()
    for entry in entries:
        samples = load_sound(folder / entry["file"])
        audio_seconds += len(samples) / SAMPLE_RATE
        stream = bench.stream(samples)
        offline = bench.offline(samples, stream)
        seen = all(sentence["seen_voice"] for sentence in entry["sentences"])
        kind = f"{'long' if len(entry['sentences']) > 1 else 'short'}, "
        kind += f"{'known' if seen else 'unknown'} voices"
        if entry["snr_db"] is not None:
            kind += ", noisy"
        for name in (kind, "all known voices" if seen else "all unknown voices"):
            group = groups[name]
            group.reference.append(plain(entry["text"]))
            group.stream.append(plain(" ".join(stream.words)))
            group.offline.append(plain(" ".join(map(join, offline))))
            for words, segment in zip(offline, stream.segments, strict=True):
                if words:
                    group.tails += 1
                    group.tails_present += any(
                        words[-1].end - TAIL_TOLERANCE <= word.end <= segment.end
                        for final in stream.finals
                        for word in final.words
                    )
    report: dict[str, Any] = {
        "recordings": len(entries),
        "audio_seconds": round(audio_seconds, 1),
        "cpu_seconds_per_audio_second": round((time.process_time() - started) / audio_seconds, 4),
        "groups": {},
    }
    for name, group in sorted(groups.items()):
        stream_wer = 100 * jiwer.wer(group.reference, group.stream)
        offline_wer = 100 * jiwer.wer(group.reference, group.offline)
        low, high = interval(group)
        report["groups"][name] = {
            "recordings": len(group.reference),
            "stream_wer": round(stream_wer, 2),
            "offline_wer": round(offline_wer, 2),
            "difference": round(stream_wer - offline_wer, 2),
            "difference_95": [round(low, 2), round(high, 2)],
            "tails": group.tails,
            "tails_present": group.tails_present,
        }
    return report


def nonspeech(bench: Bench, folder: Path) -> dict[str, Any]:
    """Words that come out of clips in which nobody speaks."""
    rejected: dict[str, str] = {}
    accepted: dict[str, str] = {}
    for path in sorted(folder.glob("*.flac")):
        stream = bench.stream(load_sound(path))
        heard = any(isinstance(each.output, SpeechBegan) for each in stream.emitted)
        (accepted if heard else rejected)[path.name] = " ".join(stream.words)
    silent = bench.stream(np.zeros(60 * SAMPLE_RATE, np.float32))
    return {
        "rejected_by_the_detector": len(rejected),
        "words_in_rejected": sum(len(text.split()) for text in rejected.values()),
        "taken_for_speech_by_the_detector": len(accepted),
        "words_in_those": sum(len(text.split()) for text in accepted.values()),
        "texts": {name: text for name, text in accepted.items() if text},
        "words_in_a_minute_of_silence": len(silent.words),
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--nonspeech", type=Path)
    parser.add_argument("--model", default="whisper-micro-en")
    parser.add_argument("--commit-probability", type=float, help="default: the profile's")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    bench = Bench(arguments.model)
    if arguments.commit_probability is not None:
        probability = arguments.commit_probability
        bench.use(dataclasses.replace(bench.profile, commit_probability=probability))
    report: dict[str, Any] = {"model": bench.name, "speech": speech(bench, arguments.recordings)}
    if arguments.nonspeech:
        report["nonspeech"] = nonspeech(bench, arguments.nonspeech)
    print(f"{'group':32} {'stream':>7} {'offline':>8} {'diff':>6}  95 %             tails")
    for name, row in report["speech"]["groups"].items():
        low, high = row["difference_95"]
        print(
            f"{name:32} {row['stream_wer']:7.2f} {row['offline_wer']:8.2f} "
            f"{row['difference']:6.2f}  [{low:5.2f}, {high:5.2f}]  "
            f"{row['tails_present']}/{row['tails']}"
        )
    rest = {key: value for key, value in report["speech"].items() if key != "groups"}
    print(json.dumps(rest | {"nonspeech": report.get("nonspeech")}, indent=2, ensure_ascii=False))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
