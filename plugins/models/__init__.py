"""Models: lists of blocks, nearest the input first."""

from __future__ import annotations

from collections.abc import Callable

from workbench import Model, Param, hookimpl

from .autoencoder import autoencoder
from .cnn import POOLS, cnn
from .deep_cnn import deep_cnn, residual_cnn
from .lstm import lstm
from .mlp import mlp
from .rnn import rnn

CONVOLUTIONS = [
    Param("depth", 13, low=1, high=200, help="number of 3 x 3 convolutions, before one linear layer"),
    Param("width", 16, low=1, high=512, help="channels in the first of three stages; they double from stage to stage"),
]
RECURRENT = [
    Param("width", 64, low=1, high=2048, help="units in the recurrent layer"),
    Param(
        "reads", "rows", choices=("rows", "pixels"), help="what is one step of a picture; of a vector, each number is"
    ),
]


@hookimpl
def register_models(register: Callable[[Model], None]) -> None:
    """Register the built-in models."""
    register(
        Model(
            "mlp",
            mlp,
            [
                Param("depth", 2, low=0, high=200, help="number of hidden layers; 0 is a linear classifier"),
                Param("width", 128, low=1, high=8192, help="units in each hidden layer"),
            ],
            title="Multilayer perceptron",
            summary="Fully connected layers of one width; pictures are flattened.",
            equation=r"h_l = f(W_l h_{l-1} + b_l)",
            reference="Rumelhart, Hinton, Williams 1986, doi:10.1038/323533a0",
        )
    )
    register(
        Model(
            "cnn",
            cnn,
            [Param("pool", "average", choices=tuple(POOLS), help="what becomes of each 2 x 2 square")],
            title="Convolutional network",
            summary="LeNet-5: two convolutions with pools, three linear layers; for pictures.",
            equation=r"h_l = \mathrm{pool}(f(W_l * h_{l-1} + b_l))",
            reference="LeCun, Bottou, Bengio, Haffner 1998, doi:10.1109/5.726791",
        )
    )
    register(
        Model(
            "deep_cnn",
            deep_cnn,
            CONVOLUTIONS,
            title="Deep convolutional network",
            summary="Many 3 x 3 convolutions in a row, plain: with depth it learns worse, not better; for pictures.",
            equation=r"h_l = f(W_l * h_{l-1} + b_l)",
            reference="He, Zhang, Ren, Sun 2015, arXiv:1512.03385",
        )
    )
    register(
        Model(
            "residual_cnn",
            residual_cnn,
            CONVOLUTIONS,
            title="Residual convolutional network",
            summary="The same layers and weights as the deep one, with a shortcut around every two; for pictures.",
            equation=r"h_{l+2} = f(W_{l+2} * f(W_{l+1} * h_l + b_{l+1}) + b_{l+2} + h_l)",
            reference="He, Zhang, Ren, Sun 2015, arXiv:1512.03385",
        )
    )
    register(
        Model(
            "autoencoder",
            autoencoder,
            [
                Param("depth", 2, low=0, high=100, help="hidden layers before the code, and as many behind it"),
                Param("width", 128, low=1, high=8192, help="units in each hidden layer"),
                Param("code", 16, low=1, high=8192, help="numbers that the input has to pass through"),
            ],
            title="Autoencoder",
            summary="Gives its input back through a narrow code; trained on the mean squared error, without labels.",
            equation=r"\hat x = g(e(x)),\quad L = \overline{(\hat x - x)^2}",
            reference="Hinton, Salakhutdinov 2006, doi:10.1126/science.1127647",
            reconstructs=True,
        )
    )
    register(
        Model(
            "rnn",
            rnn,
            RECURRENT,
            title="Recurrent network",
            summary="Reads a picture row by row; the gradient passes the same matrix at every step.",
            equation=r"h_t = f(W x_t + U h_{t-1} + b)",
            reference="Elman 1990, doi:10.1207/s15516709cog1402_1",
        )
    )
    register(
        Model(
            "lstm",
            lstm,
            [
                *RECURRENT,
                Param("forget_bias", 1.0, low=-10.0, high=10.0, help="added to the forget gate: how much is kept"),
            ],
            title="LSTM",
            summary="Reads a picture row by row; what a cell keeps goes from step to step through a gate.",
            equation=r"c_t = \sigma(f_t)\, c_{t-1} + \sigma(i_t)\, a(g_t),\quad h_t = \sigma(o_t)\, a(c_t)",
            reference="Hochreiter, Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735; Gers et al. 2000 (forget gate)",
        )
    )
