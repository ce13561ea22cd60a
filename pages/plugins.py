"""Plugins: what is loaded, from where, what it registered, and what went wrong."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pandas as pd
import streamlit as st

from workbench import house, registry
from workbench.capabilities import capabilities
from workbench.components import KINDS

MANY = 40  # components of one kind and plugin that are listed; of more, one is looked up

known = registry.current()
broken = [plugin for plugin in known.plugins if plugin.errors]

st.title("Plugins", anchor=False)
st.caption(f"Drop a package into `{house.folder('plugins')}`, and it appears here and on every page by itself.")
count = sum(len(plugin.components) for plugin in known.plugins)
st.markdown(
    f"**{len(known.plugins)} plugins registered {count} components; "
    f"{'none has an error' if not broken else f'{len(broken)} with an error'}.**"
)
for plugin in broken:
    st.error("\n\n".join(plugin.errors), title=f"{plugin.name} ({plugin.path})", icon=":material/error:")

for plugin in known.plugins:
    if plugin.unavailable:
        st.info(plugin.unavailable, title=f"{plugin.name} is not available", icon=":material/info:")


def counts(components: Iterable[tuple[str, str]]) -> Counter[str]:
    """How many of each kind there are."""
    return Counter(kind for kind, _ in components)


rows = pd.DataFrame(
    [
        {
            "plugin": plugin.name,
            "version": plugin.version,
            "place": plugin.place,
            "registered": ", ".join(f"{kind}: {count}" for kind, count in counts(plugin.components).items()),
            "wrong or missing": " ".join(plugin.errors) or plugin.unavailable or None,
            "path": plugin.path,
        }
        for plugin in known.plugins
    ]
)
st.dataframe(
    rows.dropna(axis="columns", how="all"),
    hide_index=True,
    height="content",
    placeholder="",
    alt="Every plugin with its version, where it was found, how much it registered, and what is wrong or missing.",
)

for plugin in known.plugins:
    if plugin.left_out:
        with st.expander(f"What **{plugin.name}** leaves out, and why ({len(plugin.left_out)})"):
            reasons = [
                {"component": f"{kind} {name}", "reason": reason} for (kind, name), reason in plugin.left_out.items()
            ]
            st.table(pd.DataFrame(reasons).set_index("component"))

st.subheader("Components")
kinds = [kind for kind in KINDS if known.names(kind)]
kind = st.segmented_control("Kind", kinds, default=kinds[0], key="plugins.kind", required=True)


def describe(component: Any) -> None:
    """Everything that a component says of itself."""
    owner = known.owner(kind, component.name)
    if getattr(component, "equation", ""):
        st.latex(component.equation)
    if asks := capabilities(component):
        st.markdown(f"**{'; '.join(asks)}.**")
    if getattr(component, "reference", ""):
        st.caption(component.reference)
    st.caption(f"Plugin {owner.name} {owner.version} ({owner.place}: {owner.path})")
    settings = [
        {"setting": p.name, "default": str(p.default), "allowed": p.allowed, "help": p.help}
        for p in getattr(component, "params", ())
    ]
    if settings:
        st.table(pd.DataFrame(settings).set_index("setting"))


for plugin in known.plugins:
    components = [known.get(kind, name) for own, name in plugin.components if own == kind]
    looked_up = len(components) > MANY
    if looked_up:
        summaries = {component.name: f"{component.name}: {component.summary}" for component in components}
        chosen = st.selectbox(
            f"{len(components)} more, of plugin {plugin.name}",
            list(summaries),
            index=None,
            format_func=summaries.__getitem__,
            placeholder="type a part of a name, or a word of what it does",
            key=f"plugins.chosen.{kind}.{plugin.name}",
        )
        components = [component for component in components if component.name == chosen]
    for component in components:
        with st.expander(f"**{component.name}**: {component.summary}", expanded=looked_up):
            describe(component)
