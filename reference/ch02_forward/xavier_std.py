"""The mean of the two fans under the root; and for each depth the product of all factors so far."""

import math
from collections.abc import Callable

from reference import oracle


@oracle
def xavier_std(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    mean_fan = (fan_in + fan_out) / 2
    return gain / math.sqrt(mean_fan)


@xavier_std.right("the root of the variance, gain included")
def root_of_variance(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return math.sqrt(gain**2 * 2.0 / float(fan_in + fan_out))


@xavier_std.wrong("He's rule, √(2 / fan_in): it is meant for layers that end in a ReLU")
def he(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return gain * math.sqrt(2 / fan_in)


@xavier_std.wrong("√(1 / fan_in), LeCun's rule: Glorot's takes the mean of both fans")
def lecun(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return gain * math.sqrt(1 / fan_in)


@xavier_std.wrong("√(1 / fan_out): Glorot's rule takes the mean of both fans")
def by_fan_out(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return gain * math.sqrt(1 / fan_out)


@xavier_std.wrong(
    "the bound of the uniform distribution, √(6 / (fan_in + fan_out)): its standard deviation is bound / √3"
)
def uniform_bound(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return gain * math.sqrt(6 / (fan_in + fan_out))


@xavier_std.wrong("1 for 2 above the line: it is the mean of the fans that counts, not their sum")
def sum_of_fans(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return gain * math.sqrt(1 / (fan_in + fan_out))


@xavier_std.wrong("√(1 / fan_in) and √(1 / fan_out) averaged: the fans are averaged, under the root")
def mean_of_roots(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return gain * (math.sqrt(1 / fan_in) + math.sqrt(1 / fan_out)) / 2


@xavier_std.wrong("fan_in times fan_out: they are added")
def product_of_fans(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return gain * math.sqrt(2 / (fan_in * fan_out))


@xavier_std.wrong("the variance: the standard deviation is its root")
def variance(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return gain**2 * 2 / (fan_in + fan_out)


@xavier_std.wrong("the gain left out")
def no_gain(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return math.sqrt(2 / (fan_in + fan_out))


@xavier_std.wrong("the gain under the root: it multiplies the standard deviation itself")
def gain_under_the_root(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return math.sqrt(gain * 2 / (fan_in + fan_out))


Factor = Callable[[int, int, float, bool], float]  # of fan_in, fan_out, the weights' std, and whether a ReLU follows


def _factor(fan_in: int, fan_out: int, std: float, relu: bool) -> float:
    return fan_in * std**2 / (2 if relu else 1)


def _walk(widths: list[int], stds: list[float], relu: bool, factor: Factor = _factor) -> list[float]:
    size, sizes = 1.0, []
    for i, std in enumerate(stds):
        size *= factor(widths[i], widths[i + 1], std, relu)
        sizes.append(size)
    return sizes


@oracle
def signal_by_depth(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    factors = [widths[i] * stds[i] * stds[i] for i in range(len(stds))]
    return [math.prod(factors[:depth]) * 0.5 ** (depth if relu else 0) for depth in range(1, len(factors) + 1)]


@signal_by_depth.right("layer by layer")
def layer_by_layer(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return _walk(widths, stds, relu)


@signal_by_depth.right("the logarithms added up")
def by_logs(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    logs = [math.log(_factor(widths[i], widths[i + 1], std, relu)) for i, std in enumerate(stds)]
    return [math.exp(math.fsum(logs[: depth + 1])) for depth in range(len(logs))]


@signal_by_depth.wrong("multiplied by fan_out: an output is a sum of fan_in products")
def by_fan_out_products(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return _walk(widths, stds, relu, lambda a, b, std, r: _factor(b, a, std, r))


@signal_by_depth.wrong("multiplied by the mean of the fans: that is Glorot's choice of std; a sum has fan_in products")
def by_mean_fan(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return _walk(widths, stds, relu, lambda a, b, std, r: (a + b) / 2 * std**2 / (2 if r else 1))


@signal_by_depth.wrong("the standard deviation for its square: mean squares are multiplied by that of the weights")
def std_for_variance(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return _walk(widths, stds, relu, lambda a, b, std, r: a * std / (2 if r else 1))


@signal_by_depth.wrong("fan_in squared with the standard deviation: it counts the products and stays as it is")
def fan_in_squared(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return _walk(widths, stds, relu, lambda a, b, std, r: (a * std) ** 2 / (2 if r else 1))


@signal_by_depth.wrong("the root mean square: asked for is the mean square")
def root_mean_square(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return [math.sqrt(size) for size in _walk(widths, stds, relu)]


@signal_by_depth.wrong("the fan_in left out: each output is a sum of that many products")
def one_product(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return _walk(widths, stds, relu, lambda a, b, std, r: std**2 / (2 if r else 1))


@signal_by_depth.wrong("every layer started from 1 again: a layer's output is the next one's input")
def not_carried_on(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return [_factor(widths[i], widths[i + 1], std, relu) for i, std in enumerate(stds)]


@signal_by_depth.wrong("the first standard deviation used for every layer: each has its own")
def first_std(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return _walk(widths, stds[:1] * len(stds), relu)


@signal_by_depth.wrong("`relu` ignored: it leaves half of the mean square")
def relu_ignored(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return _walk(widths, stds, False)


@signal_by_depth.wrong("halved though `relu` is False")
def always_relu(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return _walk(widths, stds, True)


@signal_by_depth.wrong("a quarter left by ReLU, as if it halved every number: it zeroes half of them")
def quartered(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return _walk(widths, stds, relu, lambda a, b, std, r: a * std**2 / (4 if r else 1))


@signal_by_depth.wrong("the variance after ReLU, (1 − 1/π)/2: it is no longer about mean 0; the mean square halves")
def variance_after_relu(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    left = (1 - 1 / math.pi) / 2
    return _walk(widths, stds, relu, lambda a, b, std, r: a * std**2 * (left if r else 1))


@signal_by_depth.wrong("no ReLU taken to follow the last layer: with `relu` each layer ends in one")
def last_without_relu(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    sizes = _walk(widths, stds, relu)
    return [*sizes[:-1], 2 * sizes[-1]] if relu and sizes else sizes


@signal_by_depth.wrong(
    "halved only where it is noted down: what ReLU took away is missing from the next layer's input too"
)
def halved_on_paper(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return [size / (2 if relu else 1) for size in _walk(widths, stds, False)]


@signal_by_depth.wrong("the input's 1 put in front: one number for each layer is asked for")
def with_the_input(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return [1.0, *_walk(widths, stds, relu)]


@signal_by_depth.wrong("the last layer only: one number for each layer is asked for")
def last_only(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return _walk(widths, stds, relu)[-1:]


@signal_by_depth.wrong("halved from the second layer on: with `relu` the first layer ends in a ReLU as well")
def first_without_relu(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return [(2 if relu else 1) * size for size in _walk(widths, stds, relu)]
