import torch
from torch import Tensor

from reference import oracle


@oracle
def causal_mask(n_q: int, n_k: int) -> Tensor:
    rows = [[0.0 if j <= i + n_k - n_q else -torch.inf for j in range(n_k)] for i in range(n_q)]
    return torch.tensor(rows, dtype=torch.get_default_dtype()).reshape(n_q, n_k)


@causal_mask.right("the upper triangle of a full mask")
def by_triu(n_q: int, n_k: int) -> Tensor:
    return torch.full((n_q, n_k), -torch.inf).triu(n_k - n_q + 1)


@causal_mask.wrong("the diagonal was masked: a token may see itself")
def hides_itself(n_q: int, n_k: int) -> Tensor:
    return torch.full((n_q, n_k), -torch.inf).triu(n_k - n_q)


@causal_mask.wrong("the lower triangle was masked: that hides the past and shows the future")
def hides_the_past(n_q: int, n_k: int) -> Tensor:
    return torch.full((n_q, n_k), -torch.inf).tril(n_k - n_q - 1)


@causal_mask.wrong("the mask was aligned at the first key: with a cache the last query belongs to the last key")
def top_left(n_q: int, n_k: int) -> Tensor:
    return torch.full((n_q, n_k), -torch.inf).triu(1)


@causal_mask.wrong("a mask of zeros and ones was multiplied by −inf: 0 · −inf is NaN")
def multiplied(n_q: int, n_k: int) -> Tensor:
    return torch.ones(n_q, n_k).triu(n_k - n_q + 1) * -torch.inf


@causal_mask.wrong(
    "−10,000 was used for −inf: a large score stays visible, and a row with all keys hidden becomes an average"
)
def finite(n_q: int, n_k: int) -> Tensor:
    return torch.full((n_q, n_k), -1e4).triu(n_k - n_q + 1)


@causal_mask.wrong(
    "a boolean mask was returned, True where a key is hidden: this mask is added, so use −inf there and 0 elsewhere"
)
def boolean(n_q: int, n_k: int) -> Tensor:
    return torch.ones(n_q, n_k, dtype=torch.bool).triu(n_k - n_q + 1)


@causal_mask.wrong("the mask has ones where a key may be seen: it is added to the scores, so use zeros")
def ones(n_q: int, n_k: int) -> Tensor:
    return causal_mask.fn(n_q, n_k) + 1.0


@causal_mask.wrong("the mask has as many rows as keys: it needs one row for each query")
def square(n_q: int, n_k: int) -> Tensor:
    return causal_mask.fn(n_k, n_k)


@causal_mask.wrong(
    "a boolean mask was returned, True where a key may be seen: this mask is added, so use 0 there and −inf elsewhere"
)
def boolean_of_the_seen(n_q: int, n_k: int) -> Tensor:
    return torch.ones(n_q, n_k, dtype=torch.bool).tril(n_k - n_q)


@causal_mask.wrong("−1e9 was used for −inf: a row with all keys hidden becomes an average of all keys")
def minus_a_billion(n_q: int, n_k: int) -> Tensor:
    return torch.full((n_q, n_k), -1e9).triu(n_k - n_q + 1)


@causal_mask.wrong(
    "the lowest finite number was used for −inf: a row with all keys hidden becomes an average of all keys"
)
def lowest_finite(n_q: int, n_k: int) -> Tensor:
    return torch.full((n_q, n_k), torch.finfo(torch.float32).min).triu(n_k - n_q + 1)


@causal_mask.right("the negative of zeros, which leaves −0.0 where a key may be seen")
def negative_zeros(n_q: int, n_k: int) -> Tensor:
    future = torch.arange(n_k) > torch.arange(n_q).unsqueeze(1) + n_k - n_q
    return -torch.zeros(n_q, n_k).masked_fill(future, torch.inf)


@causal_mask.wrong("the offset n_k − n_q was clamped at 0: with more queries than keys the first queries see no key")
def shift_from_zero(n_q: int, n_k: int) -> Tensor:
    return torch.full((n_q, n_k), -torch.inf).triu(max(0, n_k - n_q) + 1)


@causal_mask.wrong("rows of −inf were set to 0: a query before the first key then sees all keys, but it must see none")
def blind_rows_opened(n_q: int, n_k: int) -> Tensor:
    mask = torch.full((n_q, n_k), -torch.inf).triu(n_k - n_q + 1)
    mask[torch.isinf(mask).all(1)] = 0.0
    return mask


@causal_mask.wrong("the offset n_q − n_k has the wrong sign: query i sees key j if j <= i + n_k − n_q")
def shifted_back(n_q: int, n_k: int) -> Tensor:
    return torch.full((n_q, n_k), -torch.inf).triu(n_q - n_k + 1)


@causal_mask.wrong("the mask was returned in float64: it must be float32")
def in_float64(n_q: int, n_k: int) -> Tensor:
    return by_triu(n_q, n_k).double()
