"""Which blocks of keys the programs of a causal kernel read, mask and skip."""

from grader.pictures import reads


def draw():
    return reads("ch13_triton/flash_causal", "k_ptr")
