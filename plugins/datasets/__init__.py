"""Data sets, whole in memory: pictures as floats in [0, 1]. Nothing is imported or read before it is asked for."""

from __future__ import annotations

from collections.abc import Callable

from workbench import Dataset, Param, hookimpl

from .digits import digits
from .gaussian import gaussian
from .mnist import mnist


@hookimpl
def register_datasets(register: Callable[[Dataset], None]) -> None:
    """Register the built-in data sets."""
    register(
        Dataset(
            "digits",
            digits,
            title="Digits (8 x 8)",
            summary="1,797 handwritten digits of 8 x 8 pixels, 1,437 to train on; needs no network.",
            reference="Alpaydin, Kaynak 1998, UCI; sklearn.datasets.load_digits",
        )
    )
    register(
        Dataset(
            "mnist",
            mnist,
            title="MNIST",
            summary="70,000 handwritten digits of 28 x 28 pixels, 60,000 to train on; downloaded once (11 MB).",
            reference="LeCun, Bottou, Bengio, Haffner 1998, doi:10.1109/5.726791",
        )
    )
    register(
        Dataset(
            "gaussian",
            gaussian,
            [
                Param("samples", 512, low=2, high=100_000, help="to train on, and as many again to test on"),
                Param("features", 256, low=1, high=10_000, help="numbers in each input"),
                Param("classes", 10, low=2, high=1000, help="labels are drawn uniformly from so many classes"),
                Param("seed", 0, low=0, high=2**31 - 1, help="of the data; the same for every run"),
            ],
            title="Gaussian noise",
            summary="Normal inputs with random labels: nothing to learn, so it shows a network as it is at the start.",
            equation=r"x \sim \mathcal N(0, I),\quad y \sim \mathcal U\{1 \dots K\}",
            reference="Zhang et al. 2016, arXiv:1611.03530",
        )
    )
