"""Each value asks the values computed from it. They come later on the tape, so their gradients are known already."""

import math

from reference import oracle

Tape = list[list[tuple[int, float]]]


@oracle
def tape_backward(tape: Tape, output: int) -> list[float]:
    uses: list[list[tuple[int, float]]] = [[] for _ in tape]
    for i, inputs in enumerate(tape):
        for j, slope in inputs:
            uses[j].append((i, slope))
    gradients = [0.0] * len(tape)
    for j in range(len(tape) - 1, -1, -1):
        gradients[j] = 1.0 if j == output else math.fsum(gradients[i] * slope for i, slope in uses[j])
    return gradients


def _walk(tape: Tape, output: int, order: list[int]) -> list[float]:
    gradients = [0.0] * len(tape)
    gradients[output] = 1.0
    for i in order:
        for j, slope in tape[i]:
            gradients[j] += gradients[i] * slope
    return gradients


@tape_backward.right("only the values that the output depends on, latest first")
def by_heap(tape: Tape, output: int) -> list[float]:
    waiting, gradients = {output}, [0.0] * len(tape)
    gradients[output] = 1.0
    while waiting:
        i = max(waiting)
        waiting.remove(i)
        for j, slope in tape[i]:
            gradients[j] += gradients[i] * slope
            waiting.add(j)
    return gradients


@tape_backward.right("with the reversed order written out")
def reversed_order(tape: Tape, output: int) -> list[float]:
    return _walk(tape, output, list(reversed(range(output + 1))))


@tape_backward.wrong(
    "the gradient was overwritten: a value that is used twice gets a gradient from each use, so add them"
)
def overwrites(tape: Tape, output: int) -> list[float]:
    gradients = [0.0] * len(tape)
    gradients[output] = 1.0
    for i in range(output, -1, -1):
        for j, slope in tape[i]:
            gradients[j] = gradients[i] * slope
    return gradients


@tape_backward.wrong(
    "the walk went from the first value to the last: each value passed its gradient on before this gradient was known"
)
def forward_order(tape: Tape, output: int) -> list[float]:
    return _walk(tape, output, list(range(output + 1)))


@tape_backward.wrong(
    "a value was visited as soon as it was reached: other values that use it may not have sent their part yet"
)
def as_found(tape: Tape, output: int) -> list[float]:
    order = [output]
    for i in order:
        order += [j for j in dict.fromkeys(j for j, _ in tape[i]) if j not in order]
    return _walk(tape, output, order)


@tape_backward.wrong("each value was taken from a stack once: the part from a longer path may still be missing")
def from_a_stack(tape: Tape, output: int) -> list[float]:
    order: list[int] = []
    stack = [output]
    while stack:
        i = stack.pop()
        if i not in order:
            order.append(i)
            stack += [j for j, _ in tape[i]]
    return _walk(tape, output, order)


@tape_backward.wrong(
    "a value was visited again for each use and passed on its whole gradient: earlier parts then count twice"
)
def handed_on_again(tape: Tape, output: int) -> list[float]:
    gradients, stack, visits = [0.0] * len(tape), [output], 0
    gradients[output] = 1.0
    while stack and visits < 5000:  # the visits double with every value; a learner's would go on
        i = stack.pop()
        visits += 1
        for j, slope in tape[i]:
            gradients[j] += gradients[i] * slope
            stack.append(j)
    return gradients


@tape_backward.wrong("an input that one operation uses twice was counted once: x·x changes with both uses")
def once_per_operation(tape: Tape, output: int) -> list[float]:
    return _walk([list(dict(inputs).items()) for inputs in tape], output, list(range(output, -1, -1)))


@tape_backward.wrong("only the larger part was kept for a value with two uses: the parts add up")
def largest_use(tape: Tape, output: int) -> list[float]:
    gradients = [0.0] * len(tape)
    gradients[output] = 1.0
    for i in range(output, -1, -1):
        for j, slope in tape[i]:
            gradients[j] = max(gradients[j], gradients[i] * slope, key=abs)
    return gradients


@tape_backward.wrong("the parts of the uses were averaged: they add up")
def mean_of_uses(tape: Tape, output: int) -> list[float]:
    gradients, uses = [0.0] * len(tape), [0] * len(tape)
    gradients[output] = 1.0
    for i in range(output, -1, -1):
        gradients[i] /= max(1, uses[i])
        for j, slope in tape[i]:
            gradients[j] += gradients[i] * slope
            uses[j] += 1
    return gradients


@tape_backward.wrong("slopes were added without the gradient that comes from above: the chain rule multiplies by it")
def slopes_only(tape: Tape, output: int) -> list[float]:
    gradients = [0.0] * len(tape)
    gradients[output] = 1.0
    for i in range(output, -1, -1):
        for j, slope in tape[i]:
            gradients[j] += slope
    return gradients


@tape_backward.wrong(
    "the slope was added to the gradient from above: multiply along a path and add only where paths meet"
)
def adds_along_paths(tape: Tape, output: int) -> list[float]:
    gradients = [0.0] * len(tape)
    gradients[output] = 1.0
    for i in range(output, -1, -1):
        for j, slope in tape[i]:
            gradients[j] += gradients[i] + slope
    return gradients


@tape_backward.wrong("the parts of two uses were multiplied: multiply along a path, but add the uses")
def multiplies_uses(tape: Tape, output: int) -> list[float]:
    gradients: list[float | None] = [None] * len(tape)
    gradients[output] = 1.0
    for i in range(output, -1, -1):
        for j, slope in tape[i]:
            part, before = (gradients[i] or 0.0) * slope, gradients[j]
            gradients[j] = part if before is None else before * part
    return [g or 0.0 for g in gradients]


@tape_backward.wrong("only the first input of each value was visited: every input gets a part")
def first_input_only(tape: Tape, output: int) -> list[float]:
    return _walk([inputs[:1] for inputs in tape], output, list(range(output, -1, -1)))


@tape_backward.wrong("the walk started below the output: the output sends the first gradients")
def output_not_visited(tape: Tape, output: int) -> list[float]:
    return _walk(tape, output, list(range(output - 1, -1, -1)))


@tape_backward.wrong("the walk ended before value 1: value 1 may depend on value 0")
def value_1_not_visited(tape: Tape, output: int) -> list[float]:
    return _walk(tape, output, list(range(output, 1, -1)))


@tape_backward.wrong("the walk ended at the first value with gradient 0: earlier values may have another gradient")
def stops_at_zero(tape: Tape, output: int) -> list[float]:
    gradients = [0.0] * len(tape)
    gradients[output] = 1.0
    for i in range(output, -1, -1):
        if gradients[i] == 0:
            break
        for j, slope in tape[i]:
            gradients[j] += gradients[i] * slope
    return gradients


@tape_backward.wrong("the walk started at the last value of the tape: start at `output`")
def from_the_end(tape: Tape, output: int) -> list[float]:
    return tape_backward.fn(tape, len(tape) - 1)


@tape_backward.wrong("every value started at 1: only the output has gradient 1 by itself, and the others start at 0")
def all_ones(tape: Tape, output: int) -> list[float]:
    gradients = [1.0] * len(tape)
    for i in range(output, -1, -1):
        for j, slope in tape[i]:
            gradients[j] += gradients[i] * slope
    return gradients


@tape_backward.wrong(
    "the output started at 0: its gradient with respect to itself is 1, and every other gradient is a multiple of it"
)
def no_seed(tape: Tape, output: int) -> list[float]:
    return [0.0] * len(tape)


@tape_backward.wrong(
    "values after the output took part: they depend on the output, but the output does not depend on them"
)
def whole_tape(tape: Tape, output: int) -> list[float]:
    gradients = [0.0] * output + [1.0] * (len(tape) - output)
    for i in range(len(tape) - 1, -1, -1):
        for j, slope in tape[i]:
            gradients[j] += gradients[i] * slope
    return gradients


@tape_backward.wrong(
    "this is forward mode: it tells how every value changes with the first value; return how the output changes "
    "with each"
)
def tangents(tape: Tape, output: int) -> list[float]:
    rates = [0.0] * len(tape)
    for i, inputs in enumerate(tape):
        rates[i] = 1.0 if i == 0 else sum(rates[j] * slope for j, slope in inputs)
    return rates


@tape_backward.wrong("only the gradients of the leaves were returned: return the gradients of all values")
def leaves_only(tape: Tape, output: int) -> list[float]:
    return [g for g, inputs in zip(tape_backward.fn(tape, output), tape, strict=True) if not inputs]


@tape_backward.wrong(
    "the gradients of the values in between were set to 0: return them too, like the gradients of the leaves"
)
def zeros_between(tape: Tape, output: int) -> list[float]:
    gradients = enumerate(tape_backward.fn(tape, output))
    return [0.0 if tape[i] and i != output else g for i, g in gradients]


@tape_backward.wrong("values after the output are missing from the list: their gradient is 0.0")
def up_to_the_output(tape: Tape, output: int) -> list[float]:
    return tape_backward.fn(tape, output)[: output + 1]


@tape_backward.wrong(
    "the gradients are in the order of the walk, last value first: return them in the order of the tape"
)
def backwards_list(tape: Tape, output: int) -> list[float]:
    return tape_backward.fn(tape, output)[::-1]


@tape_backward.wrong("gradients below 1e-12 were taken as 0: a large slope further back can make them large again")
def drops_the_tiny(tape: Tape, output: int) -> list[float]:
    gradients = [0.0] * len(tape)
    gradients[output] = 1.0
    for i in range(output, -1, -1):
        for j, slope in tape[i] if abs(gradients[i]) > 1e-12 else []:
            gradients[j] += gradients[i] * slope
    return gradients


@tape_backward.wrong("None was returned for values that do not change the output: return 0.0")
def none_for_zero(tape: Tape, output: int) -> list[float | None]:
    reached = {output}
    for i in range(output, -1, -1):
        reached |= {j for j, _ in tape[i]} if i in reached else set()
    return [g if i in reached else None for i, g in enumerate(tape_backward.fn(tape, output))]


@tape_backward.wrong(
    "recursion was used: a long tape exceeds Python's limit of 1,000 calls, and a loop over the tape is enough"
)
def recursive(tape: Tape, output: int) -> list[float]:
    uses: list[list[tuple[int, float]]] = [[] for _ in tape]
    for i, inputs in enumerate(tape):
        for j, slope in inputs:
            uses[j].append((i, slope))
    known: dict[int, float] = {output: 1.0}

    def gradient(j: int) -> float:
        if j not in known:
            known[j] = sum((gradient(i) * slope for i, slope in uses[j]), 0.0)
        return known[j]

    return [gradient(j) for j in range(len(tape))]
