"""Counting the parameters of linear layers

Parameters are what training adjusts, what a checkpoint stores and what the optimizer keeps its moments for. For a stack
of linear layers they can be counted from the widths alone.
"""


def linear_params(widths: list[int], bias: bool = True) -> int:
    """Parameters of the linear layers that lead from widths[0] to widths[1], from there to widths[2], and so on.

    Every layer has a weight of (out, in) and, with `bias`, a bias of (out,). Two layers never share anything.

        linear_params([2, 3])         ->  3 · 2 weights + 3 biases = 9
        linear_params([2, 3, 1])      ->  9 + 1 · 3 + 1 = 13
        linear_params([2, 3], False)  ->  6
        linear_params([2])            ->  0: there is no layer yet
    """
    ### BEGIN SOLUTION
    return sum(widths[i] * (widths[i - 1] + bias) for i in range(1, len(widths)))
    ### END SOLUTION
