"""How many bits four bits are

A block format stores more than codes: scales, minima, and what scales them in turn. Add up all fields of a block,
divide by its weights, and a 4-bit format has 4.5. And a file mixes formats.
"""


def bits_per_weight(weights: int, fields: dict[str, tuple[int, int]]) -> float:
    """Bits a weight takes in a format whose block holds `weights` weights and these fields: name -> (how many, bits).

        Q4_0: bits_per_weight(32, {"scale": (1, 16), "codes": (32, 4)})  ->  144 / 32 = 4.5

    Raises ValueError if `weights` is not at least 1.
    """
    ### BEGIN SOLUTION
    if weights < 1:
        raise ValueError(f"a block of {weights} weights")
    return sum(count * bits for count, bits in fields.values()) / weights
    ### END SOLUTION


def mixed_bits(tensors: list[tuple[int, float]]) -> float:
    """Bits a weight takes on average in a file of tensors, given as (number of weights, bits per weight).

        mixed_bits([(300, 4.5), (100, 6.5)])  ->  (1350 + 650) / 400 = 5.0

    Raises ValueError if there is no weight.
    """
    ### BEGIN SOLUTION
    total = sum(count for count, _ in tensors)
    if not total:
        raise ValueError("no weights")
    return sum(count * bits for count, bits in tensors) / total
    ### END SOLUTION
