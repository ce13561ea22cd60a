"""Group normalisation between a weight layer and its activation."""

from __future__ import annotations

from torch import nn

from workbench import Param, Refused

from .norm import Norm, others


class GroupNorm(Norm):
    """Give every group of units mean 0 and variance 1 within each sample, before their activation.

    Behind a convolution a group is some channels at all places. The batch plays no part, so the last batch may be of
    any size, and training and testing are alike.
    """

    name = "group_norm"
    title = "Group norm"
    equation = (
        r"\hat z_i = \gamma_i\,\frac{z_i - \mu_g}{\sqrt{\sigma_g^2 + \epsilon}} + \beta_i, \quad "
        r"\mu_g, \sigma_g^2 \text{ over the group of } i \text{ in one sample}"
    )
    reference = "Wu, He 2018, arXiv:1803.08494"
    params = (
        Param("groups", 2, low=1, high=65536, help="groups into which the units of a layer are parted evenly"),
        Param("eps", 1e-5, low=1e-12, high=1.0, scale="log", help="added to the variance before the root"),
    )
    clashes = others("group_norm")
    groups: int
    eps: float

    def norm(self, count: int, axes: int) -> nn.Module:
        """``Refused`` where the groups would be unequal, or of one unit without places: that is always 0."""
        fit = [n for n in range(1, count + 1) if count % n == 0 and (axes or n < count)]
        if self.groups not in fit:
            allowed = f"allowed: {', '.join(map(str, fit))}" if fit else "it has to have more units"
            raise Refused(f"groups = {self.groups} does not fit a layer of {count} units; {allowed}")
        return nn.GroupNorm(self.groups, count, eps=self.eps)
