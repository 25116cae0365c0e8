"""The anatomy of a float

A float has a sign, e exponent bits and m fraction bits. fp16 is (5, 10), bf16 is (8, 7), fp32 is (8, 23), and the two
formats of fp8 are (4, 3) and (5, 2). Decode any of them by hand. Then compute from (e, m) alone how large the numbers
of a format are and how close together they are.
"""


def decode(bits: str, e: int, m: int, inf: bool = True) -> float:
    """The value of a pattern of 1 + e + m binary digits: the sign, `e` exponent bits E, `m` fraction bits F.

        sign · (1 + F / 2^m) · 2^(E − bias)    where bias = 2^(e−1) − 1
        sign · (0 + F / 2^m) · 2^(1 − bias)    if E = 0: zero and the subnormals, the numbers next to zero

    If `inf` is true, the largest E is reserved, as in IEEE formats: F = 0 means infinity, and any other F means NaN. If
    `inf` is false, the largest E is an ordinary exponent. Then only the last pattern, in which all bits of E and F are
    1, is NaN. E4M3, the (4, 3) format that fp8 uses, is of this kind.

        decode("1" "10000" "1000000000", 5, 10)    ->  -3.0      -(1 + 512/1024) · 2^(16 − 15)
        decode("0" "1111" "110", 4, 3, inf=False)  ->  448.0     (1 + 6/8) · 2^(15 − 7)
        decode("0" "1111" "110", 4, 3)             ->  nan

    `bits` is one string. The examples split it for readability, and Python joins the parts. Zero has a sign too: -0.0
    if the sign bit is 1. The result is a Python float. Tests use formats from (2, 1) to fp32's (8, 23).
    """
    raise NotImplementedError("your turn")


def limits(e: int, m: int, inf: bool = True) -> dict[str, float]:
    """The limits of the format of `decode`, from the widths alone, as Python floats.

        "max":              the largest finite value
        "smallest_normal":  the smallest positive value with E > 0
        "epsilon":          the distance from 1 to the next larger value

        limits(5, 10)            ->  {"max": 65504.0, "smallest_normal": 2^-14, "epsilon": 2^-10}
        limits(4, 3, inf=False)  ->  {"max": 448.0,   "smallest_normal": 2^-6,  "epsilon": 2^-3}

    Tests use formats from (2, 1) to (11, 52), which is float64 and Python's own float.
    """
    raise NotImplementedError("your turn")
