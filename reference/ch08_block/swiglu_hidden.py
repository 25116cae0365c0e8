import math

from reference import oracle


def _check(d_model: int, multiple: int, multiplier: float) -> None:
    if d_model < 1 or multiple < 1 or multiplier <= 0:
        raise ValueError("d_model, multiple and multiplier must be positive")


@oracle
def swiglu_hidden(d_model: int, multiple: int = 256, multiplier: float = 1.0) -> tuple[int, float]:
    _check(d_model, multiple, multiplier)
    width = math.floor(multiplier * ((2 * 4 * d_model) // 3))
    hidden = 0
    while hidden < width:
        hidden += multiple
    return hidden, 0.375 * hidden / d_model


@swiglu_hidden.right("as in Meta's code, with the ceiling by negated floor division")
def by_negation(d_model: int, multiple: int = 256, multiplier: float = 1.0) -> tuple[int, float]:
    _check(d_model, multiple, multiplier)
    width = int(2 * (4 * d_model) / 3)
    hidden = -(-int(multiplier * width) // multiple) * multiple
    return hidden, (3 * hidden) / (8 * d_model)


def _width(d_model: int, multiplier: float) -> int:
    return int(multiplier * (8 * d_model // 3))


def _up(width: float, multiple: int) -> int:
    return math.ceil(width / multiple) * multiple


def _with(d_model: int, hidden: int) -> tuple[int, float]:
    return hidden, 3 * hidden / (8 * d_model)


@swiglu_hidden.wrong("the width was rounded down to the multiple: round it up")
def down(d_model: int, multiple: int = 256, multiplier: float = 1.0) -> tuple[int, float]:
    _check(d_model, multiple, multiplier)
    return _with(d_model, _width(d_model, multiplier) // multiple * multiple)


@swiglu_hidden.wrong("the width was rounded to the nearest multiple: round it up")
def nearest(d_model: int, multiple: int = 256, multiplier: float = 1.0) -> tuple[int, float]:
    _check(d_model, multiple, multiplier)
    return _with(d_model, round(_width(d_model, multiplier) / multiple) * multiple)


@swiglu_hidden.wrong("if the width is already a multiple, the result is one multiple too large")
def one_more(d_model: int, multiple: int = 256, multiplier: float = 1.0) -> tuple[int, float]:
    _check(d_model, multiple, multiplier)
    return _with(d_model, (_width(d_model, multiplier) // multiple + 1) * multiple)


@swiglu_hidden.wrong("the width was not rounded to a multiple")
def not_rounded(d_model: int, multiple: int = 256, multiplier: float = 1.0) -> tuple[int, float]:
    _check(d_model, multiple, multiplier)
    return _with(d_model, _width(d_model, multiplier))


@swiglu_hidden.wrong("the width is 4 · d_model: three matrices then cost 1.5 times as much; take two thirds of it")
def four_times(d_model: int, multiple: int = 256, multiplier: float = 1.0) -> tuple[int, float]:
    _check(d_model, multiple, multiplier)
    return _with(d_model, _up(int(multiplier * 4 * d_model), multiple))


@swiglu_hidden.wrong("the width is two thirds of d_model: it must be two thirds of 4 · d_model")
def two_thirds(d_model: int, multiple: int = 256, multiplier: float = 1.0) -> tuple[int, float]:
    _check(d_model, multiple, multiplier)
    return _with(d_model, _up(int(multiplier * (2 * d_model // 3)), multiple))


@swiglu_hidden.wrong("the multiplier was left out")
def no_multiplier(d_model: int, multiple: int = 256, multiplier: float = 1.0) -> tuple[int, float]:
    _check(d_model, multiple, multiplier)
    return _with(d_model, _up(_width(d_model, 1.0), multiple))


@swiglu_hidden.wrong("the multiplier came after rounding up: the result is then not always a multiple")
def multiplied_last(d_model: int, multiple: int = 256, multiplier: float = 1.0) -> tuple[int, float]:
    _check(d_model, multiple, multiplier)
    return _with(d_model, int(multiplier * _up(_width(d_model, 1.0), multiple)))


@swiglu_hidden.wrong("8/3 · d_model was not rounded down before the multiplication")
def rounded_once(d_model: int, multiple: int = 256, multiplier: float = 1.0) -> tuple[int, float]:
    _check(d_model, multiple, multiplier)
    return _with(d_model, _up(int(multiplier * 8 * d_model / 3), multiple))


@swiglu_hidden.wrong("the product with the multiplier was not rounded down before it was rounded up")
def fraction_kept(d_model: int, multiple: int = 256, multiplier: float = 1.0) -> tuple[int, float]:
    _check(d_model, multiple, multiplier)
    return _with(d_model, _up(multiplier * (8 * d_model // 3), multiple))


@swiglu_hidden.wrong("two matrices were counted in the gated layer: gate, up and down are three")
def two_matrices(d_model: int, multiple: int = 256, multiplier: float = 1.0) -> tuple[int, float]:
    _check(d_model, multiple, multiplier)
    hidden = _up(_width(d_model, multiplier), multiple)
    return hidden, 2 * hidden / (8 * d_model)


@swiglu_hidden.wrong("the ratio compares the widths, hidden / d_model: compare the weights of all matrices")
def ratio_of_widths(d_model: int, multiple: int = 256, multiplier: float = 1.0) -> tuple[int, float]:
    _check(d_model, multiple, multiplier)
    hidden = _up(_width(d_model, multiplier), multiple)
    return hidden, hidden / d_model


@swiglu_hidden.wrong("the ratio is upside down: divide the gated layer's weights by the plain layer's")
def upside_down(d_model: int, multiple: int = 256, multiplier: float = 1.0) -> tuple[int, float]:
    _check(d_model, multiple, multiplier)
    hidden = _up(_width(d_model, multiplier), multiple)
    return hidden, 8 * d_model / (3 * hidden)


@swiglu_hidden.wrong("no ValueError was raised: a width, multiple or multiplier of 0 or less has no meaning")
def unchecked(d_model: int, multiple: int = 256, multiplier: float = 1.0) -> tuple[int, float]:
    return _with(d_model or 1, _up(_width(d_model, multiplier), multiple or 1))


@swiglu_hidden.wrong("8/3 · d_model was rounded to the nearest integer: round it down")
def nearest_integer(d_model: int, multiple: int = 256, multiplier: float = 1.0) -> tuple[int, float]:
    _check(d_model, multiple, multiplier)
    return _with(d_model, _up(int(multiplier * round(8 * d_model / 3)), multiple))


@swiglu_hidden.wrong("the ratio was computed before the width was rounded up: use the final width")
def ratio_before_rounding(d_model: int, multiple: int = 256, multiplier: float = 1.0) -> tuple[int, float]:
    _check(d_model, multiple, multiplier)
    width = _width(d_model, multiplier)
    return _up(width, multiple), 3 * width / (8 * d_model)


@swiglu_hidden.wrong("`multiplier` was not checked: 0 or less has no meaning; raise ValueError")
def multiplier_unchecked(d_model: int, multiple: int = 256, multiplier: float = 1.0) -> tuple[int, float]:
    _check(d_model, multiple, 1.0)
    return _with(d_model, _up(_width(d_model, multiplier), multiple))
