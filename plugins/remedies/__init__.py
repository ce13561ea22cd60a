"""Remedies: what may help a network that does not learn. One file each."""

from __future__ import annotations

from collections.abc import Callable

from workbench import Remedy, hookimpl

from .agc import AGC
from .batch_norm import BatchNorm
from .clip_norm import ClipNorm
from .clip_value import ClipValue
from .dropout import Dropout
from .ema import EMA
from .freeze import Freeze
from .gradient_centralization import GradientCentralization
from .gradient_noise import GradientNoise
from .group_norm import GroupNorm
from .label_smoothing import LabelSmoothing
from .lamb import LAMB
from .larc import LARC
from .lars import LARS
from .layer_norm import LayerNorm
from .layer_scale import LayerScale
from .lookahead import Lookahead
from .loss_scaling import LossScaling
from .residual import Residual
from .rezero import ReZero
from .rms_norm import RMSNorm
from .sam import SAM
from .spectral_norm import SpectralNorm
from .stochastic_depth import StochasticDepth
from .warmup import Warmup
from .weight_standardization import WeightStandardization

NETWORK = (
    BatchNorm, LayerNorm, GroupNorm, RMSNorm, WeightStandardization, SpectralNorm,
    Residual, ReZero, LayerScale, StochasticDepth, Dropout, Freeze,
)  # fmt: skip
GRADIENT = (ClipNorm, ClipValue, AGC, GradientCentralization, GradientNoise, LabelSmoothing, LossScaling)
STEP = (Warmup, LARS, LARC, LAMB, SAM, Lookahead, EMA)


@hookimpl
def register_remedies(register: Callable[[type[Remedy]], None]) -> None:
    """Register the built-in remedies: on the network, on the gradient, on the step."""
    for remedy in (*NETWORK, *GRADIENT, *STEP):
        register(remedy)
