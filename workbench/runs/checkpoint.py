"""Plain data and tensors as one safetensors file: nothing in it can run when it is read."""

from __future__ import annotations

import json
import zlib
from typing import Any

import torch
from torch import Tensor

DEEPEST = 50  # lists within lists


class DamagedError(Exception):
    """A file is not what was written."""


def dumps(tree: Any) -> bytes:
    """Write numbers, texts, None, tensors, and lists, tuples and dicts of them; ``TypeError`` names what is else."""
    from safetensors.torch import save

    tensors: list[Tensor] = []
    plain = encode(tree, tensors, "state")
    named = {str(number): tensor for number, tensor in enumerate(tensors)}
    return save(named, {"tree": json.dumps(plain), "checksum": checksum(tensors)})


def loads(content: bytes) -> Any:
    """The inverse of ``dumps``; ``DamagedError`` when a bit has changed."""
    from safetensors.torch import load

    try:
        named = load(content)
        length = int.from_bytes(content[:8], "little")
        about = json.loads(content[8 : 8 + length])["__metadata__"]
        tensors = [named[str(number)].clone() for number in range(len(named))]  # clones begin at an even address
        if checksum(tensors) != about["checksum"]:
            raise DamagedError("its checksum is wrong")
        return decode(json.loads(about["tree"]), tensors)
    except DamagedError:
        raise
    except Exception as error:  # whatever a stranger's file makes of the parsers
        raise DamagedError(f"{type(error).__name__}: {error}") from None


def encode(value: Any, tensors: list[Tensor], place: str) -> Any:
    """JSON for plain data; tensors are put aside and numbered."""
    if place.count(".") > DEEPEST:
        raise TypeError(f"{place} is nested too deeply")
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Tensor):
        if value.layout is not torch.strided:
            raise TypeError(f"{place} is a tensor of layout {value.layout}, which cannot be kept")
        tensors.append(value.detach().cpu().clone(memory_format=torch.contiguous_format))
        return {"tensor": len(tensors) - 1}
    if isinstance(value, list):
        return [encode(item, tensors, f"{place}.{index}") for index, item in enumerate(value)]
    if isinstance(value, tuple):
        return {"tuple": [encode(item, tensors, f"{place}.{index}") for index, item in enumerate(value)]}
    if isinstance(value, dict):
        pairs = [[encode(key, tensors, place), encode(item, tensors, f"{place}.{key}")] for key, item in value.items()]
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
        if kind == "tuple":
            return tuple(decode(item, tensors) for item in content)
        return {decode(key, tensors): decode(item, tensors) for key, item in content}
    return value


def checksum(tensors: list[Tensor]) -> str:
    """CRC-32 of all bytes: damage is found, not malice."""
    total = 0
    for tensor in tensors:
        total = zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data, total)
    return f"{total:08x}"
