"""The models against what torch, papers and closed forms say."""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench import Block, registry
from workbench.training.network import Network, initialise

known = registry.current()
PICTURE, BIG, COLOUR = (1, 8, 8), (1, 28, 28), (3, 32, 32)


def make(name: str, shape: tuple[int, ...], activation: Any = nn.Tanh, classes: int = 10, **settings: Any) -> Network:
    complete = known.settings("model", name, settings)
    torch.manual_seed(0)
    return Network(known.make("model", {"use": name} | complete, shape, classes, activation))


def fill(network: Network, initializer: str, inputs: Tensor, seed: int = 0) -> None:
    initialise(network, {"use": initializer} | known.settings("initializer", initializer, {}), inputs, seed, known)


def blocks_of(network: Network) -> list[Block]:
    return network.blocks


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


# -- convolutions --------------------------------------------------------------------------------------------


def test_the_small_cnn_has_the_weights_of_lenet() -> None:
    # 5*5*1*6+6, 5*5*6*16+16, 16*5*5*120+120, 120*84+84, 84*10+10: LeCun et al. 1998 in today's spelling
    assert count(make("cnn", BIG)) == 156 + 2416 + 48120 + 10164 + 850 == 61706
    # 8 x 8: the second convolution keeps 4 x 4, so 16 * 2 * 2 numbers are left
    assert count(make("cnn", PICTURE)) == 156 + 2416 + (64 * 120 + 120) + 10164 + 850


@pytest.mark.parametrize("pool", ["average", "max"])
def test_the_small_cnn_computes_what_its_layers_written_by_hand_compute(pool: str) -> None:
    network = make("cnn", BIG, pool=pool)
    x = torch.rand(3, *BIG)
    weights = [(layer.module.weight, layer.module.bias) for layer in network.weight_layers]
    squeeze = functional.avg_pool2d if pool == "average" else functional.max_pool2d
    h = squeeze(torch.tanh(functional.conv2d(x, *weights[0], padding=2)), 2)
    h = squeeze(torch.tanh(functional.conv2d(h, *weights[1])), 2).flatten(1)
    h = torch.tanh(functional.linear(h, *weights[2]))
    h = torch.tanh(functional.linear(h, *weights[3]))
    assert torch.allclose(network(x), functional.linear(h, *weights[4]), atol=1e-6)


@pytest.mark.parametrize("side", [4, 5, 7, 8, 19, 20, 28, 32, 64])
def test_the_small_cnn_takes_pictures_of_many_sizes(side: int) -> None:
    assert make("cnn", (3, side, side + 1))(torch.rand(2, 3, side, side + 1)).shape == (2, 10)


def convolutions(channels: int, width: int, pairs: tuple[int, int, int], opening: int = 1) -> int:
    """Weights and biases of the convolutions of a deep network: ``pairs`` in each stage."""
    sizes = [channels] + [width] * opening
    for stage, number in enumerate(pairs):
        sizes += [width * 2**stage] * (2 * number)
    return sum(9 * a * b + b for a, b in pairwise(sizes))


@pytest.mark.parametrize(
    ("depth", "pairs", "opening"),
    [
        (1, (0, 0, 0), 1),
        (2, (0, 0, 0), 2),
        (7, (1, 1, 1), 1),
        (13, (2, 2, 2), 1),
        (19, (3, 3, 3), 1),
        (20, (3, 3, 3), 2),
        (9, (2, 1, 1), 1),
    ],
)
def test_a_deep_cnn_has_the_stages_of_he_and_others(depth: int, pairs: tuple[int, int, int], opening: int) -> None:
    for name in ("deep_cnn", "residual_cnn"):
        network = make(name, COLOUR, depth=depth, width=4)
        last = 4 * 2 ** max((stage for stage, number in enumerate(pairs) if number), default=0)
        assert len(network.weight_layers) == depth + 1
        assert count(network) == convolutions(3, 4, pairs, opening) + last * 10 + 10


def test_with_20_layers_it_is_the_plain_net_for_cifar_10() -> None:
    network = make("deep_cnn", COLOUR, depth=19, width=16)
    sizes: list[tuple[int, ...]] = []
    for layer in network.weight_layers:
        layer.module.register_forward_hook(lambda module, given, made: sizes.append(tuple(made.shape[1:])))
    network(torch.rand(1, *COLOUR))
    # He et al. 2015, table in section 4.2: 1 + 2n layers of 16 maps of 32 x 32, 2n of 32 of 16 x 16, 2n of 64 of 8 x 8
    assert sizes == [(16, 32, 32)] * 7 + [(32, 16, 16)] * 6 + [(64, 8, 8)] * 6 + [(10,)]


def plain_and_residual(x: Tensor, weights: list[tuple[Tensor, Tensor]], residual: bool) -> Tensor:
    """Seven 3 x 3 convolutions in three stages, written out."""
    x = torch.tanh(functional.conv2d(x, *weights[0], padding=1))
    for n, stride in ((1, 1), (3, 2), (5, 2)):
        h = torch.tanh(functional.conv2d(x, *weights[n], padding=1, stride=stride))
        h = functional.conv2d(h, *weights[n + 1], padding=1)
        if residual:
            x = x[:, :, ::2, ::2] if stride == 2 else x
            h = h + functional.pad(x, (0, 0, 0, 0, 0, h.shape[1] - x.shape[1]))
        x = torch.tanh(h)
    return functional.linear(x.mean(dim=(2, 3)), *weights[7])


@pytest.mark.parametrize("shape", [PICTURE, COLOUR, (1, 7, 9)], ids=str)
@pytest.mark.parametrize("name", ["deep_cnn", "residual_cnn"])
def test_deep_cnns_compute_what_their_layers_written_by_hand_compute(name: str, shape: tuple[int, ...]) -> None:
    network = make(name, shape, depth=7, width=4)
    x = torch.rand(3, *shape)
    weights = [(layer.module.weight, layer.module.bias) for layer in network.weight_layers]
    expected = plain_and_residual(x, weights, residual=name == "residual_cnn")
    assert torch.allclose(network(x), expected, atol=1e-6)
    other = plain_and_residual(x, weights, residual=name != "residual_cnn")
    assert not torch.allclose(network(x), other, atol=1e-3), "the shortcuts make a difference"


def test_the_same_seed_gives_both_deep_cnns_the_same_weights() -> None:
    inputs = torch.rand(2, *COLOUR)
    pair = [make(name, COLOUR, depth=13, width=4) for name in ("deep_cnn", "residual_cnn")]
    for network in pair:
        fill(network, "kaiming_normal", inputs, 3)
    plain, residual = ([layer.module.weight for layer in network.weight_layers] for network in pair)
    assert all(torch.equal(*both) for both in zip(plain, residual, strict=True))
    assert count(pair[0]) == count(pair[1]), "a shortcut has no weights"


def test_shortcuts_bring_the_gradient_to_the_first_layer() -> None:
    # Xavier halves the second moment of a ReLU layer; a sum with the shortcut cannot fall below what came in.
    norms = {}
    for name in ("deep_cnn", "residual_cnn"):
        network = make(name, PICTURE, nn.ReLU, depth=51, width=4)
        x, y = torch.rand(32, *PICTURE), torch.arange(32) % 10
        fill(network, "xavier_normal", x, 0)
        functional.cross_entropy(network(x), y).backward()
        norms[name] = float(network.weight_layers[0].module.weight.grad.norm())
    assert norms["residual_cnn"] > 1000 * norms["deep_cnn"]


# -- autoencoder ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(12,), PICTURE, COLOUR], ids=str)
def test_an_autoencoder_gives_back_as_many_numbers_as_it_gets(shape: tuple[int, ...]) -> None:
    network, n = make("autoencoder", shape, depth=2, width=20, code=3), math.prod(shape)
    assert network(torch.rand(5, *shape)).shape == (5, n)
    there, back = (n * 20 + 20) + (20 * 20 + 20) + (20 * 3 + 3), (3 * 20 + 20) + (20 * 20 + 20) + (20 * n + n)
    assert count(network) == there + back
    assert [block.activation is None for block in blocks_of(network)] == [False, False, True, False, False, True]
    assert known.get("model", "autoencoder").reconstructs
    assert [m.name for m in known.all("model") if m.reconstructs] == ["autoencoder"]


def test_a_linear_autoencoder_can_be_the_principal_components() -> None:
    # Baldi, Hornik 1989: its best loss is the variance that the first components leave.
    torch.manual_seed(1)
    x = torch.randn(60, 6, dtype=torch.float64) @ torch.randn(6, 6, dtype=torch.float64)
    network = make("autoencoder", (6,), depth=0, code=2).double()
    values, vectors = torch.linalg.eigh(torch.cov(x.T, correction=0))
    encode, decode = (layer.module for layer in network.weight_layers)
    with torch.no_grad():
        encode.weight.copy_(vectors[:, -2:].T)
        encode.bias.copy_(-encode.weight @ x.mean(dim=0))
        decode.weight.copy_(vectors[:, -2:])
        decode.bias.copy_(x.mean(dim=0))
    loss = functional.mse_loss(network(x), x)
    assert float(loss.detach()) == pytest.approx(float(values[:-2].sum()) / 6, rel=1e-10)
    loss.backward()
    for parameter in network.parameters():
        assert parameter.grad.abs().max() < 1e-10, "nothing is left to gain"


# -- sequences -----------------------------------------------------------------------------------------------


def copy_into(theirs: nn.RNN | nn.LSTM, mine: nn.Module) -> None:
    """torch keeps a second bias; it is left at 0."""
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(mine.input.weight)
        theirs.weight_hh_l0.copy_(mine.recurrent.weight)
        theirs.bias_ih_l0.copy_(mine.input.bias)
        theirs.bias_hh_l0.zero_()


def steps(x: Tensor, reads: str) -> Tensor:
    """A picture as a sequence, written out: one row, or one pixel, after the other."""
    _, c, h, w = x.shape
    rows = [torch.stack([x[:, k, i, j] for j in range(w) for k in range(c)], dim=1) for i in range(h)]
    pixels = [x[:, :, i, j] for i in range(h) for j in range(w)]
    return torch.stack(rows if reads == "rows" else pixels, dim=1)


@pytest.mark.parametrize("reads", ["rows", "pixels"])
@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
def test_the_recurrent_network_is_torchs(reads: str, activation: type[nn.Module]) -> None:
    x = torch.rand(4, 3, 5, 6)
    network = make("rnn", (3, 5, 6), activation, width=7, reads=reads)
    sequence = steps(x, reads)
    theirs = nn.RNN(sequence.shape[2], 7, nonlinearity="tanh" if activation is nn.Tanh else "relu", batch_first=True)
    copy_into(theirs, blocks_of(network)[0].layer)
    _, last = theirs(sequence)
    said = network(x)
    assert torch.allclose(said, blocks_of(network)[1].layer(last[0]), atol=1e-6)
    ours = torch.autograd.grad(said.sum(), network.weight_layers[1].module.weight)[0]
    other = torch.autograd.grad(blocks_of(network)[1].layer(last[0]).sum(), theirs.weight_hh_l0)[0]
    assert torch.allclose(ours, other, atol=1e-6)
    numbers = sequence.shape[2]
    assert count(network) == 7 * numbers + 7 + 7 * 7 + 7 * 10 + 10


@pytest.mark.parametrize("reads", ["rows", "pixels"])
def test_the_lstm_is_torchs(reads: str) -> None:
    x = torch.rand(4, 2, 5, 6)
    network = make("lstm", (2, 5, 6), nn.Tanh, width=7, reads=reads, forget_bias=0.0)
    sequence = steps(x, reads)
    theirs = nn.LSTM(sequence.shape[2], 7, batch_first=True)
    copy_into(theirs, blocks_of(network)[0].layer)
    _, (last, _) = theirs(sequence)
    assert torch.allclose(network(x), blocks_of(network)[1].layer(last[0]), atol=1e-6)
    numbers = sequence.shape[2]
    assert count(network) == 4 * (7 * numbers + 7 + 7 * 7) + 7 * 10 + 10


def test_the_forget_bias_is_there_however_the_biases_are_initialised() -> None:
    x = torch.rand(4, *PICTURE)
    network = make("lstm", PICTURE, nn.Tanh, width=7, forget_bias=1.5)
    fill(network, "xavier_normal", x, 0)
    theirs = nn.LSTM(8, 7, batch_first=True)
    copy_into(theirs, blocks_of(network)[0].layer)
    with torch.no_grad():
        theirs.bias_hh_l0[7:14] = 1.5  # torch's order: input, forget, cell, output
    _, (last, _) = theirs(steps(x, "rows"))
    assert torch.allclose(network(x), blocks_of(network)[1].layer(last[0]), atol=1e-6)


def test_the_composed_activation_takes_the_place_of_both_tanhs() -> None:
    x = torch.rand(2, 1, 1, 3)  # one step: c = s(i) a(g), h = s(o) a(c)
    network = make("lstm", (1, 1, 3), nn.Softplus, width=4)
    cell, head = blocks_of(network)[0].layer, blocks_of(network)[1].layer
    i, _, g, o = functional.linear(x.flatten(1), cell.input.weight, cell.input.bias).chunk(4, dim=1)
    c = torch.sigmoid(i) * functional.softplus(g)
    assert torch.allclose(network(x), head(torch.sigmoid(o) * functional.softplus(c)), atol=1e-6)


def test_a_vector_is_read_number_by_number_and_a_sequence_as_it_is() -> None:
    for name in ("rnn", "lstm"):
        vector = make(name, (6,), width=5)
        x = torch.rand(3, 6)
        assert torch.allclose(vector(x), make(name, (6, 1), width=5)(x.unsqueeze(2)))
        assert make(name, (6, 4), width=5).weight_layers[0].module.in_features == 4


def signals(name: str, steps: int, **settings: Any) -> list[float]:
    """The norm of dLoss/d(what the input layer gives at step t) for every t."""
    torch.manual_seed(2)
    network = make(name, (steps, 3), nn.Tanh, width=16, **settings)
    cell = blocks_of(network)[0].layer
    with torch.no_grad():
        fill(network, "orthogonal", torch.rand(2, steps, 3), 0)
        cell.recurrent.weight.mul_(0.8 / torch.linalg.matrix_norm(cell.recurrent.weight, 2))
    kept: list[Tensor] = []
    cell.input.register_forward_hook(lambda module, given, made: (made.retain_grad(), kept.append(made))[0])
    functional.cross_entropy(network(torch.rand(8, steps, 3)), torch.arange(8)).backward()
    return kept[0].grad.norm(dim=(0, 2)).tolist()


def test_the_gradient_of_a_recurrent_network_vanishes_with_time() -> None:
    # |dz_t/dz_{t-1}| <= |U| max|f'| = 0.8, so back through k steps no more than 0.8^k is left (Pascanu et al. 2013).
    norms = signals("rnn", 40)
    assert all(early <= 0.8 * late * (1 + 1e-5) for early, late in pairwise(norms))
    assert norms[0] < 0.8**39 * norms[-1]


def test_a_cell_that_never_forgets_keeps_the_gradient() -> None:
    forgetful, keeping = signals("lstm", 40, forget_bias=-3.0), signals("lstm", 40, forget_bias=10.0)
    assert forgetful[0] < 1e-6 * forgetful[-1]
    assert keeping[0] > 0.1 * keeping[-1]


def test_an_activation_with_weights_has_them_once_and_they_learn() -> None:
    for name, uses in (("rnn", 1), ("lstm", 1)):
        network = make(name, PICTURE, nn.PReLU, width=5)
        slopes = [p for key, p in network.state_dict().items() if p.shape == (1,)]
        assert len(slopes) == uses
        functional.cross_entropy(network(torch.randn(4, *PICTURE)), torch.arange(4)).backward()
        assert all(parameter.grad is not None for parameter in network.parameters())


# -- every model with every kind of input --------------------------------------------------------------------

KINDS = {"digits": PICTURE, "gaussian": (256,), "spirals": (2,), "colour": COLOUR, "sequence": (9, 4)}
REFUSED = {(name, kind) for name in ("cnn", "deep_cnn", "residual_cnn") for kind in ("gaussian", "spirals", "sequence")}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", known.names("model"))
def test_a_model_learns_from_an_input_or_says_what_it_wants(name: str, kind: str) -> None:
    shape = KINDS[kind]
    if (name, kind) in REFUSED:
        with pytest.raises(Exception, match=r"reads pictures \(channels, height, width\).*choose another data set"):
            make(name, shape)
        return
    network = make(name, shape, partial(nn.Softplus, beta=2.0))
    x = torch.rand(4, *shape)
    fill(network, "xavier_normal", x, 0)
    said = network(x)
    reconstructs = known.get("model", name).reconstructs
    assert said.shape == (4, math.prod(shape) if reconstructs else 10)
    (
        functional.mse_loss(said, x.flatten(1)) if reconstructs else functional.cross_entropy(said, torch.arange(4))
    ).backward()
    for layer in network.weight_layers:
        assert torch.isfinite(layer.module.weight.grad).all()
        assert layer.module.weight.grad.abs().sum() > 0, f"{layer.name} does not learn"


@pytest.mark.parametrize(
    ("name", "shape", "settings", "words"),
    [
        ("cnn", (1, 3, 8), {}, "at least 4 x 4 pixels, and these have 3 x 8"),
        ("rnn", (5000,), {}, "would read 5000 steps, and 1024 are allowed"),
        ("lstm", (1, 64, 64), {"reads": "pixels"}, "4096 steps, and 1024 are allowed; read it by rows"),
        ("rnn", (2, 3, 4, 5), {}, r"one input has the shape \(2, 3, 4, 5\)"),
    ],
)
def test_what_a_model_cannot_read_is_said_in_one_sentence(
    name: str, shape: tuple[int, ...], settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(Exception, match=words):
        make(name, shape, **settings)


@pytest.mark.parametrize("name", known.names("model"))
def test_a_model_can_be_built_without_memory(name: str) -> None:
    """How much a run will need is found out on torch's device without memory."""
    with torch.device("meta"):
        network = make(name, COLOUR)
        assert network(torch.empty(2, *COLOUR)).shape[0] == 2
