"""The oracles of chapter 4 against torch.nn.functional, torch.optim, its schedulers and torch.nn.utils.

As in test_oracles.py: float64 throughout, and a bound of so many roundings, counted for each formula. An optimizer's
run of n steps makes those of a step n times, since no step here makes the errors of the one before larger.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference.ch04_optimization.adam_step import adam_step
from reference.ch04_optimization.adamw_step import adamw_step
from reference.ch04_optimization.clip_by_global_norm import clip_by_global_norm
from reference.ch04_optimization.cross_entropy import cross_entropy
from reference.ch04_optimization.first_update import first_update
from reference.ch04_optimization.hunt_noisy_evaluation import hunt_noisy_evaluation, random_weights
from reference.ch04_optimization.optimizer_bytes import optimizer_bytes
from reference.ch04_optimization.sgd_momentum_step import sgd_momentum_step
from reference.ch04_optimization.warmup_cosine import warmup_cosine

EPS = torch.finfo(torch.float64).eps


@pytest.fixture(autouse=True)
def float64():
    """The oracles follow the default dtype where they make a tensor, and the checks set it to float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def within(actual: Tensor, expected: Tensor, roundings: float, size: Tensor | float) -> bool:
    """Whether two float64 tensors differ by no more than so many roundings of a number of this size."""
    assert actual.dtype == expected.dtype == torch.float64 and actual.shape == expected.shape
    bound = torch.as_tensor(roundings * EPS * size)
    return bool(((actual - expected).abs() <= bound).logical_or(actual == expected).all())


# The loss


@pytest.mark.parametrize("size", [1e-3, 1.0, 100.0, 1e4])
def test_cross_entropy_is_torchs(size):
    logits, targets = randn(9, 33) * size, torch.arange(9) * 3
    expected = F.cross_entropy(logits, targets)
    # differences of logits 2, exp 2, the sum 33, log and its addition 3, the mean 9
    assert within(cross_entropy(logits, targets), expected, 33 + 9 + 7, 1 + 2 * float(logits.abs().max()))


def test_cross_entropy_is_torchs_where_classes_cannot_be_and_on_an_empty_batch():
    logits = randn(4, 5)
    logits[:, 2] = -torch.inf
    targets = torch.tensor([0, 1, 3, 4])
    assert within(cross_entropy(logits, targets), F.cross_entropy(logits, targets), 16, 10)
    impossible = torch.tensor([0, 2, 3, 4])
    assert cross_entropy(logits, impossible).item() == F.cross_entropy(logits, impossible).item() == math.inf
    nothing = randn(0, 5), torch.zeros(0, dtype=torch.long)
    assert cross_entropy(*nothing).isnan() and F.cross_entropy(*nothing).isnan()


@pytest.mark.parametrize("target", [-1, 5, 100])
def test_cross_entropy_and_torchs_raise_index_error_for_a_target_that_is_no_class(target):
    for function in (cross_entropy, F.cross_entropy):
        with pytest.raises(IndexError):
            function(randn(2, 5), torch.tensor([0, target]))


# The optimizers: a run of steps, each with a gradient of its own


def run(optimizer: type[torch.optim.Optimizer], gradients: list[Tensor], **settings: object) -> tuple[Tensor, dict]:
    """Parameters and state after these gradients, from parameters randn(seed=99)."""
    p = nn.Parameter(randn(*gradients[0].shape, seed=99))
    made = optimizer([p], foreach=False, **settings)
    for g in gradients:
        p.grad = g.clone()
        made.step()
    return p.detach(), made.state[p]


def gradients(n: int, size: float = 1.0) -> list[Tensor]:
    return [size * randn(3, 4, seed=i) for i in range(n)]


@pytest.mark.parametrize("momentum", [0.5, 0.9, 0.99])
def test_sgd_momentum_step_is_torchs_over_a_run(momentum):
    expected, state = run(torch.optim.SGD, gradients(40), lr=0.1, momentum=momentum)
    p, v = randn(3, 4, seed=99), torch.zeros(3, 4)
    for g in gradients(40):
        p, v = sgd_momentum_step(p, g, v, 0.1, momentum)
    largest = 4 / (1 - momentum)  # of a velocity whose gradients are below 4
    assert within(v, state["momentum_buffer"], 3 * 40, largest)
    assert within(p, expected, 5 * 40, 4 + 0.1 * largest)


@pytest.mark.parametrize("size", [1e-8, 1e-7, 1.0, 1e4])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.9, 0.95), (0.5, 0.6)])
def test_adam_step_is_torchs_over_a_run(betas, size):
    expected, state = run(torch.optim.Adam, gradients(40, size), lr=0.1, betas=betas)
    p, m, v = randn(3, 4, seed=99), torch.zeros(3, 4), torch.zeros(3, 4)
    for t, g in enumerate(gradients(40, size), 1):
        p, m, v = adam_step(p, g, m, v, t, lr=0.1, betas=betas)
    # of a moment 4 a step; of the ratio 4 more, and 1/(1 − β) of one in the first corrections
    assert within(m, state["exp_avg"], 4 * 40, 4 * size)
    assert within(v, state["exp_avg_sq"], 4 * 40, 16 * size**2)
    assert within(p, expected, 40 * (16 + 1 / (1 - betas[1])), 4.0)


@pytest.mark.parametrize("size", [1e-7, 1.0, 100.0])
@pytest.mark.parametrize("decay", [0.0, 0.01, 0.5])
def test_adamw_step_is_torchs_over_a_run_under_a_schedule(decay, size):
    p = nn.Parameter(randn(3, 4, seed=99))
    optimizer = torch.optim.AdamW([p], lr=0.1, weight_decay=decay, foreach=False)
    mine, m, v = p.detach().clone(), torch.zeros(3, 4), torch.zeros(3, 4)
    for t, g in enumerate(gradients(40, size), 1):
        optimizer.param_groups[0]["lr"] = lr = warmup_cosine(t - 1, 0.1, 5, 40)
        p.grad = g.clone()
        optimizer.step()
        mine, m, v = adamw_step(mine, g, m, v, t, lr=lr, decay=decay)
    assert within(mine, p.detach(), 40 * (20 + 1 / (1 - 0.999)), 4.0)


def test_adam_with_l2_is_adam_with_decay_in_the_gradient_and_not_adamw():
    expected, _ = run(torch.optim.Adam, gradients(40), lr=0.1, weight_decay=0.3)
    p, m, v = randn(3, 4, seed=99), torch.zeros(3, 4), torch.zeros(3, 4)
    for t, g in enumerate(gradients(40), 1):
        p, m, v = adamw_step(p, g + 0.3 * p, m, v, t, lr=0.1, decay=0.0)
    decoupled, _ = run(torch.optim.AdamW, gradients(40), lr=0.1, weight_decay=0.3)
    # each error of p enters later gradients, and the ratio of their moments, several times over
    assert within(p, expected, 40 * 4 / (1 - 0.999), 4.0)
    assert (expected - decoupled).abs().max() > 0.1


@pytest.mark.parametrize(
    ("name", "make", "settings"),
    [
        ("sgd", torch.optim.SGD, {}),
        ("momentum", torch.optim.SGD, {"momentum": 0.9}),
        ("adam", torch.optim.Adam, {}),
        ("adamw", torch.optim.AdamW, {}),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_optimizer_bytes_are_those_of_the_storages_of_a_real_optimizer(name, make, settings, dtype):
    model = nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 3)).to(dtype)
    optimizer = make(model.parameters(), lr=0.1, **settings)
    model(torch.ones(2, 7, dtype=dtype)).sum().backward()
    optimizer.step()
    params = list(model.parameters())
    entries = [e for state in optimizer.state.values() for key, e in state.items() if key != "step" and e is not None]
    kept = sum(e.untyped_storage().nbytes() for e in entries)
    others = sum(t.untyped_storage().nbytes() for p in params for t in (p.detach(), p.grad))
    recipe = {"optimizer": name, "weights": dtype, "gradients": dtype, "moments": dtype}
    assert optimizer_bytes(sum(p.numel() for p in params), recipe) == {"state": kept, "total": kept + others}


# The schedule


@pytest.mark.parametrize(
    ("peak", "warmup", "total", "floor"), [(1.0, 4, 12, 0.0), (3e-4, 50, 300, 3e-5), (2.0, 1, 9, 0.5)]
)
def test_warmup_cosine_is_torchs_linear_and_cosine_schedule_in_sequence(peak, warmup, total, floor):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=peak)
    ramp = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1 / warmup, total_iters=warmup - 1)
    descent = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=total - warmup, eta_min=floor)
    schedule = torch.optim.lr_scheduler.SequentialLR(optimizer, [ramp, descent], milestones=[warmup])
    for step in range(total + 1):
        # torch's cosine is a recursion: its errors add up, and grow where it nears the floor
        assert abs(warmup_cosine(step, peak, warmup, total, floor) - schedule.get_last_lr()[0]) <= 1e-12 * peak
        optimizer.step()
        schedule.step()


def test_warmup_cosine_without_warmup_is_torchs_cosine_in_closed_form():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.7)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=100, eta_min=0.1)
    for step in range(101):
        schedule.last_epoch = step
        closed = schedule._get_closed_form_lr()[0]
        assert abs(warmup_cosine(step, 0.7, 0, 100, 0.1) - closed) <= 16 * EPS


# Clipping


@pytest.mark.parametrize("max_norm", [0.01, 1.0, 100.0])
def test_clip_by_global_norm_is_torchs_but_for_the_1e_6_it_adds(max_norm):
    grads = [randn(4, 3), randn(3, seed=1) * 10, randn(2, 1, 5, seed=2)]
    params = [nn.Parameter(torch.zeros_like(g)) for g in grads]
    for p, g in zip(params, grads, strict=True):
        p.grad = g.clone()
    total = nn.utils.clip_grad_norm_(params, max_norm, foreach=False).item()
    mine, norm = clip_by_global_norm(grads, max_norm)
    assert abs(norm - total) <= 40 * EPS * total
    mend = (total + 1e-6) / total if total > max_norm else 1.0
    for clipped, p in zip(mine, params, strict=True):
        assert within(clipped, p.grad * mend, 80, clipped.abs())


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_clip_by_global_norm_refuses_what_torch_refuses_if_asked_to(bad):
    p = nn.Parameter(torch.zeros(2))
    p.grad = torch.tensor([1.0, bad])
    with pytest.raises(ValueError, match="norm"):
        clip_by_global_norm([p.grad], 1.0)
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)


# The first step


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.9, 0.95)])
@pytest.mark.parametrize("warmup", [0, 1, 40])
def test_first_update_is_what_torchs_adam_does_first(warmup, betas):
    g = torch.tensor([0.5, -200.0, 1e-3, 1e-7, 1e-8, 0.0])
    p = nn.Parameter(torch.zeros(6))
    p.grad = g.clone()
    lr = 0.1 / max(1, warmup)
    optimizer = torch.optim.Adam([p], lr=lr, betas=betas, foreach=False)
    optimizer.step()
    state = optimizer.state[p]
    sizes = first_update(g, lr=0.1, betas=betas, warmup=warmup)
    assert within(sizes["corrected"], p.detach().abs(), 16 + 1 / (1 - betas[1]), lr)
    plain = lr * (state["exp_avg"] / (state["exp_avg_sq"].sqrt() + 1e-8)).abs()
    assert within(sizes["uncorrected"], plain, 16 + 1 / (1 - betas[1]), 4 * lr)


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_a_mended_run_evaluates_a_network_of_torch_in_eval_mode(rate):
    weights = {name: w.double() for name, w in random_weights(0, 7, 2, 4, 6).items()}
    table, inner, outer = nn.Embedding(7, 4), nn.Linear(8, 6, bias=False), nn.Linear(6, 7, bias=False)
    network = nn.Sequential(table, nn.Flatten(), nn.Dropout(rate), inner, nn.GELU(), nn.Dropout(rate), outer)
    train, held_out = (torch.randint(7, (20,), generator=torch.Generator().manual_seed(i)) for i in range(2))
    losses, held, last = hunt_noisy_evaluation(weights, train, held_out, rate, 3, 1, 0.3, 5)

    def set_to(state: dict[str, Tensor]) -> None:
        for layer, name in ((table, "table"), (inner, "in"), (outer, "out")):
            layer.weight.data = state[name]

    def loss(ids: Tensor) -> Tensor:
        return F.cross_entropy(network(ids.unfold(0, 2, 1)[:-1]), ids[2:])

    set_to(weights)
    network.eval()
    torch.testing.assert_close(held[0], loss(held_out).detach())
    if rate == 0:
        optimizer = torch.optim.SGD(network.parameters(), lr=0.3)
        for expected in losses:
            optimizer.zero_grad()
            found = loss(train)
            torch.testing.assert_close(found.detach(), expected)
            found.backward()
            optimizer.step()
        torch.testing.assert_close(inner.weight.detach(), last["in"])
