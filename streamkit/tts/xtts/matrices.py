"""Multiplying by the weights, in the number format that the device is fast with.

Speaking is one row at a time, so it is bound by how fast the weights come out of memory. On a CPU
they are therefore kept as int8 with a scale for each row of output (a quarter of the bytes), and
multiplied with bfloat16. Each row of the result depends on its row of input alone, to the bit: what
one sentence sounds like does not depend on how many others are spoken with it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

PRECISIONS: Final = ("int8", "bfloat16", "float16", "float32")


class Matrix(Protocol):
    """A weight matrix, (in, out), with a bias."""

    def step(self, x: Tensor) -> Tensor:
        """Multiply a few rows, one for each sentence: (rows, in) -> (rows, out)."""
        ...

    def prompt(self, x: Tensor) -> Tensor:
        """Multiply many rows of one sentence: (rows, in) -> (rows, out)."""
        ...


class FloatMatrix:
    """Kept and multiplied in one float type.

    Args:
        weight: (out, in).
        bias: (out,).
        dtype: to keep it in.
    """

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype) -> None:
        self._weight = weight.to(dtype).contiguous()
        self._bias = bias.to(dtype)

    def step(self, x: Tensor) -> Tensor:
        """See `Matrix`."""
        return F.linear(x.to(self._weight.dtype), self._weight, self._bias)

    prompt = step


class Int8Matrix:
    """Kept in int8, multiplied with bfloat16.

    Args:
        weight: (out, in).
        bias: (out,).
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        # The scale is rounded first, so that what is rounded to integers is what it will scale.
        scale = (weight.abs().amax(dim=1) / 127).clamp(min=1e-8).to(torch.bfloat16)
        integers = (weight / scale.float()[:, None]).round().clamp(-127, 127)
        self._weight = integers.to(torch.int8).contiguous()
        self._scale = scale
        self._bias = bias.to(torch.bfloat16)

    def step(self, x: Tensor) -> Tensor:
        """See `Matrix`."""
        y = torch._weight_int8pack_mm(x.to(torch.bfloat16), self._weight, self._scale)
        return y + self._bias

    def prompt(self, x: Tensor) -> Tensor:
        """See `Matrix`."""
        # With many rows the arithmetic takes longer than the memory, and floats are faster at it.
        dtype = torch.bfloat16 if _has_bfloat16() else torch.float32
        y = F.linear(x.to(dtype), self._weight.to(dtype))
        return y * self._scale + self._bias


@cache
def _has_bfloat16() -> bool:
    """Tell whether this processor multiplies bfloat16 itself."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def maker(precision: str) -> Callable[[Tensor, Tensor], Matrix]:
    """How matrices of a precision, one of `PRECISIONS`, are made."""
    if precision == "int8":
        return Int8Matrix
    dtype = getattr(torch, precision)
    return lambda weight, bias: FloatMatrix(weight, bias, dtype)


def cache_type(precision: str, device: str) -> torch.dtype:
    """The type of keys and values: a CPU attends several times faster in single precision."""
    dtype: torch.dtype = torch.float32 if device == "cpu" else getattr(torch, precision)
    return dtype


def best_precision(device: str) -> str:
    """The precision that `device` speaks fastest with, of those that sound the same.

    On a CPU int8 (see `docs/benchmarks.md`); on a CUDA device bfloat16 where it has it, and float16
    otherwise.
    """
    if device == "cpu":
        return "int8"
    return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
