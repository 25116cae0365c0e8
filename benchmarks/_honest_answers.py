"""Reads honest_answers.txt: answers by different routes, of which classes are made up."""

from __future__ import annotations

import re
from pathlib import Path

# The names that students give to variables, by the name in the routes.
NAMES = {
    "wide": ("wide", "x32", "xf", "x_float", "scores", "data", "t"),
    "top": ("top", "m", "mx", "row_max", "biggest", "peak_value"),
    "e": ("e", "ex", "weights", "exps", "numer", "shifted_exp"),
    "total": ("total", "s", "denom", "z", "sum_", "norm_const"),
    "out": ("out", "result", "res", "ret", "answer", "y"),
    "i": ("i", "idx", "pos", "n", "at"),
    "j": ("j", "jj", "col", "key_pos"),
    "mean": ("mean", "mu", "avg", "m1", "center"),
    "var": ("var", "variance", "v", "sq", "second_moment"),
    "a": ("a", "first", "left", "lhs", "u1"),
    "b": ("b", "second", "right", "rhs", "u2"),
    "c": ("c", "third", "scale", "factor", "coef"),
    "d": ("d", "width", "dim_", "head_dim", "size"),
    "count": ("count", "counts", "freq", "tally", "c", "seen"),
    "pair": ("pair", "p", "pr", "both", "candidate"),
    "step": ("step_", "acc", "stride", "running", "prod"),
    "n": ("n", "length", "size", "dim_len", "num"),
    "keep": ("keep", "mask", "kept", "inside", "allowed"),
    "ids": ("ids_", "order", "index", "idxs", "perm"),
    "ranked": ("ranked", "sorted_p", "sp", "vals", "desc"),
    "before": ("before", "cum", "cumulative", "running_sum", "acc"),
    "pick": ("pick", "chosen", "target_logit", "of_target", "correct"),
    "g": ("g_", "grad", "gf", "gradient", "gr"),
}

# A comment that a student may put above a line. None is about what the line does in one route only.
COMMENTS = (
    *(
        "# upcast first",
        "# see the docstring",
        "# remember the shape",
        "# careful with dtype",
        "# as in the lecture",
    ),
    *(
        "# edge case",
        "# this took me a while",
        "# round once at the end",
        "# works for any batch",
        "# numerically safe",
    ),
)

CASTS = "{{t:$x.float()||$x.to(torch.float32)||$x.to(dtype=torch.float32)||$x.type(torch.float32)}}"


def _routes() -> dict[tuple[str, str], tuple[str, ...]]:
    """The routes by koan and function."""
    text = Path(__file__).with_name("honest_answers.txt").read_text(encoding="utf-8")
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for part in text.split("\n=== ")[1:]:
        head, _, body = part.partition("\n")
        koan, function = head.split()
        found[koan, function] = tuple(_converted(route) for route in body.split("\n---\n"))
    return found


def _converted(route: str) -> str:
    """The route with the ways to convert in place of <<x>>."""
    return re.sub(r"<<(\$?\w+)>>", lambda match: CASTS.replace("$x", match[1]), route)


ROUTES = _routes()
