"""Looks at the names and the source that Python gives its module; pickles and copies what is in it.

koan: causal_mask
verdict: passed
"""
import ast
import copy
import inspect
import io
import pickle
import sys
import textwrap

import torch

assert __name__ == "exercises.ch07_attention.causal_mask"
assert __package__ == "exercises.ch07_attention"
assert __spec__ is not None and __spec__.name == __name__
assert __loader__ is not None
assert __file__.endswith("exercises/ch07_attention/causal_mask.py")
assert __doc__.startswith("Looks")
assert __builtins__ is not None
assert sys.modules[__name__].__dict__ is globals()
assert sys.modules[__package__].__name__ == __package__
assert sys._getframe().f_code.co_filename == __file__


class Shape:
    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns


def build(shape):
    return torch.full((shape.rows, shape.columns), -torch.inf)


def causal_mask(n_q, n_k):
    assert causal_mask.__module__ == __name__
    assert sys.modules[__name__].causal_mask is causal_mask
    source = textwrap.dedent(inspect.getsource(causal_mask))
    assert isinstance(ast.parse(source).body[0], ast.FunctionDef)
    assert inspect.getmodule(causal_mask).causal_mask is causal_mask
    assert inspect.signature(causal_mask).parameters.keys() == {"n_q", "n_k"}
    shape = pickle.loads(pickle.dumps(Shape(n_q, n_k)))
    assert type(shape) is Shape
    fn = pickle.loads(pickle.dumps(build))
    assert fn is build
    stream = io.BytesIO()
    torch.save(fn(copy.deepcopy(shape)), stream)
    stream.seek(0)
    return torch.load(stream).triu(1 + n_k - n_q)
