"""In float64, rounded on purpose: a float64 sum of two fp32 numbers, rounded to fp32, is their fp32 sum."""

import torch
from torch import Tensor

from reference import oracle


def _paired(a: Tensor, b: Tensor) -> None:
    if len(a) != len(b):
        raise ValueError("lengths must agree")


def _to(x: Tensor, *dtypes: torch.dtype) -> Tensor:
    for dtype in dtypes:
        x = x.to(dtype)
    return x.double()


def _running(products: Tensor, *rounded_to: torch.dtype) -> Tensor:
    """Running totals of float64 products, each total rounded to these dtypes one after the other."""
    total, totals = torch.zeros((), dtype=torch.float64), []
    for product in products:
        total = _to(total + product, *rounded_to)
        totals.append(total)
    return torch.stack(totals) if totals else torch.zeros(0, dtype=torch.float64)


@oracle
def accumulate(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    products = _to(a.double() * b.double(), torch.float32)
    return _running(products, torch.float32, accumulator).to(accumulator)


@accumulate.right("the total kept in its own dtype and widened for each addition")
def widened_each_time(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    total, totals = torch.zeros((), dtype=accumulator), []
    for x, y in zip(a, b, strict=True):
        total = (total.float() + x.float() * y.float()).to(accumulator)
        totals.append(total)
    return torch.tensor(totals, dtype=accumulator)


@accumulate.right("each total added to the one before it, in place")
def slot_by_slot(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    totals = (a.float() * b.float()).clone()
    for i in range(len(totals)):
        before = totals[i - 1] if i else 0.0
        totals[i] = (before + totals[i]).to(accumulator)
    return totals.to(accumulator)


@accumulate.right("from the first product on, without a zero at the start")
def from_the_first(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    totals: list[Tensor] = []
    for product in a.float() * b.float():
        totals.append((totals[-1].float() + product if totals else product).to(accumulator))
    return torch.stack(totals) if totals else torch.zeros(0, dtype=accumulator)


@accumulate.wrong("a separate float32 total was kept, and only copies of it were rounded: go on from the rounded total")
def rounds_the_result_only(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    return _running(_to(a.double() * b.double(), torch.float32), torch.float32).to(accumulator)


@accumulate.wrong("the total was kept in float64 (as cumsum does for float32): round it after every addition")
def wider_inside(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    return (a.float() * b.float()).double().cumsum(0).float().to(accumulator)


@accumulate.wrong("the sum ran in the 16 bits of the inputs and was widened at the end: lost digits do not come back")
def upcasts_the_result(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    return _running(_to(a.double() * b.double(), torch.float32), torch.float32, a.dtype).to(accumulator)


@accumulate.wrong("the products were rounded to 16 bits before the addition: multiply in float32, where they are exact")
def rounds_the_products(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    return _running((a * b).double(), torch.float32, accumulator).to(accumulator)


@accumulate.wrong("a and b were not converted to float32: products and totals have only the 16 bits of the inputs")
def never_widened(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    return _running((a * b).double(), torch.float32).to(a.dtype).to(accumulator)


@accumulate.wrong("the products were rounded to the accumulator's dtype before the addition: round only the total")
def rounds_both(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    products = _to(a.double() * b.double(), torch.float32, accumulator)
    return _running(products, torch.float32, accumulator).to(accumulator)


@accumulate.wrong("each total was a separate sum, in torch's order: add one product after the other")
def torch_sums(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    products = a.float() * b.float()
    totals = [products[: i + 1].sum() for i in range(len(products))]
    return torch.tensor(totals, dtype=accumulator)


@accumulate.wrong("only the last total was returned: the contract asks for all of them")
def last_only(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    totals = accumulate.fn(a, b, accumulator)
    return totals[-1] if len(totals) else torch.zeros((), dtype=accumulator)


@accumulate.wrong("the totals were returned in float32, not in the dtype of the accumulator")
def returns_fp32(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    return accumulate.fn(a, b, accumulator).float()


@accumulate.wrong(
    "the longer input was cut to the length of the other, as zip does: this drops products without an error"
)
def drops_the_tail(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    n = min(len(a), len(b))
    return accumulate.fn(a[:n], b[:n], accumulator)


@accumulate.wrong("the total was clamped to the accumulator's largest value: a total that is too large must become inf")
def saturates(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    top, total, totals = torch.finfo(accumulator).max, torch.zeros(()), []
    for product in a.float() * b.float():
        total = (total + product).clamp(-top, top).to(accumulator).float()
        totals.append(total)
    return torch.stack(totals).to(accumulator) if totals else torch.zeros(0, dtype=accumulator)


@accumulate.wrong("an input of length 1 was allowed: it was broadcast over the other input; raise ValueError")
def stretches_one(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    if 1 not in (len(a), len(b)):
        _paired(a, b)
    a, b = torch.broadcast_tensors(a, b)  # type: ignore[no-untyped-call]
    return accumulate.fn(a, b, accumulator)


@accumulate.wrong("an input of length 1 was broadcast over the other input: check the lengths before you multiply")
def broadcasts(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    a, b = torch.broadcast_tensors(a, b)  # type: ignore[no-untyped-call]
    return accumulate.fn(a, b, accumulator)


@accumulate.wrong("the inputs were cast to the accumulator's dtype and multiplied there: multiply in float32")
def casts_the_inputs(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    return _running((a.to(accumulator) * b.to(accumulator)).double(), torch.float32, accumulator).to(accumulator)
