"""Which parameters decay

Weight decay pulls matrices toward zero, which keeps activations and logits small. But the gain of a norm belongs near
1, and a row of the embedding stands for one token, which may be rare. So many training recipes leave these out.
"""


def weight_decay_groups(shapes: dict[str, tuple[int, ...]]) -> tuple[list[str], list[str]]:
    """The names of the parameters that decay, and the names of the others, each in the order of `shapes`.

    A parameter decays if it has two or more axes and is not the embedding. The embedding is the parameter whose name
    ends in "embed_tokens.weight". Everything with fewer axes stays out, whatever its name: gains, biases, scalars.

        {"model.embed_tokens.weight": (1024, 128), "model.layers.0.mlp.up_proj.weight": (352, 128),
         "model.norm.weight": (128,)}
            ->  (["model.layers.0.mlp.up_proj.weight"], ["model.embed_tokens.weight", "model.norm.weight"])
    """
    ### BEGIN SOLUTION
    decayed, kept = [], []
    for name, shape in shapes.items():
        matrix = len(shape) >= 2 and not name.endswith("embed_tokens.weight")
        (decayed if matrix else kept).append(name)
    return decayed, kept
    ### END SOLUTION
