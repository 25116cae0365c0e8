"""What a kernel becomes on an H100, with no GPU here: registers, spills, shared memory, tensor-core instructions.

Triton compiles for a GPU that is not there (any it knows); its own `ptxas -v` says what came out. It cannot do so in a
process that has imported it with the interpreter, so another process does; reports are kept by a hash of all that went
in.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.metadata
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import torch
from torch import Tensor

from grader.kernels.compiler import OURS
from grader.kernels.text import KernelText, YourTurn, is_stub, kernel_lines

SHARED = {90: 232_448, 89: 101_376, 86: 101_376, 80: 166_912}  # bytes of shared memory a block may have
TYPES = {
    torch.float8_e4m3fn: "*fp8e4nv",
    torch.float8_e5m2: "*fp8e5",
    torch.float16: "*fp16",
    torch.bfloat16: "*bf16",
    torch.float32: "*fp32",
    torch.float64: "*fp64",
    torch.int32: "*i32",
    torch.int64: "*i64",
}
OPTIONS = ("num_warps", "num_stages")


class Launch(msgspec.Struct, frozen=True):
    """One kernel as a launcher would start it: types of its arguments, constants, options."""

    kernel: str
    signature: dict[str, str]
    constants: dict[str, Any]
    divisible: list[int]  # places of arguments divisible by 16: Triton compiles those apart
    options: dict[str, int]


class Compiled(msgspec.Struct, frozen=True):
    """What came out, for one kernel. `error` if nothing did."""

    kernel: str
    arch: int
    registers: int = 0  # a thread
    spills: int = 0  # bytes a thread keeps in memory for want of registers, stores and loads together
    shared: int = 0  # bytes a block
    wgmma: bool = False  # Hopper's tensor-core instruction
    mma: bool = False  # its predecessor
    operands: tuple[str, ...] = ()  # what tensor cores multiply, as PTX names it: bf16, f16, tf32, e4m3, e5m2
    error: str = ""

    @property
    def tf32(self) -> bool:
        """Are fp32 tiles rounded to 10 bits of fraction on the way into a product?"""
        return "tf32" in self.operands

    @property
    def fits(self) -> bool:
        return self.shared <= SHARED.get(self.arch, SHARED[90])

    def meaning(self) -> list[str]:
        """The numbers, each with what it means."""
        if self.error:
            return [f"{self.kernel} does not compile for sm_{self.arch}: {_told(self.error)}"]
        cores = "none: no tl.dot reaches the tensor cores"
        if self.wgmma or self.mma:
            cores = "wgmma, at full rate" if self.wgmma else "mma.sync"
            cores += ", about half the rate of wgmma" if self.arch == 90 and not self.wgmma else ""
            cores += f"; they multiply {', '.join(self.operands)}" if "tf32" not in self.operands else ""
        cores += ", halved by tf32 (fp32 tiles in tl.dot)" if self.tf32 else ""
        spills = "all values stay in registers" if not self.spills else "values go to memory and back in the loop"
        limit = SHARED.get(self.arch, SHARED[90])
        room = f"of {limit:,} a block may have" if self.fits else f"but a block may have {limit:,}: it will not start"
        return [
            f"{self.kernel} for sm_{self.arch}",
            f"  registers     {self.registers} a thread, of 255",
            f"  spills        {self.spills:,} bytes a thread: {spills}",
            f"  shared memory {self.shared:,} bytes, {room}",
            f"  tensor cores  {cores}",
        ]


def _told(error: str) -> str:
    """Triton repeats the kernel from its head: the line it points at, and what it says of it, are enough."""
    lines = error.splitlines()
    points = [i for i, line in enumerate(lines) if line.strip() == "^"]
    return "\n".join(["", *lines[max(0, points[-1] - 1) :]]) if points else error


class Recorder:
    """Stands in for a kernel: `recorder[grid](*args)` notes the launch and runs nothing."""

    def __init__(self, node: ast.FunctionDef, seen: list[Launch]) -> None:
        self.node, self.seen = node, seen

    def __getitem__(self, grid: Any) -> Callable[..., None]:
        if is_stub(self.node):
            raise YourTurn("your turn")
        parameters = [*self.node.args.posonlyargs, *self.node.args.args, *self.node.args.kwonlyargs]

        def note(*args: Any, **kwargs: Any) -> None:
            given = dict(zip((p.arg for p in parameters), args, strict=False)) | kwargs
            fixed = {p.arg for p in parameters if p.annotation is not None}
            signature: dict[str, str] = {}
            constants: dict[str, Any] = {}
            divisible: list[int] = []
            for i, name in enumerate(p.arg for p in parameters):
                value = given.get(name)
                kind = "constexpr" if name in fixed else _type(value)
                signature[name] = kind
                if kind == "constexpr":
                    constants[name] = value
                elif isinstance(value, Tensor) or (isinstance(value, int) and value % 16 == 0):
                    divisible.append(i)
            options = {n: int(kwargs[n]) for n in OPTIONS if n in kwargs}
            self.seen.append(Launch(self.node.name, signature, constants, divisible, options))

        return note


def launches(
    texts: Mapping[str, KernelText], launch: Callable[..., Any], config: Mapping[str, Any], inputs: Any
) -> list[Launch]:
    """What a launcher would start for these inputs, without starting it. `texts` by name of kernel."""
    seen: list[Launch] = []
    kernels = SimpleNamespace(**{name: Recorder(text.functions[name], seen) for name, text in texts.items()})
    launch(kernels, config, *inputs)
    return seen


def _type(value: Any) -> str:
    if isinstance(value, Tensor):
        return TYPES[value.dtype]
    if value is None or (isinstance(value, int) and value == 1):  # Triton compiles a 1 in as a constant
        return "constexpr"
    return "fp32" if isinstance(value, float) else "i32"


def compile_for(arch: str, text: KernelText, launch: Launch) -> Compiled:
    """Compile one kernel for `sm_90` (or another), from the cache if it was compiled before."""
    job = {"source": kernel_lines(text), "arch": int(arch.removeprefix("sm_")), **msgspec.to_builtins(launch)}
    kept = _cache() / f"{_key(job)}.json"
    with contextlib.suppress(OSError, ValueError, msgspec.DecodeError, msgspec.ValidationError):
        return msgspec.json.decode(kept.read_bytes(), type=Compiled)
    report = _judge(launch.kernel, job["arch"], OURS.ask(job))
    with contextlib.suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        new = kept.with_suffix(f".{os.getpid()}")
        new.write_bytes(msgspec.json.encode(report))
        new.replace(kept)
    return report


def _key(job: dict[str, Any]) -> str:
    """Of everything a report depends on: Triton, the job, and what is looked for in the result."""
    version, worker = importlib.metadata.version("triton"), Path(__file__).with_name("compile_worker.py").read_text()
    return hashlib.sha256(json.dumps([version, worker, job], sort_keys=True).encode()).hexdigest()[:32]


def _cache() -> Path:
    from grader.book.errors import KoansError
    from grader.book.workbook import find_root

    try:
        return find_root(Path.cwd()) / ".koans" / "compiled"
    except KoansError:
        return Path(tempfile.gettempdir()) / f"koans-compiled-{os.getuid()}"


def _judge(kernel: str, arch: int, report: dict[str, Any]) -> Compiled:
    if "error" in report:
        return Compiled(kernel, arch, error=report["error"])
    log = report["log"]
    registers = [int(n) for n in re.findall(r"Used (\d+) registers", log)]
    spills = [int(n) for n in re.findall(r"(\d+) bytes spill", log)]
    seen = {n: report[n] for n in ("shared", "wgmma", "mma")}
    return Compiled(kernel, arch, max(registers, default=0), sum(spills), **seen, operands=tuple(report["operands"]))
