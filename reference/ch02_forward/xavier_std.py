"""The mean of the two fans under the root, and for each depth the product of all factors so far."""

import math
from collections.abc import Callable

from reference import oracle


@oracle
def xavier_std(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    mean_fan = (fan_in + fan_out) / 2
    return gain / math.sqrt(mean_fan)


@xavier_std.right("the root of the variance, with the gain inside")
def root_of_variance(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return math.sqrt(gain**2 * 2.0 / float(fan_in + fan_out))


@xavier_std.wrong("He's rule, √(2 / fan_in), was used: it is meant for layers with a ReLU")
def he(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return gain * math.sqrt(2 / fan_in)


@xavier_std.wrong("LeCun's rule, √(1 / fan_in), was used: Glorot's rule uses the mean of both fans")
def lecun(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return gain * math.sqrt(1 / fan_in)


@xavier_std.wrong("√(1 / fan_out) was used: Glorot's rule uses the mean of both fans")
def by_fan_out(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return gain * math.sqrt(1 / fan_out)


@xavier_std.wrong(
    "the limit of the uniform distribution, √(6 / (fan_in + fan_out)), was returned: its standard deviation is this "
    "limit / √3"
)
def uniform_bound(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return gain * math.sqrt(6 / (fan_in + fan_out))


@xavier_std.wrong("the 2 was left out: the variance is 1 / mean of the fans, which is 2 / their sum")
def sum_of_fans(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return gain * math.sqrt(1 / (fan_in + fan_out))


@xavier_std.wrong("√(1 / fan_in) and √(1 / fan_out) were averaged: average the fans, under the root")
def mean_of_roots(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return gain * (math.sqrt(1 / fan_in) + math.sqrt(1 / fan_out)) / 2


@xavier_std.wrong("fan_in was multiplied by fan_out: add them")
def product_of_fans(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return gain * math.sqrt(2 / (fan_in * fan_out))


@xavier_std.wrong("the variance was returned: the standard deviation is its root")
def variance(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return gain**2 * 2 / (fan_in + fan_out)


@xavier_std.wrong("the gain was left out")
def no_gain(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return math.sqrt(2 / (fan_in + fan_out))


@xavier_std.wrong("the gain was put under the root: it multiplies the standard deviation itself")
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


@signal_by_depth.wrong("the signal was multiplied by fan_out: an output is a sum of fan_in products")
def by_fan_out_products(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return _walk(widths, stds, relu, lambda a, b, std, r: _factor(b, a, std, r))


@signal_by_depth.wrong(
    "the signal was multiplied by the mean of the fans: Glorot's std uses the mean, but an output is a sum of fan_in "
    "products"
)
def by_mean_fan(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return _walk(widths, stds, relu, lambda a, b, std, r: (a + b) / 2 * std**2 / (2 if r else 1))


@signal_by_depth.wrong("the standard deviation was used without its square: the mean square of the weights is std²")
def std_for_variance(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return _walk(widths, stds, relu, lambda a, b, std, r: a * std / (2 if r else 1))


@signal_by_depth.wrong(
    "fan_in was squared together with the standard deviation: fan_in is the number of products and is not squared"
)
def fan_in_squared(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return _walk(widths, stds, relu, lambda a, b, std, r: (a * std) ** 2 / (2 if r else 1))


@signal_by_depth.wrong("the root mean square was returned: return the mean square")
def root_mean_square(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return [math.sqrt(size) for size in _walk(widths, stds, relu)]


@signal_by_depth.wrong("fan_in was left out: each output is a sum of fan_in products")
def one_product(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return _walk(widths, stds, relu, lambda a, b, std, r: std**2 / (2 if r else 1))


@signal_by_depth.wrong("every layer started from 1: the input of a layer is the output of the layer before")
def not_carried_on(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return [_factor(widths[i], widths[i + 1], std, relu) for i, std in enumerate(stds)]


@signal_by_depth.wrong("the first standard deviation was used for every layer: stds[i] belongs to layer i")
def first_std(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return _walk(widths, stds[:1] * len(stds), relu)


@signal_by_depth.wrong("`relu` was ignored: ReLU leaves half of the mean square")
def relu_ignored(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return _walk(widths, stds, False)


@signal_by_depth.wrong("the mean square was halved, though `relu` is False")
def always_relu(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return _walk(widths, stds, True)


@signal_by_depth.wrong(
    "the mean square was quartered, as if ReLU halved every number: ReLU sets half of the numbers to zero"
)
def quartered(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return _walk(widths, stds, relu, lambda a, b, std, r: a * std**2 / (4 if r else 1))


@signal_by_depth.wrong(
    "the variance after ReLU, (1 − 1/π)/2, was used: after ReLU the mean is not 0, so use the mean square, 1/2"
)
def variance_after_relu(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    left = (1 - 1 / math.pi) / 2
    return _walk(widths, stds, relu, lambda a, b, std, r: a * std**2 * (left if r else 1))


@signal_by_depth.wrong("the last layer has no ReLU: with `relu` every layer ends in a ReLU")
def last_without_relu(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    sizes = _walk(widths, stds, relu)
    return [*sizes[:-1], 2 * sizes[-1]] if relu and sizes else sizes


@signal_by_depth.wrong("only the returned numbers were halved: the input of the next layer is halved too")
def halved_on_paper(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return [size / (2 if relu else 1) for size in _walk(widths, stds, False)]


@signal_by_depth.wrong("the 1 of the input was included: return one number for each layer")
def with_the_input(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return [1.0, *_walk(widths, stds, relu)]


@signal_by_depth.wrong("only the last layer was returned: return one number for each layer")
def last_only(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return _walk(widths, stds, relu)[-1:]


@signal_by_depth.wrong("the first layer was not halved: with `relu` every layer ends in a ReLU")
def first_without_relu(widths: list[int], stds: list[float], relu: bool = False) -> list[float]:
    return [(2 if relu else 1) * size for size in _walk(widths, stds, relu)]
