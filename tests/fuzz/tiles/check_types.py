"""Compares the types of all variables, and what is refused, with Triton's own front end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.kernels.tiles.findings import KernelError
from tests.fuzz.tiles.disagreements import later_stage
from tests.fuzz.tiles.front_end import Answer, ask
from tests.fuzz.tiles.machine import NotText, types_of
from tests.fuzz.tiles.programs import Program, program


@dataclass(frozen=True)
class Difference:
    seed: str
    program: Program
    what: str
    compiler: Answer
    machine: Answer

    def __str__(self) -> str:
        compiler, machine = (answer.error.strip().splitlines()[-1:] for answer in (self.compiler, self.machine))
        lines = [
            f"seed {self.seed}: {self.what}",
            *(f"  {i:3} {line}" for i, line in enumerate(self.program.source.splitlines(), 1)),
        ]
        arguments = f"  {self.program.tensors} {self.program.numbers} {self.program.constants}"
        return "\n".join(
            [
                *lines,
                arguments,
                f"  compiler, line {self.compiler.line}: {compiler}",
                f"  machine, line {self.machine.line}: {machine}",
            ]
        )


def compare(seed: int, count: int, outcomes: Counter[str]) -> Iterator[Difference]:
    """The differences among programs of a seed. `outcomes` counts what happened."""
    seeds = [f"{seed} {i}" for i in range(count)]
    programs = [program(s) for s in seeds]
    for one, made, compiled in zip(seeds, programs, ask([p.job for p in programs]), strict=True):
        try:
            machine = types_of(made)
        except NotText as error:
            outcomes["not admitted by the check of the text"] += 1
            outcomes[f"  {str(error)[:90]}"] += 1
            continue
        except KernelError as error:  # a shift by too much, say: no question of types
            outcomes[f"stopped at run time: {type(error).__name__}"] += 1
            continue
        except Exception as error:
            yield Difference(one, made, f"the machine raises {type(error).__name__}: {error}", compiled, Answer())
            continue
        outcomes["refused by the compiler" if compiled.error else "compiled"] += 1
        outcomes["variables compared"] += sum(len(v) for v in machine.types.values())
        what = difference(compiled, machine)
        known = later_stage(machine.error) if what and machine.error else None
        if known and compiled_past(made, compiled, machine.line):
            outcomes[f"refused by the machine and not by the front end, as known: {known.name}"] += 1
        elif what:
            yield Difference(one, made, what, compiled, machine)


def compiled_past(made: Program, compiled: Answer, line: int) -> bool:
    """Did the front end take what is at this line? It names the head of an `if` or a loop whose variables change, a
    line of the helper whose call is further down, and a constant that the second pass of tl.static_range assigns again.
    """
    kernel = made.source[: made.source.index("def kernel(")].count("\n") + 1
    at_head = any(
        words in compiled.error for words in ("initial value for", "Mismatched type", "Loop-carried", "already defined")
    )
    return not compiled.error or compiled.line == 0 or compiled.line > line or at_head or compiled.line < kernel


def difference(compiled: Answer, machine: Answer) -> str:
    """What differs, or an empty string. What no program of the grid reaches has no type in the machine."""
    if bool(compiled.error) != bool(machine.error):
        return "only the compiler refuses" if compiled.error else "only the machine refuses"
    in_helper = "Return type mismatch" in compiled.error  # the compiler is at the helper, the machine at its call
    if compiled.error and compiled.line and machine.line and compiled.line != machine.line and not in_helper:
        return "refused at different lines"
    for name, kinds in machine.types.items():
        if name.startswith("k") and name not in compiled.types:
            continue  # the variable of tl.static_range, which the recorder does not see
        unknown = [kind for kind in kinds if kind not in compiled.types.get(name, ())]
        if unknown:
            return f"{name} is {unknown} in the machine and {compiled.types.get(name)} in the compiler"
    return ""


def kinds_of(differences: Sequence[Difference]) -> Counter[str]:
    return Counter(d.what.split(" is ")[0][:60] for d in differences)
