"""Each way to put the forward pass together gives the same logits, with a cache and with padding."""

import pytest
import torch

from grader.model.forward import Cache, Model, quantized
from grader.model.path import ROUTES


def ids(seed: int, *shape: int) -> torch.Tensor:
    return torch.randint(0, 298, shape, generator=torch.Generator().manual_seed(seed))


def measured_bound(model: Model, given: torch.Tensor) -> float:
    """Four times the largest error of our float32 logits: against the oracles, which compute in float64."""
    exact = in_float64(model, given)
    return 4 * float((model.logits(given).double() - exact).abs().max())


def in_float64(model: Model, given: torch.Tensor) -> torch.Tensor:
    from grader.book.workbook import Workbook
    from grader.model import functions
    from grader.model.path import PATH
    from tests.conftest import ROOT

    oracles = functions.load(Workbook(ROOT), dict.fromkeys(PATH, functions.ORACLE))
    return Model(oracles, model.config, {name: w.double() for name, w in model.weights.items()}).logits(given)


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_gives_the_logits_of_the_oracles_in_float64(small, route):
    given = ids(1, 2, 12)
    exact = in_float64(small, given)
    assert exact.dtype == torch.float64
    assert float((small.logits(given, route=route) - exact).abs().max()) <= measured_bound(small, given)


@pytest.mark.parametrize("route", ["attention", "masked", "added"])
def test_a_cache_gives_the_logits_of_the_whole_text(small, route):
    given = ids(2, 2, 12)
    cache = Cache()
    parts = [small.logits(part, cache, route) for part in given.split([5, 1, 1, 3, 2], dim=1)]
    assert float((torch.cat(parts, 1) - small.logits(given)).abs().max()) <= measured_bound(small, given)
    assert cache.length == 12


def test_a_cut_cache_goes_on_from_the_place_of_the_cut(small):
    given, other = ids(3, 1, 12), ids(4, 1, 5)
    cache = Cache()
    small.logits(torch.cat([given[:, :7], other], 1), cache)
    cache.cut(7)
    again = small.logits(given[:, 7:], cache)
    assert float((again - small.logits(given)[:, 7:]).abs().max()) <= measured_bound(small, given)


@pytest.mark.parametrize("route", ["attention", "masked", "added"])
def test_padding_at_the_left_changes_no_row(small, route):
    given = ids(5, 1, 8)
    padded = torch.cat([torch.full((1, 3), 299), given], 1)
    both = torch.cat([padded, ids(6, 1, 11)])
    result = small.logits(both, Cache(padding=(3, 0)), route)
    assert float((result[:1, 3:] - small.logits(given)).abs().max()) <= measured_bound(small, given)
    assert float((result[1] - small.logits(both[1:])[0]).abs().max()) <= measured_bound(small, both[1:])


def test_four_bits_keep_vectors_and_move_no_weight_by_more_than_half_a_step(small, ours):
    stored = quantized(ours, small.weights)
    for name, weight in small.weights.items():
        if weight.dim() == 1:
            assert torch.equal(stored[name], weight)
        else:
            blocks, back = weight.reshape(-1, 32), stored[name].reshape(-1, 32)
            step = (blocks.amax(1) - blocks.amin(1)) / 15
            # Scale and minimum are stored in fp16: half a unit in its last place (2^-11), 15 times for the scale.
            slack = (15 * step + blocks.amin(1).abs()) * 2**-11
            assert ((blocks - back).abs().amax(1) <= step / 2 + slack).all()


def test_int8_changes_the_logits_a_little(small, ours):
    given = ids(7, 1, 12)
    exact = small.logits(given)
    rough = Model(ours, small.config, small.weights, "int8").logits(given)
    difference = float((rough - exact).abs().max())
    assert measured_bound(small, given) < difference < float(exact.std())
