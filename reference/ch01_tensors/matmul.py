"""Rows times columns, summed exactly by fsum. For tensors: all products at once, then their sum."""

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
        raise ValueError("the length of a row of a must equal the number of rows of b")


def _check(a: Tensor, b: Tensor) -> None:
    if a.shape[1] != b.shape[0]:
        raise ValueError("the inner sizes must be equal")


@oracle
def matmul_by_loops(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    return [[_dot(row, column) for column in _columns(b)] for row in a]


@matmul_by_loops.right("row by row: add up multiples of the rows of b")
def rows_added_up(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    table = [[0.0] * len(b[0]) for _ in a]
    for i, row in enumerate(a):
        for j, x in enumerate(row):
            table[i] = [t + x * y for t, y in zip(table[i], b[j], strict=True)]
    return table


@matmul_by_loops.right("a product of tensors")
def by_tensors(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    return (torch.tensor(a, dtype=torch.float64) @ torch.tensor(b, dtype=torch.float64)).tolist()


@matmul_by_loops.wrong(
    "the matrices were multiplied element by element, as `*` does: multiply each row of a with each column of b"
)
def loops_elementwise(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    return [[x * y for x, y in zip(row, other, strict=False)] for row, other in zip(a, b, strict=False)]


@matmul_by_loops.wrong(
    "rows of a were multiplied with rows of b, b[k][j]: that multiplies by b transposed; use b[j][k]"
)
def loops_transposed_b(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    return [[sum(x * b[k][j] for j, x in enumerate(row)) for k in range(len(b[0]))] for row in a]


@matmul_by_loops.wrong(
    "columns of a were multiplied with columns of b: that transposes a; a[i][j] with j = 0, 1, … is row i of a"
)
def loops_transposed_a(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    return [
        [math.fsum(x * y for x, y in zip(left, right, strict=False)) for right in _columns(b)] for left in _columns(a)
    ]


@matmul_by_loops.wrong("b times a was computed: the order of a matrix product matters")
def loops_swapped(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    return matmul_by_loops.fn(b, a)


@matmul_by_loops.wrong("the result is transposed: its row i comes from row i of a, its column k from column k of b")
def loops_turned(a: Table, b: Table) -> Table:
    return _columns(matmul_by_loops.fn(a, b))


@matmul_by_loops.wrong("the result has as many columns as a has rows: it needs one column for each column of b")
def square(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    return [[math.fsum(x * b[j][k] for j, x in enumerate(row)) for k in range(len(a))] for row in a]


@matmul_by_loops.wrong(
    "the result has as many columns as b has rows: len(b) is the number of products in each sum; b has len(b[0]) "
    "columns"
)
def columns_by_rows_of_b(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    return [[math.fsum(x * b[j][k] for j, x in enumerate(row)) for k in range(len(b))] for row in a]


@matmul_by_loops.wrong("the running sum was not reset: start each number of the result at 0")
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


@matmul_by_loops.wrong("each product replaced the product before it: add the products up (+=, not =)")
def last_product(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    return [[row[-1] * column[-1] for column in _columns(b)] for row in a]


@matmul_by_loops.wrong("[[0] * K] * I contains the same row I times: adding to one row changes all rows")
def one_row_shared(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    table = [[0.0] * len(b[0])] * len(a)
    for i, row in enumerate(a):
        for k, column in enumerate(_columns(b)):
            table[i][k] += _dot(row, column)
    return table


@matmul_by_loops.wrong("[[0] * K] * I contains the same row I times: writing to one row changes all rows")
def one_row_written(a: Table, b: Table) -> Table:
    _check_lists(a, b)
    table = [[0.0] * len(b[0])] * len(a)
    for i, row in enumerate(a):
        for k, column in enumerate(_columns(b)):
            table[i][k] = _dot(row, column)
    return table


@matmul_by_loops.wrong("the sizes were not compared: zip stops at the shorter list without an error")
def loops_cut_short(a: Table, b: Table) -> Table:
    return [[math.fsum(x * y for x, y in zip(row, column, strict=False)) for column in _columns(b)] for row in a]


@matmul_by_loops.wrong(
    "the sizes were not compared: b[j] then raises an IndexError, but the contract asks for ValueError"
)
def loops_unchecked(a: Table, b: Table) -> Table:
    return [[math.fsum(x * b[j][k] for j, x in enumerate(row)) for k in range(len(b[0]))] for row in a]


@matmul_by_loops.wrong("the whole shapes were compared: only the inner sizes must agree")
def loops_wants_one_shape(a: Table, b: Table) -> Table:
    if (len(a), len(a[0])) != (len(b), len(b[0])):
        raise ValueError("the shapes differ")
    return matmul_by_loops.fn(a, b)


@oracle
def matmul(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    x, y = promoted(a, b)
    return (x.unsqueeze(2) * y.unsqueeze(0)).sum(1).to(a.dtype)


@matmul.right("@ in float32")
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


@matmul.wrong(
    "the matrices were multiplied element by element, as `*` does: multiply each row of a with each column of b"
)
def elementwise(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    return (a.float() * b.float()).to(a.dtype)


@matmul.wrong("b was transposed, 'ij,kj->ik': sum over the first axis of b")
def transposed_b(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    return torch.einsum("ij,kj->ik", a.float(), b.float()).to(a.dtype)


@matmul.wrong("a was transposed, 'ji,jk->ik': sum over the second axis of a")
def transposed_a(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    return torch.einsum("ji,jk->ik", a.float(), b.float()).to(a.dtype)


@matmul.wrong("b times a was computed: the order of a matrix product matters")
def swapped(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    return (b.float() @ a.float()).to(a.dtype)


@matmul.wrong("the result is transposed, '->ki': its rows come from a, its columns from b")
def turned(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    return torch.einsum("ij,jk->ki", a.float(), b.float()).to(a.dtype)


@matmul.wrong("j was kept in the result, 'ij,jk->ijk': these are the products before they are summed")
def not_summed(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    return torch.einsum("ij,jk->ijk", a.float(), b.float()).to(a.dtype)


@matmul.wrong("einsum broadcast an axis of length 1 to the other length without an error: compare the sizes first")
def broadcasts(a: Tensor, b: Tensor) -> Tensor:
    if a.shape[1] != b.shape[0] and 1 not in (a.shape[1], b.shape[0]):
        raise ValueError("the inner sizes must be equal")
    return torch.einsum("ij,jk->ik", a.float(), b.float()).to(a.dtype)


@matmul.wrong(
    "the sizes were not compared: einsum raises a RuntimeError for 3 and 2, and broadcasts an axis of length 1"
)
def unchecked(a: Tensor, b: Tensor) -> Tensor:
    return torch.einsum("ij,jk->ik", a.float(), b.float()).to(a.dtype)


@matmul.wrong(
    "the check was left to @: it raises a RuntimeError for different sizes, but the contract asks for ValueError"
)
def left_to_torch(a: Tensor, b: Tensor) -> Tensor:
    return (a.float() @ b.float()).to(a.dtype)


@matmul.wrong("the whole shapes were compared: only the inner sizes must agree")
def wants_one_shape(a: Tensor, b: Tensor) -> Tensor:
    if a.shape != b.shape:
        raise ValueError("the shapes differ")
    return (a.float() @ b.float()).to(a.dtype)


@matmul.wrong(
    "products and sum were computed in the dtype of the input: a total in fp16 or bf16 loses small terms; upcast first"
)
def low_precision_inside(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    total = torch.zeros(a.shape[0], b.shape[1], dtype=a.dtype)
    for j in range(a.shape[1]):
        total = total + torch.outer(a[:, j], b[j])
    return total


@matmul.wrong("the products were rounded to the dtype of the input before the sum: upcast before you multiply")
def products_in_low_precision(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    return (a.unsqueeze(2) * b.unsqueeze(0)).float().sum(1).to(a.dtype)


matmul.standard_wrongs("returns_fp32", formula=outer_products)


@matmul.wrong("the result has the dtype of `b`: it must have the dtype of `a`")
def dtype_of_b(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    return (a.float() @ b.float()).to(b.dtype)


@matmul.wrong("torch.stack was called on an empty list, and raises an error: `a` may have no rows")
def stacks_nothing(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    return torch.stack([row.float() @ b.float() for row in a]).to(a.dtype)


@matmul.wrong(
    "the running total was kept in the dtype of the input: every addition rounds; accumulate in float32 and round once"
)
def narrow_total(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    total = torch.zeros(a.shape[0], b.shape[1], dtype=a.dtype)
    for j in range(a.shape[1]):
        total += torch.outer(a[:, j].float(), b[j].float()).to(a.dtype)
    return total


@matmul.wrong("@ was called without an upcast: torch refuses two different dtypes; upcast both matrices")
def torchs_as_they_are(a: Tensor, b: Tensor) -> Tensor:
    _check(a, b)
    return a @ b
