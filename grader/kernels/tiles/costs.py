"""What operations cost, about in nanoseconds for each element: the budget of a launch is spent by them.

The figures are for numpy on one core of a laptop, in fp32. A figure that is off by a factor of two does no harm.
"""

from __future__ import annotations

from collections.abc import Mapping

# Functions of triton.language. All others cost 2.
FUNCTIONS: Mapping[str, int] = {
    **dict.fromkeys(
        """expand_dims broadcast_to broadcast permute trans multiple_of max_contiguous max_constancy arange full zeros
        zeros_like static_assert debug_barrier""".split(),  # noqa: SIM905
        0,
    ),
    **dict.fromkeys("exp exp2 log log2 rsqrt where join interleave cat to cast".split(), 4),  # noqa: SIM905
    **dict.fromkeys("maximum minimum clamp sigmoid argmax argmin cdiv".split(), 20),  # noqa: SIM905
    **dict.fromkeys("fma sin cos gather histogram umulhi xor_sum reduce_or swizzle2d".split(), 40),  # noqa: SIM905
    **dict.fromkeys("sort topk cumsum cumprod rand randint rand4x randint4x".split(), 150),  # noqa: SIM905
    **dict.fromkeys("erf randn randn4x".split(), 250),  # noqa: SIM905
}
OPERATORS: Mapping[str, int] = {"/": 2, "//": 12, "%": 10, "<<": 6, ">>": 6}
NARROW = 8  # times as much for floats of 16 bits, which are rounded
NARROWEST = 60  # a cast to 8 bits
LOAD, STORE, ATOMIC = 10, 25, 60


def of_function(name: str) -> int:
    """The cost of a function for an element."""
    return FUNCTIONS.get(name, 2)
