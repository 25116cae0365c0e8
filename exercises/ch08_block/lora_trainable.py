"""What trains under LoRA

A LoRA configuration names the projections that get a detour and a rank. From the names and shapes of a model's
parameters follows which tensors will train, and what share of all they are.
"""

import math
from collections.abc import Sequence


def lora_trainable(
    shapes: dict[str, tuple[int, ...]], targets: Sequence[str], r: int
) -> tuple[dict[str, tuple[int, int]], float]:
    """The trainable parameters with their shapes, and their share of all parameters, old and new.

    A parameter is adapted if its name ends in "NAME.weight" with one of the targets as NAME, the last part of the
    module's name as a whole: "q_proj" fits "layers.0.q_proj.weight", not "layers.0.eq_proj.weight", and a bias is no
    weight. For a weight of shape (out, in) it adds MODULE.lora_A.weight (r, in) and MODULE.lora_B.weight (out, r).
    These alone train; the weight itself, norms, embeddings and biases are frozen.

        lora_trainable({"embed.weight": (10, 4), "0.q_proj.weight": (6, 4), "0.norm.weight": (4,)}, ["q_proj"], 2)
        ->  ({"0.q_proj.lora_A.weight": (2, 4), "0.q_proj.lora_B.weight": (6, 2)}, 0.2273)
            8 + 12 new of 40 + 24 + 4 + 20 in all

    Raises ValueError if a target fits no parameter: then a name is misspelt, and nothing would train.
    """
    raise NotImplementedError("your turn")
