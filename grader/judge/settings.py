"""Settings of a whole process that code may change: of Python, torch and numpy.

In the sandbox the code under test has a process of its own. At home it shares one with the tests and the oracles. There
its settings are put in place for its calls only, so that they change what it computes and nothing else.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

SMALLEST, ONE = 5e-324, 1.0  # their product is 0 where the processor flushes denormal numbers
SEED = 0  # of the generators that the code under test finds


class Settings(NamedTuple):
    """The settings, but for the state of random number generators."""

    dtype: torch.dtype
    gradients: bool
    threads: int
    deterministic: bool
    deterministic_warns: bool
    anomalies: bool
    matmul_precision: str
    flushes: bool
    digits: int
    numpy_errors: dict[str, Any]
    numpy_printing: dict[str, Any]
    torch_printing: dict[str, Any]


def current() -> Settings:
    """The settings of this process."""
    return Settings(
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.is_anomaly_enabled(),
        torch.get_float32_matmul_precision(),
        SMALLEST * ONE == 0.0,
        sys.get_int_max_str_digits(),
        dict(np.geterr()),
        dict(np.get_printoptions()),
        dict(vars(torch._tensor_str.PRINT_OPTS)),
    )


def put_in_place(wanted: Settings, now: Settings) -> None:
    """Change the settings of this process from `now` to those that are wanted."""
    changes: dict[str, Callable[[Any], object]] = {
        "dtype": torch.set_default_dtype,
        "gradients": torch.set_grad_enabled,
        "threads": torch.set_num_threads,
        "anomalies": torch.autograd.set_detect_anomaly,
        "matmul_precision": torch.set_float32_matmul_precision,
        "flushes": torch.set_flush_denormal,
        "digits": sys.set_int_max_str_digits,
        "numpy_errors": lambda options: np.seterr(**options),
        "numpy_printing": lambda options: np.set_printoptions(**options),
        "torch_printing": lambda options: vars(torch._tensor_str.PRINT_OPTS).update(options),
    }
    for name, change in changes.items():
        if getattr(wanted, name) != getattr(now, name):
            change(getattr(wanted, name))
    if wanted[3:5] != now[3:5]:
        torch.use_deterministic_algorithms(wanted.deterministic, warn_only=wanted.deterministic_warns)


class Generators(NamedTuple):
    """The states of the random number generators that Python, numpy and torch share within a process."""

    python: Any
    numpy: Any
    torch: torch.Tensor

    def put_in_place(self) -> None:
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        torch.set_rng_state(self.torch)


def generators() -> Generators:
    """The states as they are."""
    return Generators(random.getstate(), np.random.get_state(), torch.get_rng_state())


def seed() -> None:
    """Give the generators the state that the code under test finds, at home and in the sandbox."""
    random.seed(SEED)
    np.random.seed(SEED)
    torch.manual_seed(SEED)
