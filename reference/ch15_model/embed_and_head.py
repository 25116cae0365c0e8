"""Selects rows, multiplies and adds element by element, and places gradients by one-hot vectors."""

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import oracle, promoted


@oracle
def embed(ids: Tensor, table: Tensor) -> Tensor:
    return table.index_select(0, ids.flatten()).reshape(*ids.shape, table.shape[1])


@embed.right("the library's embedding")
def by_library(ids: Tensor, table: Tensor) -> Tensor:
    return F.embedding(ids, table)


@embed.right("as a product with one-hot vectors")
def by_one_hot(ids: Tensor, table: Tensor) -> Tensor:
    return F.one_hot(ids, len(table)).to(table.dtype) @ table


@embed.wrong("the rows were scaled by √d, as Gemma does: Llama takes them as they are")
def scaled(ids: Tensor, table: Tensor) -> Tensor:
    return table[ids] * table.shape[1] ** 0.5


@embed.wrong("ids were counted from 1: id 0 has row 0")
def rows_from_1(ids: Tensor, table: Tensor) -> Tensor:
    return table[ids - 1]


@embed.wrong("id 0 got zeros, as padding does: it is a token like any other")
def padding_0(ids: Tensor, table: Tensor) -> Tensor:
    return table[ids] * (ids != 0).unsqueeze(-1)


@embed.wrong("the rows of all positions were added up: each position has its own row")
def bag(ids: Tensor, table: Tensor) -> Tensor:
    return table[ids].float().sum(1, keepdim=True).expand(-1, ids.shape[1], -1).to(table.dtype)


embed.standard_wrongs("returns_fp32", of="the table", formula=lambda ids, table: table[ids])


@oracle
def head(x: Tensor, table: Tensor) -> Tensor:
    dtype = x.dtype
    x, table = promoted(x, table)
    return (x.unsqueeze(-2) * table).sum(-1).to(dtype)


@head.right("the library's linear layer")
def by_linear(x: Tensor, table: Tensor) -> Tensor:
    return F.linear(x.float(), table.float()).to(x.dtype)


@head.right("by einsum")
def by_einsum(x: Tensor, table: Tensor) -> Tensor:
    return torch.einsum("bnd,vd->bnv", x.float(), table.float()).to(x.dtype)


@head.wrong("the logits were divided by √d: that scale belongs to attention")
def divided_by_root_d(x: Tensor, table: Tensor) -> Tensor:
    return (by_linear(x.float(), table) / x.shape[-1] ** 0.5).to(x.dtype)


@head.wrong("the logits were multiplied by √d")
def times_root_d(x: Tensor, table: Tensor) -> Tensor:
    return (by_linear(x.float(), table) * x.shape[-1] ** 0.5).to(x.dtype)


@head.wrong("the cosine was taken: rows and hidden states keep their lengths")
def cosine(x: Tensor, table: Tensor) -> Tensor:
    return by_linear(F.normalize(x.float(), dim=-1), F.normalize(table.float(), dim=-1)).to(x.dtype)


@head.wrong("probabilities were returned: logits have no softmax")
def probabilities(x: Tensor, table: Tensor) -> Tensor:
    return torch.softmax(by_linear(x.float(), table), -1).to(x.dtype)


@head.wrong("log-probabilities were returned: logits have no log-softmax")
def log_probabilities(x: Tensor, table: Tensor) -> Tensor:
    return torch.log_softmax(by_linear(x.float(), table), -1).to(x.dtype)


@head.wrong("the table was not transposed: a logit is a product with a row")
def columns(x: Tensor, table: Tensor) -> Tensor:
    return (x.float() @ table.float()).to(x.dtype)


@head.wrong("only the last position got logits: training needs them at every position")
def last_position(x: Tensor, table: Tensor) -> Tensor:
    return by_linear(x[:, -1:], table)


@head.wrong("the result has the dtype of the table: it must have the dtype of `x`")
def in_the_dtype_of_the_table(x: Tensor, table: Tensor) -> Tensor:
    return by_linear(x.float(), table).to(table.dtype)


head.standard_wrongs("returns_fp32", of="`x`", formula=lambda x, table: x @ table.T)


@head.wrong("the products were added up in the low precision of the input: upcast inside and round once at the end")
def low_precision_inside(x: Tensor, table: Tensor) -> Tensor:
    total = x.new_zeros(*x.shape[:-1], len(table))
    for column, weight in zip(x.unbind(-1), table.to(x.dtype).unbind(1), strict=True):
        total = total + column.unsqueeze(-1) * weight
    return total


@oracle
def table_gradient(ids: Tensor, d_embed: Tensor, x: Tensor, d_logits: Tensor) -> Tensor:
    dtype = x.dtype
    d_embed, x, d_logits = promoted(d_embed, x, d_logits)
    at = F.one_hot(ids, d_logits.shape[-1]).to(x.dtype)
    as_embedding = (at.unsqueeze(-1) * d_embed.unsqueeze(-2)).sum((0, 1))
    as_head = (d_logits.unsqueeze(-1) * x.unsqueeze(-2)).sum((0, 1))
    return (as_embedding + as_head).to(dtype)


@table_gradient.right("by autograd, of a table of zeros")
def by_autograd(ids: Tensor, d_embed: Tensor, x: Tensor, d_logits: Tensor) -> Tensor:
    table = torch.zeros(d_logits.shape[-1], x.shape[-1], requires_grad=True)
    uses = F.embedding(ids, table), F.linear(x.float(), table)
    (gradient,) = torch.autograd.grad(uses, table, (d_embed.float(), d_logits.float()))
    return gradient.to(x.dtype)


@table_gradient.right("token by token, in a loop")
def by_loop(ids: Tensor, d_embed: Tensor, x: Tensor, d_logits: Tensor) -> Tensor:
    out = torch.zeros(d_logits.shape[-1], x.shape[-1])
    for b in range(ids.shape[0]):
        for t in range(ids.shape[1]):
            out = out + torch.outer(d_logits[b, t].float(), x[b, t].float())
            out[ids[b, t]] += d_embed[b, t].float()
    return out.to(x.dtype)


def _as_head(x: Tensor, d_logits: Tensor) -> Tensor:
    return d_logits.float().flatten(0, 1).T @ x.float().flatten(0, 1)


def _as_embedding(ids: Tensor, d_embed: Tensor, d_logits: Tensor) -> Tensor:
    zeros = torch.zeros(d_logits.shape[-1], d_embed.shape[-1])
    return zeros.index_add(0, ids.flatten(), d_embed.float().flatten(0, 1))


@table_gradient.wrong("the embedding's gradient is lost, as if the head had a copy of the table: add up both uses")
def only_the_head(ids: Tensor, d_embed: Tensor, x: Tensor, d_logits: Tensor) -> Tensor:
    return _as_head(x, d_logits).to(x.dtype)


@table_gradient.wrong("the head's gradient is lost, as if the head had a copy of the table: add up both uses")
def only_the_embedding(ids: Tensor, d_embed: Tensor, x: Tensor, d_logits: Tensor) -> Tensor:
    return _as_embedding(ids, d_embed, d_logits).to(x.dtype)


@table_gradient.wrong("the mean of both uses was taken: gradients of one table add up")
def mean_of_both(ids: Tensor, d_embed: Tensor, x: Tensor, d_logits: Tensor) -> Tensor:
    return ((_as_head(x, d_logits) + _as_embedding(ids, d_embed, d_logits)) / 2).to(x.dtype)


@table_gradient.wrong(
    "of an id that occurs several times only one position counts: out[ids] += … adds once; use index_add"
)
def written_once(ids: Tensor, d_embed: Tensor, x: Tensor, d_logits: Tensor) -> Tensor:
    out = _as_head(x, d_logits)
    out[ids] += d_embed.float()
    return out.to(x.dtype)


@table_gradient.wrong("the mean over the positions of an id was taken: their gradients add up")
def mean_over_an_id(ids: Tensor, d_embed: Tensor, x: Tensor, d_logits: Tensor) -> Tensor:
    times = torch.bincount(ids.flatten(), minlength=d_logits.shape[-1]).clamp(min=1).unsqueeze(1)
    return (_as_head(x, d_logits) + _as_embedding(ids, d_embed, d_logits) / times).to(x.dtype)


@table_gradient.wrong("the mean over all positions was taken: `d_embed` and `d_logits` already contain it, so add up")
def mean_over_positions(ids: Tensor, d_embed: Tensor, x: Tensor, d_logits: Tensor) -> Tensor:
    return ((_as_head(x, d_logits) + _as_embedding(ids, d_embed, d_logits)) / ids.numel()).to(x.dtype)


@table_gradient.wrong("only the first row of the batch was counted: add up all rows")
def first_row(ids: Tensor, d_embed: Tensor, x: Tensor, d_logits: Tensor) -> Tensor:
    return table_gradient.fn(ids[:1], d_embed[:1], x[:1], d_logits[:1])


@table_gradient.wrong("the two uses were multiplied: they add up")
def product(ids: Tensor, d_embed: Tensor, x: Tensor, d_logits: Tensor) -> Tensor:
    return (_as_head(x, d_logits) * _as_embedding(ids, d_embed, d_logits)).to(x.dtype)


@table_gradient.wrong("the gradient is transposed: it has the shape of the table, (v, d)")
def transposed(ids: Tensor, d_embed: Tensor, x: Tensor, d_logits: Tensor) -> Tensor:
    return (_as_head(x, d_logits) + _as_embedding(ids, d_embed, d_logits)).T.to(x.dtype)


@table_gradient.wrong("the gradient was rounded before both uses were added up: add in float32 and round once")
def rounded_before_the_sum(ids: Tensor, d_embed: Tensor, x: Tensor, d_logits: Tensor) -> Tensor:
    return _as_head(x, d_logits).to(x.dtype) + _as_embedding(ids, d_embed, d_logits).to(x.dtype)


@table_gradient.wrong("the gradient is float32: it must have the dtype of `x`")
def gradient_in_float32(ids: Tensor, d_embed: Tensor, x: Tensor, d_logits: Tensor) -> Tensor:
    return _as_head(x, d_logits) + _as_embedding(ids, d_embed, d_logits)


@table_gradient.wrong("the gradient has the dtype of `d_embed`: it must have the dtype of `x`")
def in_the_dtype_of_d_embed(ids: Tensor, d_embed: Tensor, x: Tensor, d_logits: Tensor) -> Tensor:
    return (_as_head(x, d_logits) + _as_embedding(ids, d_embed, d_logits)).to(d_embed.dtype)


@table_gradient.wrong("the gradients were added up in the low precision of the input: add up in float32")
def gradient_in_low_precision(ids: Tensor, d_embed: Tensor, x: Tensor, d_logits: Tensor) -> Tensor:
    as_head = d_logits.flatten(0, 1).T.to(x.dtype) @ x.flatten(0, 1)
    return as_head.index_add(0, ids.flatten(), d_embed.flatten(0, 1).to(x.dtype))
