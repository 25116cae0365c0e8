"""Checks whether this machine can run the workbook: versions in the tested range, and one smoke test of each part."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import msgspec
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from grader.book.errors import KoansError
from grader.judge.runner import shared_server, start
from grader.judge.sandbox import probe
from grader.judge.sandbox.confine import trusted
from grader.kernels import kernel_text
from grader.learn.progress import Progress


class Finding(msgspec.Struct, frozen=True):
    """The state of one part: the version that was found, whether it is in order, and a line that explains it.

    `needed`: the workbook does not run without this part.
    """

    part: str
    found: str
    ok: bool
    says: str = ""
    needed: bool = True


class Absent(Exception):
    """An optional part is not there."""


def examine(root: Path) -> list[Finding]:
    """Check each part. A part that fails does not stop the others."""
    ranges = _ranges(root)
    findings = [_python(root)]
    for name, smoke in (("torch", _torch), ("numpy", _numpy), ("triton", _triton)):
        findings.append(_package(name, ranges.get(name, ""), smoke))
    findings.append(_check("kernels", "", _kernels, needed=True))
    findings.append(_check("GPU", "", _gpu, needed=False))
    findings.append(_progress(root))
    findings.append(_sandbox(root))
    findings.append(_warm(root))
    return findings


def _ranges(root: Path) -> dict[str, str]:
    """The tested range of each dependency, from pyproject.toml."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [Requirement(text) for text in project["dependencies"]]
    return {r.name: str(r.specifier) for r in requirements}


def _python(root: Path) -> Finding:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    tested = project["requires-python"]
    ok = sys.version_info >= (3, 11)
    venv = "" if sys.prefix != sys.base_prefix else "; not in a virtual environment"
    return Finding("Python", platform.python_version(), ok, f"tested {tested}{venv}")


def _package(name: str, tested: str, smoke: Callable[[], str]) -> Finding:
    needed = name != "triton"
    without = "" if needed else "; tests of compiled kernels are 'not run here', everything else runs"
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        built = needed or sys.platform == "linux"
        missing = f"not installed: `pip install '{name}{tested}'`" if built else "not installed: it is for Linux only"
        return Finding(name, "none", not needed, missing + without, needed)
    inside = Version(version) in SpecifierSet(tested, prereleases=True)
    finding = _check(name, version, smoke, needed=needed)
    comparison = f"tested {tested}" if inside else f"outside the tested range {tested}{without}"
    return msgspec.structs.replace(
        finding, ok=finding.ok and (inside or not needed), says=f"{comparison}; {finding.says}"
    )


def _check(name: str, found: str, smoke: Callable[[], str], *, needed: bool) -> Finding:
    """Run the smoke test. Without a version in `found`, its result is "what was found; explanation"."""
    try:
        result = smoke()
    except Exception as error:  # any error of a part is the finding
        first = (str(error).strip().splitlines() or [""])[0]
        if isinstance(error, Absent):
            return Finding(name, "none", not needed, first, needed)
        return Finding(name, found or "none", not needed, f"{type(error).__name__}: {first}", needed)
    return Finding(name, found or result.partition(";")[0], True, result.partition(";")[2].strip() or result, needed)


def _torch() -> str:
    import torch

    weights = torch.softmax(torch.tensor([0.0, 0.0]), -1).tolist()
    product = (torch.full((4, 4), 3.0).bfloat16() @ torch.eye(4).bfloat16()).sum().item()
    _expect(weights, [0.5, 0.5], "softmax([0, 0])")
    _expect(product, 48.0, "a bf16 matmul")
    return "softmax and a bf16 matmul give the known answer"


def _numpy() -> str:
    import numpy as np

    _expect(float(np.float16(65519)), 65504.0, "float16(65519)")
    return "float16(65519) is 65504"


def _triton() -> str:
    from grader.kernels.compile import Launch, compile_again  # imports torch

    signature = {"x_ptr": "*fp32", "out_ptr": "*fp32", "n": "i32", "BLOCK": "constexpr"}
    report = compile_again("sm_90", KERNEL, Launch("double", signature, {"BLOCK": 4}, [0, 1], {}))
    _expect(report.error, "", "compiling a kernel")
    return f"a kernel compiles for an H100, in {report.registers} registers"


KERNEL = """
import triton
import triton.language as tl
CONFIG = {}
@triton.jit
def double(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, 2 * tl.load(x_ptr + i, mask=i < n), mask=i < n)
"""


def _kernels() -> str:
    import torch

    from grader.kernels.tiles.launch import load

    x, out = torch.arange(5.0), torch.zeros(5)
    load(kernel_text.read(KERNEL, "<doctor>")).double[(2,)](x, out, 5, BLOCK=4)
    _expect(out.tolist(), [0.0, 2.0, 4.0, 6.0, 8.0], "a kernel that doubles")
    return "on the CPU; the tile machine gives the known answer for a kernel with a tail"


def _gpu() -> str:
    import torch

    if not torch.cuda.is_available():
        raise Absent("no CUDA GPU: every koan can be passed without one; tests of throughput are 'not run here'")
    x = torch.eye(64, device="cuda", dtype=torch.bfloat16)
    _expect((x @ x).sum().item(), 64.0, "a bf16 matmul on the GPU")
    major, minor = torch.cuda.get_device_capability()
    return f"{torch.cuda.get_device_name()} (sm_{major}{minor}); a bf16 matmul gives the known answer"


def _progress(root: Path) -> Finding:
    """Whether attempts can be recorded."""
    try:
        with Progress(root, must_write=False) as progress:
            refused = progress.refused
    except KoansError as error:
        return Finding("progress", "damaged", False, str(error))
    if refused:
        return Finding("progress", "unreadable" if progress.unreadable else "read only", False, refused)
    return Finding("progress", "ready", True, f"in {Path('.koans') / progress.file.name}")


def _sandbox(root: Path) -> Finding:
    """What `koans grade` confines submissions with. Only who grades others needs it."""
    part = "sandbox"
    try:
        level = probe.level(root)
    except KoansError as error:
        return Finding(part, "none", True, str(error), needed=False)
    lacks = "\n".join(f"without {lack}" for lack in level.missing)
    if not trusted(level):
        return Finding(part, "none", True, f"`koans grade` would run submissions unprotected\n{lacks}", needed=False)
    return Finding(part, "ready" if not lacks else "in part", True, lacks or "for `koans grade`", needed=False)


def _warm(root: Path) -> Finding:
    """The warm processes that `koans run` and the app left running, and how to end them."""
    part = "warm"
    try:
        if start.how() == "cold":
            says = f"every run starts from scratch, because of {start.VARIABLE}"
            return Finding(part, "none", True, says, needed=False)
        stays, servers = shared_server.seconds(), shared_server.find_warm(root)
    except KoansError as error:
        return Finding(part, "none", True, f"no run can leave a warm process behind: {error}", needed=False)
    if not servers:
        next_run = (
            f"the next run leaves a warm process, which stays for {_time(stays)}"
            if stays
            else f"runs leave no warm process behind here, because of {shared_server.VARIABLE} or CI"
        )
        return Finding(part, "none", True, next_run, needed=False)
    kill = "kill" if sys.platform != "win32" else "taskkill /F /PID"
    lines = [
        f"{_time(server.age)} old; it ends {_time(server.seconds)} after its last run"
        f"{'' if server.current else ' or as soon as it is idle, because the workbook has changed'}; "
        f"`{kill} {server.pid}` ends it now"
        for server in servers
    ]
    return Finding(part, ", ".join(f"pid {server.pid}" for server in servers), True, "\n".join(lines), needed=False)


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _expect(actual: object, expected: object, name: str) -> None:
    if actual != expected:
        raise ValueError(f"{name} gave {actual}, not {expected}")
