"""Plugins: what is loaded, from where, what it registered, and what went wrong."""

import pandas as pd
import streamlit as st

from workbench import house, registry

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

rows = pd.DataFrame(
    [
        {
            "plugin": plugin.name,
            "version": plugin.version,
            "place": plugin.place,
            "registered": [f"{kind} {name}" for kind, name in plugin.components],
            "error": " ".join(plugin.errors),
            "path": plugin.path,
        }
        for plugin in known.plugins
    ]
)
st.dataframe(
    rows,
    hide_index=True,
    column_config={"registered": st.column_config.ListColumn(width="large")},
    alt="Every plugin with its version, where it was found, what it registered, and its error if it has one.",
)

st.subheader("Components")
kinds = [kind for kind in ("optimizer", "activation", "initializer", "schedule", "remedy", "surface", "dataset",
                           "model", "page") if known.names(kind)]  # fmt: skip
kind = st.segmented_control("Kind", kinds, default=kinds[0], key="plugins.kind", required=True)
for component in known.all(kind):
    owner = known.owner(kind, component.name)
    with st.expander(f"**{component.name}**  {component.summary}"):
        if getattr(component, "equation", ""):
            st.latex(component.equation)
        if getattr(component, "reference", ""):
            st.caption(component.reference)
        st.caption(f"Plugin {owner.name} {owner.version} ({owner.place}: {owner.path})")
        settings = [
            {"setting": p.name, "default": str(p.default), "allowed": p.allowed, "help": p.help}
            for p in getattr(component, "params", ())
        ]
        if settings:
            st.table(pd.DataFrame(settings).set_index("setting"))
