"""A layout as a list with one entry for each stored number."""

from fractions import Fraction

from reference import oracle

Fields = dict[str, tuple[int, int]]
Tensors = list[tuple[int, float]]


@oracle
def bits_per_weight(weights: int, fields: Fields) -> float:
    if weights <= 0:
        raise ValueError("no weights")
    stored = [bits for count, bits in fields.values() for _ in range(count)]
    return float(Fraction(sum(stored), weights))


@bits_per_weight.right("bytes of a block, times 8")
def by_bytes(weights: int, fields: Fields) -> float:
    if weights < 1:
        raise ValueError("no weights")
    return 8 * sum(count * bits / 8 for count, bits in fields.values()) / weights


@bits_per_weight.wrong("only the codes were counted: scales and minima are stored too")
def codes_alone(weights: int, fields: Fields) -> float:
    bits_per_weight.fn(weights, fields)
    return max((count * bits for count, bits in fields.values()), default=0) / weights


@bits_per_weight.wrong("each field was counted once: a block can have eight scales")
def each_once(weights: int, fields: Fields) -> float:
    bits_per_weight.fn(weights, fields)
    codes = max((count * bits for count, bits in fields.values()), default=0)
    rest = sum(bits for _, bits in fields.values()) - max((b for c, b in fields.values() if c * b == codes), default=0)
    return (codes + rest) / weights


@bits_per_weight.wrong("the result is in bytes per weight: return bits, eight per byte")
def in_bytes(weights: int, fields: Fields) -> float:
    return bits_per_weight.fn(weights, fields) / 8


@bits_per_weight.wrong("the bits of a whole block were returned: divide by its weights")
def of_a_block(weights: int, fields: Fields) -> float:
    return bits_per_weight.fn(weights, fields) * weights


@bits_per_weight.wrong("the bits were divided by all stored numbers, scales included: divide by the weights only")
def per_number(weights: int, fields: Fields) -> float:
    bits = bits_per_weight.fn(weights, fields) * weights
    return bits / max(sum(count for count, _ in fields.values()), 1)


@bits_per_weight.wrong("the result was rounded to whole bits: return it unrounded")
def whole_bits(weights: int, fields: Fields) -> float:
    return float(round(bits_per_weight.fn(weights, fields)))


@bits_per_weight.wrong("only the widths were added: multiply each width by the count of its field")
def widths_added(weights: int, fields: Fields) -> float:
    bits_per_weight.fn(weights, fields)
    return float(sum(bits for _, bits in fields.values()))


@bits_per_weight.wrong("a block without weights was accepted: raise ValueError")
def no_weights(weights: int, fields: Fields) -> float:
    return bits_per_weight.fn(weights, fields) if weights > 0 else 0.0


@bits_per_weight.wrong("each width was added only once: multiply it by the number of values that a block stores")
def counts_ignored(weights: int, fields: Fields) -> float:
    bits_per_weight.fn(weights, fields)
    return sum(bits for _, bits in fields.values()) / weights


@bits_per_weight.wrong("the result was cut down to whole bits: scales take a fraction of a bit per weight")
def cut_to_whole_bits(weights: int, fields: Fields) -> float:
    return float(bits_per_weight.fn(weights, fields) // 1)


@bits_per_weight.wrong("each field was rounded up to whole bytes: fields are packed bit by bit")
def whole_bytes(weights: int, fields: Fields) -> float:
    bits_per_weight.fn(weights, fields)
    return sum(-(-count * bits // 8) * 8 for count, bits in fields.values()) / weights


@bits_per_weight.wrong("only 0 weights were refused: a negative number of weights is an error too")
def negative_weights(weights: int, fields: Fields) -> float:
    if weights == 0:
        raise ValueError("no weights")
    return sum(count * bits for count, bits in fields.values()) / weights


@oracle
def mixed_bits(tensors: Tensors) -> float:
    weights = [count for count, _ in tensors]
    if sum(weights) == 0:
        raise ValueError("no weights")
    return float(sum(Fraction(count, sum(weights)) * Fraction(bits) for count, bits in tensors))


@mixed_bits.right("total bits over total weights")
def totals(tensors: Tensors) -> float:
    bits, count = 0.0, 0
    for n, b in tensors:
        bits, count = bits + n * b, count + n
    if count == 0:
        raise ValueError("no weights")
    return bits / count


@mixed_bits.wrong("the mean over tensors was taken: weight each tensor by its number of weights")
def mean_of_formats(tensors: Tensors) -> float:
    mixed_bits.fn(tensors)
    return sum(bits for _, bits in tensors) / len(tensors)


@mixed_bits.wrong("the format of the largest tensor was returned: the other tensors count too")
def largest_part(tensors: Tensors) -> float:
    mixed_bits.fn(tensors)
    return float(max(tensors)[1])


@mixed_bits.wrong("weights per bit were averaged: average bits per weight")
def harmonic(tensors: Tensors) -> float:
    mixed_bits.fn(tensors)
    return sum(count for count, _ in tensors) / sum(count / bits for count, bits in tensors)


@mixed_bits.wrong("the bits of the whole file were returned: divide by its weights")
def whole_file(tensors: Tensors) -> float:
    mixed_bits.fn(tensors)
    return float(sum(count * bits for count, bits in tensors))


@mixed_bits.wrong("a file without weights got 0 bits: raise ValueError")
def zero_for_nothing(tensors: Tensors) -> float:
    return mixed_bits.fn(tensors) if any(count for count, _ in tensors) else 0.0


@mixed_bits.wrong("only an empty list was refused: a list of tensors without weights is an error too")
def empty_list_only(tensors: Tensors) -> float:
    if not tensors:
        raise ValueError("no weights")
    return sum(count * bits for count, bits in tensors) / sum(count for count, _ in tensors)
