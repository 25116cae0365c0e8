"""Counting the parameters of linear layers

Training changes the parameters, a checkpoint stores them, and the optimizer keeps moments for them. For a stack of
linear layers you can count them from the widths alone.
"""


def linear_params(widths: list[int], bias: bool = True) -> int:
    """Parameters of the linear layers from widths[0] to widths[1], from widths[1] to widths[2], and so on.

    Every layer has a weight of shape (out, in) and, if `bias` is True, a bias of shape (out,). Layers share no
    parameters.

        linear_params([2, 3])         ->  3 · 2 weights + 3 biases = 9
        linear_params([2, 3, 1])      ->  9 + 1 · 3 + 1 = 13
        linear_params([2, 3], False)  ->  6
        linear_params([2])            ->  0: there is no layer yet
    """
    ### BEGIN SOLUTION
    return sum(widths[i] * (widths[i - 1] + bias) for i in range(1, len(widths)))
    ### END SOLUTION
