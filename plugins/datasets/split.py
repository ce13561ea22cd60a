"""A test split that is a fixed share of every class."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from workbench import Refused


def stratified(targets: Sequence[int], classes: Sequence[str], share: float) -> tuple[list[int], list[int]]:
    """Indices of the train and of the test split, both in order; the same for the same targets, whatever the run.

    Of each class the ``share``, rounded, is for testing: at least one sample, and at least one is left to train on.
    Raises ``Refused`` when a class has a single sample.
    """
    generator = torch.Generator().manual_seed(0)
    numbers = torch.as_tensor(targets)
    order = torch.randperm(len(numbers), generator=generator)
    test: list[int] = []
    counts = numbers.bincount(minlength=len(classes)).tolist()
    for number, count in enumerate(counts):
        if count < 2:
            raise Refused(
                f"the class {classes[number]!r:.40} has only {count} of the 2 samples that are the least: "
                "one to train on and one to test on"
            )
        members = order[numbers[order] == number]
        test += members[: min(max(round(share * count), 1), count - 1)].tolist()
    chosen = set(test)
    return [n for n in range(len(numbers)) if n not in chosen], sorted(test)
