"""A layout spelled out as a list with an entry for each stored number."""

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


@bits_per_weight.right("as bytes of a block, times 8")
def by_bytes(weights: int, fields: Fields) -> float:
    if weights < 1:
        raise ValueError("no weights")
    return 8 * sum(count * bits / 8 for count, bits in fields.values()) / weights


@bits_per_weight.wrong("the codes alone: scales and minima are stored too")
def codes_alone(weights: int, fields: Fields) -> float:
    bits_per_weight.fn(weights, fields)
    return max((count * bits for count, bits in fields.values()), default=0) / weights


@bits_per_weight.wrong("each field counted once: there may be eight scales in a block")
def each_once(weights: int, fields: Fields) -> float:
    bits_per_weight.fn(weights, fields)
    codes = max((count * bits for count, bits in fields.values()), default=0)
    rest = sum(bits for _, bits in fields.values()) - max((b for c, b in fields.values() if c * b == codes), default=0)
    return (codes + rest) / weights


@bits_per_weight.wrong("bytes per weight: these are bits, a byte has eight")
def in_bytes(weights: int, fields: Fields) -> float:
    return bits_per_weight.fn(weights, fields) / 8


@bits_per_weight.wrong("bits of a block: divide by its weights")
def of_a_block(weights: int, fields: Fields) -> float:
    return bits_per_weight.fn(weights, fields) * weights


@bits_per_weight.wrong("divided by all stored numbers, scales included: divide by the weights")
def per_number(weights: int, fields: Fields) -> float:
    bits = bits_per_weight.fn(weights, fields) * weights
    return bits / max(sum(count for count, _ in fields.values()), 1)


@bits_per_weight.wrong("rounded to whole bits")
def whole_bits(weights: int, fields: Fields) -> float:
    return float(round(bits_per_weight.fn(weights, fields)))


@bits_per_weight.wrong("the widths of the fields added up: each width goes with how many there are")
def widths_added(weights: int, fields: Fields) -> float:
    bits_per_weight.fn(weights, fields)
    return float(sum(bits for _, bits in fields.values()))


@bits_per_weight.wrong("a block without weights let through: raise ValueError")
def no_weights(weights: int, fields: Fields) -> float:
    return bits_per_weight.fn(weights, fields) if weights > 0 else 0.0


@bits_per_weight.wrong("the widths of the fields added up once: each goes with how many of it are stored in a block")
def counts_ignored(weights: int, fields: Fields) -> float:
    bits_per_weight.fn(weights, fields)
    return sum(bits for _, bits in fields.values()) / weights


@bits_per_weight.wrong("cut down to whole bits: scales cost a fraction of a bit a weight")
def cut_to_whole_bits(weights: int, fields: Fields) -> float:
    return float(bits_per_weight.fn(weights, fields) // 1)


@bits_per_weight.wrong("each field rounded up to whole bytes: fields lie bit by bit in a block")
def whole_bytes(weights: int, fields: Fields) -> float:
    bits_per_weight.fn(weights, fields)
    return sum(-(-count * bits // 8) * 8 for count, bits in fields.values()) / weights


@bits_per_weight.wrong("only a block of 0 weights refused: a negative number of them is an error as well")
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


@mixed_bits.wrong("the mean of the formats: a tensor counts by its weights")
def mean_of_formats(tensors: Tensors) -> float:
    mixed_bits.fn(tensors)
    return sum(bits for _, bits in tensors) / len(tensors)


@mixed_bits.wrong("the format of the most weights: the others take their bits too")
def largest_part(tensors: Tensors) -> float:
    mixed_bits.fn(tensors)
    return float(max(tensors)[1])


@mixed_bits.wrong("the mean of weights per bit: bits are what is averaged")
def harmonic(tensors: Tensors) -> float:
    mixed_bits.fn(tensors)
    return sum(count for count, _ in tensors) / sum(count / bits for count, bits in tensors)


@mixed_bits.wrong("the whole file's bits: divide by its weights")
def whole_file(tensors: Tensors) -> float:
    mixed_bits.fn(tensors)
    return float(sum(count * bits for count, bits in tensors))


@mixed_bits.wrong("a file without weights given 0 bits: raise ValueError")
def zero_for_nothing(tensors: Tensors) -> float:
    return mixed_bits.fn(tensors) if any(count for count, _ in tensors) else 0.0


@mixed_bits.wrong("only the empty list refused: tensors without weights leave nothing to divide by, too")
def empty_list_only(tensors: Tensors) -> float:
    if not tensors:
        raise ValueError("no weights")
    return sum(count * bits for count, bits in tensors) / sum(count for count, _ in tensors)
