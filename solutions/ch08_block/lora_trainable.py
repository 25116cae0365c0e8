"""What trains under LoRA

A LoRA configuration names the projections to adapt, and the rank. The names and shapes of a model's parameters then
tell you which tensors train, and what share of all parameters they are.
"""

import math
from collections.abc import Sequence


def lora_trainable(
    shapes: dict[str, tuple[int, ...]], targets: Sequence[str], r: int
) -> tuple[dict[str, tuple[int, int]], float]:
    """The trainable parameters with their shapes, and their share of all parameters, old and new.

    A parameter is adapted if its name ends in "NAME.weight" and NAME is one of the targets. NAME is the whole last part
    of the module's name: "q_proj" fits "layers.0.q_proj.weight", but not "layers.0.eq_proj.weight". Biases are not
    adapted. For a weight of shape (out, in), add MODULE.lora_A.weight (r, in) and MODULE.lora_B.weight (out, r). Only
    these train. The weight itself, norms, embeddings and biases are frozen.

        lora_trainable({"embed.weight": (10, 4), "0.q_proj.weight": (6, 4), "0.norm.weight": (4,)}, ["q_proj"], 2)
        ->  ({"0.q_proj.lora_A.weight": (2, 4), "0.q_proj.lora_B.weight": (6, 2)}, 0.2273)
            8 + 12 new numbers; 40 + 24 + 4 + 20 numbers in total

    Raises ValueError if a target fits no parameter: then its name is probably misspelled, and nothing would train.
    """
    ### BEGIN SOLUTION
    trainable, used = {}, set()
    for name, shape in shapes.items():
        module, _, kind = name.rpartition(".")
        target = module.rpartition(".")[2]
        if kind == "weight" and target in targets:
            used.add(target)
            trainable[f"{module}.lora_A.weight"] = (r, shape[1])
            trainable[f"{module}.lora_B.weight"] = (shape[0], r)
    if missing := set(targets) - used:
        raise ValueError(f"no parameter fits {sorted(missing)}")
    new = sum(rows * columns for rows, columns in trainable.values())
    return trainable, new / (new + sum(math.prod(shape) for shape in shapes.values()))
    ### END SOLUTION
