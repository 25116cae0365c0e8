"""Rows with columns, summed exactly by fsum; for tensors all products at once, then their sum."""

import math

import torch
from torch import Tensor

from reference import oracle, promoted

Table = list[list[float]]


def _columns(b: Table) -> Table:
    return [list(column) for column in zip(*b, strict=True)]


def _dot(x: list[float], y: list[float]) -> float:
    return math.fsum(p * q for p, q in zip(x, y, strict=True))


def _check_lists(a: Table, b: Table) -> None:
    if len(a[0]) != len(b):
        raise ValueError("the rows of a must be as long as b has rows")


def _check(a: Tensor, b: Tensor) -> None:
    if a.shape[1] != b.shape[0]:
        raise ValueError("the inner sizes must agree")


@oracle
def matmul_by_loops(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    return [[_dot(row, column) for column in _columns(b)] for row in a]


@matmul_by_loops.right("row by row: multiples of the rows of b added up")
def rows_added_up(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    table = [[0.0] * len(b[0]) for _ in a]
    for i, row in enumerate(a):
        for j, x in enumerate(row):
            table[i] = [t + x * y for t, y in zip(table[i], b[j], strict=True)]
    return table


@matmul_by_loops.right("as a product of tensors")
def by_tensors(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    return (torch.tensor(a, dtype=torch.float64) @ torch.tensor(b, dtype=torch.float64)).tolist()


@matmul_by_loops.wrong("multiplied place by place: that is `*`; a row of a meets a column of b")
def loops_elementwise(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    return [[x * y for x, y in zip(row, other, strict=False)] for row, other in zip(a, b, strict=False)]


@matmul_by_loops.wrong("rows of a with rows of b, b[k][j]: that is a times b transposed; take b[j][k]")
def loops_transposed_b(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    return [[sum(x * b[k][j] for j, x in enumerate(row)) for k in range(len(b[0]))] for row in a]


@matmul_by_loops.wrong("columns of a with columns of b: that is a transposed times b; a[i][j] runs along a row")
def loops_transposed_a(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    return [
        [math.fsum(x * y for x, y in zip(left, right, strict=False)) for right in _columns(b)] for left in _columns(a)
    ]


@matmul_by_loops.wrong("b times a: the order matters, a matrix product does not commute")
def loops_swapped(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    return matmul_by_loops.fn(b, a)


@matmul_by_loops.wrong("the table is turned: row i belongs to row i of a, column k to column k of b")
def loops_turned(a: Table, b: Table) -> Table:
    return _columns(matmul_by_loops.fn(a, b))


@matmul_by_loops.wrong("as many columns as a has rows: a row of the result has one number for each column of b")
def square(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    return [[math.fsum(x * b[j][k] for j, x in enumerate(row)) for k in range(len(a))] for row in a]


@matmul_by_loops.wrong("as many columns as b has rows: len(b) is the length of the sum, the columns are len(b[0])")
def columns_by_rows_of_b(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    return [[math.fsum(x * b[j][k] for j, x in enumerate(row)) for k in range(len(b))] for row in a]


@matmul_by_loops.wrong("the running sum is not set back to 0 before the next number")
def carries_on(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    total, table = 0.0, []
    for row in a:
        products = []
        for column in _columns(b):
            total += _dot(row, column)
            products.append(total)
        table.append(products)
    return table


@matmul_by_loops.wrong("each product replaces the one before it: they are to be summed (+=, not =)")
def last_product(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    return [[row[-1] * column[-1] for column in _columns(b)] for row in a]


@matmul_by_loops.wrong("[[0] * K] * I holds one row I times: what is added to one row is added to all")
def one_row_shared(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    table = [[0.0] * len(b[0])] * len(a)
    for i, row in enumerate(a):
        for k, column in enumerate(_columns(b)):
            table[i][k] += _dot(row, column)
    return table


@matmul_by_loops.wrong("[[0] * K] * I holds one row I times: what is written into one row is written into all")
def one_row_written(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    table = [[0.0] * len(b[0])] * len(a)
    for i, row in enumerate(a):
        for k, column in enumerate(_columns(b)):
            table[i][k] = _dot(row, column)
    return table


@matmul_by_loops.wrong("the sizes not compared, and zip stops at the shorter of the two without a word")
def loops_cut_short(a: Table, b: Table) -> Table:
    return [[math.fsum(x * y for x, y in zip(row, column, strict=False)) for column in _columns(b)] for row in a]


@matmul_by_loops.wrong("the sizes not compared: b[j] does not exist for every j, and an IndexError is not asked for")
def loops_unchecked(a: Table, b: Table) -> Table:
    return [[math.fsum(x * b[j][k] for j, x in enumerate(row)) for k in range(len(b[0]))] for row in a]


@matmul_by_loops.wrong("whole shapes compared: only the inner sizes must agree, the others are free")
def loops_wants_one_shape(a: Table, b: Table) -> Table:
    if (len(a), len(a[0])) != (len(b), len(b[0])):
        raise ValueError("the shapes differ")
    return matmul_by_loops.fn(a, b)


@oracle
def matmul(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    x, y = promoted(a, b)
    return (x.unsqueeze(2) * y.unsqueeze(0)).sum(1).to(a.dtype)


@matmul.right("by @")
def by_operator(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    return (a.float() @ b.float()).to(a.dtype)


@matmul.right("column times row, added up over j")
def outer_products(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    total = torch.zeros(a.shape[0], b.shape[1])
    for j in range(a.shape[1]):
        total = total + torch.outer(a[:, j].float(), b[j].float())
    return total.to(a.dtype)


@matmul.right("one dot product for each row and column")
def dot_products(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    table = torch.zeros(a.shape[0], b.shape[1])
    for i in range(a.shape[0]):
        for k in range(b.shape[1]):
            table[i, k] = torch.dot(a[i].float(), b[:, k].float())
    return table.to(a.dtype)


@matmul.wrong("multiplied place by place: that is `*`; a row of a meets a column of b")
def elementwise(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    return (a.float() * b.float()).to(a.dtype)


@matmul.wrong("b transposed, 'ij,kj->ik': the letter that is summed is the first of b")
def transposed_b(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    return torch.einsum("ij,kj->ik", a.float(), b.float()).to(a.dtype)


@matmul.wrong("a transposed, 'ji,jk->ik': the letter that is summed is the second of a")
def transposed_a(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    return torch.einsum("ji,jk->ik", a.float(), b.float()).to(a.dtype)


@matmul.wrong("b times a: the order matters, a matrix product does not commute")
def swapped(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    return (b.float() @ a.float()).to(a.dtype)


@matmul.wrong("the result is turned, '->ki': rows come from a, columns from b")
def turned(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    return torch.einsum("ij,jk->ki", a.float(), b.float()).to(a.dtype)


@matmul.wrong("j kept on the right, 'ij,jk->ijk': these are the products before the sum")
def not_summed(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    return torch.einsum("ij,jk->ijk", a.float(), b.float()).to(a.dtype)


@matmul.wrong("einsum stretches an axis of size 1 to any other size without a word: compare the sizes first")
def broadcasts(a: Tensor, b: Tensor) -> Tensor:
    if a.shape[1] != b.shape[0] and 1 not in (a.shape[1], b.shape[0]):
        raise ValueError("the inner sizes must agree")
    return torch.einsum("ij,jk->ik", a.float(), b.float()).to(a.dtype)


@matmul.wrong("the sizes not compared: einsum raises a RuntimeError for 3 and 2, and stretches an axis of size 1")
def unchecked(a: Tensor, b: Tensor) -> Tensor:
    return torch.einsum("ij,jk->ik", a.float(), b.float()).to(a.dtype)


@matmul.wrong("left to @: for sizes that differ it raises a RuntimeError, and a ValueError is asked for")
def left_to_torch(a: Tensor, b: Tensor) -> Tensor:
    return (a.float() @ b.float()).to(a.dtype)


@matmul.wrong("whole shapes compared: only the inner sizes must agree, the others are free")
def wants_one_shape(a: Tensor, b: Tensor) -> Tensor:
    if a.shape != b.shape:
        raise ValueError("the shapes differ")
    return (a.float() @ b.float()).to(a.dtype)


@matmul.wrong("multiplied and added in the dtype of the input: a total in fp16 or bf16 loses small addends")
def low_precision_inside(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    total = torch.zeros(a.shape[0], b.shape[1], dtype=a.dtype)
    for j in range(a.shape[1]):
        total = total + torch.outer(a[:, j], b[j])
    return total


@matmul.wrong("the products rounded to the dtype of the input before the sum: widen before you multiply")
def products_in_low_precision(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    return (a.unsqueeze(2) * b.unsqueeze(0)).float().sum(1).to(a.dtype)


matmul.standard_wrongs("returns_fp32", formula=outer_products)


@matmul.wrong("returned in the dtype of `b`: `a` decides the dtype")
def dtype_of_b(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    return (a.float() @ b.float()).to(b.dtype)


@matmul.wrong("the rows stacked where there may be none: torch.stack raises an error for an empty list")
def stacks_nothing(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    return torch.stack([row.float() @ b.float() for row in a]).to(a.dtype)


@matmul.wrong("the total kept in the dtype of the input: every sum is rounded; add in float32 and round once")
def narrow_total(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    total = torch.zeros(a.shape[0], b.shape[1], dtype=a.dtype)
    for j in range(a.shape[1]):
        total += torch.outer(a[:, j].float(), b[j].float()).to(a.dtype)
    return total


@matmul.wrong("@ on the tables as they are: torch refuses two dtypes; widen both")
def torchs_as_they_are(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    return a @ b
