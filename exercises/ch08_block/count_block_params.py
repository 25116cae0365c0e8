"""Where a block's parameters are

Count the parameters of a block from its configuration: the projections of attention, the three matrices of the
feed-forward layer (ffn), two gains, and the biases if there are any. Few models have biases, and biases have few
parameters.
"""

from collections.abc import Sequence
from typing import Any


def count_block_params(config: dict[str, Any], biases: Sequence[str] = ()) -> dict[str, int]:
    """Parameters of one block by component: 'attention', 'ffn', 'norms', 'biases' and their 'total'.

    `config` has the keys of a Llama or Qwen config.json: hidden_size, intermediate_size and num_attention_heads. It may
    have num_key_value_heads (default: as many as attention heads) and head_dim (default: hidden_size //
    num_attention_heads). q_proj maps hidden_size to all query heads, k_proj and v_proj map it to all KV heads, and
    o_proj maps the query heads back to hidden_size. gate_proj and up_proj map to intermediate_size, and down_proj maps
    back. Both norms have a gain only. `biases` names the projections that have a bias: one number for each output.

        count_block_params({"hidden_size": 8, "intermediate_size": 20, "num_attention_heads": 4,
                            "num_key_value_heads": 2}, ["q_proj", "k_proj"])
        ->  {"attention": 192, "ffn": 480, "norms": 16, "biases": 12, "total": 700}
            q and o 8 · 8 each, k and v 8 · 4 each; 3 · 8 · 20 for the ffn; 2 · 8 for the norms; 8 + 4 for the biases

    Raises ValueError if `biases` contains a name that is no projection of a block.
    """
    raise NotImplementedError("your turn")
