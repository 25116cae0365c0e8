"""Compiles kernels for an H100 without a GPU, and reports registers, spills, shared memory and tensor-core use.

Triton can compile for a GPU that is not present, and its own `ptxas -v` reports on the result. Another process imports
Triton: that takes time, and what Triton does with a stranger's text stays out of the grader. Reports are cached by a
hash of all input.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import stat
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import torch
from torch import Tensor

from grader.book.errors import KoansError
from grader.book.files import others_may
from grader.book.workbook import find_root
from grader.kernels.compiler import COMPILER
from grader.kernels.kernel_text import KernelText, YourTurn, is_stub

SHARED_LIMITS = {90: 232_448, 89: 101_376, 86: 101_376, 80: 166_912}  # bytes of shared memory of a block
TYPES = {
    torch.float8_e4m3fn: "*fp8e4nv",
    torch.float8_e5m2: "*fp8e5",
    torch.float16: "*fp16",
    torch.bfloat16: "*bf16",
    torch.float32: "*fp32",
    torch.float64: "*fp64",
    torch.bool: "*i1",
    torch.int8: "*i8",
    torch.int16: "*i16",
    torch.int32: "*i32",
    torch.int64: "*i64",
    torch.uint8: "*u8",
    torch.uint16: "*u16",
    torch.uint32: "*u32",
    torch.uint64: "*u64",
}
OPTIONS = ("num_warps", "num_stages")


class Launch(msgspec.Struct, frozen=True):
    """One launch of a kernel: the types of its arguments, its constants and its options."""

    kernel: str
    signature: dict[str, str]
    constants: dict[str, Any]
    divisible: list[int]  # positions of the arguments divisible by 16: Triton specializes on them
    options: dict[str, int]


class Compiled(msgspec.Struct, frozen=True):
    """The compiler's report on one kernel.

    `error` is the compiler's error, if there was one. If it is not `final`, the machine may have caused it.
    """

    kernel: str
    arch: int
    registers: int = 0  # per thread
    spills: int = 0  # bytes per thread that are stored to memory and loaded back, because registers ran out
    shared: int = 0  # bytes per block
    wgmma: bool = False  # Hopper's tensor-core instruction
    mma: bool = False  # the tensor-core instruction before Hopper
    operands: tuple[str, ...] = ()  # types that the tensor cores multiply, by PTX name: bf16, f16, tf32, e4m3, e5m2
    error: str = ""
    final: bool = True

    @property
    def tf32(self) -> bool:
        """Does a product round its fp32 tiles to 10 bits of fraction?"""
        return "tf32" in self.operands

    @property
    def fits(self) -> bool:
        """Does a block fit into shared memory?"""
        return self.shared <= SHARED_LIMITS.get(self.arch, SHARED_LIMITS[90])

    def explained(self) -> list[str]:
        """Lines with the numbers and what each means."""
        if self.error:
            return [f"{self.kernel} does not compile for sm_{self.arch}: {_short(self.error)}"]
        cores = "none: no tl.dot reaches the tensor cores"
        if self.wgmma or self.mma:
            cores = "wgmma, at full rate" if self.wgmma else "mma.sync"
            cores += ", about half the rate of wgmma" if self.arch == 90 and not self.wgmma else ""
            cores += f"; they multiply {', '.join(self.operands)}" if "tf32" not in self.operands else ""
        cores += ", halved by tf32 (fp32 tiles in tl.dot)" if self.tf32 else ""
        spills = "all values stay in registers" if not self.spills else "values go to memory and back in the loop"
        limit = SHARED_LIMITS.get(self.arch, SHARED_LIMITS[90])
        room = (
            f"of {limit:,} a block may have"
            if self.fits
            else f"but a block may have only {limit:,}: the kernel will not start"
        )
        return [
            f"{self.kernel} for sm_{self.arch}",
            f"  registers     {self.registers} a thread, of 255",
            f"  spills        {self.spills:,} bytes a thread: {spills}",
            f"  shared memory {self.shared:,} bytes, {room}",
            f"  tensor cores  {cores}",
        ]


def _short(error: str) -> str:
    """The line that an error of Triton points at, and the message. Triton prints the whole kernel above it."""
    lines = error.splitlines()
    points = [i for i, line in enumerate(lines) if line.strip() == "^"]
    return "\n".join(["", *lines[max(0, points[-1] - 1) :]]) if points else error


class Recorder:
    """Stands in for a kernel: `recorder[grid](*args)` records the launch and runs nothing."""

    def __init__(self, node: ast.FunctionDef, launches: list[Launch]) -> None:
        self.node, self.launches = node, launches

    def __getitem__(self, grid: Any) -> Callable[..., None]:
        if is_stub(self.node):
            raise YourTurn("your turn")
        parameters = [*self.node.args.posonlyargs, *self.node.args.args, *self.node.args.kwonlyargs]

        def record(*args: Any, **kwargs: Any) -> None:
            defaults = _defaults(self.node)
            given = defaults | dict(zip((p.arg for p in parameters), args, strict=False)) | kwargs
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
            self.launches.append(Launch(self.node.name, signature, constants, divisible, options))

        return record


def _defaults(node: ast.FunctionDef) -> dict[str, Any]:
    """The defaults of a kernel's parameters. The check of the text allows only numbers and None."""
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = [*zip(reversed(positional), reversed(arguments.defaults), strict=False)]
    pairs += [(p, d) for p, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None]
    return {parameter.arg: ast.literal_eval(default) for parameter, default in pairs}


def launches(
    texts: Mapping[str, KernelText], launch: Callable[..., Any], config: Mapping[str, Any], inputs: Any
) -> list[Launch]:
    """The launches that a launcher would make for these inputs. Nothing runs. Raises YourTurn for a stub.

    `texts`: the text that contains each kernel, by the kernel's name.
    """
    recorded: list[Launch] = []
    kernels = SimpleNamespace(**{name: Recorder(text.functions[name], recorded) for name, text in texts.items()})
    launch(kernels, config, *inputs)
    return recorded


def _type(value: Any) -> str:
    if isinstance(value, Tensor):
        return TYPES[value.dtype]
    if value is None or (isinstance(value, int) and value == 1):  # Triton compiles a 1 as a constant
        return "constexpr"
    return "fp32" if isinstance(value, float) else "i32"


def compile_for(arch: str, source: str, launch: Launch) -> Compiled:
    """Compile one kernel of a checked text for `arch` ("sm_90"), or take the report from the cache.

    Raises CannotCompile if the compiler cannot be run here.
    """
    job = _job(arch, source, launch)
    cached = _cache() / f"{_key(job)}.json"
    with contextlib.suppress(OSError, ValueError, msgspec.DecodeError, msgspec.ValidationError):
        return msgspec.json.decode(cached.read_bytes(), type=Compiled)
    report = _compiled(launch.kernel, job)
    if report.final:  # another error may not come again
        _keep(cached, msgspec.json.encode(report))
    return report


def compile_again(arch: str, source: str, launch: Launch) -> Compiled:
    """Compile one kernel without the cache. Raises CannotCompile if the compiler cannot be run here."""
    return _compiled(launch.kernel, _job(arch, source, launch))


def _job(arch: str, source: str, launch: Launch) -> dict[str, Any]:
    return {"source": source, "arch": int(arch.removeprefix("sm_")), **msgspec.to_builtins(launch)}


def _compiled(kernel: str, job: dict[str, Any]) -> Compiled:
    return _parsed(kernel, job["arch"], COMPILER.ask(job))


def _keep(file: Path, data: bytes) -> None:
    """Write a file in one step, since others may read and write it too. Nothing is kept where that is not possible."""
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd, new = tempfile.mkstemp(prefix=f".{file.stem}-", dir=file.parent)
        try:
            with open(fd, "wb") as stream:
                stream.write(data)
            os.replace(new, file)
        except OSError:
            os.unlink(new)
            raise


def _key(job: dict[str, Any]) -> str:
    """A hash of everything that a report depends on: Triton, Python, the code that compiles and the job."""
    versions = importlib.metadata.version("triton"), platform.python_version(), platform.machine()
    ours = [
        Path(__file__).with_name(name).read_text(encoding="utf-8")
        for name in ("compile.py", "compiler.py", "compile_worker.py")
    ]
    return hashlib.sha256(json.dumps([versions, ours, job], sort_keys=True).encode()).hexdigest()[:32]


def _cache() -> Path:
    """The folder of the cache: in the workbook, or in the temporary folder outside of one."""
    try:
        return find_root(Path.cwd()) / ".koans" / "compiled"
    except (KoansError, OSError):
        user = os.getuid() if hasattr(os, "getuid") else "reports"
        return _own_folder(Path(tempfile.gettempdir()) / f"koans-compiled-{user}")


def _own_folder(folder: Path) -> Path:
    """The folder, or one that does not exist if another user has made it: reports of strangers are not believed."""
    with contextlib.suppress(OSError):
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or others_may(0o022, status):
            return Path(os.devnull) / "none"
    return folder


def _parsed(kernel: str, arch: int, report: dict[str, Any]) -> Compiled:
    """The worker's report with the figures that ptxas printed."""
    if "error" in report:
        return Compiled(kernel, arch, error=report["error"], final=report.get("final", True))
    log = report["log"]
    registers = [int(n) for n in re.findall(r"Used (\d+) registers", log)]
    spills = [int(n) for n in re.findall(r"(\d+) bytes spill", log)]
    figures = {n: report[n] for n in ("shared", "wgmma", "mma")}
    return Compiled(kernel, arch, max(registers, default=0), sum(spills), **figures, operands=tuple(report["operands"]))
