"""The loads of each row and each column of tiles, added up."""

from reference import oracle

Count = dict[str, int]


def _spans(length: int, tile: int) -> list[int]:
    """Lengths of the tiles that cover `length`; the last may be shorter."""
    return [min(tile, length - start) for start in range(0, length, tile)]


@oracle
def matmul_traffic(m: int, n: int, k: int, tile_m: int, tile_n: int, itemsize: int) -> Count:
    if min(tile_m, tile_n) < 1:
        raise ValueError("a tile has at least one row and one column")
    down, across = _spans(m, tile_m), _spans(n, tile_n)
    a = sum(tall * k for tall in down) * len(across)
    b = sum(wide * k for wide in across) * len(down)
    out = sum(tall * n for tall in down)
    return {"a": a * itemsize, "b": b * itemsize, "out": out * itemsize}


def _ceil(length: int, tile: int) -> int:
    if tile < 1:
        raise ValueError("a tile has at least one row and one column")
    return -(-length // tile)


@matmul_traffic.right("the number of tiles by quotient and remainder, times a whole matrix")
def by_remainder(m: int, n: int, k: int, tile_m: int, tile_n: int, itemsize: int) -> Count:
    if tile_m <= 0 or tile_n <= 0:
        raise ValueError
    tall, wide = m // tile_m + (m % tile_m > 0), n // tile_n + (n % tile_n > 0)
    return {"a": m * k * itemsize * wide, "b": k * n * itemsize * tall, "out": m * n * itemsize}


@matmul_traffic.wrong("the number of tiles was rounded down: the last, partial tile loads too")
def rounded_down(m: int, n: int, k: int, tile_m: int, tile_n: int, itemsize: int) -> Count:
    _ceil(m, min(tile_m, tile_n))
    a, b = m * k * (n // tile_n), k * n * (m // tile_m)
    return {"a": a * itemsize, "b": b * itemsize, "out": m * n * itemsize}


@matmul_traffic.wrong("the number of tiles is not whole: a partial tile still needs its full strip of the other matrix")
def not_rounded(m: int, n: int, k: int, tile_m: int, tile_n: int, itemsize: int) -> Count:
    _ceil(m, min(tile_m, tile_n))
    a, b = m * k * n // tile_n, k * n * m // tile_m
    return {"a": a * itemsize, "b": b * itemsize, "out": m * n * itemsize}


@matmul_traffic.wrong(
    "the two counts were swapped: A is read once for every column of tiles, B once for every row of tiles"
)
def swapped(m: int, n: int, k: int, tile_m: int, tile_n: int, itemsize: int) -> Count:
    a, b = m * k * _ceil(m, tile_m), k * n * _ceil(n, tile_n)
    return {"a": a * itemsize, "b": b * itemsize, "out": m * n * itemsize}


@matmul_traffic.wrong("each matrix was counted once: this needs a chip that can hold both matrices")
def read_once(m: int, n: int, k: int, tile_m: int, tile_n: int, itemsize: int) -> Count:
    _ceil(m, min(tile_m, tile_n))
    return {"a": m * k * itemsize, "b": k * n * itemsize, "out": m * n * itemsize}


@matmul_traffic.wrong(
    "the loads were counted as without tiles: all rows of a tile share the loads of B, and all its columns share the "
    "loads of A"
)
def no_reuse(m: int, n: int, k: int, tile_m: int, tile_n: int, itemsize: int) -> Count:
    _ceil(m, min(tile_m, tile_n))
    return {"a": m * n * k * itemsize, "b": m * n * k * itemsize, "out": m * n * itemsize}


@matmul_traffic.wrong("partial tiles were counted as whole tiles: masked lanes load and store nothing")
def padded(m: int, n: int, k: int, tile_m: int, tile_n: int, itemsize: int) -> Count:
    tall, wide = _ceil(m, tile_m), _ceil(n, tile_n)
    a, b = tall * tile_m * k * wide, wide * tile_n * k * tall
    return {"a": a * itemsize, "b": b * itemsize, "out": tall * tile_m * wide * tile_n * itemsize}


@matmul_traffic.wrong("A was counted once, as if a row of tiles kept it: each tile loads its strip again")
def strip_kept(m: int, n: int, k: int, tile_m: int, tile_n: int, itemsize: int) -> Count:
    tall, _ = _ceil(m, tile_m), _ceil(n, tile_n)
    return {"a": m * k * itemsize, "b": k * n * tall * itemsize, "out": m * n * itemsize}


@matmul_traffic.wrong("the tiles were taken as square: they have tile_m rows and tile_n columns")
def square(m: int, n: int, k: int, tile_m: int, tile_n: int, itemsize: int) -> Count:
    tall, _ = _ceil(m, tile_m), _ceil(n, tile_n)
    wide = _ceil(n, tile_m)
    return {"a": m * k * wide * itemsize, "b": k * n * tall * itemsize, "out": m * n * itemsize}


@matmul_traffic.wrong(
    "a tile larger than the matrix was refused: it covers the whole matrix, and lanes outside load nothing"
)
def large_tile_refused(m: int, n: int, k: int, tile_m: int, tile_n: int, itemsize: int) -> Count:
    if tile_m > m or tile_n > n:
        raise ValueError("a tile larger than the matrix")
    a, b = m * k * _ceil(n, tile_n), k * n * _ceil(m, tile_m)
    return {"a": a * itemsize, "b": b * itemsize, "out": m * n * itemsize}


@matmul_traffic.wrong(
    "the loads of partial tiles were counted as whole tiles: at the edge a tile loads only what exists"
)
def padded_loads(m: int, n: int, k: int, tile_m: int, tile_n: int, itemsize: int) -> Count:
    tall, wide = _ceil(m, tile_m), _ceil(n, tile_n)
    a, b = tall * tile_m * k * wide, wide * tile_n * k * tall
    return {"a": a * itemsize, "b": b * itemsize, "out": m * n * itemsize}


@matmul_traffic.wrong("the numbers of the result were counted: count their bytes")
def out_in_numbers(m: int, n: int, k: int, tile_m: int, tile_n: int, itemsize: int) -> Count:
    a, b = m * k * _ceil(n, tile_n), k * n * _ceil(m, tile_m)
    return {"a": a * itemsize, "b": b * itemsize, "out": m * n}


@matmul_traffic.wrong(
    "every tile was counted for both matrices: A is read again only for another column of tiles, B only for another row"
)
def once_a_tile(m: int, n: int, k: int, tile_m: int, tile_n: int, itemsize: int) -> Count:
    tiles = _ceil(m, tile_m) * _ceil(n, tile_n)
    return {"a": m * k * tiles * itemsize, "b": k * n * tiles * itemsize, "out": m * n * itemsize}


@matmul_traffic.wrong(
    "the result was counted once for each step along k: accumulators stay in registers until the tile is done"
)
def out_every_step(m: int, n: int, k: int, tile_m: int, tile_n: int, itemsize: int) -> Count:
    a, b = m * k * _ceil(n, tile_n), k * n * _ceil(m, tile_m)
    return {"a": a * itemsize, "b": b * itemsize, "out": m * n * k * itemsize}


@matmul_traffic.wrong("numbers were counted: count bytes")
def numbers(m: int, n: int, k: int, tile_m: int, tile_n: int, itemsize: int) -> Count:
    return {"a": m * k * _ceil(n, tile_n), "b": k * n * _ceil(m, tile_m), "out": m * n}


@matmul_traffic.wrong("a tile without rows was accepted: raise ValueError")
def any_tile(m: int, n: int, k: int, tile_m: int, tile_n: int, itemsize: int) -> Count:
    tall, wide = -(-m // tile_m), -(-n // tile_n)
    return {"a": m * k * wide * itemsize, "b": k * n * tall * itemsize, "out": m * n * itemsize}


@matmul_traffic.wrong("only the rows of a tile were checked: raise ValueError for a tile without columns too")
def rows_checked_only(m: int, n: int, k: int, tile_m: int, tile_n: int, itemsize: int) -> Count:
    if tile_m < 1:
        raise ValueError("a tile has at least one row")
    return any_tile(m, n, k, tile_m, tile_n, itemsize)
