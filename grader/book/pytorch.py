"""Which build of PyTorch is installed, how much of the disk it takes, and the command that installs one that fits.

Nothing here imports torch but `trouble`, so all else also works if torch is missing or cannot be imported.
"""

from __future__ import annotations

import ast
import contextlib
import csv
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution
from pathlib import Path
from typing import Literal

import msgspec

from grader.book import requirements

# PyTorch's own index, for builds that PyPI does not have. On PyPI are: Linux, a CUDA build (on aarch64 since 2.11);
# Windows, a CPU build; macOS, a CPU build that also has MPS.
INDEX = "https://download.pytorch.org/whl"
CPU_INDEX, CUDA_INDEX = f"{INDEX}/cpu", f"{INDEX}/cu130"
CPU_BYTES = 700_000_000  # the files of torch 2.13.0+cpu for Linux on x86_64, by its RECORD
# How a process says that an import failed: a package or a shared library is missing, or is of another version. The
# last one is said by a process for runs in which all imports worked and the first small test did not.
IMPORT_FAILED = re.compile(r"(ModuleNotFoundError|ImportError|OSError|AttributeError|RuntimeError: the rehearsal)\b")
WSL_SMI = "/usr/lib/wsl/lib/nvidia-smi"

Wanted = Literal["cpu", "cuda"]
Installer = Literal["pip", "pipx", "uv", "uv project", "conda"]


class Build(msgspec.Struct, frozen=True):
    """An installed PyTorch. `runs_on` is what it was built for: CPU, CUDA 13.0, ROCm 6.4 or XPU.

    Sizes are in bytes on disk: of torch itself, of the packages with CUDA's libraries beside it, and of triton.
    """

    version: str
    runs_on: str
    torch: int
    libraries: int
    triton: int
    library_names: tuple[str, ...]
    installed_by: str

    @property
    def saved_by_cpu(self) -> int:
        """The bytes that the CPU build would save. The workbook needs triton with either."""
        return max(0, self.torch - CPU_BYTES) + self.libraries


def find(places: Sequence[str] | None = None) -> Build | None:
    """The PyTorch that is installed in one of these folders (default: where Python looks). None if there is none."""
    packages: dict[str, Distribution] = {}
    for found in importlib.metadata.distributions(path=list(sys.path if places is None else places)):
        packages.setdefault(re.sub(r"[-_.]+", "-", found.name or "").lower(), found)
    torch = packages.get("torch")
    if torch is None:
        return None
    libraries = sorted(name for name in packages if name.startswith(("nvidia-", "cuda-")))
    return Build(
        version=torch.version,
        runs_on=_runs_on(torch),
        torch=_bytes(torch),
        libraries=sum(_bytes(packages[name]) for name in libraries),
        triton=_bytes(packages["triton"]) if "triton" in packages else 0,
        library_names=tuple(libraries),
        installed_by=(torch.read_text("INSTALLER") or "").strip(),
    )


def _runs_on(torch: Distribution) -> str:
    """What torch/version.py says that the build is for. Without it, the local part of the version: 2.13.0+cu130."""
    said = dict(_constants(Path(str(torch.locate_file("torch/version.py")))))
    for name, title in (("cuda", "CUDA"), ("hip", "ROCm"), ("xpu", "XPU")):
        if said.get(name):
            return f"{title} {'.'.join(said[name].split('.')[:2])}"
    if said:
        return "CPU"
    local = torch.version.partition("+")[2]
    cuda = re.fullmatch(r"cu(\d+)(\d)", local)
    return f"CUDA {cuda[1]}.{cuda[2]}" if cuda else local.upper().replace("ROCM", "ROCm ") or "unknown"


def _constants(file: Path) -> Iterator[tuple[str, str]]:
    """The names that a module gives a text, and these texts. Nothing if it cannot be read."""
    with contextlib.suppress(OSError, SyntaxError, ValueError):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            value = getattr(node, "value", None)
            target = node.target if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [None])[0]
            if isinstance(target, ast.Name) and isinstance(value, ast.Constant):
                yield target.id, value.value if isinstance(value.value, str) else ""


def _bytes(package: Distribution) -> int:
    """The bytes of a package's files, by its RECORD. What has no size there, such as compiled files, is not counted."""
    rows = csv.reader((package.read_text("RECORD") or "").splitlines())
    return sum(int(row[2]) for row in rows if len(row) > 2 and row[2].isdigit())


def has_nvidia_gpu() -> bool:
    """Whether NVIDIA's driver lists a GPU here. Without the driver's own program there is none that torch could use."""
    program = shutil.which("nvidia-smi") or (WSL_SMI if os.path.exists(WSL_SMI) else None)
    if program is None:
        return False
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            [program, "-L"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=10,
            stdin=subprocess.DEVNULL,
        )
        return done.returncode == 0 and "GPU " in done.stdout
    return False


def installer(prefix: Path, installed_by: str = "") -> Installer:
    """What manages the packages of the environment at `prefix`, in which a program may have installed torch.

    If uv made it from the pyproject.toml beside it, and that chooses a build, then a change belongs there.
    """
    if installed_by == "conda" or (not installed_by and (prefix / "conda-meta").is_dir()):
        return "conda"
    if "pipx" in prefix.parts:
        return "pipx"
    settings = prefix / "pyvenv.cfg"
    by_uv = settings.is_file() and re.search(r"^uv = ", settings.read_text(encoding="utf-8"), re.MULTILINE)
    if by_uv and default_groups(prefix):
        return "uv project"
    return "uv" if by_uv or installed_by == "uv" else "pip"


def default_groups(prefix: Path) -> list[str]:
    """The groups of packages that uv installs into an environment, by the pyproject.toml beside it: cpu or gpu."""
    with contextlib.suppress(OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError):
        project = tomllib.loads((prefix.parent / "pyproject.toml").read_text(encoding="utf-8"))
        return [str(group) for group in project["tool"]["uv"]["default-groups"]]
    return []


def command(
    wanted: Wanted, by: Installer, present: Build | None = None, *, groups: Sequence[str] = (), quote: str = "'"
) -> str:
    """How to install this build of torch in a tested version. It replaces a build that is present.

    Switching from CUDA to the CPU also removes CUDA's libraries, which pip and uv would leave behind. `groups` are what
    uv installs by default in its project.
    """
    index = CPU_INDEX if wanted == "cpu" else CUDA_INDEX
    torch = f"{quote}torch{requirements.versions()['torch']}{quote}"
    if by == "conda":
        return f"`conda install -c conda-forge pytorch-{'cpu' if wanted == 'cpu' else 'gpu'}`"
    if by == "uv project":
        group = "cpu" if wanted == "cpu" else "gpu"
        choice = "" if group in groups else f'write `default-groups = ["{group}"]` into pyproject.toml, then '
        return f"{choice}`uv sync --reinstall-package torch`"
    if by == "uv":
        pip, again, agreed = "uv pip", "--reinstall-package torch", ""
        place = f"--torch-backend {index.rpartition('/')[2]}"
    else:
        pip = "pipx runpip tensor-koans" if by == "pipx" else "pip"
        again, agreed, place = "--force-reinstall --no-deps", "-y", f"--index-url {index}"
    lines = f"`{_words(pip, 'install', again if present else '', torch, place)}`"
    if wanted == "cpu" and present and present.library_names:
        lines += f", then `{_words(pip, 'uninstall', agreed, *present.library_names)}`"
    return lines


def _words(*words: str) -> str:
    return " ".join(filter(None, words))


def here(present: Build | None) -> str:
    """The command for this machine: it installs the CUDA build if there is an NVIDIA GPU, else the CPU build."""
    wanted: Wanted = "cuda" if has_nvidia_gpu() else "cpu"
    prefix = Path(sys.prefix)
    by = installer(prefix, present.installed_by if present else "")
    return command(wanted, by, present, groups=default_groups(prefix), quote='"' if sys.platform == "win32" else "'")


def trouble() -> str:
    """Why the workbook cannot use the installed PyTorch, and the command that mends it, in one line.

    Empty if torch can be imported and its version is one of the tested ones.
    """
    present = find()
    try:
        import torch
    except (ImportError, OSError, AttributeError) as error:
        if present is None and isinstance(error, ModuleNotFoundError) and error.name == "torch":
            return f"PyTorch is not installed. Install it: {here(None)}"
        first = (str(error).strip().splitlines() or ["no reason given"])[0]
        return f"PyTorch cannot be imported ({type(error).__name__}: {first}). Install it anew: {here(present)}"
    if is_tested(torch.__version__):
        return ""
    version = f"PyTorch {torch.__version__} is outside the tested range {requirements.versions()['torch']}"
    return f"{version}. Install one that fits: {here(present)}"


def is_tested(version: str) -> bool:
    """Whether this version of torch is in the range that the workbook is tested with."""
    from packaging.specifiers import SpecifierSet  # 50 ms
    from packaging.version import Version

    return Version(version) in SpecifierSet(requirements.versions()["torch"], prereleases=True)


def explain(said: str) -> str:
    """For the last words of a process, such as "ImportError: …": the trouble with PyTorch. Empty if there is none."""
    return trouble() if IMPORT_FAILED.match(said) else ""
