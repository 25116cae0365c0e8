"""The versions of torch and triton that the workbook takes stand in pyproject.toml. Every other place follows it."""

import re
import tomllib

from grader.book import pytorch
from grader.kernels.triton_version import TESTED
from tests.conftest import ROOT

DEPENDENCIES = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
CPU_BUILD = "https://download.pytorch.org/whl/cpu"
REQUIREMENT = re.compile(r"\b(?:torch|triton)(?:[<>=!~]=?[\d.*]+,?)+")
# These name the index to pip or uv, which takes the versions of pyproject.toml.
INDEX_ALONE = [f".github/workflows/{name}.yml" for name in ("ci", "machines", "release", "weekly")]
INDEX_ALONE += ["pyproject.toml", "grader/learn/folder_files/pyproject.toml"]
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
    for path in INDEX_ALONE:
        del found[path]
    assert {"README.md", ".devcontainer/devcontainer.json", ".github/workflows/grade-forks.yml"} <= set(found)
    assert {path: asked for path, asked in found.items() if asked != {f"'{pinned('torch')}'"}} == {}


def test_kernels_are_compiled_by_the_versions_of_triton_that_pyproject_takes():
    low, high = (".".join(map(str, version)) for version in TESTED)
    assert pinned("triton") == f"triton>={low},<{high}"


def test_a_learners_folder_gets_torch_as_a_clone_does():
    clone = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    folder = tomllib.loads((ROOT / "grader/learn/folder_files/pyproject.toml").read_text("utf-8"))
    assert folder["dependency-groups"] == clone["dependency-groups"] == {"cpu": ["torch"], "gpu": ["torch"]}
    assert folder["tool"]["uv"].pop("package") is False
    assert folder["tool"]["uv"] == clone["tool"]["uv"]
    assert folder["project"]["dependencies"] == [f"{clone['project']['name']}>=0"]
    assert folder["tool"]["koans"] == clone["tool"]["koans"] == {}


def test_uv_brings_the_cpu_build_unless_the_gpu_group_is_chosen():
    uv = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["uv"]
    indexes = {index["name"]: index for index in uv["index"]}
    group = {source["group"]: indexes[source["index"]]["url"] for source in uv["sources"]["torch"]}
    assert group == {"cpu": pytorch.CPU_INDEX, "gpu": pytorch.CUDA_INDEX}
    assert uv["default-groups"] == ["cpu"]
    assert uv["conflicts"] == [[{"group": "cpu"}, {"group": "gpu"}]]
    assert all(index["explicit"] for index in indexes.values())  # no other package comes from there


def test_the_readmes_commands_bring_no_cuda():
    start = (ROOT / "README.md").read_text("utf-8").partition("## Start\n")[2].partition("\n- **macOS")[0]
    commands = re.findall(r"(?:uvx|pipx? install|uv tool) .*?tensor-koans[^`\n]*", start)
    assert len(commands) == 3
    assert [command for command in commands if "--torch-backend cpu" not in command and CPU_BUILD not in command] == []
