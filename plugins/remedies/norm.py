"""What the norms have in common: where they stand."""

from __future__ import annotations

from torch import nn

from workbench import Block, Refused, Remedy

from .units import units

NAMES = ("batch_norm", "layer_norm", "group_norm", "rms_norm")
KNOWN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)


def others(name: str) -> tuple[str, ...]:
    """The norms that one of them clashes with: each undoes what another one has scaled."""
    return tuple(other for other in NAMES if other != name)


class Norm(Remedy):
    """A norm between every weight layer and its activation."""

    def edit_blocks(self, blocks: list[Block]) -> list[Block]:
        """Put one behind every weight layer that has an activation, so not behind the last.

        ``Refused`` for a model that normalises there already or has no such place, ``TypeError`` for layers of
        unknown width.
        """
        for block in blocks:
            for module in block.norm:
                if isinstance(module, KNOWN):
                    raise Refused(f"the model has a {type(module).__name__} there already; leave one of them out")
        places = [block for block in blocks if block.activation is not None]
        if not places:
            raise Refused("no layer of the model has an activation behind it, so there is no place for a norm")
        for block in places:
            block.norm.append(self.norm(*units(block.layer)))
        return blocks

    def norm(self, count: int, axes: int) -> nn.Module:
        """The norm for the outputs of ``count`` units, each at places along ``axes`` axes."""
        raise NotImplementedError
