"""Trains a micro Whisper for a given number of minutes, on a CPU."""

import ctypes
import math
import multiprocessing
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as functional
from tokenizers import Tokenizer
from torch import Tensor
from torch.utils.data import DataLoader

from tools.micro_whisper import vocabulary
from tools.micro_whisper.compose import CLEAN, Batch, Stream
from tools.micro_whisper.features import LogMel, hide
from tools.micro_whisper.network import MicroWhisper

REST = 0.35  # of the training at full speed ahead of the slow end


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast; `begin` is the place in the curriculum, 0 to 1."""

    minutes: float
    begin: float = 0.0
    rate: float = 2e-3
    warm_up: int = 80
    audio_seconds: float = 120.0
    muon: bool = True
    threads: int = 2


def twice(batches: Iterable[Batch], later: int = 30) -> Iterator[Batch]:
    """Each batch comes again some steps later, since composing costs time; other bands hide."""
    pool = []
    for batch in batches:
        yield batch
        pool.append(batch)
        if len(pool) > later:
            yield pool.pop(int(torch.randint(0, later, ())))


def losses(net: MicroWhisper, mel: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Cross entropy of the tokens, CTC of the letters, and how far attention is from the words."""
    with torch.autocast(mel.device.type, torch.bfloat16):
        states, followed, spelled = net(mel, batch["tokens"], int(batch["offset"]))
        asked = batch["labels"] >= 0
        logits = net.project(states[asked])
    tokens = functional.cross_entropy(logits.float(), batch["labels"][asked], label_smoothing=0.02)

    start, stop = batch["spans"][..., :1], batch["spans"][..., 1:]
    frame = torch.arange(mel.shape[2] // 2)
    inside = ((frame >= start) & (frame < stop)).float()  # items x tokens x frames
    size = inside.sum(2, keepdim=True)
    even = inside / size.clamp(min=1)
    missed = -(followed * even[:, None]).sum() / (followed.shape[1] * (size > 0).sum())
    guide = missed - size[size > 0].log().mean()

    lengths = torch.full((mel.shape[0],), mel.shape[2] // 2)
    letters = (
        functional.ctc_loss(
            spelled.float().log_softmax(2).transpose(0, 1),
            batch["letters"],
            lengths,
            batch["letter_counts"],
            reduction="sum",
            zero_infinity=True,
        )
        / (batch["letter_counts"] + 10).sum()
    )  # an utterance without letters has its share too
    return tokens, letters, guide


def optimizers(net: MicroWhisper, plan: Plan) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices (fewer steps for the same error), AdamW for the rest."""
    inner, outer, flat = list[Tensor](), list[Tensor](), list[Tensor]()
    for name, weight in net.named_parameters():
        if not weight.requires_grad:
            continue
        if plan.muon and weight.dim() == 2 and ".layers." in name:
            inner.append(weight)
        elif weight.dim() > 1:
            outer.append(weight)
        else:
            flat.append(weight)
    adam = torch.optim.AdamW(
        [
            {"params": outer, "weight_decay": 0.05},
            {"params": flat, "weight_decay": 0.0},
        ],
        lr=plan.rate,
        betas=(0.9, 0.98),
        fused=True,
    )
    if not inner:
        return [adam]
    muon = torch.optim.Muon(
        inner, lr=plan.rate, weight_decay=0.05, ns_steps=4, adjust_lr_fn="match_rms_adamw"
    )
    return [adam, muon]


def speed(plan: Plan, step: int, passed: float) -> float:
    """The learning rate: a warm-up, a plain, and a slope to nothing (`passed` from 0 to 1)."""
    slope = min(1.0, (1 - passed) / (1 - REST))
    return plan.rate * min(1.0, (step + 1) / plan.warm_up) * max(0.005, slope)


def take_over(net: MicroWhisper, names: Sequence[str], checkpoint: dict[str, Any]) -> None:
    """Loads a checkpoint; where its vocabulary differs, tokens of the same name keep their rows."""
    weights, rows = checkpoint["net"], "model.decoder.embed_tokens.weight"
    known = {name: i for i, name in enumerate(checkpoint.get("tokens", names))}
    own = net.state_dict()
    embedding = own[rows].clone()
    for i, name in enumerate(names):
        if name in known:
            embedding[i] = weights[rows][known[name]]
    own.update({name: weight.float() for name, weight in weights.items() if name in own})
    own[rows] = embedding
    net.load_state_dict(own)


def train(
    plan: Plan,
    out: Path,
    clips: Sequence[Path],
    tokenizer: Path,
    languages: Sequence[str] = ("en",),
    resume: Path | None = None,
) -> Path:
    """Trains, prints how it goes, writes `OUT/last.pt` every two minutes; returns its path."""
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    torch.set_num_threads(plan.threads)
    tokens_file = Tokenizer.from_file(str(tokenizer))
    names = vocabulary.names(tokens_file)
    net = MicroWhisper(len(names), vocabulary.unused(languages, len(names)))
    if resume is not None:
        take_over(net, names, torch.load(resume, weights_only=True))
    weights = [weight for weight in net.parameters() if weight.requires_grad]
    steppers = optimizers(net, plan)
    progress = multiprocessing.Value(ctypes.c_double, plan.begin)
    stream = Stream(clips, tokenizer, plan.audio_seconds, progress)
    loader = DataLoader(stream, batch_size=None, num_workers=1, prefetch_factor=6)
    mels = LogMel()
    began = saved = time.monotonic()
    step, heard, mean = 0, 0.0, list[float]()
    for batch in twice(loader):
        passed = (time.monotonic() - began) / 60 / plan.minutes
        if passed >= 1:
            break
        place = plan.begin + (1 - plan.begin) * passed
        progress.value = place
        for stepper in steppers:
            for group in stepper.param_groups:
                group["lr"] = speed(plan, step, passed)
        with torch.no_grad():
            mel = hide(mels(batch["wave"], batch["zero_after"], vary=place >= CLEAN))
        tokens, letters, guide = losses(net, mel, batch)
        loss = tokens + (1.0 if place < CLEAN else 0.3) * letters + 0.15 * guide
        for stepper in steppers:
            stepper.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = float(torch.nn.utils.clip_grad_norm_(weights, 1.0))
        if math.isfinite(norm):
            for stepper in steppers:
                stepper.step()
        step += 1
        heard += batch["wave"].numel() / 16_000
        now = [tokens.item(), letters.item(), guide.item(), norm]
        mean = [0.97 * a + 0.03 * b for a, b in zip(mean, now, strict=True)] if mean else now
        if step % 25 == 0:
            print(
                f"{time.monotonic() - began:6.0f} s  step {step}  {heard / 3600:.1f} h heard  "
                f"tokens {mean[0]:.3f}  letters {mean[1]:.3f}  guide {mean[2]:.3f}  "
                f"norm {mean[3]:.2f}  rate {speed(plan, step, passed):.5f}",
                flush=True,
            )
        if time.monotonic() - saved > 120:
            save(net, names, out / "last.pt", step, heard)
            saved = time.monotonic()
    save(net, names, out / "last.pt", step, heard)
    return out / "last.pt"


def save(net: MicroWhisper, names: Sequence[str], path: Path, steps: int, heard: float) -> None:
    """Writes a checkpoint, never half of one."""
    info = {"steps": steps, "audio_hours": round(heard / 3600, 1)}
    part = path.with_suffix(".part")
    torch.save({"net": net.state_dict(), "tokens": list(names), "info": info}, part)
    os.replace(part, path)
