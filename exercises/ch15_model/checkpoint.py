"""Stop, and go on to the same bit

A run that stops must go on as if it had never stopped. The weights alone are not enough: the optimizer has moments and
a step number, the data has an order, and the random numbers have a state. Whatever is missing starts again from
nothing, and no error says so.
"""

import hashlib
import io
import sys
from typing import Any

import torch
from torch import Tensor

State = dict[str, Any]


def save(state: State) -> bytes:
    """The whole state of a training run as bytes, from which `load` makes the same state again.

        state = {"params": {name: tensor}, "m": {name: tensor}, "v": {name: tensor},
                 "step": int,              the steps taken so far
                 "order": list[int],       the positions in the data that are still to come
                 "rng": uint8 tensor}      from torch.Generator().get_state()

    The format is yours, for example the bytes of torch.save. It keeps every bit:
      - the dtype of each tensor (float64, float32, float16, bfloat16, int64, uint8, bool) and its shape, (), (0, 3) and
        any other;
      - each value, also -0.0 and each pattern of NaN; integers of up to 64 bits;
      - the order of the names in a dict, because sums over all parameters follow it.

    Only values count. States with equal values, in the same order, give equal bytes, also if a tensor is a slice of a
    larger one, or a transposed view, or requires a gradient. `load` returns contiguous tensors that require none.

    The state is not changed.
    """

    raise NotImplementedError("your turn")


def load(data: bytes) -> State:
    """The state that `save` turned into `data`.

    load(save(state)) has the values of `state`

    Raises ValueError if `data` is not exactly what `save` returned: if bytes are missing at either end, if more bytes
    follow, or if any bit has changed. A full disk and a broken copy leave such files. `save` can put a checksum of all
    other bytes first: hashlib.sha256(rest).digest() has 32 bytes.

    Bytes may come from strangers, who can compute a checksum too, and unpickling them can run their code. If you use
    torch.load, it must have weights_only=True. Make a ValueError of the error that it raises for other objects.
    """
    raise NotImplementedError("your turn")
