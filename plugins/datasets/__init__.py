"""Data sets, whole in memory: pictures as floats in [0, 1]. Nothing is imported or read before it is asked for."""

from __future__ import annotations

from collections.abc import Callable

from workbench import Dataset, Param, hookimpl

from .cifar10 import cifar10
from .digits import digits
from .gaussian import gaussian
from .image_folder import image_folder, pictures_fingerprint
from .inside import check_path
from .mnist import fashion_mnist, kmnist, mnist
from .spirals import spirals
from .table import table, table_fingerprint

SEED = Param("seed", 0, low=0, high=2**31 - 1, help="of the data; the same for every run")
SHARE = Param(
    "test_share",
    0.2,
    low=0.05,
    high=0.9,
    help="share of each class to test on, where the data do not say it themselves",
)


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
            "fashion_mnist",
            fashion_mnist,
            title="Fashion-MNIST",
            summary="70,000 pictures of clothes, 28 x 28 pixels, 60,000 to train on; downloaded once (30 MB).",
            reference="Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747",
        )
    )
    register(
        Dataset(
            "kmnist",
            kmnist,
            title="Kuzushiji-MNIST",
            summary="70,000 cursive kana of 28 x 28 pixels, 60,000 to train on; downloaded once (21 MB).",
            reference="Clanuwat et al. 2018, arXiv:1812.01718",
        )
    )
    register(
        Dataset(
            "cifar10",
            cifar10,
            title="CIFAR-10",
            summary="60,000 colour pictures of 32 x 32 pixels, 50,000 to train on; downloaded once (170 MB).",
            reference="Krizhevsky 2009, Learning multiple layers of features from tiny images",
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
                Param("correlation", 0.0, low=0.0, high=1.0, help="between the numbers of any two inputs, on average"),
                SEED,
            ],
            title="Gaussian noise",
            size=lambda samples, features, **others: 3 * 4 * samples * features,  # two splits, one while it is drawn
            summary="Normal inputs with random labels: nothing to learn, so it shows a network as it is at the start.",
            equation=r"x_i = \sqrt{r}\,u + \sqrt{1 - r}\,v_i,\quad u, v_i \sim \mathcal N(0, I),"
            r"\quad y_i \sim \mathcal U\{1 \dots K\}",
            reference="Zhang et al. 2016, arXiv:1611.03530",
        )
    )
    register(
        Dataset(
            "spirals",
            spirals,
            [
                Param("samples", 1000, low=2, high=100_000, help="to train on, and as many again to test on"),
                Param("classes", 2, low=2, high=100, help="arms"),
                Param("turns", 1.0, low=0.0, high=10.0, help="of an arm around the middle; more are harder"),
                Param("noise", 0.02, low=0.0, high=10.0, help="standard deviation; the arms reach to radius 1"),
                SEED,
            ],
            title="Spirals",
            summary="Points in the plane on arms that wind around each other: small, and hard for a shallow network.",
            equation=r"x = \varrho\,(\cos\varphi, \sin\varphi) + \epsilon,\quad \varphi = 2\pi(t \varrho + y / K)",
            reference="Lang, Witbrock 1988, Learning to tell two spirals apart",
        )
    )
    register(
        Dataset(
            "image_folder",
            image_folder,
            [
                Param(
                    "folder",
                    "images",
                    help="in the data folder: a folder for each class, or train and val of these",
                    rule=check_path,
                ),
                Param("size", 64, low=8, high=512, help="pixels on each side; pictures are shrunk and cut to it"),
                Param("grayscale", False, help="one channel instead of red, green and blue"),
                SHARE,
            ],
            title="Own pictures",
            fingerprint=pictures_fingerprint,
            summary="JPEG, PNG, BMP, GIF or WebP pictures in the data folder, in a folder for each class.",
        )
    )
    register(
        Dataset(
            "table",
            table,
            [
                Param("file", "table.csv", help="a CSV or NPZ file in the data folder", rule=check_path),
                Param("target", "", help="the column that holds the class (CSV); empty: the last one"),
                SHARE,
                Param("standardize", True, help="give every feature mean 0 and variance 1, as in the training split"),
            ],
            title="Own table",
            fingerprint=table_fingerprint,
            summary="Rows of numbers with a class: a CSV file in the data folder, or an NPZ file with x and y.",
        )
    )
