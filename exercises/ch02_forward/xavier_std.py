"""How large the initial weights are

Every layer multiplies the size of its input by a factor, so fifty layers multiply it by the fiftieth power. Glorot's
rule chooses the standard deviation of random weights so that the factor is near 1. Compute this standard deviation, and
the size of a signal after each layer.
"""


def xavier_std(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    """Standard deviation of the weights of a layer from fan_in to fan_out numbers: gain · √(2 / (fan_in + fan_out)).

    xavier_std(3, 5)       ->  √(2/8) = 0.5
    xavier_std(3, 5, 2.0)  ->  1.0
    """
    raise NotImplementedError("your turn")


def signal_by_depth(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    """The expected mean square of the signal after each layer, for random weights. The mean square of the input is 1.

    The layers go from widths[0] to widths[1], then to widths[2], up to widths[-1], without biases. The weights of layer
    i are independent, with mean 0 and standard deviation stds[i]. Each output of a layer is a sum of products, weight
    times input. The mean square of a sum of independent numbers with mean 0 is the sum of their mean squares.

    If `relu` is True, each layer ends in a ReLU. The input of ReLU is negative as often as positive, so half of the
    mean square is left.

        signal_by_depth([2, 6], [0.5])          ->  [0.5]         2 products, each with mean square 0.25 · 1
        signal_by_depth([2, 6, 2], [0.5, 0.5])  ->  [0.5, 0.75]   then 6 products, each with mean square 0.25 · 0.5
        signal_by_depth([2, 6, 2], [0.5, 0.5], relu=True)  ->  [0.25, 0.1875]
                                                half of 0.5; then half of 6 · 0.25 · 0.25
    """
    raise NotImplementedError("your turn")
