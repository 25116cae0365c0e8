"""Column by column, each added to its piece; in float64, rounded on purpose."""

import torch
from torch import Tensor

from reference import oracle

Answer = tuple[Tensor, Tensor]


def _plus(a: Tensor, b: Tensor, dtype: torch.dtype) -> Tensor:
    return (a + b).to(dtype).double()


def _kernel(x: Tensor, parts: int) -> Tensor:
    size = (x.shape[1] + parts - 1) // parts
    pieces: dict[int, Tensor] = {}
    for i, column in enumerate(x.double().unbind(1)):
        piece = i // size
        pieces[piece] = _plus(pieces[piece], column, x.dtype) if piece in pieces else column
    out = pieces[0]
    for piece in range(1, len(pieces)):
        out = _plus(out, pieces[piece], x.dtype)
    return out.to(x.dtype)


def _parts(batch: int, cores: int, fixed: int | None) -> int:
    return fixed or max(1, cores // batch)


@oracle
def batch_invariance(x: Tensor, cores: int, fixed: int | None = None) -> tuple[Tensor, Tensor]:
    sums = _kernel(x, _parts(len(x), cores, fixed))
    return sums, sums == _kernel(x, _parts(1, cores, fixed))


def _left(x: Tensor) -> Tensor:
    out = x[:, 0]
    for column in x[:, 1:].unbind(1):
        out = out + column
    return out


def _with(x: Tensor, in_batch: int, alone: int) -> Answer:
    sums = _kernel(x, in_batch)
    return sums, sums == _kernel(x, alone)


@batch_invariance.right("by torch.chunk, whose pieces have the same length")
def by_chunk(x: Tensor, cores: int, fixed: int | None = None) -> Answer:
    def kernel(rows: Tensor) -> Tensor:
        pieces = rows.chunk(_parts(len(rows), cores, fixed), dim=1)
        return _left(torch.stack([_left(piece) for piece in pieces], 1))

    sums = kernel(x)
    return sums, torch.tensor([bool(kernel(x[i : i + 1])[0] == sums[i]) for i in range(len(x))])


@batch_invariance.wrong(
    "the single row was split as in the batch: alone it has more pieces, so no difference was ever seen"
)
def alone_as_in_the_batch(x: Tensor, cores: int, fixed: int | None = None) -> Answer:
    parts = _parts(len(x), cores, fixed)
    return _with(x, parts, parts)


@batch_invariance.wrong("the sums were compared with a tolerance: compare all bits, because one bit can change a token")
def with_a_tolerance(x: Tensor, cores: int, fixed: int | None = None) -> Answer:
    sums = _kernel(x, _parts(len(x), cores, fixed))
    return sums, torch.isclose(sums, _kernel(x, _parts(1, cores, fixed)), rtol=1e-3)


@batch_invariance.wrong("`fixed` was ignored: if it is given, the number of pieces is the same for every batch")
def fixed_ignored(x: Tensor, cores: int, fixed: int | None = None) -> Answer:
    return _with(x, _parts(len(x), cores, None), _parts(1, cores, None))


@batch_invariance.wrong("`fixed` was used only in the batch: the row alone is cut into the same number of pieces")
def fixed_in_the_batch_only(x: Tensor, cores: int, fixed: int | None = None) -> Answer:
    return _with(x, _parts(len(x), cores, fixed), _parts(1, cores, None))


@batch_invariance.wrong("rows were cut for all cores, whatever the batch: the rows of a batch share the cores")
def all_cores(x: Tensor, cores: int, fixed: int | None = None) -> Answer:
    return _with(x, fixed or cores, fixed or cores)


@batch_invariance.wrong("there was no piece if there are more rows than cores, and a division by 0: use at least 1")
def no_piece(x: Tensor, cores: int, fixed: int | None = None) -> Answer:
    return _with(x, fixed or cores // len(x), fixed or cores)


@batch_invariance.wrong("the single row was added in one piece: in a batch of 1 it is cut into `cores` pieces")
def alone_in_one_piece(x: Tensor, cores: int, fixed: int | None = None) -> Answer:
    return _with(x, _parts(len(x), cores, fixed), fixed or 1)


@batch_invariance.wrong("the pieces were made equally long: each piece but the last has ceil(n / parts) columns")
def spread_evenly(x: Tensor, cores: int, fixed: int | None = None) -> Answer:
    def kernel(rows: Tensor, parts: int) -> Tensor:
        pieces = rows.tensor_split(min(parts, rows.shape[1]), 1)
        return _left(torch.stack([_left(piece) for piece in pieces], 1))

    sums = kernel(x, _parts(len(x), cores, fixed))
    return sums, sums == kernel(x, _parts(1, cores, fixed))


@batch_invariance.wrong("cores / batch was rounded up: there are not that many cores")
def rounded_up(x: Tensor, cores: int, fixed: int | None = None) -> Answer:
    return _with(x, fixed or -(-cores // len(x)), fixed or cores)


@batch_invariance.wrong("there are as many pieces as rows: the more rows there are, the fewer cores each row gets")
def as_many_as_rows(x: Tensor, cores: int, fixed: int | None = None) -> Answer:
    return _with(x, fixed or len(x), fixed or 1)


@batch_invariance.wrong("nothing was cut: every row was added from left to right in one piece")
def one_piece(x: Tensor, cores: int, fixed: int | None = None) -> Answer:
    return _with(x, 1, 1)


@batch_invariance.wrong(
    "the sum was in float32 and rounded once: then the order hardly matters; round after every addition"
)
def rounded_once(x: Tensor, cores: int, fixed: int | None = None) -> Answer:
    def kernel(parts: int) -> Tensor:
        return _kernel(x.float(), parts).to(x.dtype)

    sums = kernel(_parts(len(x), cores, fixed))
    return sums, sums == kernel(_parts(1, cores, fixed))


@batch_invariance.wrong("every parts-th column went into one piece: a piece is a run of neighboring columns")
def interleaved(x: Tensor, cores: int, fixed: int | None = None) -> Answer:
    def kernel(rows: Tensor, parts: int) -> Tensor:
        parts = min(parts, rows.shape[1])
        return _left(torch.stack([_left(rows[:, i::parts]) for i in range(parts)], 1))

    sums = kernel(x, _parts(len(x), cores, fixed))
    return sums, sums == kernel(x, _parts(1, cores, fixed))


@batch_invariance.wrong("pieces have n // parts columns: a remainder makes one piece too many; round up")
def one_piece_more(x: Tensor, cores: int, fixed: int | None = None) -> Answer:
    def kernel(rows: Tensor, parts: int) -> Tensor:
        pieces = torch.split(rows, max(1, rows.shape[1] // parts), 1)
        return _left(torch.stack([_left(piece) for piece in pieces], 1))

    sums = kernel(x, _parts(len(x), cores, fixed))
    return sums, sums == kernel(x, _parts(1, cores, fixed))


@batch_invariance.wrong("pieces have n // parts columns, and the remaining columns were dropped")
def rest_dropped(x: Tensor, cores: int, fixed: int | None = None) -> Answer:
    def kernel(rows: Tensor, parts: int) -> Tensor:
        size = max(1, rows.shape[1] // parts)
        pieces = torch.split(rows, size, 1)[:parts]
        return _left(torch.stack([_left(piece) for piece in pieces], 1))

    sums = kernel(x, _parts(len(x), cores, fixed))
    return sums, sums == kernel(x, _parts(1, cores, fixed))


@batch_invariance.wrong("the results of the pieces were added from right to left")
def pieces_backwards(x: Tensor, cores: int, fixed: int | None = None) -> Answer:
    def kernel(rows: Tensor, parts: int) -> Tensor:
        pieces = rows.chunk(parts, 1)
        return _left(torch.stack([_left(piece) for piece in pieces], 1).flip(1))

    sums = kernel(x, _parts(len(x), cores, fixed))
    return sums, sums == kernel(x, _parts(1, cores, fixed))


@batch_invariance.wrong(
    "the results of the pieces were added by torch.sum, which rounds once: round after every addition"
)
def pieces_by_torch_sum(x: Tensor, cores: int, fixed: int | None = None) -> Answer:
    def kernel(rows: Tensor, parts: int) -> Tensor:
        return torch.stack([_left(piece) for piece in rows.chunk(parts, 1)], 1).sum(1)

    sums = kernel(x, _parts(len(x), cores, fixed))
    return sums, sums == kernel(x, _parts(1, cores, fixed))


@batch_invariance.wrong("the result is True if the two sums differ: True must mean that they are the same")
def inverted(x: Tensor, cores: int, fixed: int | None = None) -> Answer:
    sums, same = batch_invariance.fn(x, cores, fixed)
    return sums, ~same


@batch_invariance.wrong("there is one answer for the whole batch: compare each row by itself")
def one_for_all(x: Tensor, cores: int, fixed: int | None = None) -> tuple[Tensor, bool]:
    sums, same = batch_invariance.fn(x, cores, fixed)
    return sums, bool(same.all())


@batch_invariance.wrong("the sums of the rows alone were returned: return the sums in the batch")
def sums_alone(x: Tensor, cores: int, fixed: int | None = None) -> Answer:
    return _kernel(x, _parts(1, cores, fixed)), batch_invariance.fn(x, cores, fixed)[1]
