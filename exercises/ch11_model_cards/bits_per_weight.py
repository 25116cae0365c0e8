"""How many bits a 4-bit format takes

A block format stores more than codes: it also stores scales and minima, and sometimes further numbers that scale the
scales and minima. Add up all fields of a block and divide by its number of weights: a 4-bit format takes 4.5 bits. And
a file mixes several formats.
"""


def bits_per_weight(weights: int, fields: dict[str, tuple[int, int]]) -> float:
    """Bits per weight in a format. Its block holds `weights` weights and these fields: name -> (how many, bits).

        Q4_0: bits_per_weight(32, {"scale": (1, 16), "codes": (32, 4)})  ->  144 / 32 = 4.5

    Raises ValueError if `weights` is less than 1.
    """
    raise NotImplementedError("your turn")


def mixed_bits(tensors: list[tuple[int, float]]) -> float:
    """Average bits per weight in a file. `tensors` are (number of weights, bits per weight).

        mixed_bits([(300, 4.5), (100, 6.5)])  ->  (1350 + 650) / 400 = 5.0

    Raises ValueError if there are no weights.
    """
    raise NotImplementedError("your turn")
