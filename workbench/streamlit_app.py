"""The router: `streamlit run workbench` finds this file by its name. Pages come from the registry."""

from __future__ import annotations

import logging
import sys

import streamlit as st

from workbench import house, registry, settings
from workbench.blame import describe
from workbench.errors import WorkbenchError

log = logging.getLogger("workbench.app")


def main() -> None:
    """Start the bench once, then show the page that was asked for."""
    pages_folder = str(house.folder("pages"))
    if pages_folder not in sys.path:  # what pages share lives beside them, in workbench_ui
        sys.path.insert(0, pages_folder)
    from workbench_ui.bench import open_bench

    st.set_page_config(
        page_title="Gradient Workbench",
        page_icon=str(house.PACKAGE / "icon.svg"),
        layout="wide",
        initial_sidebar_state=320,
    )
    open_bench()
    components = sorted(registry.current().all("page"), key=lambda page: page.order)
    if not components:
        st.error("No page could be loaded: run `workbench plugins` to see why.")
        st.stop()
    pages = {
        page.name: st.Page(page.factory, title=page.title, icon=page.icon, url_path=page.name, help=page.summary)
        for page in components
    }
    here = st.navigation(list(pages.values()), position="top")
    try:
        if settings.place(house.settings_file(), house.PACKAGE / ".streamlit"):
            st.warning("The settings of this app were not in place and are now: stop it and start it again.")
    except OSError:
        log.warning("the settings of this app could not be put beside it: %s is read-only", house.PACKAGE)
    try:
        here.run()
    except WorkbenchError as error:
        st.error(str(error))
    except Exception as error:  # a traceback belongs in the log, not in front of the person
        log.exception("page %s failed", here.title)
        name = next(name for name, page in pages.items() if page == here)
        owner = registry.current().owner("page", name).name
        st.error(f"The page {here.title!r} of plugin {owner!r} failed: {describe(error)}. The log says more.")


if __name__ == "__main__":  # worker processes import this file under another name and must not start an app
    main()
