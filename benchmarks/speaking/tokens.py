"""What a token costs, and what a precision changes.

The library speaks first, in a process of its own, and leaves its tokens and latents in a file. Ours
are then given the same tokens one by one ("teacher-forced"), in each precision: so the latents
belong together, and float32 can be compared with the library itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from streamkit.tts.xtts.checkpoint import load_model, load_speakers, quiet
from streamkit_benchmarks.speaking.comparing import (
    predictions,
    relative_error,
    signal_to_noise,
)
from streamkit_benchmarks.speaking.texts import text_of
from streamkit_benchmarks.speaking.waiting import set_waiting

TEXT_SECONDS: Final = 5.0
SKIPPED: Final = 4
"""Tokens at the beginning that are not timed: the first one comes with the prompt."""
ROWS: Final = (1, 4, 8)
"""Sentences that are stepped together."""
BATCH_STEPS: Final = 12
TEACHER: Final = "library-tokens.npz"

Figures = dict[str, Any]
Task = Mapping[str, Any]
Array = npt.NDArray[Any]


def measure(task: Task, tell: Callable[[str], None]) -> Figures:
    """Measure one side.

    Args:
        task: `side` is "library" or "streamkit"; `directory`, `device`, `threads`, `wait`; `steps`,
            tokens; `folder`, where the library leaves its tokens; `precisions` of ours.
        tell: takes progress.
    """
    set_waiting(task["wait"])
    import torch

    torch.set_num_threads(task["threads"])
    with torch.inference_mode():
        if task["side"] == "library":
            return _library(task)
        return _ours(task, tell)


def _milliseconds(times: Sequence[float]) -> Figures:
    steps = np.diff(times)[SKIPPED:]
    return {
        "p50": round(1000 * float(median(steps)), 2),
        "mean": round(1000 * float(steps.mean()), 2),
    }


def _prompt(task: Task, model: Any) -> tuple[Any, list[int]]:
    """A voice's conditioning (1, 32, channels), and the tokens of the text."""
    conditioning, _ = next(iter(load_speakers(Path(task["directory"])).values()))
    tokens = model.tokenizer.encode(text_of(TEXT_SECONDS).lower(), lang="en")
    return conditioning.to(task["device"]), tokens


def generate(model: Any, conditioning: Any, tokens: list[int], **changes: Any) -> Any:
    """The library's generator of tokens and latents, as its `inference_stream` drives it.

    Args:
        model: coqui-tts's `Xtts`, evaluated.
        conditioning: of a voice, (1, 32, channels).
        tokens: of the text.
        changes: to what it is told.
    """
    import torch

    prompt = model.gpt.compute_embeddings(
        conditioning, torch.tensor([tokens], device=conditioning.device)
    )
    told = {
        "top_k": 50,
        "top_p": 0.85,
        "temperature": 0.75,
        "do_sample": True,
        "num_beams": 1,
        "num_return_sequences": 1,
        "length_penalty": 1.0,
        "repetition_penalty": 10.0,
        "output_attentions": False,
        "output_hidden_states": True,
        "return_dict_in_generate": True,
    }
    return model.gpt.get_generator(fake_inputs=prompt, **(told | changes))


def _library(task: Task) -> Figures:
    """Time the library's generator as `inference_stream` drives it, without the vocoder."""
    import torch

    from streamkit_benchmarks.speaking.library import limit, load_library

    model = load_library(Path(task["directory"]), task["device"])
    conditioning, tokens = _prompt(task, model)
    limit(model, task["steps"])
    torch.manual_seed(0)
    with quiet():
        generator = generate(model, conditioning, tokens)
        times, drawn, latents = [time.perf_counter()], [], []
        for token, latent in generator:
            drawn.append(int(token))
            latents.append(latent.float().cpu().numpy().reshape(-1))
            times.append(time.perf_counter())
    np.savez(Path(task["folder"]) / TEACHER, tokens=drawn, latents=np.stack(latents))
    return {"float32": {"milliseconds": _milliseconds(times)}}


def _ours(task: Task, tell: Callable[[str], None]) -> Figures:
    model = load_model(Path(task["directory"])).to(task["device"])
    teacher = np.load(Path(task["folder"]) / TEACHER)
    drawn, theirs = teacher["tokens"].tolist(), teacher["latents"]
    _, speaker = next(iter(load_speakers(Path(task["directory"])).values()))

    def sound(latents: Array) -> Array:
        import torch

        some = torch.from_numpy(latents)[None].to(task["device"])
        decoded = model.hifigan_decoder(some, g=speaker.to(task["device"]))
        samples: Array = decoded.float().cpu().numpy().reshape(-1)
        return samples

    found: Figures = {}
    reference: tuple[Array, Array] | None = None
    their_sound = sound(theirs)
    for precision in task["precisions"]:
        latents, logits, figures = _steps(task, model, precision, drawn)
        # The first, float32, is compared with the library, the others with it.
        latents_of, logits_of = reference or (theirs, logits)
        reference = reference or (latents, logits)
        figures["latents"] = relative_error(latents_of, latents)
        if logits is not logits_of:
            figures |= predictions(logits_of, logits, 0.75)
        figures["sound_db"] = round(signal_to_noise(their_sound, sound(latents)), 1)
        found[precision] = figures
        tell(f"{precision}: {figures['milliseconds']['p50']:.1f} ms a token")
    return found


def _steps(
    task: Task, model: Any, precision: str, drawn: Sequence[int]
) -> tuple[Array, Array, Figures]:
    """Latents and logits of each step with the library's tokens, and what they took.

    Drawing is timed as well, though it is not what decides here.
    """
    import torch

    from streamkit.tts.xtts.gpt import Gpt, Place
    from streamkit.tts.xtts.sampling import Dice, Sampling, draw

    conditioning, tokens = _prompt(task, model)
    gpt = Gpt(model.gpt, places=max(ROWS), precision=precision)
    places = [Place(number) for number in range(max(ROWS))]
    for place in places:
        gpt.voice(place, conditioning[0])
        gpt.read(place, gpt.embed_text(tokens))
        gpt.end_prompt(place)
    dice = [
        Dice(n, gpt.vocabulary, gpt.start, torch.device(task["device"])) for n in range(max(ROWS))
    ]
    given = [gpt.start, *drawn[:-1]]
    latents, logits, times = [], [], [time.perf_counter()]
    for token in given:
        step = gpt.step(places[:1], [token])
        draw(step.logits, dice[:1], Sampling())
        latents.append(step.latents[0].float().cpu().numpy())
        logits.append(step.logits[0].cpu().numpy())
        times.append(time.perf_counter())
    figures: Figures = {"milliseconds": _milliseconds(times), "together": {}}
    for rows in ROWS:
        times = [time.perf_counter()]
        for token in given[: BATCH_STEPS + SKIPPED]:
            step = gpt.step(places[:rows], [token] * rows)
            draw(step.logits, dice[:rows], Sampling())
            times.append(time.perf_counter())
        figures["together"][str(rows)] = _milliseconds(times)["p50"]
    return np.stack(latents), np.stack(logits), figures
