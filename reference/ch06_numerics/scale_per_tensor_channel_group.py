"""fp8 by arithmetic and not by a cast, one group after the other, errors by sums of squares."""

from typing import Any

import torch
from torch import Tensor

from reference import oracle


def _checked(x: Tensor, group: int) -> None:
    if x.shape[1] % group:
        raise ValueError("channels must be a multiple of the group")


def _quotient(x: Tensor, y: Tensor) -> Tensor:
    return torch.where(y == 0, torch.zeros_like(y), x / torch.where(y == 0, torch.ones_like(y), y))


def _fp8(y: Tensor) -> Tensor:
    _, e = torch.frexp(y)
    step = torch.ldexp(torch.ones_like(y), (e - 1).clamp(min=-6) - 3)
    return torch.round(y / step) * step


def _round(y: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.round(y) if dtype == torch.int8 else _fp8(y)


def _by_groups(size: Tensor, group: int) -> Tensor:
    runs = [run.amax(1, keepdim=True).expand_as(run) for run in size.split(group, 1)]  # type: ignore[no-untyped-call]
    return torch.cat(runs, 1)


def _tops(x: Tensor, group: int) -> dict[str, Tensor]:
    size = x.abs()
    return {"tensor": size.amax(), "channel": size.amax(0), "group": _by_groups(size, group)}


def _back(
    x: Tensor, top: Tensor, dtype: torch.dtype, ends: tuple[int, int] = (127, 448), rounding: Any = _round
) -> Tensor:
    scale = top / (ends[0] if dtype == torch.int8 else ends[1])
    return rounding(_quotient(x, scale.expand_as(x)), dtype) * scale


def _loss(x: Tensor, back: Tensor) -> Tensor:
    return _quotient(((back - x) ** 2).sum(-2).sqrt(), (x**2).sum(-2).sqrt())


@oracle
def scale_per_tensor_channel_group(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    _checked(x, group)
    tops = _tops(x, group)
    all_three = torch.stack([top.expand_as(x) for top in tops.values()])
    x = x.expand_as(all_three)
    return dict(zip(tops, _loss(x, _back(x, all_three, dtype)), strict=True))


def _variant(
    x: Tensor, group: int, dtype: torch.dtype, tops: Any = _tops, back: Any = _back, loss: Any = _loss
) -> dict[str, Tensor]:
    _checked(x, group)
    wide = x.float()
    tops = tops(wide, group)
    return {name: loss(wide, back(wide, top, dtype)).to(x.dtype) for name, top in tops.items()}


@scale_per_tensor_channel_group.right("by multiplying with the inverse of the scale")
def by_inverse(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    def back(x: Tensor, top: Any, dtype: torch.dtype) -> Tensor:
        factor = _quotient(torch.tensor(127.0 if dtype == torch.int8 else 448.0), top)
        return _quotient(_round(x * factor, dtype), factor.expand_as(x))

    return _variant(x, group, dtype, back=back)


@scale_per_tensor_channel_group.right("with casts to the 8-bit dtypes, column by column")
def by_casts(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    _checked(x, group)
    losses: dict[str, list[Tensor]] = {"tensor": [], "channel": [], "group": []}
    for i in range(x.shape[1]):
        column, first = x[:, i].float(), i - i % group
        tops = (x.abs().amax(), column.abs().amax(), x[:, first : first + group].abs().amax(1))
        for name, top in zip(losses, tops, strict=True):
            scale = (top.float() / (127 if dtype == torch.int8 else 448)).clamp(min=1e-30)
            small = column / scale
            small = small.round().to(dtype) if dtype == torch.int8 else small.to(dtype)
            error = torch.linalg.vector_norm(small.float() * scale - column)
            losses[name].append(error / torch.linalg.vector_norm(column).clamp(min=1e-30))
    return {name: torch.stack(loss).to(x.dtype) for name, loss in losses.items()}


@scale_per_tensor_channel_group.wrong(
    "the scale came from the mean of |x|: values above 127 times the mean are clipped or overflow"
)
def by_the_mean(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    def tops(x: Tensor, group: int) -> dict[str, Tensor]:
        size = x.abs()
        runs = [run.mean(1, keepdim=True).expand_as(run) for run in size.split(group, 1)]  # type: ignore[no-untyped-call]
        return {"tensor": size.mean(), "channel": size.mean(0), "group": torch.cat(runs, 1)}

    def back(x: Tensor, top: Any, dtype: torch.dtype) -> Tensor:
        return _back(
            x,
            top,
            dtype,
            rounding=lambda y, d: _round(y.clamp(-127, 127) if d == torch.int8 else y.clamp(-448, 448), d),
        )

    return _variant(x, group, dtype, tops, back)


@scale_per_tensor_channel_group.wrong("the largest x was used, not the largest |x|: a negative outlier does not fit")
def signed_maximum(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    def tops(x: Tensor, group: int) -> dict[str, Tensor]:
        return {"tensor": x.amax(), "channel": x.amax(0), "group": _by_groups(x, group)}

    return _variant(x, group, dtype, tops, _back_by_casts)


def _back_by_casts(x: Tensor, top: Tensor, dtype: torch.dtype) -> Tensor:
    return _back(x, top, dtype, rounding=lambda y, d: torch.round(y) if d == torch.int8 else y.to(d).float())


@scale_per_tensor_channel_group.wrong(
    "a scale per token was used for a scale per channel: the maximum ran over the wrong axis"
)
def per_token(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    return _variant(x, group, dtype, lambda x, g: _tops(x, g) | {"channel": x.abs().amax(1, keepdim=True)})


@scale_per_tensor_channel_group.wrong(
    "one scale was used for a group of channels in all tokens: each token has its own scale"
)
def groups_share_tokens(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    return _variant(x, group, dtype, lambda x, g: _tops(x, g) | {"group": _by_groups(x.abs().amax(0, keepdim=True), g)})


@scale_per_tensor_channel_group.wrong(
    "`group` was used as the number of groups: it is the number of channels in a group"
)
def number_of_groups(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    return _variant(x, group, dtype, lambda x, g: _tops(x, g) | {"group": _tops(x, -(-x.shape[1] // g))["group"]})


@scale_per_tensor_channel_group.wrong(
    "every `group`th channel was put into one group: a group is a run of neighboring channels"
)
def interleaved_groups(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    def tops(x: Tensor, group: int) -> dict[str, Tensor]:
        tiles = x.abs().reshape(len(x), group, -1)
        return _tops(x, group) | {"group": tiles.amax(1, keepdim=True).expand_as(tiles).reshape(x.shape)}

    return _variant(x, group, dtype, tops)


@scale_per_tensor_channel_group.wrong(
    "the scale used 128: int8 ends at 127, so the largest value is clipped or becomes −128"
)
def by_128(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    def back(x: Tensor, top: Any, dtype: torch.dtype) -> Tensor:
        return _back(x, top, dtype, (128, 448), lambda y, d: _round(y.clamp(-128, 127) if d == torch.int8 else y, d))

    return _variant(x, group, dtype, back=back)


@scale_per_tensor_channel_group.wrong(
    "127 was used for both formats: E4M3 reaches 448, so small values lose more digits than necessary"
)
def fp8_by_127(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    return _variant(x, group, dtype, back=lambda x, top, d: _back(x, top, d, (127, 127)))


@scale_per_tensor_channel_group.wrong("240 was used for E4M3: it has no infinity and reaches 448")
def fp8_by_240(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    return _variant(x, group, dtype, back=lambda x, top, d: _back(x, top, d, (127, 240)))


@scale_per_tensor_channel_group.wrong("values were cast to int8 without rounding: a cast cuts off the fraction")
def truncated(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    def back(x: Tensor, top: Any, dtype: torch.dtype) -> Tensor:
        return _back(x, top, dtype, rounding=lambda y, d: torch.trunc(y) if d == torch.int8 else _fp8(y))

    return _variant(x, group, dtype, back=back)


@scale_per_tensor_channel_group.wrong(
    "fp8 values were rounded to integers, as for int8: E4M3 has its own steps, from 2⁻⁹ to 32"
)
def fp8_as_integers(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    return _variant(x, group, dtype, back=lambda x, top, d: _back(x, top, d, rounding=lambda y, d: torch.round(y)))


@scale_per_tensor_channel_group.wrong("the 8-bit numbers were compared with x: multiply them by the scale first")
def not_multiplied_back(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    def back(x: Tensor, top: Any, dtype: torch.dtype) -> Tensor:
        scale = (top / (127 if dtype == torch.int8 else 448)).expand_as(x)
        return _round(_quotient(x, scale), dtype)

    return _variant(x, group, dtype, back=back)


@scale_per_tensor_channel_group.wrong(
    "the error was not divided by the size of its channel: the outlier's error then looks worst"
)
def absolute_loss(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    return _variant(x, group, dtype, loss=lambda x, back: ((back - x) ** 2).sum(0).sqrt())


@scale_per_tensor_channel_group.wrong("the mean of relative errors was taken: the loss is √Σ(back − x)² / √Σx²")
def mean_of_ratios(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    return _variant(x, group, dtype, loss=lambda x, back: _quotient((back - x).abs(), x.abs()).mean(0))


@scale_per_tensor_channel_group.wrong("absolute values were added, not squares: the loss is √Σ(back − x)² / √Σx²")
def loss_of_sizes(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    return _variant(x, group, dtype, loss=lambda x, back: _quotient((back - x).abs().sum(0), x.abs().sum(0)))


@scale_per_tensor_channel_group.wrong("the square root is missing: the loss is √Σ(back − x)² / √Σx²")
def squared_loss(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    return _variant(x, group, dtype, loss=lambda x, back: _loss(x, back) ** 2)


@scale_per_tensor_channel_group.wrong("0 / 0 gives NaN if all values are zero: nothing is lost then")
def nan_on_zeros(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    def back(x: Tensor, top: Any, dtype: torch.dtype) -> Tensor:
        scale = top / (127 if dtype == torch.int8 else 448)
        return _round(x / scale, dtype) * scale

    return _variant(
        x,
        group,
        dtype,
        back=back,
        loss=lambda x, back: ((back - x) ** 2).sum(0).sqrt() / (x**2).sum(0).sqrt(),
    )


@scale_per_tensor_channel_group.wrong(
    "scales had a minimum of 1e-5, to avoid division by zero: values of 1e-6 become 0; use 1 if all are 0"
)
def floor_on_the_scale(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    def back(x: Tensor, top: Any, dtype: torch.dtype) -> Tensor:
        scale = (top / (127 if dtype == torch.int8 else 448)).clamp(min=1e-5)
        return _round(x / scale, dtype) * scale

    return _variant(x, group, dtype, back=back)


@scale_per_tensor_channel_group.wrong("channels that do not fill a group were left out: raise ValueError")
def drops_the_tail(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    return _variant(x[:, : x.shape[1] // group * group], group, dtype)


scale_per_tensor_channel_group.standard_wrongs("low_precision_inside", "returns_fp32")


@scale_per_tensor_channel_group.wrong("0 / 0 gives NaN if all values under a scale are zero: use a scale of 1 for them")
def nan_on_zero_scales(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    def back(x: Tensor, top: Any, dtype: torch.dtype) -> Tensor:
        scale = top / (127 if dtype == torch.int8 else 448)
        return _round(x / scale, dtype) * scale

    return _variant(x, group, dtype, back=back)


@scale_per_tensor_channel_group.wrong(
    "the error was divided by the size of all of `x`: divide by the size of its channel"
)
def size_of_everything(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    def loss(x: Tensor, back: Tensor) -> Tensor:
        return _quotient(((back - x) ** 2).sum(0).sqrt(), (x**2).sum().sqrt().expand(x.shape[1]))

    return _variant(x, group, dtype, loss=loss)


@scale_per_tensor_channel_group.wrong("the last group was padded with zeros: raise ValueError")
def fills_the_tail(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    channels = x.shape[1]
    padded = torch.nn.functional.pad(x, (0, -channels % group))
    return {name: loss[:channels] for name, loss in _variant(padded, group, dtype).items()}


@scale_per_tensor_channel_group.wrong(
    "the largest x was used for a channel, not the largest |x|: a negative outlier does not fit"
)
def signed_channels(x: Tensor, group: int, dtype: torch.dtype) -> dict[str, Tensor]:
    return _variant(x, group, dtype, lambda x, g: _tops(x, g) | {"channel": x.amax(0)}, _back_by_casts)
