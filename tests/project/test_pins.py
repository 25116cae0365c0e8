"""The versions of torch and triton that the workbook takes stand in pyproject.toml. Every other place follows it."""

import re
import tomllib

from grader.kernels.triton_version import TESTED
from tests.conftest import ROOT

DEPENDENCIES = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
CPU_BUILD = "https://download.pytorch.org/whl/cpu"
REQUIREMENT = re.compile(r"\b(?:torch|triton)(?:[<>=!~]=?[\d.*]+,?)+")
FOLDERS = (".ci", ".devcontainer", ".github", "benchmarks", "docs", "grader")


def pinned(package: str) -> str:
    """The requirement in pyproject.toml, without its marker."""
    return next(d for d in DEPENDENCIES if d.startswith(package)).partition(";")[0].strip()


def texts() -> dict[str, str]:
    """Every text that could say how to install something, by its path."""
    files = [p for p in ROOT.iterdir() if p.suffix in (".md", ".toml", ".py")]
    files += [p for folder in FOLDERS for p in (ROOT / folder).rglob("*") if p.is_file() and p.suffix != ".pyc"]
    return {p.relative_to(ROOT).as_posix(): p.read_text(encoding="utf-8", errors="replace") for p in files}


def test_no_file_asks_for_other_versions_of_torch_or_triton_than_pyproject():
    ours = {pinned("torch"), pinned("triton")}
    found = {path: set(REQUIREMENT.findall(text)) for path, text in texts().items()}
    assert {path: asked - ours for path, asked in found.items() if asked - ours} == {}
    assert found["pyproject.toml"] == ours


def test_the_cpu_build_of_torch_is_installed_in_the_versions_of_pyproject_everywhere():
    install = re.compile(rf"pip install (\S+) --index-url {re.escape(CPU_BUILD)}")
    found = {path: set(install.findall(text)) for path, text in texts().items() if CPU_BUILD in text}
    for name in ("ci", "machines", "weekly"):  # they name the index to pip, which takes the versions of pyproject.toml
        del found[f".github/workflows/{name}.yml"]
    assert {"README.md", ".devcontainer/devcontainer.json", ".github/workflows/grade-forks.yml"} <= set(found)
    assert {path: asked for path, asked in found.items() if asked != {f"'{pinned('torch')}'"}} == {}


def test_kernels_are_compiled_by_the_versions_of_triton_that_pyproject_takes():
    low, high = (".".join(map(str, version)) for version in TESTED)
    assert pinned("triton") == f"triton>={low},<{high}"
