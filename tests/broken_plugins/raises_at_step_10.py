"""Works for nine steps."""

import torch

from workbench import Optimizer, Param, hookimpl


class RaisesAtStep10(torch.optim.SGD):
    steps = 0

    def step(self, closure=None):
        self.steps += 1
        if self.steps == 10:
            raise RuntimeError("tired")
        return super().step(closure)


@hookimpl
def register_optimizers(register):
    register(Optimizer("raises_at_step_10", RaisesAtStep10, params=[Param("lr", 0.01)]))
