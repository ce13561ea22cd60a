"""A folder of one's own pictures: what is read, and what is said about what cannot be."""

from __future__ import annotations

import hashlib
import io
import os
import re
import struct
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import v2 as transforms

from workbench import Data, house, registry
from workbench.errors import WorkbenchError
from workbench.training.data import check

known = registry.current()
READ = known.get("dataset", "image_folder").factory.__globals__
Colour = tuple[int, int, int]


def load(root: Path, **given: Any) -> Data:
    complete = known.settings("dataset", "image_folder", {"folder": "pets", "size": 8, **given})
    data = known.make("dataset", {"use": "image_folder"} | {k: v for k, v in complete.items() if k != "classes"}, root)
    check(data)
    return data


def paint(file: Path, colour: Colour = (10, 20, 30), size: tuple[int, int] = (12, 12), **how: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(file, **how)
    return file


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Ten cats and five dogs, each of one colour that tells which it is."""
    for number in range(10):
        paint(tmp_path / "pets" / "cats" / f"{number}.png", (number, 0, 0))
    for number in range(5):
        paint(tmp_path / "pets" / "dogs" / f"{number}.png", (100 + number, 0, 0))
    return tmp_path


def reds(x: torch.Tensor) -> list[int]:
    return (x[:, 0, 0, 0] * 255).round().long().tolist()


def test_a_folder_for_each_class_is_split_class_by_class(pets: Path) -> None:
    data = load(pets, test_share=0.4)
    assert data.classes == ("cats", "dogs")
    assert data.train_x.shape == (9, 3, 8, 8)
    assert data.train_y.bincount().tolist() == [6, 3]
    assert data.test_y.bincount().tolist() == [4, 2]
    assert sorted(reds(data.train_x) + reds(data.test_x)) == [*range(10), *range(100, 105)]
    for x, y in ((data.train_x, data.train_y), (data.test_x, data.test_y)):
        assert [red >= 100 for red in reds(x)] == y.bool().tolist()
    again = load(pets, test_share=0.4)
    assert torch.equal(again.train_x, data.train_x), "the split is fixed"


@pytest.mark.parametrize("name", ["val", "test"])
def test_train_with_val_or_test_beside_it_says_itself_what_is_for_testing(tmp_path: Path, name: str) -> None:
    for number, kind in enumerate(("bees", "ants")):
        paint(tmp_path / "pets" / "train" / kind / "a.bmp", (number, 0, 0))
        paint(tmp_path / "pets" / name / kind / "deeper" / "b.GIF", (100 + number, 0, 0), format="GIF")
    data = load(tmp_path)
    assert data.classes == ("ants", "bees")
    assert reds(data.train_x) == [1, 0]
    assert reds(data.test_x) == [101, 100]


def test_the_real_photos_are_what_torchvision_makes_of_them() -> None:
    root = house.data()
    if not (root / "hymenoptera").is_dir():
        pytest.skip("set WORKBENCH_DATA to a folder that holds hymenoptera (train and val of ants and bees)")
    data = load(root, folder="hymenoptera", size=64)
    assert data.classes == ("ants", "bees")
    assert (len(data.train_y), len(data.test_y)) == (244, 153)
    files = sorted((root / "hymenoptera" / "train" / "ants").glob("*.jpg"))
    same = transforms.Compose([transforms.Resize(64, antialias=True), transforms.CenterCrop(64)])
    expected = []
    for file in files:
        with Image.open(file) as picture:
            expected.append(torch.from_numpy(np.array(same(picture.convert("RGB")))).permute(2, 0, 1) / 255)
    # JPEGs are unpacked at a fraction of their size, and torchvision cuts at whole pixels: not bit by bit the same.
    gap = (data.train_x[: len(files)] - torch.stack(expected)).abs().mean()
    assert gap < 0.02
    assert (data.train_x[: len(files)] - torch.stack(expected).roll(3, dims=3)).abs().mean() > 3 * gap


def test_the_shorter_side_is_shrunk_and_the_middle_is_kept(tmp_path: Path) -> None:
    stripes = np.zeros((40, 80, 3), dtype=np.uint8)
    stripes[:, :16] = 255  # cut off on the left
    stripes[:, 40:64, 1] = 255  # the right half of the middle is green
    for kind in ("a", "b"):
        for turned, name in ((stripes, "wide.png"), (stripes.transpose(1, 0, 2), "high.png")):
            file = tmp_path / "pets" / kind / name
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.ascontiguousarray(turned)).save(file)
    data = load(tmp_path, size=10)
    for picture in torch.cat((data.train_x, data.test_x)):
        green = picture[1] if picture[1, 0, 9] > 0.5 else picture[1].T
        assert picture[0].max() == 0
        assert (green[:, :4] == 0).all()
        assert (green[:, 6:] == 1).all()


def test_what_cameras_and_programs_write_is_understood(tmp_path: Path) -> None:
    home = tmp_path / "pets"
    sideways = Image.new("RGB", (40, 40), "black")
    sideways.paste("white", (0, 0, 20, 40))  # white on the left; the camera says: turn by a quarter, clockwise
    tag = Image.Exif()
    tag[0x0112] = 6
    paint(home / "b" / "1.png")
    sideways.save(home / "b" / "0.jpg", exif=tag, quality=95)
    (home / "a").mkdir()
    Image.new("RGBA", (9, 9), (255, 0, 0, 0)).save(home / "a" / "0clear.png")
    deep = np.full((9, 9), 257 * 100, dtype=np.uint16)
    Image.fromarray(deep).save(home / "a" / "1deep.png")
    Image.new("P", (9, 9), 3).save(home / "a" / "2clear.gif", transparency=3)
    Image.new("CMYK", (9, 9), (0, 0, 0, 255)).save(home / "a" / "3cmyk.jpg")
    Image.new("L", (9, 9), 50).save(home / "a" / "4grey.webp", lossless=True)
    two = [Image.new("RGB", (9, 9), colour) for colour in ((7, 7, 7), (90, 90, 90))]
    two[0].save(home / "a" / "5moving.gif", save_all=True, append_images=two[1:])
    data = load(tmp_path, test_share=0.05)
    every = torch.cat((data.train_x, data.test_x))[torch.cat((data.train_y, data.test_y)) == 0]
    assert sorted(reds(every)) == sorted([255, 100, 255, 0, 50, 7])
    turned = torch.cat((data.train_x, data.test_x))[torch.cat((data.train_y, data.test_y)) == 1]
    [photo] = [picture for picture in turned if picture.max() > 0.9]
    assert photo[:, :3].min() > 0.9, "white is above"
    assert photo[:, 5:].max() < 0.1


def test_grey_has_one_channel(pets: Path) -> None:
    data = load(pets, grayscale=True)
    assert data.train_x.shape == (12, 1, 8, 8)
    # ITU-R 601: 299/1000 of red
    assert {round(value * 255) for value in data.train_x.flatten().tolist()} <= {0, 1, 2, 3, *range(29, 32)}


def test_what_systems_leave_behind_is_passed_over(pets: Path) -> None:
    for name in (".DS_Store", "Thumbs.db", "notes.txt", "._0.png"):
        (pets / "pets" / "cats" / name).write_bytes(b"\0\1")
    paint(pets / "pets" / "__MACOSX" / "0.png")
    paint(pets / "pets" / ".hidden" / "0.png")
    assert len(load(pets).train_y) == 12


def break_by(file: Path, change: Callable[[bytes], bytes]) -> None:
    file.write_bytes(change(file.read_bytes()))


def test_broken_pictures_are_counted_and_the_first_are_named(pets: Path) -> None:
    photo = paint(pets / "pets" / "dogs" / "photo.jpg", size=(200, 200))
    break_by(photo, lambda content: content[: len(content) // 2])
    break_by(pets / "pets" / "cats" / "3.png", lambda content: content[:20])
    break_by(pets / "pets" / "cats" / "5.png", lambda content: b"<html>404</html>")
    break_by(pets / "pets" / "dogs" / "1.png", lambda content: b"")
    with pytest.raises(WorkbenchError, match=r"4 of 16 pictures cannot be read; remove or mend them: ") as caught:
        load(pets)
    said = str(caught.value)
    for words in ("cats/3.png (", "cats/5.png (no picture)", "dogs/1.png (no picture)", ", ..."):
        assert words in said
    assert str(pets) not in said
    (pets / "pets" / "cats" / "3.png").unlink()
    (pets / "pets" / "cats" / "5.png").unlink()
    (pets / "pets" / "dogs" / "1.png").unlink()
    with pytest.raises(WorkbenchError, match=r"1 of 13 .*: dogs/photo\.jpg \(truncated\)"):
        load(pets)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes whose header promises ``width`` x ``height`` pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [9_000, 50_000])
def test_a_small_file_that_unpacks_to_billions_of_pixels_is_not_unpacked(pets: Path, side: int) -> None:
    (pets / "pets" / "dogs" / "bomb.png").write_bytes(bomb(side, side))
    with pytest.raises(WorkbenchError, match=r"1 of 16 .*dogs/bomb\.png \(.*million"):
        load(pets)


def test_other_formats_are_not_tried_whatever_a_file_is_called(pets: Path) -> None:
    held = io.BytesIO()
    Image.new("RGB", (9, 9)).save(held, "TIFF")
    (pets / "pets" / "dogs" / "1.png").write_bytes(held.getvalue())
    with pytest.raises(WorkbenchError, match=r"dogs/1\.png \(no picture\)"):
        load(pets)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (["pets/cats/1.png"], r"pets holds 1 folders \(cats\) and needs 2 to 1000"),
        (["pets/1.png"], r"pets holds 0 folders \(none\)"),
        (["pets/cats/1.png", "pets/cats/2.png", "pets/dogs/"], "the class 'dogs' in pets has no picture"),
        (["pets/cats/1.png", "pets/cats/2.png", "pets/dogs/1.png"], "the class 'dogs' has only 1 of the 2 samples"),
        (["pets/cats/1.png", "pets/do\x1b[2Jgs/1.png"], r"pets holds the class 'do\\x1b\[2Jgs', .*; rename it"),
        (["pets/train/cats/1.png", "pets/train/dogs/1.png"], "holds train, and neither val nor test beside it"),
        (
            ["pets/train/cats/1.png", "pets/train/dogs/1.png", "pets/val/cats/1.png", "pets/val/mice/1.png"],
            "the class 'dogs' is not both in train and in val",
        ),
        (["pets"], "'pets' is a file; name a folder"),
        (["cats/1.png"], "'pets' is not in the data folder .*; there: cats"),
        ([], "'pets' is not in the data folder .*; nothing is there"),
    ],
)
def test_other_layouts_get_one_sentence(tmp_path: Path, build: list[str], words: str) -> None:
    for name in build:
        if name.endswith("/"):
            (tmp_path / name).mkdir(parents=True)
        else:
            paint(tmp_path / name, format="PNG")
    with pytest.raises(WorkbenchError, match=words):
        load(tmp_path)


def test_too_much_for_memory_is_refused_with_the_figures(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = known.get("dataset", "image_folder").factory.__globals__
    monkeypatch.setitem(module, "MOST_BYTES", 15 * 3 * 20**2 * 4)
    assert load(pets, size=20).train_x.shape[2:] == (20, 20)
    with pytest.raises(WorkbenchError, match=r"15 pictures of 3 x 21 x 21 would take .* choose size = 20 or less"):
        load(pets, size=21)


@pytest.mark.parametrize(
    "name", ["../pets", "/etc", "a/../../b", "~/pets", "C:\\pets", "C:pets", "\\\\host\\pets", "a\\b", "a\0b"]
)
def test_an_experiment_names_nothing_outside_the_data_folder(name: str) -> None:
    with pytest.raises(ValueError, match=r"leads out of the data folder|is no name"):
        known.settings("dataset", "image_folder", {"folder": name})


def test_links_that_lead_outside_are_refused(pets: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    secret = paint(outside / "cats" / "secret.png")
    (pets / "linked").symlink_to(outside)
    with pytest.raises(WorkbenchError, match="'linked' is a link that leads out of the data folder"):
        load(pets, folder="linked")
    (pets / "pets" / "cats" / "x.png").symlink_to(secret)
    with pytest.raises(WorkbenchError, match=r"cats/x\.png is a link that leads out"):
        load(pets)
    (pets / "pets" / "cats" / "x.png").unlink()
    (pets / "pets" / "mice").symlink_to(outside / "cats")
    with pytest.raises(WorkbenchError, match=r"pets/mice is a link that leads out"):
        load(pets)
    (pets / "pets" / "mice").unlink()
    (pets / "inner").symlink_to(pets / "pets")
    (pets / "circle").symlink_to(pets / "circle")
    assert len(load(pets, folder="inner").train_y) == 12
    with pytest.raises(WorkbenchError, match="'circle' is not in the data folder"):
        load(pets, folder="circle")


def test_the_fingerprint_is_of_names_and_contents(pets: Path) -> None:
    fingerprint = known.get("dataset", "image_folder").factory.__globals__["pictures_fingerprint"]
    seen = [fingerprint(pets, folder="pets", size=8)]
    assert fingerprint(pets, folder="pets", size=9) == seen[0]
    new = paint(pets / "pets" / "dogs" / "new.bmp")
    seen.append(fingerprint(pets, folder="pets"))
    paint(new, (99, 20, 30))  # as many bytes
    os.utime(new, ns=(1, 1))  # clocks of file systems tick slowly
    seen.append(fingerprint(pets, folder="pets"))
    moved = new.rename(pets / "pets" / "cats" / "new.bmp")
    seen.append(fingerprint(pets, folder="pets"))
    assert len(set(seen)) == 4
    moved.unlink()
    assert fingerprint(pets, folder="pets") == seen[0]


def print_of(root: Path, folder: str = "pets") -> str:
    return known.get("dataset", "image_folder").factory.__globals__["pictures_fingerprint"](root, folder=folder)


def test_classes_that_are_links_inside_the_data_folder_are_read_anew_when_they_change(pets: Path) -> None:
    (pets / "mine").mkdir()
    for kind in ("cats", "dogs"):
        (pets / "mine" / kind).symlink_to(pets / "pets" / kind)
    assert torch.equal(load(pets, folder="mine").train_x, load(pets).train_x)
    before = print_of(pets, "mine")
    paint(pets / "pets" / "cats" / "3.png", (200, 20, 30))
    assert print_of(pets, "mine") != before
    (pets / "pets" / "cats" / "more").mkdir()
    paint(pets / "pets" / "cats" / "more" / "0.png")
    (pets / "pets" / "dogs" / "cats").symlink_to(pets / "pets" / "cats")
    for use in (load, print_of):
        with pytest.raises((WorkbenchError, ValueError), match="dogs/cats is a link to a folder; only the folder of"):
            use(pets)


def test_the_fingerprint_is_of_the_files_that_are_used_alone(tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        for kind in ("a", "b"):
            paint(tmp_path / "pets" / part / kind / "0.png")
    before = print_of(tmp_path)
    paint(tmp_path / "pets" / "test" / "a" / "1.png")  # val is taken
    assert print_of(tmp_path) == before
    paint(tmp_path / "pets" / "val" / "a" / "1.png")
    assert print_of(tmp_path) != before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are a thing of Unix")
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("pipe", "a pipe or a device"),
        ("gone", "a link to nothing"),
        ("round", ".*links"),
        ("vast", "4096 MB, and 200 are allowed"),
    ],
)
def test_what_has_no_end_or_is_not_there_is_a_broken_picture_that_nobody_opens(
    pets: Path, monkeypatch: pytest.MonkeyPatch, name: str, why: str
) -> None:
    file = pets / "pets" / "cats" / f"{name}.png"
    if name == "pipe":
        os.mkfifo(file)
    elif name == "vast":
        with file.open("wb") as opened:
            opened.truncate(4 * 2**30)  # takes no room on the disk
    else:
        file.symlink_to(file if name == "round" else pets / "pets" / "nothing.png")
    got: list[str] = []
    read: list[str] = []
    real = hashlib.file_digest
    monkeypatch.setattr(
        hashlib, "file_digest", lambda held, kind: read.append(Path(held.name).stem) or real(held, kind)
    )

    def use() -> None:
        got.append(print_of(pets))
        with pytest.raises(WorkbenchError) as caught:
            load(pets)
        got.append(str(caught.value))

    thread = threading.Thread(target=use, daemon=True)  # so that a test which hangs fails
    thread.start()
    thread.join(20)
    assert len(got) == 2
    assert re.search(rf"1 of 16 pictures cannot be read; .*cats/{name}\.png \({why}\)", got[1])
    assert "0" in read
    assert name not in read


@pytest.mark.parametrize("target", ["/dev/zero", "/nowhere/at/all.png"])
def test_links_that_lead_outside_are_refused_by_reading_and_by_the_fingerprint(pets: Path, target: str) -> None:
    (pets / "pets" / "cats" / "x.png").symlink_to(target)
    for use in (print_of, load):  # the fingerprint of an endless file would never come
        with pytest.raises((WorkbenchError, ValueError), match=r"cats/x\.png is a link that leads out"):
            use(pets)


@pytest.mark.parametrize(
    ("train", "test"), [("Train", "Test"), ("train", "Test"), ("Train", "val"), ("train", "valid")]
)
def test_other_spellings_of_train_and_test_are_not_two_classes(tmp_path: Path, train: str, test: str) -> None:
    for part in (train, test):
        for kind in ("a", "b"):
            paint(tmp_path / "pets" / part / kind / "0.png")
    with pytest.raises(WorkbenchError, match=f"pets holds {train} and {test}; the names that are understood are train"):
        load(tmp_path)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for kind in ("Train", "Bus"):
        for number in range(2):
            paint(tmp_path / "pets" / kind / f"{number}.png")
    assert load(tmp_path).classes == ("Bus", "Train")


def test_a_large_transparent_picture_is_made_small_before_it_is_laid_on_white(tmp_path: Path) -> None:
    drawn = np.random.default_rng(0).integers(0, 256, (6, 6, 4), dtype=np.uint8)
    blocks = drawn.repeat(40, axis=0).repeat(40, axis=1)
    (tmp_path / "x.png").parent.mkdir(exist_ok=True)
    Image.fromarray(blocks).save(tmp_path / "x.png")
    made = READ["read_picture"](tmp_path / "x.png", 6, False).astype(float)
    # The mean over a block of one colour c and opacity a on white is a c + (1 - a) 255; the filter blurs a little.
    opacity = blocks[..., 3:] / 255
    white = (opacity * blocks[..., :3] + (1 - opacity) * 255).round().astype(np.uint8)
    expected = np.asarray(Image.fromarray(white).resize((6, 6), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    assert np.abs(made - expected).max() <= 2
    laid: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        real = Image.alpha_composite
        patch.setattr(Image, "alpha_composite", lambda under, over: laid.append(over.size) or real(under, over))
        READ["read_picture"](tmp_path / "x.png", 6, False)
    assert laid == [(12, 12)]


def test_a_few_large_pictures_are_unpacked_at_a_time(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(READ["read_picture"].__globals__, "LARGE", 100)  # pixels; each has 144
    now, most, lock = 0, 0, threading.Lock()
    real = READ["read_picture"].__globals__["plain"]

    def slow(*given: Any) -> Any:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.2)
        with lock:
            now -= 1
        return real(*given)

    monkeypatch.setitem(READ["read_picture"].__globals__, "plain", slow)
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    load(pets)
    assert most == 2
    monkeypatch.setitem(READ["read_picture"].__globals__, "LARGE", 1000)
    most = 0
    load(pets)
    assert most == 4


def test_the_bound_on_pixels_is_what_two_threads_can_hold(pets: Path) -> None:
    (pets / "pets" / "dogs" / "bomb.png").write_bytes(bomb(8001, 5000))
    with pytest.raises(WorkbenchError, match=r"dogs/bomb\.png \(8001 x 5000 pixels, and 40 million are allowed\)"):
        load(pets)


STARTS = [
    b"",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    b"GIF89a",
    b"BM",
    b"RIFF\x00\x00\x00\x00WEBPVP8 ",
]


@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=300))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_picture_or_one_sentence(pets: Path, start: bytes, rest: bytes) -> None:
    (pets / "pets" / "dogs" / "any.jpg").write_bytes(start + rest)
    try:
        load(pets)
    except WorkbenchError as error:
        if "1 of 16 pictures cannot be read; remove or mend them: dogs/any.jpg (" not in str(error):
            raise


@given(places=st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), min_size=1, max_size=5))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_photo_with_wrong_bytes_is_a_picture_or_one_sentence(pets: Path, places: list[tuple[int, int]]) -> None:
    photo = paint(pets / "pets" / "dogs" / "any.jpg", size=(20, 20))
    content = bytearray(photo.read_bytes())
    for place, value in places:
        content[place % len(content)] = value
    photo.write_bytes(content)
    try:
        load(pets)
    except WorkbenchError as error:
        if "1 of 16 pictures cannot be read; remove or mend them: dogs/any.jpg (" not in str(error):
            raise
