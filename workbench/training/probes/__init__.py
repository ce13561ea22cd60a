"""What is measured in every weight layer: docs/probes.md lists it with its formulas."""

from workbench.training.probes.norms import norm
from workbench.training.probes.presets import PRESETS
from workbench.training.probes.probe import Probe
from workbench.training.probes.statistics import STATISTICS
from workbench.training.probes.when import curvature_steps, probe_steps

__all__ = ["PRESETS", "STATISTICS", "Probe", "curvature_steps", "norm", "probe_steps"]
