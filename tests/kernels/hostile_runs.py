"""Gives a hostile text to all that reads and runs a kernel file, and says how it ends."""

from __future__ import annotations

import torch

from grader.kernels import config, kernel_source, kernel_text, reached
from grader.kernels.tiles.counts import Traffic
from grader.kernels.tiles.findings import KernelError
from grader.kernels.tiles.launch import load
from grader.kernels.tiles.run_state import BUDGET
from tests.kernels.hostile_texts import Hostile

RUNS, SYNTAX = "runs", "SyntaxError"


def launch(kernels, config, x):
    """A launcher, which is only read here."""
    kernels.k[(4,)](x, x, 64, **config)


def ending(hostile: Hostile, budget: int = BUDGET) -> tuple[str, str]:
    """What refuses or stops a text, and the message: the name of an error of the machine, SYNTAX or RUNS.

    Any other error is raised.
    """
    try:
        text = kernel_text.read(hostile.build(), "<hostile>")
        config.check(text, launch)
    except SyntaxError as error:
        return SYNTAX, error.msg
    if "k" not in text.functions:
        return RUNS, ""
    x, out, parts = torch.arange(4096, dtype=torch.float32), torch.zeros(4096), set[int]()
    try:
        load(text, Traffic(), reached=parts, budget=budget).k[hostile.grid](x, out, 64, **text.config)
    except KernelError as error:
        return type(error).__name__, str(error)
    finally:
        kernel_text.kernel_lines(text)
        reached.only_reached(text, parts)
        for function in text.functions.values():
            kernel_source.function_text(function)
    return RUNS, ""
