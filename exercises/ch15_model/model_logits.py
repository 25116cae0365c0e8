"""The whole forward pass

Ids become rows of the embedding, the rows pass through every block, one last norm follows, and the head gives logits.
You have written all parts. A checkpoint holds their weights under long names. Connect them.
"""

from jaxtyping import Float, Int64
from torch import Tensor

from exercises.ch08_block.llama_block import llama_block
from exercises.ch08_block.rms_norm import rms_norm
from exercises.ch15_model.embed_and_head import embed, head


def model_logits(
    ids: Int64[Tensor, "b n"], weights: dict[str, Tensor], heads: int, kv_heads: int, base: float = 10000.0
) -> Float[Tensor, "b n v"]:
    """The logits at every position, in the dtype of the embedding: embed, all blocks, the final norm, head.

    `weights` has the names of Llama's checkpoints, in any order:

        model.embed_tokens.weight                  the table, for the head too: the embeddings are tied
        model.layers.0.input_layernorm.weight      of layer 0; as are the next lines
        model.layers.0.self_attn.q_proj.weight     and k_proj, v_proj, o_proj
        model.layers.0.post_attention_layernorm.weight
        model.layers.0.mlp.gate_proj.weight        and up_proj, down_proj
        model.norm.weight                          the gain of the final norm, with eps 1e-6

    `llama_block` takes the weights of one layer by their short names, such as "q_proj" and "input_layernorm". The
    number of layers is whatever `weights` has. Layers come in the order of their numbers: 10 after 9, not after 1.
    Between the parts the tokens have the dtype of the embedding or float32. Autograd must be able to follow the result
    back to every weight.

        table [[3., 4.], [0., 1.]], layer 0: all matrices [[1., 0.], [0., 1.]], all gains [1., 1.], one head, ids [[0]]
        embed [3., 4.]; block [4.3528, 6.0993]; norm [0.8215, 1.1511]; head [3 · 0.8215 + 4 · 1.1511, 1.1511]
        ->  [[[7.0691, 1.1511]]]
    """
    raise NotImplementedError("your turn")
