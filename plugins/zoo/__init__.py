"""The optimizers of the package pytorch_optimizer (https://github.com/kozistr/pytorch_optimizer).

What is offered is read from the installed package's source (``reading``), not from its modules: importing them
takes half a second, which only a run that needs one of them has to pay.
"""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version

from workbench import Unavailable, hookimpl

from .offer import describe
from .reading import Package
from .references import Papers
from .tried import LEFT_OUT, TORCH

OLDEST = (4, 1)  # earlier ones describe their settings in another form

try:
    __version__ = installed_version("pytorch_optimizer")  # a part of what a run's numbers depend on
except PackageNotFoundError:
    raise Unavailable("pytorch_optimizer is not installed; pip install gradient-workbench[zoo]") from None
if tuple(int(part) for part in __version__.split(".")[:2]) < OLDEST:
    raise Unavailable(f"pytorch_optimizer {__version__} is too old; pip install --upgrade gradient-workbench[zoo]")


@hookimpl
def register_optimizers(register):
    """One component ``zoo_<name>`` for each; what cannot be one is left out with the reason."""
    package, papers = Package.installed(), Papers.installed()
    for name, own in TORCH.items():
        register.left_out(f"zoo_{name.lower()}", f"it is torch's own {name}: use {own}")
    for name in [*package.optimizers(), *LEFT_OUT]:
        if name in TORCH:
            continue
        if name in LEFT_OUT:
            register.left_out(f"zoo_{name.lower()}", LEFT_OUT[name])
            continue
        source = package.optimizer(name)
        if missing := source.required:
            register.left_out(f"zoo_{name.lower()}", f"its constructor needs {', '.join(missing)}")
        else:
            register(describe(source, papers))
