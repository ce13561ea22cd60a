"""Plain data and tensors as one safetensors file: nothing in it can run when it is read."""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import Tensor

from workbench.runs import seal

DEEPEST = 50  # lists within lists
LONGEST = 10_000  # bits of an int: Python writes no longer ones in decimals


class DamagedError(Exception):
    """A file is not what was written."""


def dumps(tree: Any) -> bytes:
    """Write numbers, texts, None, tensors, and lists, tuples and dicts of them; ``TypeError`` names what is else."""
    from safetensors.torch import save

    tensors: list[Tensor] = []
    plain = encode(tree, tensors, "state")
    named = {str(number): tensor for number, tensor in enumerate(tensors)}
    return seal.seal(save(named, {"tree": seal.OPEN + json.dumps(plain)}))


def loads(content: bytes) -> Any:
    """The inverse of ``dumps``; ``DamagedError`` when a bit has changed."""
    from safetensors.torch import load

    try:
        if not seal.sound(content):
            raise ValueError("its checksum is wrong")
        named = load(content)
        length = int.from_bytes(content[:8], "little")
        tree = json.loads(content[8 : 8 + length])["__metadata__"]["tree"]
        tensors = [named[str(number)].clone() for number in range(len(named))]  # clones begin at an even address
        return decode(json.loads(tree[len(seal.OPEN) :]), tensors)
    except Exception as error:  # whatever a stranger's file makes of the parsers
        raise DamagedError(f"{type(error).__name__}: {error}") from None


def encode(value: Any, tensors: list[Tensor], place: str, depth: int = 0) -> Any:
    """JSON for plain data; tensors are put aside and numbered."""
    if depth > DEEPEST:
        raise TypeError(f"{place} is nested too deeply")
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int) and value.bit_length() < LONGEST:
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Tensor):
        if value.layout is not torch.strided or value.is_complex() or value.is_meta:
            what = f"{value.layout}, {value.dtype}, on {value.device}"
            raise TypeError(f"{place} is a tensor ({what}) that cannot be kept")
        strides = value.stride()
        order = sorted(range(value.dim()), key=lambda axis: -strides[axis])  # as it lies in memory: sums round so
        tensors.append(value.detach().cpu().permute(order).clone(memory_format=torch.contiguous_format))
        number = len(tensors) - 1
        return {"tensor": number} if order == sorted(order) else {"permuted": [number, order]}
    if isinstance(value, list | tuple):
        items = [encode(item, tensors, f"{place}.{index}", depth + 1) for index, item in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    if isinstance(value, dict):
        pairs = [
            [encode(key, tensors, place, depth + 1), encode(item, tensors, f"{place}.{key}", depth + 1)]
            for key, item in value.items()
        ]
        return {"dict": pairs}
    raise TypeError(f"{place} is a {type(value).__name__}, which cannot be kept")


def decode(value: Any, tensors: list[Tensor]) -> Any:
    """The inverse of ``encode``."""
    if isinstance(value, list):
        return [decode(item, tensors) for item in value]
    if isinstance(value, dict):
        [(kind, content)] = value.items()
        if kind == "tensor":
            return tensors[content]
        if kind == "permuted":
            number, order = content
            return tensors[number].permute(sorted(range(len(order)), key=order.__getitem__))
        if kind == "tuple":
            return tuple(decode(item, tensors) for item in content)
        return {decode(key, tensors): decode(item, tensors) for key, item in content}
    return value
