"""How often a matrix is read

A matmul computes its result in tiles. For one tile it needs a strip of A and a strip of B, and strips are loaded again
for the next tile. How many bytes is that in all, and what does a larger tile save?
"""


def matmul_traffic(m: int, n: int, k: int, tile_m: int, tile_n: int, itemsize: int) -> dict[str, int]:
    """Bytes loaded of A (m, k) and B (k, n), and stored of the result, for tiles of tile_m × tile_n.

    Each tile loads the rows of A and the columns of B that it needs, all k of them, once; tiles at the edge load only
    what there is. Sums stay in registers, so every element of the result is stored once. Tiles of 1 × 1 are the naive
    matmul. Returns {"a": ..., "b": ..., "out": ...}. Raises ValueError if a tile has no row or no column.
    m = n = k = 4, tiles of 2 × 2, 2 bytes: A is 32 bytes and is read twice: {"a": 64, "b": 64, "out": 32}.
    """
    raise NotImplementedError("your turn")
