"""Scikit-learn's digits: a small picture set that travels with the package."""

from __future__ import annotations

from pathlib import Path

import torch

from workbench import Data


def digits(folder: Path) -> Data:
    """1,797 pictures (1, 8, 8) as floats in [0, 1]; one fixed, stratified fifth of them is the test split."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    loaded = load_digits()
    pictures = torch.tensor(loaded.images, dtype=torch.float32).unsqueeze(1) / 16
    targets = torch.tensor(loaded.target, dtype=torch.int64)
    train, test = train_test_split(range(len(targets)), test_size=0.2, stratify=loaded.target, random_state=0)
    classes = tuple(str(name) for name in loaded.target_names)
    return Data(pictures[train], targets[train], pictures[test], targets[test], classes)
