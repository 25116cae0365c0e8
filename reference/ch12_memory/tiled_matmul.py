"""The whole product by its definition. The loads, from how often each matrix is read."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from reference import oracle, promoted

Answer = tuple[Tensor, int]


def _check(a: Tensor, b: Tensor, tile: int) -> None:
    if tile < 1 or a.shape[1] != b.shape[0]:
        raise ValueError("sizes do not fit")


@oracle
def tiled_matmul(a: Tensor, b: Tensor, tile: int) -> Answer:
    _check(a, b, tile)
    rows, columns = -(-a.shape[0] // tile), -(-b.shape[1] // tile)
    left, right = promoted(a, b)
    return (left.unsqueeze(-1) * right).sum(1).to(a.dtype), columns * a.numel() + rows * b.numel()


def _pieces(size: int, tile: int) -> Iterator[slice]:
    return (slice(i, min(i + tile, size)) for i in range(0, size, tile))


def _whole(size: int, tile: int) -> Iterator[slice]:
    """Whole tiles only."""
    return (slice(i, i + tile) for i in range(0, size - tile + 1, tile))


Cut = Callable[[int, int], Iterator[slice]]
Add = Callable[[Tensor, Tensor], Tensor]


def _plus(total: Tensor, product: Tensor) -> Tensor:
    return total + product


def _tiled(a: Tensor, b: Tensor, tile: int, cuts: tuple[Cut, Cut, Cut] = (_pieces,) * 3, add: Add = _plus) -> Answer:
    """In tiles; `cuts` are those of n, k and m."""
    _check(a, b, tile)
    return _unchecked(a, b, tile, cuts, add)


def _unchecked(
    a: Tensor, b: Tensor, tile: int, cuts: tuple[Cut, Cut, Cut] = (_pieces,) * 3, add: Add = _plus
) -> Answer:
    cut_n, cut_k, cut_m = cuts
    out, loaded = torch.zeros(a.shape[0], b.shape[1]), 0
    for i in cut_n(a.shape[0], tile):
        for j in cut_m(b.shape[1], tile):
            total = torch.zeros(out[i, j].shape)
            for k in cut_k(a.shape[1], tile):
                left, right = a[i, k].float(), b[k, j].float()
                total = add(total, left @ right)
                loaded += left.numel() + right.numel()
            out[i, j] = total
    return out.to(a.dtype), loaded


@tiled_matmul.right("the loop along k is outermost, and the totals of all tiles are kept in float32")
def outer_products(a: Tensor, b: Tensor, tile: int) -> Answer:
    _check(a, b, tile)
    out, loaded = torch.zeros(a.shape[0], b.shape[1]), 0
    for k in _pieces(a.shape[1], tile):
        for i in _pieces(a.shape[0], tile):
            for j in _pieces(b.shape[1], tile):
                out[i, j] += a[i, k].float() @ b[k, j].float()
                loaded += a[i, k].numel() + b[k, j].numel()
    return out.to(a.dtype), loaded


@tiled_matmul.right("the tiles from torch.split")
def by_split(a: Tensor, b: Tensor, tile: int) -> Answer:
    _check(a, b, tile)
    wide, loaded, rows = b.float(), 0, []
    for band in torch.split(a.float(), tile):
        row = []
        for stripe in torch.split(wide, tile, 1):
            total = torch.zeros(band.shape[0], stripe.shape[1])
            for left, right in zip(torch.split(band, tile, 1), torch.split(stripe, tile), strict=True):
                total += torch.einsum("ik,kj->ij", left, right)
                loaded += left.numel() + right.numel()
            row.append(total)
        rows.append(torch.cat(row, 1))
    return torch.cat(rows).to(a.dtype), loaded


@tiled_matmul.wrong(
    "the last rows of `a` were dropped because `tile` does not divide their number: they are a smaller tile"
)
def drops_rows(a: Tensor, b: Tensor, tile: int) -> Answer:
    return _tiled(a, b, tile, (_whole, _pieces, _pieces))


@tiled_matmul.wrong(
    "the last columns of `b` were dropped because `tile` does not divide their number: they are a smaller tile"
)
def drops_columns(a: Tensor, b: Tensor, tile: int) -> Answer:
    return _tiled(a, b, tile, (_pieces, _pieces, _whole))


@tiled_matmul.wrong("the end of the sum was dropped because `tile` does not divide k: every term counts")
def drops_depth(a: Tensor, b: Tensor, tile: int) -> Answer:
    return _tiled(a, b, tile, (_pieces, _whole, _pieces))


@tiled_matmul.wrong("the last, smaller tiles were dropped along all three sizes: they belong to the product")
def drops_all_tails(a: Tensor, b: Tensor, tile: int) -> Answer:
    return _tiled(a, b, tile, (_whole, _whole, _whole))


@tiled_matmul.wrong("each new product replaced the total: add the products along k")
def overwrites(a: Tensor, b: Tensor, tile: int) -> Answer:
    return _tiled(a, b, tile, add=lambda total, product: product)


@tiled_matmul.wrong("only the first tile along k was used: add the products of all tiles along k")
def first_along_k(a: Tensor, b: Tensor, tile: int) -> Answer:
    return _tiled(a, b, tile, (_pieces, lambda size, t: iter(list(_pieces(size, t))[:1]), _pieces))


@tiled_matmul.wrong("the tiles were multiplied number by number: use a matrix product")
def elementwise(a: Tensor, b: Tensor, tile: int) -> Answer:
    _check(a, b, tile)
    out = torch.zeros(a.shape[0], b.shape[1])
    for i in _pieces(a.shape[0], tile):
        for j in _pieces(b.shape[1], tile):
            for k in _pieces(a.shape[1], tile):
                out[i, j] += a[i, k].float() * b[k, j].float()
    return out.to(a.dtype), tiled_matmul.fn(a, b, tile)[1]


@tiled_matmul.wrong("the tiles of `b` were transposed: multiply them as they are")
def transposed_tiles(a: Tensor, b: Tensor, tile: int) -> Answer:
    _check(a, b, tile)
    out = torch.zeros(a.shape[0], b.shape[1])
    for i in _pieces(a.shape[0], tile):
        for j in _pieces(b.shape[1], tile):
            for k in _pieces(a.shape[1], tile):
                out[i, j] += a[i, k].float() @ b[k, j].float().T
    return out.to(a.dtype), tiled_matmul.fn(a, b, tile)[1]


@tiled_matmul.wrong("the total was rounded to the dtype of `a` after every tile along k: keep it in float32 to the end")
def rounds_each_tile(a: Tensor, b: Tensor, tile: int) -> Answer:
    return _tiled(a, b, tile, add=lambda total, product: (total.to(a.dtype) + product.to(a.dtype)).float())


@tiled_matmul.wrong(
    "the products were rounded to the dtype of `a` before they were added: upcast the tiles, not the product"
)
def rounds_products(a: Tensor, b: Tensor, tile: int) -> Answer:
    return _tiled(a, b, tile, add=lambda total, product: total + product.to(a.dtype).float())


tiled_matmul.standard_wrongs("returns_fp32", of="`a`", formula=outer_products)


@tiled_matmul.wrong("the product has the dtype of `b`: `a` decides the dtype")
def dtype_of_b(a: Tensor, b: Tensor, tile: int) -> Answer:
    out, loaded = _tiled(a.float(), b, tile)
    return out.to(b.dtype), loaded


@tiled_matmul.wrong("inner sizes that differ were accepted: raise ValueError")
def inner_sizes_unchecked(a: Tensor, b: Tensor, tile: int) -> Answer:
    if tile < 1:
        raise ValueError("sizes do not fit")
    return _unchecked(a, b, tile)


@tiled_matmul.wrong("only a tile of 0 was refused: a negative tile gives empty loops and zeros; raise ValueError")
def negative_tile(a: Tensor, b: Tensor, tile: int) -> Answer:
    if tile == 0 or a.shape[1] != b.shape[0]:
        raise ValueError("sizes do not fit")
    return _unchecked(a, b, tile)


@tiled_matmul.wrong("each matrix was counted once: a tile is loaded again for every tile of the result that needs it")
def each_once(a: Tensor, b: Tensor, tile: int) -> Answer:
    return tiled_matmul.fn(a.float(), b.float(), tile)[0].to(a.dtype), a.numel() + b.numel()


@tiled_matmul.wrong(
    "the tiles of `a` were counted once for each row of tiles: each tile of the result loads them again"
)
def keeps_rows(a: Tensor, b: Tensor, tile: int) -> Answer:
    right = tiled_matmul.fn(a.float(), b.float(), tile)
    return right[0].to(a.dtype), a.numel() + -(-a.shape[0] // tile) * b.numel()


@tiled_matmul.wrong(
    "two numbers were counted for every multiplication, as without tiles: a tile is loaded once and used many times"
)
def untiled_loads(a: Tensor, b: Tensor, tile: int) -> Answer:
    right = tiled_matmul.fn(a.float(), b.float(), tile)
    return right[0].to(a.dtype), 2 * a.numel() * b.shape[1]


@tiled_matmul.wrong("tile² numbers were counted for every tile: the tiles at the edges are smaller")
def full_tiles(a: Tensor, b: Tensor, tile: int) -> Answer:
    right = tiled_matmul.fn(a.float(), b.float(), tile)
    n, k, m = (-(-size // tile) for size in (*a.shape, b.shape[1]))
    return right[0].to(a.dtype), 2 * n * k * m * tile**2


@tiled_matmul.wrong("tiles were counted: count the numbers in them")
def counts_tiles(a: Tensor, b: Tensor, tile: int) -> Answer:
    right = tiled_matmul.fn(a.float(), b.float(), tile)
    n, k, m = (-(-size // tile) for size in (*a.shape, b.shape[1]))
    return right[0].to(a.dtype), 2 * n * k * m


@tiled_matmul.wrong("only the tiles of `a` were counted: the tiles of `b` are loaded too")
def counts_a_only(a: Tensor, b: Tensor, tile: int) -> Answer:
    right = tiled_matmul.fn(a.float(), b.float(), tile)
    return right[0].to(a.dtype), -(-b.shape[1] // tile) * a.numel()


@tiled_matmul.wrong("the stores were counted too: count loads only")
def counts_stores(a: Tensor, b: Tensor, tile: int) -> Answer:
    out, loaded = tiled_matmul.fn(a.float(), b.float(), tile)
    return out.to(a.dtype), loaded + out.numel()


@tiled_matmul.wrong("bytes were counted: count numbers")
def counts_bytes(a: Tensor, b: Tensor, tile: int) -> Answer:
    out, _ = tiled_matmul.fn(a.float(), b.float(), tile)
    rows, columns = -(-a.shape[0] // tile), -(-b.shape[1] // tile)
    return out.to(a.dtype), columns * a.nbytes + rows * b.nbytes
