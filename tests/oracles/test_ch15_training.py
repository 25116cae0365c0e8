"""The training oracles of chapter 15 against autograd, torch.optim, its schedulers, GradScaler, and a run that stops."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference.ch15_model.accumulate_gradients import accumulate_gradients
from reference.ch15_model.checkpoint import load, save
from reference.ch15_model.gradient_norms import gradient_norms
from reference.ch15_model.loss_scaling import loss_scaling
from reference.ch15_model.overfit_one_batch import overfit_one_batch
from reference.ch15_model.train_step import train_step
from reference.ch15_model.update_to_weight import update_to_weight
from reference.ch15_model.weight_decay_groups import weight_decay_groups

Tensors = dict[str, Tensor]
SHAPES = {
    "model.embed_tokens.weight": (12, 6),
    "up_proj.weight": (9, 6),
    "down_proj.weight": (6, 9),
    "norm.weight": (6,),
}
PAD = -100


@pytest.fixture(autouse=True)
def float64():
    """The oracles follow the default dtype where they make a tensor, and the checks set it to float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def weights(seed: int = 0) -> Tensors:
    return {name: torch.randn(shape, generator=generator(seed + i)) for i, (name, shape) in enumerate(SHAPES.items())}


def batch(seed: int, rows: int) -> tuple[Tensor, Tensor]:
    """Ids, and targets of which some are padding: fewer in each row than in the row before."""
    ids = torch.randint(0, 12, (rows, 7), generator=generator(seed))
    targets = torch.randint(0, 12, (rows, 7), generator=generator(seed + 1))
    for row in range(rows):
        targets[row, 7 - (row + seed) % 6 :] = PAD
    return ids, targets


def logits(ids: Tensor, w: Tensors) -> Tensor:
    """A small network with all four kinds of parameters."""
    x = w["model.embed_tokens.weight"][ids]
    x = x + torch.tanh(x * w["norm.weight"] @ w["up_proj.weight"].T) @ w["down_proj.weight"].T
    return x @ w["model.embed_tokens.weight"].T


def gradient(ids: Tensor, targets: Tensor, params: Tensors) -> tuple[Tensors, float]:
    """The gradient of the mean loss over the tokens that are no padding, and the loss."""
    leaves = {name: p.clone().requires_grad_() for name, p in params.items()}
    counts = (targets != PAD).flatten()
    losses = F.cross_entropy(logits(ids, leaves).flatten(0, 1), targets.flatten().clamp(min=0), reduction="none")
    loss = (losses * counts).sum() / counts.sum()
    return dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True)), loss.item()


def micro_batches(ids: Tensor, targets: Tensor, params: Tensors) -> tuple[list[Tensors], list[int]]:
    """Gradient and number of tokens of each row alone."""
    micro = [gradient(row, target, params)[0] for row, target in zip(ids.split(1), targets.split(1), strict=True)]
    return micro, [int((target != PAD).sum()) for target in targets]


def test_accumulate_gradients_is_the_gradient_of_the_whole_batch():
    ids, targets = batch(seed=3, rows=6)
    params = weights()
    micro, counts = micro_batches(ids, targets, params)
    assert len(set(counts)) > 3
    whole, _ = gradient(ids, targets, params)
    mine = accumulate_gradients(micro, counts)
    means = {name: torch.stack([g[name] for g in micro]).mean(0) for name in params}
    for name, expected in whole.items():
        torch.testing.assert_close(mine[name], expected, rtol=1e-13, atol=1e-14)
        assert not torch.allclose(means[name], expected, rtol=1e-2)


def test_a_row_of_padding_has_no_gradient_and_a_loss_of_nan():
    ids, targets = batch(seed=0, rows=3)
    targets[1] = PAD
    params = weights()
    micro, counts = micro_batches(ids, targets, params)
    assert counts[1] == 0 and micro[1]["norm.weight"].isnan().all()
    whole, _ = gradient(ids, targets, params)
    for name, grad in accumulate_gradients(micro, counts).items():
        torch.testing.assert_close(grad, whole[name], rtol=1e-13, atol=1e-14)


def test_train_step_is_adamw_with_two_groups_clip_grad_norm_and_a_schedule_over_a_run():
    peak, warmup, total, max_norm = 0.05, 6, 60, 1.0
    params = weights()
    m, v = ({name: torch.zeros_like(p) for name, p in params.items()} for _ in range(2))
    leaves = {name: nn.Parameter(p.clone()) for name, p in params.items()}
    matrices = [leaves["up_proj.weight"], leaves["down_proj.weight"]]
    others = [leaves["model.embed_tokens.weight"], leaves["norm.weight"]]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=peak, betas=(0.9, 0.95), foreach=False)
    ramp = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1 / warmup, total_iters=warmup - 1)
    descent = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=total - warmup)
    schedule = torch.optim.lr_scheduler.SequentialLR(optimizer, [ramp, descent], milestones=[warmup])
    clipped = []
    for step in range(total):
        ids, targets = batch(seed=step, rows=4)
        params, m, v, log = train_step(
            *(params, m, v, *micro_batches(ids, targets, params), step, peak, warmup, total, max_norm)
        )
        whole, _ = gradient(ids, targets, {name: p.detach() for name, p in leaves.items()})
        for name, grad in whole.items():
            leaves[name].grad = grad
        norm = nn.utils.get_total_norm(list(whole.values())).item()
        nn.utils.clip_grads_with_norm_(leaves.values(), max_norm, torch.tensor(max(norm, 1.0) - 1e-6), foreach=False)
        assert math.isclose(log["lr"], schedule.get_last_lr()[0], rel_tol=1e-11, abs_tol=1e-16)
        assert math.isclose(log["norm"], norm, rel_tol=1e-9)
        clipped.append(norm > max_norm)
        optimizer.step()
        schedule.step()
    assert any(clipped) and not all(clipped)
    for name, p in leaves.items():
        torch.testing.assert_close(params[name], p.detach(), rtol=1e-9, atol=1e-10)


def test_loss_scaling_is_torchs_grad_scaler_with_clipping_over_a_run():
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12, growth_interval=7)
    p = nn.Parameter(torch.zeros(50, dtype=torch.float32))
    optimizer = torch.optim.SGD([p], lr=1.0)
    scale, good_steps, skips, doubled = 2.0**12, 0, 0, 0
    for step in range(200):
        grad = torch.randn(50, generator=generator(step), dtype=torch.float32) * 10.0 ** (step % 3 - 1)
        fp16 = (scale * grad).half()
        mine, next_scale, good_steps = loss_scaling.rights["with_the_koan"].fn([fp16], scale, good_steps, 7, 2.0)
        before = p.detach().clone()
        scaler.scale(torch.zeros(1))  # makes the scale
        p.grad = fp16.float()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_([p], 2.0)
        scaler.step(optimizer)
        scaler.update()
        assert scaler.get_scale() == next_scale and scaler._get_growth_tracker() == good_steps
        expected = torch.zeros_like(before) if mine is None else -mine[0].float()
        torch.testing.assert_close(p.detach() - before, expected, rtol=1e-4, atol=1e-5)
        oracle = loss_scaling([fp16], scale, 0, 7, 2.0)[0]
        assert (oracle is None) == (mine is None)
        skips, doubled, scale = skips + (mine is None), doubled + (next_scale > scale), next_scale
    assert skips > 5 and doubled > 5


def run(state: dict, steps: int) -> tuple[dict, list[float]]:
    """Some steps of training on the data in the order of the state, with weights rounded at random. And the losses."""
    losses = []
    random = torch.Generator()
    random.set_state(state["rng"])
    params, m, v, order = state["params"], state["m"], state["v"], list(state["order"])
    for step in range(state["step"], state["step"] + steps):
        ids, targets = batch(seed=order.pop(0), rows=3)
        noisy = {name: p + 1e-3 * torch.randn(p.shape, generator=random, dtype=p.dtype) for name, p in params.items()}
        losses.append(gradient(ids, targets, noisy)[1])
        parts = train_step.rights["from_parts"].fn
        params, m, v, _ = parts(params, m, v, *micro_batches(ids, targets, noisy), step, 0.05, 3, 40)
    rng = random.get_state()
    return {"params": params, "m": m, "v": v, "step": state["step"] + steps, "order": order, "rng": rng}, losses


def start() -> dict:
    params = {name: p.float() for name, p in weights().items()}
    m, v = ({name: torch.zeros_like(p) for name, p in params.items()} for _ in range(2))
    order = torch.randperm(40, generator=generator(5)).tolist()
    return {"params": params, "m": m, "v": v, "step": 0, "order": order, "rng": generator(6).get_state()}


def test_a_run_that_stops_goes_on_to_the_same_bit():
    whole, losses = run(start(), 12)
    half, first = run(start(), 5)
    resumed, second = run(load(save(half)), 7)
    assert first + second == losses
    assert save(resumed) == save(whole)


@pytest.mark.parametrize("name", sorted(save.wrongs))
def test_after_a_wrong_save_the_run_does_not_go_on_to_the_same_bit(name):
    """Except where the mistake is about something that this run does not have, such as a tensor without axes."""
    unseen = {"all_in_float32", "no_scalars", "no_empty", "memory_order", "one_nan", "one_zero", "order_in_32_bits"}
    unseen |= {
        "whole_memory",
        "with_gradients",
        "takes_moments",
    }  # these are about the bytes and about the state that was saved
    half, _ = run(start(), 5)
    whole, right = run(half, 3)
    try:
        resumed, losses = run(load(save.wrongs[name].fn(half.copy())), 3)
    except (KeyError, IndexError, RuntimeError, TypeError, ValueError):
        same = False
    else:
        same = losses == right and save(resumed) == save(whole)
    assert same == (name in unseen)


def test_the_groups_are_those_of_transformers_llama():
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        vocab_size=32,
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        attention_bias=True,
        tie_word_embeddings=False,
    )
    model = transformers.LlamaForCausalLM(config)
    linear = {f"{name}.weight" for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    decayed, others = weight_decay_groups(shapes)
    assert set(decayed) == linear and len(others) == len(shapes) - len(linear)


class Block(nn.Module):
    """Two modules with parameters, so that names have several parts."""

    def __init__(self) -> None:
        super().__init__()
        self.up_proj, self.norm = nn.Linear(4, 6), nn.LayerNorm(4)


class Stack(nn.Module):
    """Named as transformers names a Llama."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.model = nn.ModuleDict(
            {
                "embed_tokens": nn.Embedding(9, 4),
                "layers": nn.ModuleList(Block() for _ in range(layers)),
                "norm": nn.LayerNorm(4),
            }
        )
        self.lm_head = nn.Linear(4, 9, bias=False)


@pytest.mark.parametrize("layers", [1, 3, 12])
def test_gradient_norms_are_those_of_torch_for_the_modules_of_a_model(layers):
    stack = Stack(layers)
    for i, p in enumerate(stack.parameters()):
        p.grad = torch.randn(p.shape, generator=generator(i)) * 10.0 ** (i % 5 - 2)
    modules = {f"model.layers.{i}": block for i, block in enumerate(stack.model["layers"])}
    modules |= {f"model.{name}": stack.model[name] for name in ("embed_tokens", "norm")} | {"lm_head": stack.lm_head}
    norms, total = gradient_norms({name: p.grad for name, p in stack.named_parameters()})
    expected = {
        name: torch.nn.utils.get_total_norm([p.grad for p in module.parameters()]).item()
        for name, module in modules.items()
    }
    assert norms == pytest.approx(expected, rel=1e-13)
    clipped_from = torch.nn.utils.clip_grad_norm_(stack.parameters(), 1.0).item()
    assert total == pytest.approx(clipped_from, rel=1e-13)


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW])
def test_update_to_weight_of_a_step_of_torchs_optimizers(optimizer):
    stack = Stack(2)
    before = {name: p.detach().clone() for name, p in stack.named_parameters()}
    for i, p in enumerate(stack.parameters()):
        p.grad = torch.randn(p.shape, generator=generator(i))
    optimizer(stack.parameters(), lr=1e-2).step()
    ratios = update_to_weight(before, dict(stack.named_parameters()))
    for name, p in stack.named_parameters():
        old, new = before[name].numpy().ravel(), p.detach().numpy().ravel()
        with np.errstate(divide="ignore"):
            expected = np.linalg.norm(new - old) / np.linalg.norm(old)
        assert ratios[name] == pytest.approx(expected, rel=1e-12)
    assert any(ratio == math.inf for ratio in ratios.values())  # the biases of the norms are zeros at first


@pytest.mark.parametrize(
    ("lr", "uphill", "word"), [(0.03, False, "learns"), (1e-6, False, "stalls"), (0.03, True, "diverges")]
)
def test_a_network_that_learns_one_batch_by_heart_is_said_to(lr, uphill, word):
    w = {name: p.requires_grad_() for name, p in weights().items()}
    ids, _ = batch(0, 1)
    optimizer = torch.optim.Adam(w.values(), lr=lr, maximize=uphill)
    losses = []
    for _ in range(300):
        loss = F.cross_entropy(logits(ids, w).flatten(0, 1), (ids.flatten() * 5 + 1) % 12)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert overfit_one_batch(losses) == word
    assert overfit_one_batch([*losses, math.nan]) == "not finite"
    assert overfit_one_batch(losses, floor=losses[0] + 1) == "below the floor"
