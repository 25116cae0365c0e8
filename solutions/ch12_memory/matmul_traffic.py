"""How often a matrix is read

A matmul computes its result in tiles. One tile needs a strip of A and a strip of B, and the next tile loads its strips
again. How many bytes are loaded in total, and how many does a larger tile save?
"""


def matmul_traffic(m: int, n: int, k: int, tile_m: int, tile_n: int, itemsize: int) -> dict[str, int]:
    """Bytes loaded from A (m, k) and from B (k, n), and bytes stored to the result, for tiles of tile_m × tile_n.

    Each tile loads the rows of A and the columns of B that it needs once, in their full length k. Tiles at the edge
    load only the rows and columns that exist. The accumulators stay in registers, so every element of the result is
    stored once. Tiles of 1 × 1 are the naive matmul. Returns {"a": ..., "b": ..., "out": ...}. Raises ValueError if a
    tile has no row or no column.
    m = n = k = 4, tiles of 2 × 2, 2 bytes: A is 32 bytes and is read twice, so {"a": 64, "b": 64, "out": 32}.
    """
    ### BEGIN SOLUTION
    if tile_m < 1 or tile_n < 1:
        raise ValueError("a tile has at least one row and one column")
    tiles_down, tiles_across = -(-m // tile_m), -(-n // tile_n)
    return {
        "a": m * k * itemsize * tiles_across,
        "b": k * n * itemsize * tiles_down,
        "out": m * n * itemsize,
    }
    ### END SOLUTION
