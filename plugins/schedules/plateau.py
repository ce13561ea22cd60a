"""The rate drops when the loss has stopped falling, as torch's ReduceLROnPlateau."""

import math

from workbench import Clock, Param, Schedule


def factor_at(
    clock: Clock,
    factor: float,
    patience: int,
    threshold: float,
    threshold_mode: str,
    cooldown: int,
    min_factor: float,
) -> float:
    """Go through the mean training losses of all finished epochs, as torch would have seen them one by one.

    torch's ``eps``, which ignores a drop of the rate below 1e-8, is left out.
    """
    made, best, bad, resting = 1.0, math.inf, 0, 0
    for loss in clock.losses:
        limit = best * (1 - threshold) if threshold_mode == "rel" else best - threshold
        if loss < limit:
            best, bad = loss, 0
        else:
            bad += 1
        if resting:
            resting, bad = resting - 1, 0
        if bad > patience:
            made, bad, resting = max(made * factor, min_factor), 0, cooldown
    return made


plateau = Schedule(
    "plateau",
    factor_at,
    needs_losses=True,
    params=[
        Param(
            "factor", 0.1, low=0.0, high=0.99, search=(0.05, 0.9), help="what the rate is multiplied by at each drop"
        ),
        Param(
            "patience", 2, low=0, high=10_000, help="epochs without a better loss that are still borne; torch's is 10"
        ),
        Param("threshold", 1e-4, low=0.0, high=1.0, help="how much better a loss has to be to count as better"),
        Param(
            "threshold_mode",
            "rel",
            choices=("rel", "abs"),
            help="threshold as a part of the best loss, or as it stands",
        ),
        Param("cooldown", 0, low=0, high=10_000, help="epochs after a drop that do not count as bad"),
        Param("min_factor", 0.0, low=0.0, high=1.0, help="it never falls below this part of the first rate"),
    ],
    title="Reduce on plateau",
    summary="The learning rate drops by a factor when the training loss has not fallen for some epochs.",
    equation=r"\eta \leftarrow \gamma\, \eta \quad \text{after } p + 1 \text{ epochs without a loss below the best}",
    reference="torch.optim.lr_scheduler.ReduceLROnPlateau",
)
