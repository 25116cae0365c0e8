"""A step of a matrix product: the tiles of A that are held, and the tiles of B that are loaded."""

from grader.pictures import step


def draw():
    return step("ch13_triton/matmul_kernel", 4)
