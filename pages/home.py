"""Home: what this is, four experiments to start from, and a place to drop one's own."""

import streamlit as st

from workbench import house
from workbench.errors import WorkbenchError
from workbench_ui import state

CARDS = {
    "nine-optimizers": ":material/terrain:",
    "tolerance": ":material/linear_scale:",
    "saturated-sigmoid": ":material/block:",
    "ten-sigmoid-layers": ":material/layers:",
}


def card(name: str, icon: str) -> None:
    """One ready experiment: its title, the first sentence of its lesson, one click to open it."""
    with st.container(border=True, height="stretch"):
        experiment = state.lesson(name)
        st.markdown(f"**{icon} {experiment.title}**")
        if (picture := house.folder("lessons") / f"{name}.png").is_file():
            st.image(str(picture), alt="")
        st.write(experiment.lesson.strip().split("\n\n")[0])
        if st.button("Open and run", key=f"home.{name}", type="primary"):
            state.go(state.open_experiment(experiment))


def more() -> None:
    """The other ready experiments, and one's own."""
    others = [name for name in state.lessons() if name not in CARDS]
    if others:
        st.subheader("More to start from")
        with st.container(horizontal=True):
            for name in others:
                if st.button(state.lesson(name).title, key=f"home.{name}"):
                    state.go(state.open_experiment(state.lesson(name)))
    st.subheader("Your own")
    file = st.file_uploader("Drop an experiment (TOML) here", type=["toml"], key="home.file")
    if file is not None:
        try:
            state.go(state.open_file(file.name, file.getvalue()))
        except WorkbenchError as error:
            st.error(str(error))


st.title("Gradient Workbench", anchor=False)
st.markdown(
    "A lab bench for one question: **why does this network not learn, and what helps?**\n\n"
    "Put optimizers, activations, initializers and remedies side by side: same start, same batches, several seeds.  \n"
    "Watch paths on surfaces, the gradients of every layer, and what a trained network brings to a new task.  \n"
    "Divergence, dead units and NaN are results here, with the step at which they happened.  \n"
    "Whatever you compose is an experiment: a text file, a picture and a command line.  \n"
    "Anything that is missing is a plugin of a few lines: drop it into `plugins/`, and it is on every page."
)
st.subheader("Start here")
with st.grid(2, min_column_width=320):
    for name, icon in CARDS.items():
        card(name, icon)
more()
