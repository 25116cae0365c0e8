"""How large each weight starts

Weights start as normal random numbers with a small standard deviation. GPT-2 has the rule that most models still use:
0.02 for every matrix, and less for the two matrices of each layer that write into the residual stream.
"""

import math


def init_std(shapes: dict[str, tuple[int, ...]], layers: int, std: float = 0.02) -> dict[str, float]:
    """The standard deviation that each weight starts with, by its name.

    `shapes` has the weights by Hugging Face's names, such as "model.layers.0.self_attn.o_proj.weight".

    - A vector gets 0.0: a norm's gain starts at exactly 1, and a bias at exactly 0.
    - The matrices `o_proj` and `down_proj` get std / √(2 · layers). Each layer adds their two results to the stream,
      so after all layers the stream is the sum of 2 · layers such results.
    - Every other matrix gets `std`, the embedding too.

        init_std({"model.embed_tokens.weight": (9, 4), "model.layers.0.input_layernorm.weight": (4,),
                  "model.layers.0.self_attn.o_proj.weight": (4, 4)}, layers=8)
        ->  {"model.embed_tokens.weight": 0.02, "model.layers.0.input_layernorm.weight": 0.0,
             "model.layers.0.self_attn.o_proj.weight": 0.005}          0.02 / √16
    """
    ### BEGIN SOLUTION
    writers, less = ("o_proj.weight", "down_proj.weight"), std / math.sqrt(2 * layers)
    return {name: 0.0 if len(shape) == 1 else less if name.endswith(writers) else std for name, shape in shapes.items()}
    ### END SOLUTION
