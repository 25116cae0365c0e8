"""How large the first weights are

Every layer multiplies the size of its input, so fifty layers multiply it by the fiftieth power. Glorot's rule picks the
standard deviation of random weights so that the factor is near 1. Compute it, and what becomes of a signal that way.
"""


def xavier_std(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    """Standard deviation of the weights of a layer from fan_in to fan_out numbers: gain · √(2 / (fan_in + fan_out)).

    xavier_std(3, 5)       ->  √(2/8) = 0.5
    xavier_std(3, 5, 2.0)  ->  1.0
    """
    ### BEGIN SOLUTION
    return gain * (2 / (fan_in + fan_out)) ** 0.5
    ### END SOLUTION


def signal_by_depth(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    """Mean square of the signal after each layer, expected over random weights, if that of the input is 1.

    The layers lead from widths[0] to widths[1] and on to widths[-1], without biases. Layer i has independent weights of
    mean 0 and standard deviation stds[i]. One of its outputs is a sum of products, weight times input, and the mean
    square of a sum of independent numbers of mean 0 is the sum of their mean squares.

    With `relu` each layer ends in a ReLU. What enters it is as often negative as positive, so half of the mean square
    is left.

        signal_by_depth([2, 6], [0.5])          ->  [0.5]         two products, each of mean square 0.25 · 1
        signal_by_depth([2, 6, 2], [0.5, 0.5])  ->  [0.5, 0.75]   then six, each of mean square 0.25 · 0.5
        signal_by_depth([2, 6, 2], [0.5, 0.5], relu=True)  ->  [0.25, 0.1875]
                                                half of 0.5; then half of six times 0.25 · 0.25
    """
    ### BEGIN SOLUTION
    size, sizes = 1.0, []
    for fan_in, std in zip(widths, stds, strict=False):
        size *= fan_in * std**2 * (0.5 if relu else 1.0)
        sizes.append(size)
    return sizes
    ### END SOLUTION
