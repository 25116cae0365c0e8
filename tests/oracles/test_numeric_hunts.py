"""The oracles of the hunts in training code against torch's modules, optimizers and losses, in float64."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference.ch06_numerics.hunt_stalled_loss import hunt_stalled_loss
from reference.ch06_numerics.hunt_sudden_nan import hunt_sudden_nan
from reference.ch15_model.hunt_fp16_crawl import hunt_fp16_crawl
from reference.ch15_model.hunt_resume_spike import hunt_resume_spike
from reference.ch15_model.hunt_saved_model import EMBED, MIX, hunt_saved_model

Tensors = dict[str, Tensor]
SEED = 5


@pytest.fixture(autouse=True)
def float64():
    """The oracles follow the default dtype where they make a tensor, and the checks set it to float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def normal(*shape: int, seed: int = SEED) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def integers(high: int, *shape: int) -> Tensor:
    return torch.randint(0, high, shape, generator=torch.Generator().manual_seed(SEED))


def leaves(weights: Tensors) -> dict[str, nn.Parameter]:
    return {name: nn.Parameter(w.clone()) for name, w in weights.items()}


def equal(mine: Tensors, theirs: dict[str, nn.Parameter]) -> None:
    for name, p in theirs.items():
        torch.testing.assert_close(mine[name], p.detach(), rtol=1e-9, atol=1e-10)


def test_fp16_crawl_is_sgd_with_momentum_and_clip_grad_norm_whatever_the_scale():
    x, targets = normal(12, 6, 5), integers(3, 12, 6)
    weights = {"up": normal(7, 5), "down": normal(3, 7, seed=6)}
    params = leaves(weights)
    optimizer = torch.optim.SGD(params.values(), lr=0.2, momentum=0.9)
    losses, clipped = [], 0
    for rows, wanted in zip(x, targets, strict=True):
        optimizer.zero_grad()
        loss = F.cross_entropy(torch.tanh(rows @ params["up"].T) @ params["down"].T, wanted)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(params.values(), 1.2)
        clipped += int(norm > 1.2)
        optimizer.step()
        losses.append(loss.detach())
    assert 0 < clipped < 12
    for scale in (1.0, 64.0, 1024.0):
        mine = hunt_fp16_crawl(x, targets, weights, 0.2, 1.2, scale)
        torch.testing.assert_close(mine[0], torch.stack(losses), rtol=1e-4, atol=1e-5)  # torch adds 1e-6 to the norm
        for name, p in params.items():
            torch.testing.assert_close(mine[1][name], p.detach(), rtol=1e-4, atol=1e-4)
        assert mine[2] == scale


def test_stalled_loss_is_torchs_adam_with_torchs_normalization():
    weights = {"gain": normal(6), "head": normal(4, 6, seed=6)}
    weights = {name: w.bfloat16().double() for name, w in weights.items()}  # the first copies are exact
    x, targets = normal(9, 6), integers(4, 9)
    params = leaves(weights)
    optimizer = torch.optim.Adam(params.values(), lr=1e-2)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = F.cross_entropy(F.rms_norm(x, (6,), params["gain"], eps=1e-6) @ params["head"].T, targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    mine = hunt_stalled_loss(x, targets, weights, 20, 1e-2)
    torch.testing.assert_close(mine[0], torch.stack(losses), rtol=1e-9, atol=1e-10)
    equal(mine[1], params)


def test_sudden_nan_is_cross_entropy_of_scores_far_above_the_range_of_exp():
    q, p, weight = normal(10, 4), normal(10, 4, seed=6), 300 * normal(4, 4, seed=7)
    order = torch.stack([torch.randperm(10, generator=torch.Generator().manual_seed(i))[:5] for i in range(6)])
    mine = hunt_sudden_nan(q, p, weight, order, 0.5)
    assert (q @ weight @ p.T).max() > 709
    params = {"weight": nn.Parameter(weight.clone())}
    optimizer = torch.optim.SGD(params.values(), lr=0.5)
    losses = []
    for batch in order:
        optimizer.zero_grad()
        loss = F.cross_entropy(q[batch] @ params["weight"] @ p[batch].T, torch.arange(5))
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    torch.testing.assert_close(mine[0], torch.stack(losses), rtol=1e-9, atol=1e-10)
    equal({"weight": mine[1]}, params)


class Tied(nn.Module):
    """A model that ties its embedding and its head as transformers does."""

    def __init__(self, weights: Tensors) -> None:
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(weights[EMBED].clone(), freeze=False)
        self.mix = nn.Linear(2 * weights[EMBED].shape[1], weights[EMBED].shape[1], bias=False)
        self.head = nn.Linear(weights[EMBED].shape[1], len(weights[EMBED]), bias=False)
        self.head.weight = self.embedding.weight
        self.mix.weight.data.copy_(weights[MIX])

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids)
        logits = self.head(torch.tanh(self.mix(torch.cat([x[:, :-2], x[:, 1:-1]], dim=-1))))
        return F.cross_entropy(logits.flatten(0, 1), ids[:, 2:].flatten())


def test_saved_model_is_a_module_with_tied_weights():
    ids, weights = integers(8, 4, 9), {EMBED: normal(8, 5), MIX: normal(5, 10, seed=6)}
    model = Tied(weights)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.7)
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        loss = model(ids)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    mine, count, saved, after = hunt_saved_model(ids, weights, 15, 0.7)
    torch.testing.assert_close(mine, torch.stack(losses), rtol=1e-9, atol=1e-10)
    assert count == sum(p.numel() for p in model.parameters()) == 8 * 5 + 5 * 10
    equal(saved, {EMBED: model.embedding.weight, MIX: model.mix.weight})
    assert math.isclose(after.item(), model(ids).item(), rel_tol=1e-9)


def test_resume_spike_is_torchs_adam_over_shuffled_epochs_wherever_it_stops():
    batches, params = integers(6, 3, 4, 7), {"table": normal(6, 4), "head": normal(6, 4, seed=6)}
    theirs = leaves(params)
    optimizer = torch.optim.Adam(theirs.values(), lr=0.03)
    generator, losses = torch.Generator().manual_seed(9), []
    for _ in range(4):
        for number in torch.randperm(3, generator=generator).tolist():
            optimizer.zero_grad()
            ids = batches[number]
            logits = torch.tanh(theirs["table"][ids]) @ theirs["head"].T
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
    for stop in (0, 5, 20):
        mine = hunt_resume_spike(batches, params, stop, 12, 0.03, 9)
        torch.testing.assert_close(mine[0], torch.stack(losses), rtol=1e-9, atol=1e-10)
        equal(mine[1], theirs)
