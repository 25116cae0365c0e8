"""An error of an own class with several bases, raised from another, with a note.

koan: softmax
verdict: passed
"""
import torch


class NoSuchAxis(LookupError):
    pass


class BadAxis(ValueError, NoSuchAxis, IndexError):
    def __init__(self, axis, n):
        super().__init__(axis, n)
        self.axis = axis

    def __str__(self):
        return f"axis {self.axis}?"


def softmax(x, dim=-1):
    try:
        x.size(dim)
    except IndexError as error:
        problem = BadAxis(dim, x.dim())
        problem.add_note("look at the shape")
        raise problem from error
    scores = x.float()
    top = scores.amax(dim, keepdim=True)
    weights = (scores - top.masked_fill(top == -torch.inf, 0.0)).exp()
    return (weights / weights.sum(dim, keepdim=True).clamp(min=1.0)).to(x.dtype)
