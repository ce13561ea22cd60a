"""What theory expects of convolutions and shortcuts: against many untrained networks of plain torch modules."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from workbench import Block
from workbench.training.network import Network
from workbench.training.probes import dense, probe, units_backward
from workbench.training.probes.theory import predict

SEEDS = 40  # networks that are measured; a narrow one is off by a third by chance


class Half(nn.Module):
    """Every second place, and zeros for the channels that are new."""

    def __init__(self, new: int) -> None:
        super().__init__()
        self.new = new

    def forward(self, x):
        x = x[:, :, ::2, ::2]
        return torch.cat((x, x.new_zeros(len(x), self.new, *x.shape[2:])), dim=1)


class RMS(nn.Module):
    """RMS norm over channels and places."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x):
        return x / x.square().mean((1, 2, 3), keepdim=True).sqrt() * self.weight[:, None, None]


class Times(nn.Module):
    """Multiply by a number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


def head(width: int, classes: int = 10) -> Block:
    return Block(nn.Linear(width, classes), before=[nn.AdaptiveAvgPool2d(1), nn.Flatten()])


def convolutions(
    activation: Callable[[], nn.Module] = nn.ReLU, sizes: tuple[int, ...] = (1, 48, 48, 48, 48), **parts
) -> list[Block]:  # fmt: skip
    """3 x 3 convolutions with padding, and the average of all places before the last layer."""
    made = [
        Block(nn.Conv2d(a, b, 3, padding=1), activation(), **{name: make(b) for name, make in parts.items()})
        for a, b in pairwise(sizes)
    ]
    return [*made, head(sizes[-1])]


def strides() -> list[Block]:
    """Strides, dilation and a kernel without padding, and all places side by side before the last layer."""
    return [
        Block(nn.Conv2d(1, 48, 3, stride=2, padding=1), nn.ReLU()),
        Block(nn.Conv2d(48, 64, 3, padding=2, dilation=2), nn.Tanh()),
        Block(nn.Conv2d(64, 64, 2), nn.LeakyReLU(0.1)),
        Block(nn.Linear(64 * 9, 80), nn.ReLU(), before=[nn.Flatten()]),
        Block(nn.Linear(80, 10)),
    ]


def shortcuts(**parts) -> list[Block]:
    """As He et al. have it: what a shortcut brings is added before the activation; the third pair has a stride."""
    blocks = convolutions(sizes=(1, 32, 32, 32, 32, 32, 48, 48), **parts)
    blocks[5].layer = nn.Conv2d(32, 48, 3, stride=2, padding=1)
    for n in (2, 4, 6):
        blocks[n].skip = 2
    blocks[6].shortcut = Half(16)
    return blocks


def linear_shortcuts() -> list[Block]:
    blocks = [Block(nn.Linear(a, 96), nn.ReLU()) for a in (64, 96, 96, 96, 96)]
    blocks[0].before = [nn.Flatten()]
    blocks[2].skip = blocks[4].skip = 2
    blocks[4].branch = [Times(0.5)]
    return [*blocks, Block(nn.Linear(96, 10))]


NETWORKS = {
    "plain": convolutions,
    "tanh": lambda: convolutions(nn.Tanh),
    "strides": strides,
    "dropout": lambda: convolutions(after=lambda width: [nn.Dropout(0.3)]),
    "residual": lambda: convolutions(nn.Tanh, residual=lambda width: True),
    "residual by a half": lambda: convolutions(
        residual=lambda width: True, branch=lambda width: [Times(0.5)], sizes=(1, 96, 96, 96, 96)
    ),
    "skip": shortcuts,
    "linear skip": linear_shortcuts,
    "group norm": lambda: convolutions(sizes=(1, 128, 128, 128), norm=lambda width: [nn.GroupNorm(2, width)]),
    "layer norm": lambda: convolutions(nn.Tanh, (1, 96, 96, 96), norm=lambda width: [nn.GroupNorm(1, width)]),
    "RMS norm": lambda: convolutions(sizes=(1, 96, 96, 96), norm=lambda width: [RMS(width)]),
}


def pictures() -> torch.Tensor:
    """A blot in the middle, and no colour at the borders."""
    torch.manual_seed(1)
    places = torch.arange(8.0) - 3.5
    blot = torch.exp(-(places[:, None] ** 2 + places**2) / 8)
    return (blot + 0.3 * torch.randn(24, 1, 8, 8)).relu() * torch.rand(24, 1, 1, 1).add(0.5)


def fill(blocks: list[Block], seed: int) -> None:
    torch.manual_seed(seed)
    for block in blocks:
        nn.init.kaiming_normal_(block.layer.weight)
        nn.init.normal_(block.layer.bias, std=0.1)


def measured(blocks: list[Block], x: torch.Tensor) -> tuple[list[float], list[float]]:
    """E[h^2] of every layer, and the squared norm of the gradient of its output as a share of the last one's."""
    came, zs, moments = [], [], []
    for number, block in enumerate(blocks):
        came.append(x)
        z = block.layer(nn.Sequential(*block.before)(x))
        z.retain_grad()
        zs.append(z)
        y = nn.Sequential(*block.norm)(z)
        if block.skip:
            shortcut = block.shortcut or nn.Identity()
            y = nn.Sequential(*block.branch)(y) + shortcut(came[number + 1 - block.skip])
        h = y if block.activation is None else block.activation(y)
        moments.append(h.square().mean().item())
        y = nn.Sequential(*block.after)(h)
        x = nn.Sequential(*block.branch)(y) + x if block.residual and x.shape == y.shape else y
    nn.functional.cross_entropy(x, torch.arange(len(x)) % 10).backward()
    squares = [z.grad.square().sum().item() for z in zs]
    return moments, [square / squares[-1] for square in squares]


def expected(blocks: list[Block], x: torch.Tensor) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {"theory_second_moment": {}, "theory_signal_norm": {}}
    for row in predict(Network(blocks), x):
        found[row["statistic"]][row["index"]] = row["value"]
    return found


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_the_mean_of_many_networks_is_as_predicted(make):
    x, blocks = pictures(), make()
    moments, squares, foreseen, back = [], [], [], []
    for seed in range(SEEDS):
        fill(blocks, seed)
        moment, square = measured(blocks, x)
        moments.append(moment)
        squares.append(square)
        if seed % 4 == 0:
            theory = expected(blocks, x)
            foreseen.append(list(theory["theory_second_moment"].values()))
            back.append(list(theory["theory_signal_norm"].values()))
    count = len(foreseen[0])
    pooled = any(isinstance(module, nn.AdaptiveAvgPool2d) for module in blocks[-1].before)
    assert count == len(blocks) - pooled  # of an average over places nothing is said
    last = len(blocks) - 1  # ten outputs are not many
    assert (np.mean(foreseen, axis=0) / np.mean(moments, axis=0)[:count])[:last] == pytest.approx(1, rel=0.12)
    assert np.mean(back, axis=0) / np.sqrt(np.mean(squares, axis=0)) == pytest.approx(1, rel=0.08)


def test_a_signal_is_followed_by_units_as_by_groups_of_samples():
    """Two ways to the same numbers, in a network that both can follow."""
    torch.manual_seed(0)
    blocks = [Block(nn.Linear(a, b), nn.Tanh()) for a, b in pairwise((64, 200, 150, 150))]
    blocks += [Block(nn.Linear(150, 10))]
    fill(blocks, 0)
    network, x = Network(blocks), torch.randn(64, 64)
    with torch.no_grad():
        ways = [way.follow(list(network.stages), x, 4, None) for way in (units_backward, dense)]
    (moments, norms), (others, more) = ways
    assert moments[:-1] == pytest.approx(others[:-1], rel=0.05)  # of eight samples, and of 64
    assert norms == pytest.approx(more, rel=0.03)


def test_borders_and_strides_count_as_they_are():
    blocks = [Block(nn.Conv2d(2, 16, 3, padding=1, stride=2), nn.Identity()), head(16)]
    fill(blocks, 0)
    nn.init.zeros_(blocks[0].layer.bias)
    weight = blocks[0].layer.weight
    with torch.no_grad():
        weight.copy_((weight - weight.mean()) / weight.std(correction=0))
    # Ones everywhere: of its 3 x 3 places a kernel sees 4 at the corner, 6 at an edge, 9 inside; 2 channels.
    found = expected(blocks, torch.ones(4, 2, 6, 6))["theory_second_moment"][1]
    assert found == pytest.approx(2 * (4 + 4 * 6 + 4 * 9) / 9, rel=0.01)


def test_what_goes_through_slopes_again_and_again():
    """ReLU after every sum: a unit that was let through is let through again, oftener than in one case of two."""
    blocks = [Block(nn.Linear(64, 64), nn.ReLU())]
    blocks += [Block(nn.Linear(64, 64), nn.ReLU(), skip=1, branch=[Times(1e-6)]) for _ in range(4)]
    blocks += [Block(nn.Linear(64, 10))]
    fill(blocks, 0)
    found = expected(blocks, torch.randn(32, 64))["theory_signal_norm"]
    # Branches are near nothing, so what was positive stays so: half of what the last layer's weights give arrives.
    weight = blocks[-1].layer.weight
    assert found[1] ** 2 == pytest.approx(0.5 * 64 * weight.var(correction=0).item(), rel=0.03)


# -- where it ends ----------------------------------------------------------------------------------------


def rows(blocks: list[Block], x: torch.Tensor | None = None) -> tuple[list[int], bool]:
    """The layers with a second moment, and whether there are signals."""
    fill(blocks, 0)
    found = expected(blocks, pictures() if x is None else x)
    return list(found["theory_second_moment"]), bool(found["theory_signal_norm"])


def pooled(pool: nn.Module) -> list[Block]:
    blocks = convolutions()
    blocks[1].after = [pool]
    return blocks


def changed(**parts) -> list[Block]:
    blocks = convolutions()
    for name, value in parts.items():
        setattr(blocks[2], name, value)
    return blocks


@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.AvgPool2d(2)])
def test_what_goes_into_a_pool_is_known(pool):
    assert rows(pooled(pool)) == ([1, 2], False)


@pytest.mark.parametrize(
    "norm",
    [lambda width: [nn.BatchNorm2d(width)], lambda width: [nn.GroupNorm(2, width)]],
    ids=["batch norm", "few channels"],
)
def test_norms_that_leave_the_gradient_to_chance(norm):
    assert rows(convolutions(norm=norm)) == ([1, 2, 3, 4], False)


@pytest.mark.parametrize(
    "blocks",
    [
        changed(layer=nn.Conv2d(48, 48, 3, padding=1, groups=2)),
        changed(layer=nn.Conv2d(48, 48, 3, padding=1, padding_mode="circular")),
        changed(layer=nn.ConvTranspose2d(48, 48, 3)),
        changed(norm=[nn.InstanceNorm2d(48)]),
        changed(norm=[nn.GroupNorm(48, 48)]),
        changed(skip=2, shortcut=nn.AvgPool2d(3, stride=1, padding=1)),
        changed(before=[nn.MaxPool2d(2)]),
    ],
    ids=["groups", "circle", "transposed", "instance norm", "groups of one", "shortcut that averages", "pool before"],
)
def test_it_ends_at_what_is_not_covered(blocks):
    assert rows(blocks) == ([1, 2], False)


def test_weights_of_a_convolution_are_drawn_around_nothing():
    blocks = convolutions()
    fill(blocks, 0)
    with torch.no_grad():
        blocks[1].layer.weight.add_(0.1)
    assert list(expected(blocks, pictures())["theory_second_moment"]) == [1]


def test_an_identity_is_no_draw():
    blocks = convolutions()
    fill(blocks, 0)
    nn.init.dirac_(blocks[1].layer.weight)
    assert list(expected(blocks, pictures())["theory_second_moment"]) == [1]


def test_weights_that_were_loaded_are_no_fresh_draws():
    blocks = [*linear_shortcuts()[:1], Block(nn.Linear(96, 10))]
    for network in (Network(convolutions()), Network(blocks)):
        count = len(network.weight_layers)
        assert {row["index"] for row in predict(network, pictures(), loaded={2})} == {1}
        assert predict(network, pictures(), loaded=range(1, count)) == []


def test_predicting_changes_nothing():
    blocks = convolutions(norm=lambda width: [nn.BatchNorm2d(width)], after=lambda width: [nn.Dropout(0.5)])
    network = Network(blocks)
    kept = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    first, second = predict(network, torch.ones(4, 1, 8, 8)), predict(network, torch.ones(4, 1, 8, 8))
    assert first
    assert first == second
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(tensor, kept[name]) for name, tensor in network.state_dict().items())


class Sign(nn.Module):
    """Nowhere steep."""

    def forward(self, x):
        return torch.sign(x)


def test_an_activation_without_slopes_lets_nothing_back():
    blocks = convolutions(Sign)
    fill(blocks, 0)
    assert expected(blocks, pictures())["theory_signal_norm"][1] == 0


class LastAxis(nn.Module):
    """Divide by the root mean square of each row of places: its weight is as long as a row."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        return self.weight * x / x.square().mean(-1, keepdim=True).sqrt()


def everywhere(classes: int) -> Block:
    """A last layer with places of its own, which are flattened behind it."""
    return Block(nn.Conv2d(48, classes, 8), after=[nn.Flatten()])


@pytest.mark.parametrize(
    "blocks",
    [
        lambda: convolutions(residual=lambda width: True, branch=lambda width: [nn.BatchNorm2d(width)]),
        lambda: convolutions(norm=lambda width: [LastAxis(8)]),
        lambda: [*convolutions()[:-1], everywhere(10)],
        lambda: [*convolutions()[:-1], Block(nn.Conv2d(48, 3, 3, padding=1), after=[nn.Flatten()])],
    ],
)
def test_parts_like_no_other_end_a_prediction_and_nothing_else(blocks):
    torch.manual_seed(0)
    rows = predict(Network(blocks()), torch.randn(8, 1, 8, 8))
    assert all(np.isfinite(row["value"]) and row["value"] > 0 for row in rows)


@pytest.mark.parametrize("zeros", [0, 1, 3])
def test_a_zero_among_many_draws_is_a_draw(zeros):
    torch.manual_seed(0)
    network = Network(convolutions())
    with torch.no_grad():
        network.blocks[2].layer.weight.view(-1)[:zeros] = 0
    found = {row["statistic"] for row in predict(network, torch.randn(8, 1, 8, 8))}
    assert found == {"theory_second_moment", "theory_signal_norm"}


def test_an_identity_among_linear_layers_is_no_draw():
    torch.manual_seed(0)
    network = Network([*linear_shortcuts()[:2], Block(nn.Linear(96, 96), nn.ReLU()), Block(nn.Linear(96, 10))])
    with torch.no_grad():
        network.blocks[2].layer.weight.copy_(torch.eye(96))
    rows = predict(network, torch.randn(8, 64))
    assert [row["index"] for row in rows] == [1, 2]
    assert {row["statistic"] for row in rows} == {"theory_second_moment"}


class Single(nn.Module):
    """ReLU in single precision, whatever it is given."""

    def forward(self, x):
        return torch.relu(x.float())


def test_an_activation_in_single_precision():
    torch.manual_seed(0)
    assert predict(Network(convolutions(Single)), torch.randn(8, 1, 8, 8))
    linear = [Block(nn.Linear(64, 96), Single()), Block(nn.Linear(96, 10))]
    assert predict(Network(linear), torch.randn(8, 64))


def test_a_training_needs_no_prediction(caplog, monkeypatch):
    def fails(*given):
        raise RuntimeError("no idea")

    monkeypatch.setattr(probe, "predict", fails)
    network = Network([Block(nn.Linear(4, 3), nn.ReLU()), Block(nn.Linear(3, 2))])
    seen = probe.Probe(network, 0)
    network(torch.randn(8, 4)).sum().backward()
    seen.gradients()
    assert "no prediction" in caplog.text
    assert not [row for row in seen.rows if row["statistic"].startswith("theory")]
