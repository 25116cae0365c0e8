"""What Triton's own compiler makes of kernels: the type of every variable, or the error. No GPU is needed.

`python -m tests.fuzz.tiles.front_end` reads one job a line from stdin and writes one answer a line to stdout. It runs
in a process of its own, because a process that has imported Triton with the interpreter cannot compile.
"""

from __future__ import annotations

import contextlib
import json
import linecache
import os
import re
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

FILE = "<kernel>"
MLIR_ERROR = re.compile(r"(?:<kernel>:(\d+):\d+|.*?): error: (.*)")


@dataclass(frozen=True)
class Job:
    """A kernel's text, and the kinds of its arguments: "*fp32", "i32" or "constexpr" with the value in `constants`."""

    source: str
    signature: dict[str, str]
    constants: dict[str, Any]
    kernel: str = "kernel"
    whole: bool = False  # down to PTX, not only the front end


@dataclass(frozen=True)
class Answer:
    """The types of each variable in the order of its assignments, and the error, or an empty string."""

    types: dict[str, list[str]] = field(default_factory=dict)
    error: str = ""
    line: int = 0


def ask(jobs: Sequence[Job]) -> Iterator[Answer]:
    """The answers to jobs, in order, from one process."""
    env = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-m", "tests.fuzz.tiles.front_end"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root, env=env, text=True)
    assert process.stdin is not None and process.stdout is not None
    writer = threading.Thread(target=_write, args=(process.stdin, jobs), daemon=True)
    writer.start()  # so that the caller works while the compiler does
    try:
        for _ in jobs:
            yield Answer(**json.loads(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()
        writer.join()
        process.stdout.close()


def _write(pipe: IO[str], jobs: Sequence[Job]) -> None:
    with contextlib.suppress(BrokenPipeError), pipe:
        for job in jobs:
            pipe.write(json.dumps(asdict(job)) + "\n")
            pipe.flush()


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # other output must not mix with the answers
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        answers.write(json.dumps(asdict(answer(Job(**json.loads(line))))) + "\n")
        answers.flush()


@contextlib.contextmanager
def printed() -> Iterator[list[str]]:
    """Within the block, output goes into a file. After it, the list holds its lines: MLIR prints what is wrong there."""
    lines: list[str] = []
    sys.stdout.flush()
    before = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield lines
        finally:
            sys.stdout.flush()
            for number, descriptor in zip((1, 2), before, strict=True):
                os.dup2(descriptor, number)
                os.close(descriptor)
            file.seek(0)
            lines += file.read(1 << 16).decode(errors="replace").splitlines()


def answer(job: Job) -> Answer:
    import triton
    import triton.language as tl
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource
    from triton.compiler.errors import CompilationError

    linecache.cache[FILE] = (len(job.source), None, job.source.splitlines(True), FILE)
    namespace: dict[str, Any] = {"triton": triton, "tl": tl, "__name__": "kernel"}
    exec(compile(job.source, FILE, "exec"), namespace)
    kernel = namespace[job.kernel]
    source = ASTSource(kernel, job.signature, job.constants)
    types: dict[str, list[str]] = {}
    lines: list[str] = []
    try:
        with printed() as lines, recorded(types):
            if job.whole:
                triton.compile(source, target=GPUTarget("cuda", 90, 32))
            else:
                make_ir(source)
    except CompilationError as error:
        innermost: BaseException = error
        line = 0
        while innermost is not None:  # an error in a helper is wrapped in one for each call
            node = getattr(innermost, "node", None)
            src = getattr(innermost, "src", None)
            if node is not None and src is not None and src in job.source:
                line = job.source[: job.source.index(src)].count("\n") + node.lineno
            if innermost.__cause__ is None:
                break
            innermost = innermost.__cause__
        return Answer(types, f"{type(innermost).__name__}: {innermost}".strip()[-600:], line)
    except Exception as error:
        found = next((m for m in map(MLIR_ERROR.match, lines) if m), None)
        if found:
            return Answer(types, f"MLIR: {found[2]}", int(found[1] or 0))
        return Answer(types, f"{type(error).__name__}: {error}"[-600:])
    return Answer(types)


def make_ir(source: Any) -> Any:
    """The first stage of `triton.compile` for sm_90, without its caches."""
    from triton._C.libtriton import ir

    backend, options = _backend()
    context = ir.context()
    ir.load_dialects(context)
    backend.load_dialects(context)
    return source.make_ir(
        backend.target, options, backend.get_codegen_implementation(options), backend.get_module_map(), context
    )


def _backend() -> tuple[Any, Any]:
    from triton.backends.compiler import GPUTarget
    from triton.compiler.compiler import make_backend

    backend = make_backend(GPUTarget("cuda", 90, 32))
    return backend, backend.parse_options({})


@contextlib.contextmanager
def recorded(types: dict[str, list[str]]) -> Iterator[None]:
    """Within the block, the types of the variables of the job's functions are recorded at each assignment."""
    from triton.compiler.code_generator import CodeGenerator

    before = {name: getattr(CodeGenerator, name) for name in ("set_value", "visit_AnnAssign")}

    def record(name: str, value: Any) -> None:
        kind = described(value)
        found = types.setdefault(name, [])
        if kind not in found:
            found.append(kind)

    def set_value(self: Any, name: str, value: Any) -> None:
        if self.jit_fn.fn.__module__ == "kernel":
            record(name, value)
        before["set_value"](self, name, value)

    def visit_annotated(self: Any, node: Any) -> Any:
        value = before["visit_AnnAssign"](self, node)
        if self.jit_fn.fn.__module__ == "kernel" and node.target.id in self.lscope:
            record(node.target.id, self.lscope[node.target.id])
        return value

    CodeGenerator.set_value, CodeGenerator.visit_AnnAssign = set_value, visit_annotated
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(CodeGenerator, name, function)


def described(value: Any) -> str:
    """The type of a value: "fp32[16,32]", "i32[]", "*fp16[8]", "constexpr 3", "(i32[], fp32[])"."""
    from triton import language as tl

    if isinstance(value, tl.tensor):
        return f"{_element(value.dtype)}[{','.join(str(n.value) for n in value.shape)}]"
    if isinstance(value, tl.constexpr):
        return f"constexpr {value.value!r}" if not isinstance(value.value, tl.dtype) else described(value.value)
    if isinstance(value, tl.tuple):
        return f"({', '.join(described(v) for v in value.values)})"
    if isinstance(value, tl.dtype):
        return f"dtype {_element(value)}"
    return "constexpr None" if value is None else f"{type(value).__name__} {value}"


def _element(dtype: Any) -> str:
    if dtype.is_ptr():
        return "*" + _element(dtype.element_ty)
    return str(dtype).replace("uint", "u").replace("int", "i")


if __name__ == "__main__":
    main()
