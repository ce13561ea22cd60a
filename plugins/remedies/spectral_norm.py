"""Spectral normalisation: weights divided by their largest singular value."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils import parametrizations

from workbench import Param, Remedy

from .units import CONVOLUTIONS


class SpectralNorm(Remedy):
    """Let every layer work with its weights divided by their largest singular value, so that none can stretch.

    A convolution's weights are taken as a matrix (outputs, rest). The singular value follows the weights by power
    iteration, a little more in each forward pass of the training; what is learned lies beneath. Weights that are all 0
    cannot be divided by theirs: the loss is NaN.
    """

    name = "spectral_norm"
    title = "Spectral norm"
    equation = r"\hat W = \frac{W}{\sigma(W)}, \quad \sigma(W) \approx u^\top W v"
    reference = "Miyato et al. 2018, arXiv:1802.05957"
    params = (Param("iterations", 1, low=1, high=100, help="power iterations in each forward pass"),)
    clashes = ("weight_standardization",)
    iterations: int

    def after_init(self, network: nn.Module, inputs: Tensor) -> None:
        """Parametrise every Linear and Conv; torch leaves a frozen layer in evaluation, so its singular value stays."""
        for module in list(network.modules()):
            if isinstance(module, (nn.Linear, *CONVOLUTIONS)):
                parametrizations.spectral_norm(module, n_power_iterations=self.iterations)
