"""The oracles of the hunts in training runs against torch's optimizers, against prefixes, and a run that never stopped."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference import tiny
from reference.ch15_model import hunt_rubbish as rubbish
from reference.ch15_model.hunt_always_clipped import hunt_always_clipped
from reference.ch15_model.hunt_early_stop import hunt_early_stop
from reference.ch15_model.hunt_echo import hunt_echo
from reference.ch15_model.hunt_idle_ranks import hunt_idle_ranks
from reference.ch15_model.model_logits import model_logits

Tensors = dict[str, Tensor]


@pytest.fixture(autouse=True)
def float64():
    """The oracles follow the default dtype where they make a tensor, and the checks set it to float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def small(seed: int) -> Tensors:
    return {name: w.double() for name, w in tiny.weights(seed, width=8, layers=1, std=0.3).items()}


def leaves(weights: Tensors) -> dict[str, nn.Parameter]:
    return {name: nn.Parameter(w.clone()) for name, w in weights.items()}


def loss_of(ids: Tensor, params: Tensors) -> Tensor:
    logits = model_logits(ids, params, tiny.HEADS, tiny.KV_HEADS)
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())


def same(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


def test_hunt_echo_is_each_dialog_alone_with_torchs_adamw():
    ids = tiny.corpus(0, 40).tolist()
    dialogs = [(ids[:3], ids[3:8]), (ids[8:9], ids[9:11]), (ids[11:17], ids[17:20])]
    losses, text = hunt_echo(dialogs, ids[20:23], small(0), tiny.HEADS, tiny.KV_HEADS, 4, 0.02, 3)
    params = leaves(small(0))
    optimizer = torch.optim.AdamW(params.values(), lr=0.02, weight_decay=0.0, foreach=False)
    for step in range(4):
        costs = []
        for question, answer in dialogs:
            whole = torch.tensor([question + answer])
            logits = model_logits(whole, params, tiny.HEADS, tiny.KV_HEADS)[0, :-1]
            costs.append(F.cross_entropy(logits, whole[0, 1:], reduction="none")[len(question) - 1 :])
        loss = torch.cat(costs).mean()
        same(losses[step], loss.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    whole = list(ids[20:23])
    for _ in range(3):
        whole.append(int(model_logits(torch.tensor([whole]), params, tiny.HEADS, tiny.KV_HEADS)[0, -1].argmax()))
    assert text == whole[3:]


def layered(seed: int, layers: int) -> Tensors:
    shapes = {"token": (9, 4), "position": (8, 4), "norm": (4,)}
    for i in range(layers):
        shapes |= {f"{i}.attention_norm": (4,), f"{i}.qkv": (12, 4), f"{i}.out": (4, 4)}
        shapes |= {f"{i}.ffn_norm": (4,), f"{i}.up": (16, 4), f"{i}.down": (4, 16)}
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


@pytest.mark.parametrize("layers, causal", [(1, False), (2, True)])
def test_hunt_rubbish_is_the_loss_of_each_prefix_by_torchs_attention(layers: int, causal: bool):
    """A prefix has no future: the last position of one layer needs no mask."""
    sentences = [[1, 2, 3, 4], [5], [6, 7, 8], [0, 0]]
    params = leaves(layered(3, layers))

    def attend(q: Tensor, k: Tensor, v: Tensor, real: Tensor, layer: int) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal)

    costs = []
    for sentence in sentences:
        for n in range(1, len(sentence)):
            ids = torch.tensor([sentence[:n]])
            costs.append(-rubbish._log_p(ids, ids >= 0, params, layers, 2, attend)[0, -1, sentence[n]])
    expected = torch.stack(costs).mean()
    expected.backward()
    loss, grads = rubbish.hunt_rubbish(sentences, layered(3, layers), layers, 2)
    same(loss, expected.detach())
    for name, p in params.items():
        same(grads[name], p.grad)


def test_hunt_always_clipped_is_the_batch_at_once_with_torchs_clipping():
    ids = tiny.corpus(5, 6 * 4 * 5).reshape(6, 4, 5)
    batches = [[batch[:1], batch[1:]] for batch in ids]
    log = hunt_always_clipped(batches, small(1), tiny.HEADS, tiny.KV_HEADS, 0.02, 1.9)
    params = leaves(small(1))
    optimizer = torch.optim.AdamW(params.values(), lr=0.02, weight_decay=0.0, foreach=False)
    clipped = []
    for step, batch in enumerate(ids):
        before = torch.cat([p.detach().flatten() for p in params.values()])
        optimizer.zero_grad()
        loss = loss_of(batch, params)
        loss.backward()
        norm = nn.utils.get_total_norm([p.grad for p in params.values()]).item()
        limit = torch.tensor(max(norm, 1.9) - 1e-6)  # torch adds 1e-6 to the norm
        nn.utils.clip_grads_with_norm_(params.values(), 1.9, limit, foreach=False)
        optimizer.step()
        after = torch.cat([p.detach().flatten() for p in params.values()])
        same(log["loss"][step], loss.detach())
        assert math.isclose(log["norm"][step].item(), norm, rel_tol=1e-9)
        torch.testing.assert_close(log["moved"][step], (after - before).norm(), rtol=1e-6, atol=1e-9)
        clipped.append(norm > 1.9)
    assert any(clipped) and not all(clipped)


def test_hunt_early_stop_is_torchs_sgd_with_its_schedulers():
    windows = tiny.corpus(2, 14 * 2 * 5).reshape(14, 2, 5)
    stream, held_out = list(windows[:13]), windows[13]
    losses, final = hunt_early_stop(stream, held_out, 2, small(2), tiny.HEADS, tiny.KV_HEADS, 0.1, 2)
    params = leaves(small(2))
    optimizer = torch.optim.SGD(params.values(), lr=0.1, momentum=0.9, foreach=False)
    ramp = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1 / 2, total_iters=1)
    descent = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
    schedule = torch.optim.lr_scheduler.SequentialLR(optimizer, [ramp, descent], milestones=[2])
    assert len(losses) == 6
    for step in range(6):
        optimizer.zero_grad()
        micro = [loss_of(ids, params) for ids in stream[2 * step : 2 * step + 2]]
        same(losses[step], torch.stack(micro).mean().detach())
        for loss in micro:
            (loss / 2).backward()
        optimizer.step()
        schedule.step()
    same(final, loss_of(held_out, params).detach())


def test_hunt_idle_ranks_goes_on_like_a_run_that_never_stopped():
    tokens = tiny.corpus(7, 300)
    zeros = {name: torch.zeros_like(w) for name, w in small(3).items()}
    states = [torch.Generator().manual_seed(rank).get_state() for rank in range(3)]
    start = {"params": small(3), "m": zeros, "v": zeros, "step": 0, "rng": states}
    shape = (tokens, tiny.HEADS, tiny.KV_HEADS, 2, 6, 4)
    whole, _ = hunt_idle_ranks(start, *shape, 5, 0.02)
    generators = [torch.Generator().manual_seed(rank) for rank in range(3)]
    params = leaves(small(3))
    optimizer = torch.optim.AdamW(params.values(), lr=0.02, weight_decay=0.0, foreach=False)
    for step in range(5):
        optimizer.zero_grad()
        costs = []
        for generator in generators:
            starts = torch.randint(len(tokens) - 6, (2,), generator=generator)
            kept = torch.randint(4, (2, 6), generator=generator) > 0
            inputs = torch.stack([tokens[i : i + 6] for i in starts]).masked_fill(~kept, 0)
            targets = torch.stack([tokens[i + 1 : i + 7] for i in starts])
            logits = model_logits(inputs, params, tiny.HEADS, tiny.KV_HEADS)
            costs.append(F.cross_entropy(logits.flatten(0, 1), targets.flatten()))
        assert len({round(cost.item(), 6) for cost in costs}) == 3
        torch.stack(costs).mean().backward()
        same(whole[step], torch.stack(costs).mean().detach())
        optimizer.step()
        if step == 2:
            saved = {
                "params": {name: p.detach().clone() for name, p in params.items()},
                "m": {name: optimizer.state[p]["exp_avg"].clone() for name, p in params.items()},
                "v": {name: optimizer.state[p]["exp_avg_sq"].clone() for name, p in params.items()},
                "step": 3,
                "rng": [generator.get_state() for generator in generators],
            }
    second, _ = hunt_idle_ranks(saved, *shape, 2, 0.02)
    same(second, whole[3:])
