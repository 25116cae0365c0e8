"""Is this machine fit for the workbook? Versions inside the tested range, and one known answer from each part."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """One part: what was found, whether it is in the tested range, and what its smoke computation said."""

    part: str
    found: str
    ok: bool
    says: str = ""
    needed: bool = True


class Absent(Exception):
    """A part that is not there, and need not be."""


def examine(root: Path) -> list[Finding]:
    """Look at every part in turn; a part that fails does not stop the rest."""
    ranges = _ranges(root)
    findings = [_python(root)]
    for name, smoke in (("torch", _torch), ("numpy", _numpy), ("triton", _triton)):
        findings.append(_package(name, ranges.get(name, ""), smoke))
    findings.append(_guarded("interpreter", "", _interpreter, needed=sys.platform == "linux"))
    findings.append(_guarded("GPU", "", _gpu, needed=False))
    findings.append(_warm(root))
    return findings


def _ranges(root: Path) -> dict[str, str]:
    """The tested range of each dependency, from pyproject.toml."""
    from packaging.requirements import Requirement

    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [Requirement(text) for text in project["dependencies"]]
    return {r.name: str(r.specifier) for r in requirements}


def _python(root: Path) -> Finding:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needs = project["requires-python"]
    ok = sys.version_info >= (3, 11)
    venv = "" if sys.prefix != sys.base_prefix else "; not in a virtual environment"
    return Finding("Python", platform.python_version(), ok, f"tested {needs}{venv}")


def _package(name: str, tested: str, smoke: Callable[[], str]) -> Finding:
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    needed = name != "triton" or sys.platform == "linux"
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        says = (
            f"not installed: `pip install '{name}{tested}'`" if needed else "not installed: it is built for Linux only"
        )
        return Finding(name, "none", not needed, says, needed)
    inside = Version(version) in SpecifierSet(tested, prereleases=True)
    finding = _guarded(name, version, smoke, needed=needed)
    where = f"tested {tested}" if inside else f"outside the tested range {tested}"
    return msgspec.structs.replace(finding, ok=finding.ok and inside, says=f"{where}; {finding.says}")


def _guarded(name: str, found: str, smoke: Callable[[], str], *, needed: bool) -> Finding:
    try:
        said = smoke()
    except Exception as error:  # whatever is wrong with a part is the finding
        first = (str(error).strip().splitlines() or [""])[0]
        if isinstance(error, Absent):
            return Finding(name, "none", not needed, first, needed)
        return Finding(name, found or "none", not needed, f"{type(error).__name__}: {first}", needed)
    return Finding(name, found or said.partition(";")[0], True, said.partition(";")[2].strip() or said, needed)


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
    os.environ.setdefault("TRITON_INTERPRET", "1")
    import triton

    _expect(triton.cdiv(200, 128), 2, "cdiv(200, 128)")
    return "cdiv(200, 128) is 2"


KERNEL = """
import triton
import triton.language as tl
CONFIG = {}
@triton.jit
def double(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, 2 * tl.load(x_ptr + i, mask=i < n), mask=i < n)
"""


def _interpreter() -> str:
    import torch

    from grader.kernels.interpreter.run import load
    from grader.kernels.text import read

    x, out = torch.arange(5.0), torch.zeros(5)
    load(read(KERNEL, "<doctor>")).double[(2,)](x, out, 5, BLOCK=4)
    _expect(out.tolist(), [0.0, 2.0, 4.0, 6.0, 8.0], "a kernel that doubles")
    return "on the CPU; a kernel with a tail gives the known answer"


def _gpu() -> str:
    import torch

    if not torch.cuda.is_available():
        raise Absent("no CUDA GPU: every koan can be passed without; throughput claims say 'not run here'")
    x = torch.eye(64, device="cuda", dtype=torch.bfloat16)
    _expect((x @ x).sum().item(), 64.0, "a bf16 matmul on the GPU")
    major, minor = torch.cuda.get_device_capability()
    return f"{torch.cuda.get_device_name()} (sm_{major}{minor}); a bf16 matmul gives the known answer"


def _warm(root: Path) -> Finding:
    """What `koans run` and the app have left behind, and how to end it."""
    from grader.book.errors import KoansError

    part = "warm"
    if not hasattr(os, "fork"):
        return Finding(part, "none", True, "this platform cannot fork: every run starts anew", needed=False)
    try:
        from grader.judge.runner import shared

        stays, found = shared.seconds(), shared.find_warm(root)
    except KoansError as error:
        return Finding(part, "none", True, f"none can be left behind: {error}", needed=False)
    if not found:
        next_run = (
            f"the next run leaves one for {_time(stays)}"
            if stays
            else f"none is left behind here ({shared.VARIABLE} or CI says so)"
        )
        return Finding(part, "none", True, next_run, needed=False)
    said = [
        f"{_time(each.age)} old, ends {_time(each.seconds)} after its last run"
        f"{'' if each.current else ', and as soon as nobody uses it: the workbook has changed'}; "
        f"`kill {each.pid}` ends it now"
        for each in found
    ]
    return Finding(part, ", ".join(f"pid {each.pid}" for each in found), True, "\n".join(said), needed=False)


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _expect(got: object, want: object, what: str) -> None:
    if got != want:
        raise ValueError(f"{what} gave {got}, not {want}")
