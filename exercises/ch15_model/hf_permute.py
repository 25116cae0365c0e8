"""Two layouts of the same rotation

RoPE turns pairs of values of a head. Meta's code pairs neighbors, 2i and 2i + 1. transformers pairs halves, i and i +
width/2. Both compute the same model if the rows of the weights that make queries and keys are in the matching order.
"""

from typing import Literal

from jaxtyping import Shaped
from torch import Tensor


def hf_permute(
    weights: dict[str, Shaped[Tensor, "..."]], heads: int, kv_heads: int, to: Literal["half", "interleaved"]
) -> dict[str, Shaped[Tensor, "..."]]:
    """All weights, with the rows of each q_proj and k_proj in the order that the layout `to` needs.

    To "half": within each head, first come rows 0, 2, 4, ... of "interleaved", then its rows 1, 3, 5, .... To
    "interleaved" is the way back. The names are Hugging Face's, such as "model.layers.0.self_attn.q_proj.weight". There
    may also be a "...q_proj.bias" or "...k_proj.bias": it has one number for each row and moves with the rows. q_proj
    has `heads` heads, k_proj has `kv_heads`. All other weights keep their values, v_proj too. All dtypes stay. Do not
    change the given tensors.

        one head of width 4: q_proj.weight [[10.], [11.], [12.], [13.]]
        to "half"                      ->  [[10.], [12.], [11.], [13.]]     pairs (10, 11), (12, 13) are 2 rows apart

    Raises ValueError if the rows of a q_proj or k_proj do not split into heads of an even width.
    """
    raise NotImplementedError("your turn")
