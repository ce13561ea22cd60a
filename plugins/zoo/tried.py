"""What trying every optimizer of pytorch_optimizer has shown; the tests try them again."""

# Classes of torch.optim that the package lists with its own, and the components that have them.
TORCH = {
    "LBFGS": "lbfgs",
    "SGD": "sgd",
    "Adam": "adam",
    "AdamW": "adamw",
    "NAdam": "nadam",
    "RMSprop": "rmsprop",
}

WRAPS = "it is put around another optimizer"
MODEL = "it takes the model, not its parameters"
GRAPH = "it differentiates the gradient (backward with create_graph=True), which the bench does not prepare"
PROJECTION = "its projection is switched on by keys of a param group; without them it is AdamW"

LEFT_OUT = {
    "AdaHessian": GRAPH,
    "AdaLOMO": MODEL,
    "AdamMini": MODEL,
    "APOLLO": PROJECTION,
    "DeMo": "it compresses what several processes exchange, and needs a process group and the package einops",
    "DistributedMuon": "it spreads its work over several processes, and needs a process group",
    "FAdam": "it cannot work in double precision, in which descents are computed",
    "Fira": PROJECTION,
    "FriendlySAM": WRAPS,
    "GaLore": PROJECTION,
    "GSAM": WRAPS,
    "Kron": "it draws from NumPy's random numbers, which the bench does not seed, so no run could be repeated",
    "LOMO": MODEL,
    "Lookahead": WRAPS,
    "LookSAM": WRAPS,
    "LoRARite": "it takes pairs of LoRA factors",
    "Magma": WRAPS,
    "MuonClip": "it clips the weights of attention, which the models here do not have",
    "OrthoGrad": WRAPS,
    "PCGrad": WRAPS,
    "RotoGrad": "it takes the model and several tasks",
    "SAM": WRAPS,
    "SaRA": "it fine-tunes only those weights of a trained network that are below a threshold",
    "ScheduleFreeWrapper": WRAPS,
    "SCIONLight": "it keeps its momentum in the gradients, which the bench clears before every step",
    "SophiaH": GRAPH,
    "SpectralSphere": "it takes only matrices, and a network has biases, too",
    "TRAC": WRAPS,
    "WSAM": WRAPS,
}

# Matrices get the method, all other tensors AdamW: each param group says which (``use_muon``).
MATRICES = frozenset({"AdaGO", "AdaMuon", "Muon", "NorMuon"})

# Settings that do not work: one needs a scheduler of torch's, the other stops at the first step.
UNUSABLE = {"ROSE": "wd_schedule", "SOAP": "merge_dims"}

# What decides the length of a step where the rate in the param group does not, at least at first.
OWN_RATE = {
    "A2Grad": "lips, beta and the step",
    "AdaFactor": "the step while relative_step is on",
    "AliG": "the loss",
    "ApolloDQN": "init_lr and the step until warmup_steps",
}

# Settings that the constructor divides by, so that 0 is not allowed.
DIVISORS = {"MARS": "lr"}

# What their state consists of, besides numbers and tensors; a run that is interrupted starts over.
NOT_KEPT = {
    "AdaShift": "a queue",
    "Conda": "a projector",
    "ROSE": "a data type",
    "ScalableShampoo": "preconditioners",
}

# The package's README, License Notes, and the source of Fromage.
LICENCES = dict.fromkeys(["Fromage", "Nero"], "CC BY-NC-SA 4.0, not for commercial use")
