"""The bench's own pages, registered as anybody's would be."""

from pathlib import Path

from workbench import Page, hookimpl

PAGES = Path(__file__).resolve().parents[2] / "pages"


ROWS = (
    ("home", "Home", ":material/home:", "What this is, and four experiments to start from."),
    ("surfaces", "Surfaces", ":material/terrain:", "Optimizers side by side on a surface: paths, outcomes, steps."),
    ("rates", "Learning rates", ":material/linear_scale:", "How much learning rate each optimizer tolerates."),
    ("tuning", "Tuning", ":material/tune:", "Each optimizer at its best: the same number of trials for all."),
    ("training", "Training", ":material/model_training:", "Networks that learn or fail, with every layer's gradient."),
    ("transfer", "Transfer", ":material/sync_alt:", "What is gained by starting from a trained network."),
    (
        "basics",
        "Basics",
        ":material/school:",
        "Small lessons: the arithmetic of gradients, written out and moved with a slider.",
    ),
    ("runs", "Runs", ":material/list_alt:", "What runs, waits and ran: compare, stop, resume, delete."),
    ("plugins", "Plugins", ":material/extension:", "What is loaded, from where, and what went wrong."),
)


@hookimpl
def register_pages(register):
    """Register the pages in the order of the navigation."""
    for order, (name, title, icon, summary) in enumerate(ROWS):
        register(Page(name, PAGES / f"{name}.py", title=title, icon=icon, summary=summary, order=10 * order))
