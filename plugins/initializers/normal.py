"""One bell curve for all layers, whole or cut off."""

from torch import Tensor, nn

from workbench import Initializer, Param

from .settings import centre, spread


def fill(weight: Tensor, mean: float, std: float) -> None:
    """Fill with independent draws from N(mean, std^2)."""
    nn.init.normal_(weight, mean, std)


def fill_truncated(weight: Tensor, mean: float, std: float, cut: float) -> None:
    """Fill with draws from N(mean, std^2), drawn again while they lie further than ``cut`` std from the mean.

    torch's ``trunc_normal_`` takes the cuts as weights; here, as in Keras, they are counted in std. The spread
    that remains is smaller than ``std``: 0.8796 std for a cut at 2.
    """
    nn.init.trunc_normal_(weight, mean, std, mean - cut * std, mean + cut * std)


normal = Initializer(
    "normal",
    fill,
    params=[centre(), spread(0.01)],
    summary="The same bell curve in every layer, however many inputs a unit has.",
    equation=r"w \sim \mathcal N(\mu, \sigma^2)",
)

truncated_normal = Initializer(
    "truncated_normal",
    fill_truncated,
    params=[
        centre(),
        spread(0.02, low=1e-6, help="width of the bell before it is cut; a cut at 2 leaves 0.88 of it"),
        Param("cut", 2.0, low=0.1, high=10.0, help="no weight lies further from the mean than this many std"),
    ],
    summary="A bell curve without its tails: no weight is an outlier. Transformers start so, with std 0.02.",
    equation=r"w \sim \mathcal N(\mu, \sigma^2)\ \text{given}\ |w - \mu| \le c\,\sigma",
    reference="torch.nn.init.trunc_normal_; Devlin, Chang, Lee, Toutanova 2018, arXiv:1810.04805 (std 0.02)",
)
