"""What trainings show, said in one or two sentences whose numbers all come from the records."""

from __future__ import annotations

import math

import pandas as pd

from workbench.training.findings.scores import (
    ACCURACY,
    LOSS,
    Metric,
    blind_said,
    metric_of,
    with_test_loss,
    without_accuracy,
)
from workbench.words import listed, percent

UNITS = ((1e9, " billion"), (1e6, " million"), (1e3, " thousand"))
LEARNED = 0.1  # less above the untrained network's test accuracy is nothing, whoever is best


def finding(summary: pd.DataFrame, curve: pd.DataFrame, layers: pd.DataFrame) -> str:
    """The finding of a comparison of trainings: tables with variant and seed, as far as they are there yet.

    Which variants learn (their test accuracy rises by at least 0.1 over that of the untrained network, and by
    half as much as the best one's), the best one with its seeds and whether it can be told from the next, who
    diverged when, and the worst layer ratio.
    """
    if summary.empty:
        return "No run has finished yet."
    ended = summary[summary["outcome"] == "finished"]
    sentences = [*diverged(summary), *failed(summary)]
    if not ended.empty and (ended["steps"] == 0).all():
        return " ".join([*sentences, "Untrained networks, measured on one batch.", *steepest(layers)]).strip()
    if not ended.empty:
        sentences = [ranking(ended, curve), *sentences]
    return " ".join([*sentences, *steepest(layers)])


def transfer_finding(summary: pd.DataFrame, curve: pd.DataFrame) -> str:
    """The finding of a comparison of ways to transfer: the best, and its lead over the next."""
    if summary.empty:
        return "No run has finished yet."
    ended = summary[summary["outcome"] == "finished"]
    sentences = [ranking(ended, curve)] if not ended.empty else []
    if not ended.empty and (early := first_epoch(curve[curve["variant"].isin(ended["variant"])])):
        sentences.append(early)
    return " ".join([*sentences, *diverged(summary), *failed(summary)])


def ranking(ended: pd.DataFrame, curve: pd.DataFrame) -> str:
    """Which variants learn, which is best, and whether that lead can be told from chance."""
    if metric_of(ended) == LOSS:
        return closest(with_test_loss(ended, curve))
    if blind := without_accuracy(ended):
        return f"{ranking(ended[~ended['variant'].isin(blind)], curve)} {blind_said(blind)}"
    means = ended.groupby("variant", sort=False)["final_accuracy"].mean().sort_values(ascending=False, kind="stable")
    start = curve[(curve["split"] == "test") & (curve["step"] == 0)].groupby("variant")["accuracy"].mean()
    best = str(means.index[0])
    untrained = float(start.mean()) if len(start) else 0.0  # a branch does not begin there
    gains = {str(name): float(means[name] - start.get(name, untrained)) for name in means.index}
    stuck = [name for name, gain in gains.items() if not gain >= max(LEARNED, gains[best] / 2)]
    if len(stuck) == len(means):
        only = f"{best} ends" if len(means) == 1 else f"None of {len(means)} learns: the best, {best}, ends"
        return f"{only} at a test accuracy of {share(by_seed(ended, best))}, where an untrained network starts."
    text = f"{best} reaches a test accuracy of {share(by_seed(ended, best))}"
    if len(means) > 1:
        text = f"{len(means) - len(stuck)} of {len(means)} learn. " + text + lead(ended, best, str(means.index[1]))
    text += "."
    if stuck:
        each = [f"{name} ({percent(means[name])})" for name in stuck]
        text += f" {listed(each)} {'does' if len(each) == 1 else 'do'} not get half as far."
    return text


def closest(ended: pd.DataFrame) -> str:
    """Which network gives its input back best."""
    means = ended.groupby("variant", sort=False)[LOSS.column].mean().sort_values(kind="stable")
    best, own = str(means.index[0]), by_seed(ended, str(means.index[0]), LOSS)
    spread = f" ± {own.std(ddof=1):.2g} ({len(own)} seeds)" if len(own) > 1 else ""
    text = f"{best} gives its input back with a mean squared error of {own.mean():.4g}{spread}"
    return text + (lead(ended, best, str(means.index[1]), LOSS) if len(means) > 1 else "") + "."


def lead(ended: pd.DataFrame, best: str, second: str, metric: Metric = ACCURACY) -> str:
    """How the best stands to the next, seed by seed."""
    other = by_seed(ended, second, metric)
    pairs = by_seed(ended, best, metric).to_frame("best").join(other.rename("second"), how="inner")
    gap = (pairs["best"] - pairs["second"]) * (1 if metric.higher else -1)
    n = len(gap)
    if n < 2:
        return f", {second} {metric.value(other.mean())}; one seed proves nothing, add seeds"
    half = half_width(gap)
    if abs(gap.mean()) <= half:
        return f", not distinguishable from {second} with {n} seeds"
    ahead, width = (f"{metric.bare(size)}{metric.unit}" for size in (gap.mean(), half))
    return f", {ahead} ahead of {second} (95 % interval ±{width}, {n} seeds)"


def half_width(differences: pd.Series) -> float:
    """Half the 95 % interval of the mean of paired differences (Student's t)."""
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # comes with scikit-learn

    n = len(differences)
    return float(stdtrit(n - 1, 0.975) * differences.std(ddof=1) / math.sqrt(n))


def by_seed(ended: pd.DataFrame, variant: str, metric: Metric = ACCURACY) -> pd.Series:
    """What a variant reached, by seed."""
    return ended[ended["variant"] == variant].set_index("seed")[metric.column]


def share(values: pd.Series) -> str:
    """``97.1 %`` of one seed, ``97.1 % ± 0.2 (3 seeds)`` of several (standard deviation)."""
    if len(values) < 2:
        return percent(values.mean())
    return f"{percent(values.mean())} ± {100 * values.std(ddof=1):.1f} ({len(values)} seeds)"


def diverged(summary: pd.DataFrame) -> list[str]:
    """Who diverged, and at which step."""
    rows = summary[summary["outcome"] == "diverged"]
    sentences = []
    for name, group in rows.groupby("variant", sort=False):
        steps = sorted(set(group["steps"]))
        when = f"step {steps[0]}" if len(steps) == 1 else f"steps {steps[0]} to {steps[-1]}"
        of = "" if len(summary[summary["variant"] == name]) == 1 else f" with {len(group)} of its seeds"
        sentences.append(f"{name} diverged at {when}{of}.")
    return sentences


def failed(summary: pd.DataFrame) -> list[str]:
    """Who could not be run, and who was stopped."""
    sentences = []
    for outcome, words in (("failed", "could not be run"), ("stopped", "was stopped")):
        names = list(dict.fromkeys(summary.loc[summary["outcome"] == outcome, "variant"]))
        if names:
            sentences.append(f"{listed(names)} {words if len(names) == 1 else words.replace('was', 'were')}.")
    return sentences


def steepest(layers: pd.DataFrame) -> list[str]:
    """The variant whose gradient changes most between the first and the last layer at the first step."""
    rows = layers[(layers["statistic"] == "weight_grad_norm") & (layers["step"] == 0)]
    found: list[tuple[float, str, float, int, int]] = []
    for name, group in rows.groupby("variant", sort=False):
        by_index = group.groupby("index")["value"].mean()
        if len(by_index) < 2:
            continue
        first, last, count = float(by_index.iloc[0]), float(by_index.iloc[-1]), int(by_index.index[-1])
        ratio = first / last if last else math.nan
        size = math.inf if ratio == 0 else abs(math.log10(ratio)) if math.isfinite(ratio) else math.nan
        if not math.isnan(size):
            found.append((size, str(name), ratio, int(by_index.index[0]), count))
    if not found:
        return []
    size, name, ratio, lowest, count = max(found)
    place = "layer 1 (nearest the input)" if lowest == 1 else f"layer {lowest} (the first that is trained)"
    if size < 1:
        return ["In no variant do the first and the last layer's gradients differ tenfold at the start."]
    if ratio == 0:
        return [f"At the start the gradient of {name} is exactly 0 in layer {lowest}."]
    return [f"At the start the gradient of {name} is {times(ratio)} in {place} than in layer {count}."]


def times(ratio: float) -> str:
    """``38 times larger`` or ``1.2 million times smaller``."""
    size, word = (ratio, "larger") if ratio >= 1 else (1 / ratio, "smaller")
    unit, name = next((pair for pair in UNITS if size >= pair[0]), (1.0, ""))
    if size >= 1e12:
        return f"{size:.1e} times {word}"
    share = size / unit
    return f"{share:.2g}{name} times {word}" if share < 10 else f"{share:.0f}{name} times {word}"


def epoch_one(test: pd.DataFrame) -> pd.Series:
    """Mean test accuracy after the first epoch, by variant."""
    rows = test[test["epoch"] == 1]
    return rows.groupby("variant", sort=False)["accuracy"].mean().sort_values(ascending=False, kind="stable")


def first_epoch(curve: pd.DataFrame) -> str:
    """Who is ahead after one epoch: a head start is what transfer promises."""
    after = epoch_one(curve[curve["split"] == "test"])
    if len(after) < 2:
        return ""
    first, last = after.index[0], after.index[-1]
    if not after[first] - after[last] >= LEARNED:  # neither too close nor without an accuracy
        return ""
    return f"After one epoch {first} stands at {percent(after[first])}, {last} at {percent(after[last])}."
