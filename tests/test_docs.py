"""What the docs say is true: samples run, headings exist, generated parts are up to date."""

from __future__ import annotations

import inspect
import re
import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from workbench import hookspecs, registry
from workbench.components import hook_names
from workbench.descent import simulate
from workbench.experiment import loads, read, resolve
from workbench.records import MemoryRecorder

ROOT = Path(__file__).resolve().parent.parent
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
DropIn = Callable[[str, str], Path]


def blocks(file: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", file.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("name", hook_names().values())
def test_every_hook_has_a_heading_with_its_signature_and_a_test(name: str) -> None:
    signature = f"### {name}({', '.join(inspect.signature(getattr(hookspecs, name)).parameters)})"
    assert signature in (ROOT / "docs" / "plugins.md").read_text().splitlines()
    kind = next(kind for kind, hook in hook_names().items() if hook == name)
    assert f'@of("{kind}")' in (ROOT / "tests" / "test_contracts.py").read_text()


def test_every_remedy_method_is_in_the_docs() -> None:
    from workbench import Remedy

    text = (ROOT / "docs" / "plugins.md").read_text()
    methods = [name for name in vars(Remedy) if not name.startswith("_") and inspect.isfunction(vars(Remedy)[name])]
    places = []
    for name in methods:
        arguments = list(inspect.signature(getattr(Remedy, name)).parameters)[1:]
        assert f"| `{name}({', '.join(arguments)})` |" in text
        places.append(text.index(f"| `{name}("))
    assert places == sorted(places), "in the order of the calls"


@pytest.mark.parametrize("file", [ROOT / "README.md", ROOT / "docs" / "plugins.md"], ids=lambda file: file.name)
def test_the_sample_plugins_load_without_error(file: Path, drop_in: DropIn) -> None:
    samples = blocks(file, "python")
    assert samples
    for number, sample in enumerate(samples):
        drop_in(f"sample_{number}.py", sample)
    known = registry.load()
    for number in range(len(samples)):
        [plugin] = [plugin for plugin in known.plugins if plugin.name == f"sample_{number}"]
        assert plugin.errors == []
        assert plugin.components


def test_sign_sgd_steps_as_its_equation_says(drop_in: DropIn) -> None:
    drop_in("my_sign_sgd.py", blocks(ROOT / "docs" / "plugins.md", "python")[0])
    known = registry.current()
    sample = next(text for text in blocks(ROOT / "docs" / "plugins.md", "toml") if "my_sign_sgd" in text)
    [run] = resolve(loads(sample + "[task]\nstart = [1.0, -1.0]\nsteps = 5\n"), known)
    recorder = MemoryRecorder()
    simulate.execute(run, known, recorder)
    path = recorder.table("path")
    expected = torch.arange(6, dtype=torch.float64) * 0.02
    assert path["x"].tolist() == pytest.approx((1 - expected).tolist(), abs=1e-12)
    assert path["y"].tolist() == pytest.approx((expected - 1).tolist(), abs=1e-12)


def test_the_sample_experiments_resolve() -> None:
    known = registry.load()
    samples = blocks(ROOT / "docs" / "experiments.md", "toml")
    assert {loads(sample).kind for sample in samples} == {"descent", "sweep", "tune", "training", "transfer"}
    for sample in samples:
        assert resolve(loads(sample), known)


def test_the_python_in_the_docs_of_experiments_runs() -> None:
    [sample] = blocks(ROOT / "docs" / "experiments.md", "python")
    exec(compile(sample, "experiments.md", "exec"), {})


@pytest.mark.parametrize("file", sorted((ROOT / "lessons").glob("*.toml")), ids=lambda file: file.stem)
def test_every_lesson_resolves_and_has_its_text(file: Path) -> None:
    lesson = read(file)
    assert lesson.title
    assert lesson.lesson
    assert resolve(lesson, registry.load())


def test_the_generated_parts_are_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_LOAD_PLUGINS", "")  # restored afterwards: the script sets it, too
    generate = runpy.run_path(str(ROOT / "docs" / "generate.py"))
    for file in generate["FILES"]:
        assert generate["renewed"](file.read_text()) == file.read_text(), f"run: python docs/generate.py ({file.name})"


def test_links_lead_somewhere() -> None:
    for file in DOCS:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", file.read_text()):
            if not target.startswith("http"):
                assert (file.parent / target).exists(), f"{file.name} links to {target}"


def test_the_two_commands_are_those_that_are_tested() -> None:
    shell = blocks(ROOT / "README.md", "sh")
    assert shell == ["pip install -e . && streamlit run workbench\n", 'pip install -e ".[test]" && pytest\n']
    assert "pip install -e" in (ROOT / ".ci" / "run").read_text()
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=True)


def test_contributing_has_one_command_each() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for row in ("| set up |", "| test |", "| lint and types |", "| docs |"):
        assert text.count(row) == 1
