"""How wide the gated layer is

A plain feed-forward layer has two matrices and is usually 4 · d_model wide. A gated layer has three, so a width of
8/3 · d_model costs the same. Llama models multiply this width by a factor and round it up to a multiple that suits the
hardware.
"""


def swiglu_hidden(d_model: int, multiple: int = 256, multiplier: float = 1.0) -> tuple[int, float]:
    """The hidden width of a SwiGLU layer, and the ratio of its weights to the weights of a plain layer.

    Take 8/3 · d_model and round it down to an integer. Multiply by `multiplier` and round down again. Then round up to
    a multiple of `multiple`. A width that is already a multiple does not change. The plain layer has two matrices of
    d_model by 4 · d_model, and the gated layer has three of d_model by the hidden width.

        swiglu_hidden(4096)  ->  (11008, 1.0078)     10,922 rounded up to 43 · 256;
                                                     3 · 4096 · 11008 divided by 2 · 4096 · 16384

    Raises ValueError if `d_model` or `multiple` is less than 1, or `multiplier` is not positive.
    """
    ### BEGIN SOLUTION
    if d_model < 1 or multiple < 1 or multiplier <= 0:
        raise ValueError(f"{d_model=}, {multiple=}, {multiplier=}: all three must be positive")
    width = int(multiplier * (8 * d_model // 3))
    hidden = (width + multiple - 1) // multiple * multiple
    return hidden, 3 * d_model * hidden / (2 * d_model * 4 * d_model)
    ### END SOLUTION
