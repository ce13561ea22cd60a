"""Checkpoints: what is written is read back bit for bit, what cannot be is refused, and no damage goes unnoticed."""

from __future__ import annotations

import math
import pickle
import struct
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.runs import checkpoint, seal

DTYPES = [
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.bool,
]  # fmt: skip


@st.composite
def tensors(draw: st.DrawFn) -> torch.Tensor:
    """Any bits, NaN payloads among them, in any shape: of no dimension, empty, and not contiguous."""
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(st.lists(st.integers(0, 4), max_size=3))
    count = math.prod(shape)
    if dtype is torch.bool:
        made = torch.tensor(draw(st.lists(st.booleans(), min_size=count, max_size=count)), dtype=dtype).reshape(shape)
    else:
        size = torch.empty(0, dtype=dtype).element_size() * count
        content = bytearray(draw(st.binary(min_size=size, max_size=size)))
        made = (torch.frombuffer(content, dtype=dtype) if size else torch.empty(0, dtype=dtype)).reshape(shape)
    if draw(st.booleans()) and made.dim() > 1:
        made = made.transpose(0, 1)
    return made


PLAIN = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text()
KEYS = st.text() | st.integers() | st.booleans() | st.none() | st.tuples(st.integers(), st.text())
TREES = st.recursive(
    PLAIN | tensors(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.lists(inner, max_size=3).map(tuple) | st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    """Equal in type and bits, all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and one.shape == other.shape and bits(one) == bits(other)
    if isinstance(one, float):
        return struct.pack("d", one) == struct.pack("d", other) or (math.isnan(one) and math.isnan(other))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one), list(other)) and same(list(one.values()), list(other.values()))
    return bool(one == other)


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


@settings(max_examples=200, deadline=None)
@given(TREES)
def test_any_tree_comes_back(tree: Any) -> None:
    assert same(checkpoint.loads(checkpoint.dumps(tree)), tree)


def test_tensors_that_share_their_memory_come_back_each_by_itself() -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    kept = checkpoint.loads(checkpoint.dumps({"whole": whole, "row": whole[1], "column": whole[:, 2], "again": whole}))
    assert same(kept, {"whole": whole, "row": whole[1], "column": whole[:, 2], "again": whole})
    kept["whole"].zero_()
    assert same(kept["row"], torch.arange(4.0, 8.0))


def test_what_is_kept_is_a_copy() -> None:
    parameter = torch.nn.Parameter(torch.ones(2))
    content = checkpoint.dumps([parameter])
    with torch.no_grad():
        parameter.zero_()
    assert same(checkpoint.loads(content), [torch.ones(2)])


@pytest.mark.parametrize(
    "value",
    [{1, 2}, frozenset(), object(), b"bytes", 1j, len, torch.float32, torch.ones(2, 2).to_sparse(), range(3),
     torch.ones(2, dtype=torch.complex128), 10**5000, torch.ones(2, device="meta")],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_by_its_place(value: Any) -> None:
    with pytest.raises(TypeError, match=r"state\.optimizer\.1"):
        checkpoint.dumps({"optimizer": [0, value]})


def test_a_tree_that_holds_itself_is_refused() -> None:
    tree: list[Any] = []
    tree.append(tree)
    with pytest.raises(TypeError, match="nested too deeply"):
        checkpoint.dumps(tree)


SMALL = {"step": 7, "rate": 0.1, "name": "ä", "weights": torch.tensor([1.5, -2.0]), "seen": torch.tensor(3)}


@pytest.mark.parametrize("change", [0x01, 0x20, 0x80, 0xFF])
def test_no_flipped_bit_goes_unnoticed(change: int) -> None:
    content = checkpoint.dumps(SMALL)
    assert same(checkpoint.loads(content), SMALL)
    for place in range(len(content)):
        flipped = content[:place] + bytes([content[place] ^ change]) + content[place + 1 :]
        with pytest.raises(checkpoint.DamagedError):
            checkpoint.loads(flipped)


def test_no_half_file_goes_unnoticed() -> None:
    content = checkpoint.dumps(SMALL)
    for length in range(len(content)):
        with pytest.raises(checkpoint.DamagedError):
            checkpoint.loads(content[:length])
    with pytest.raises(checkpoint.DamagedError):
        checkpoint.loads(content + b"\0")


def reseal(content: bytes) -> bytes:
    """What somebody would do who means harm."""
    return seal.seal(content.replace(seal.MARK, b"x" * len(seal.MARK)) + seal.OPEN.encode())


@pytest.mark.parametrize(
    "content",
    [pickle.dumps(SMALL), b"[" * 100_000, (2**60).to_bytes(8, "little") + b"{}", (2**63).to_bytes(8, "little"),
     (10).to_bytes(8, "little") + b'{"a": {}  }', (100_000).to_bytes(8, "little") + b"[" * 100_000],
    ids=["pickle", "brackets", "long header", "longer header", "no tensor", "nested header"],
)  # fmt: skip
def test_what_strangers_wrote_is_refused_even_with_a_checksum(content: bytes) -> None:
    for file in (content, reseal(content)):
        with pytest.raises(checkpoint.DamagedError):
            checkpoint.loads(file)
