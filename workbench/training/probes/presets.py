"""How much is measured, and what it costs: for pages, and for a person who has to choose."""

PRESETS: dict[str, str] = {
    "off": "Nothing in the layers, only loss and accuracy. Costs nothing.",
    "light": "Norms, signals and activations of every layer at up to 40 steps, and what theory expects at the start. "
    "Costs 1 to 5 % of the time.",
    "full": "Also histograms of gradients and activations, and at 8 steps gradient noise and the sharpest curvature. "
    "Costs about as much as 200 more training steps.",
}
