"""Which PyTorch is installed, what it costs, and how to get the right one. The distributions are made up."""

import json
import os
import shutil
import stat
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from grader.book import pytorch
from tests.conftest import ROOT

CPU = "https://download.pytorch.org/whl/cpu"
CUDA = "https://download.pytorch.org/whl/cu130"
VERSION_FILE = "from typing import Optional\n__version__ = '{version}'\ncuda: Optional[str] = {cuda!r}\nhip: Optional[str] = {hip!r}\nxpu: Optional[str] = {xpu!r}\n"


def package(site, name, version, *sizes, installer="pip"):
    """A made-up distribution whose files have these sizes, by its RECORD."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "INSTALLER").write_text(f"{installer}\n")
    rows = [f"{name}/file{number},sha256=x,{size}" for number, size in enumerate(sizes)]
    (info / "RECORD").write_text("\n".join([*rows, f"{name}/__pycache__/file.pyc,,", ""]))


def torch(site, version, *sizes, cuda=None, hip=None, xpu=None, installer="pip"):
    package(site, "torch", version, *sizes, installer=installer)
    folder = site / "torch"
    folder.mkdir()
    (folder / "version.py").write_text(VERSION_FILE.format(version=version, cuda=cuda, hip=hip, xpu=xpu))


@pytest.fixture
def cuda_build(tmp_path):
    """A folder of packages with the CUDA build, and half of CUDA's libraries."""
    site = tmp_path / "site"
    torch(site, "2.13.0+cu130", 1_400_000_000, 100_000_000, cuda="13.0")
    package(site, "nvidia-cublas", "13.1.0.3", 900_000_000)
    package(site, "nvidia_cudnn_cu13", "9.20.0.48", 600_000_000)
    package(site, "cuda-bindings", "13.0.3", 10_000_000)
    package(site, "triton", "3.7.1", 1_040_000_000)
    package(site, "numpy", "2.2.0", 70_000_000)
    return site


def test_a_cuda_build_with_its_libraries_is_measured_by_the_records_of_its_packages(cuda_build):
    build = pytorch.find([str(cuda_build)])
    assert (build.version, build.runs_on, build.installed_by) == ("2.13.0+cu130", "CUDA 13.0", "pip")
    assert (build.torch, build.libraries, build.triton) == (1_500_000_000, 1_510_000_000, 1_040_000_000)
    assert build.library_names == ("cuda-bindings", "nvidia-cublas", "nvidia-cudnn-cu13")
    assert build.saved_by_cpu == 800_000_000 + 1_510_000_000


@pytest.mark.parametrize(
    ("version", "constants", "runs_on"),
    [
        ("2.13.0+cpu", {}, "CPU"),
        ("2.13.0", {}, "CPU"),  # as on PyPI for Windows and macOS
        ("2.13.0", {"cuda": "13.0"}, "CUDA 13.0"),  # as on PyPI for Linux
        ("2.9.1+cu126", {"cuda": "12.6"}, "CUDA 12.6"),
        ("2.10.0+rocm7.0", {"hip": "7.0.51831-a3e329ad8"}, "ROCm 7.0"),
        ("2.13.0+xpu", {"xpu": "20250302"}, "XPU 20250302"),
    ],
)
def test_the_version_file_says_what_a_build_runs_on(tmp_path, version, constants, runs_on):
    torch(tmp_path, version, 1, **constants)
    assert pytorch.find([str(tmp_path)]).runs_on == runs_on


@pytest.mark.parametrize(
    ("version", "runs_on"),
    [("2.13.0+cu130", "CUDA 13.0"), ("2.10.0+rocm7.0", "ROCm 7.0"), ("2.13.0+cpu", "CPU"), ("2.13.0", "unknown")],
)
def test_without_a_version_file_the_version_says_it(tmp_path, version, runs_on):
    package(tmp_path, "torch", version, 1)
    assert pytorch.find([str(tmp_path)]).runs_on == runs_on


def test_no_torch_is_no_build(tmp_path):
    package(tmp_path, "numpy", "2.2.0", 1)
    assert pytorch.find([str(tmp_path)]) is None


def test_the_installed_build_is_the_one_that_is_imported():
    import torch

    build = pytorch.find()
    assert build.version == torch.__version__
    assert build.runs_on.startswith("CUDA") == (torch.version.cuda is not None)
    assert 100_000_000 < build.torch < 10_000_000_000


TORCH = "'torch>=2.9,<2.14'"


@pytest.mark.parametrize(
    ("by", "install", "switch"),
    [
        (
            "pip",
            f"`pip install {TORCH} --index-url {CPU}`",
            f"`pip install --force-reinstall --no-deps {TORCH} --index-url {CPU}`, "
            "then `pip uninstall -y cuda-bindings nvidia-cublas nvidia-cudnn-cu13`",
        ),
        (
            "pipx",
            f"`pipx runpip tensor-koans install {TORCH} --index-url {CPU}`",
            f"`pipx runpip tensor-koans install --force-reinstall --no-deps {TORCH} --index-url {CPU}`, "
            "then `pipx runpip tensor-koans uninstall -y cuda-bindings nvidia-cublas nvidia-cudnn-cu13`",
        ),
        (
            "uv",
            f"`uv pip install {TORCH} --torch-backend cpu`",
            f"`uv pip install --reinstall-package torch {TORCH} --torch-backend cpu`, "
            "then `uv pip uninstall cuda-bindings nvidia-cublas nvidia-cudnn-cu13`",
        ),
        (
            "uv project",
            'write `default-groups = ["cpu"]` into pyproject.toml, then `uv sync --reinstall-package torch`',
            'write `default-groups = ["cpu"]` into pyproject.toml, then `uv sync --reinstall-package torch`',
        ),
        ("conda", "`conda install -c conda-forge pytorch-cpu`", "`conda install -c conda-forge pytorch-cpu`"),
    ],
)
def test_each_installer_has_its_command_for_the_cpu_build(cuda_build, by, install, switch):
    assert pytorch.command("cpu", by) == install
    assert pytorch.command("cpu", by, pytorch.find([str(cuda_build)])) == switch


def test_the_cuda_build_comes_from_its_own_index_and_removes_nothing(tmp_path):
    torch(tmp_path, "2.13.0+cpu", 700_000_000)
    present = pytorch.find([str(tmp_path)])
    again = "--force-reinstall --no-deps"
    assert pytorch.command("cuda", "pip", present) == f"`pip install {again} {TORCH} --index-url {CUDA}`"
    assert pytorch.command("cuda", "pip", quote='"') == f'`pip install "torch>=2.9,<2.14" --index-url {CUDA}`'
    assert pytorch.command("cuda", "uv") == f"`uv pip install {TORCH} --torch-backend cu130`"
    assert pytorch.command("cuda", "conda") == "`conda install -c conda-forge pytorch-gpu`"


def test_the_installer_is_seen_from_the_environment_and_from_who_installed_torch(tmp_path):
    for name in ("plain", "uv", "project/.venv", "conda/conda-meta", "share/pipx/venvs/tensor-koans"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("uv", "project/.venv"):
        (tmp_path / name / "pyvenv.cfg").write_text("home = /usr/bin\nuv = 0.13.9\n")
    (tmp_path / "project/pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    (tmp_path / "plain/pyvenv.cfg").write_text("home = /usr/bin\n")
    found = {name: pytorch.installer(tmp_path / name) for name in ("plain", "uv", "project/.venv", "conda")}
    assert found == {"plain": "pip", "uv": "uv", "project/.venv": "uv project", "conda": "conda"}
    assert pytorch.installer(tmp_path / "share/pipx/venvs/tensor-koans", "pip") == "pipx"
    assert pytorch.installer(tmp_path / "conda", "pip") == "pip"  # torch was installed with pip there
    assert pytorch.installer(tmp_path / "plain", "uv") == "uv"


def test_a_project_of_uv_that_has_chosen_this_build_already_needs_only_a_sync(tmp_path):
    (tmp_path / ".venv").mkdir()
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    groups = pytorch.default_groups(tmp_path / ".venv")
    assert groups == ["cpu"]
    assert pytorch.command("cpu", "uv project", groups=groups) == "`uv sync --reinstall-package torch`"
    assert 'write `default-groups = ["gpu"]`' in pytorch.command("cuda", "uv project", groups=groups)
    assert pytorch.default_groups(tmp_path / "elsewhere/.venv") == []


def smi(folder, says, code=0):
    """A stand-in for NVIDIA's own program, for a shell and for Windows."""
    folder.mkdir()
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    program.with_suffix(".bat").write_text(f"@echo off\necho {says}\nexit /b {code}\n")
    return str(folder)


def koans(play, *args, first="", programs=None, python=sys.executable):
    """Run the command with a folder that Python looks in before its own packages, and a folder of `programs`."""
    search = os.pathsep.join([str(play.root), str(first)])
    path = os.pathsep.join(filter(None, [programs, os.environ["PATH"]]))
    env = {**os.environ, "PYTHONPATH": search, "COLUMNS": "200", "NO_COLOR": "1", "PATH": path}
    command = [str(python), "-m", "grader", *args]
    return subprocess.run(command, cwd=play.root, env=env, capture_output=True, text=True, timeout=200)


@pytest.fixture(scope="module")
def gpu(tmp_path_factory):
    return smi(tmp_path_factory.mktemp("gpu") / "bin", "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-1)")


@pytest.fixture(scope="module")
def no_gpu(tmp_path_factory):
    says = "NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver."
    return smi(tmp_path_factory.mktemp("none") / "bin", says, code=9)


def examined(play, monkeypatch, site, path):
    """What doctor says about the build in a folder of made-up packages, with programs in `path`."""
    import torch  # noqa: F401, the real one: the folder has only its description

    monkeypatch.syspath_prepend(str(site))
    done = play.says("doctor", "--json", env={"PATH": path})
    return next(one for one in json.loads(done.stdout) if one["part"] == "build")


def test_doctor_names_the_build_its_size_and_what_the_cpu_build_would_save(play, monkeypatch, cuda_build, no_gpu):
    finding = examined(play, monkeypatch, cuda_build, no_gpu)
    assert finding["found"] == "CUDA 13.0, 4.0 GB on disk"
    assert finding["on_disk"] == {"torch": 1_500_000_000, "CUDA libraries": 1_510_000_000, "triton": 1_040_000_000}
    sizes, advice = finding["says"].split("\n")
    assert sizes == "torch 1.5 GB, CUDA libraries 1.5 GB, triton 1.0 GB"
    start = "this machine has no NVIDIA GPU: the CPU build would save 2.3 GB: `"
    assert advice.startswith(start)
    assert "torch>=2.9,<2.14" in advice.removeprefix(start)
    assert (finding["ok"], finding["needed"]) == (True, False)


def test_doctor_says_that_a_gpu_needs_the_build_that_is_there(play, monkeypatch, cuda_build, gpu):
    finding = examined(play, monkeypatch, cuda_build, gpu)
    assert finding["says"].split("\n")[1] == "this machine has an NVIDIA GPU, which this build can use"


def test_doctor_says_that_a_gpu_stands_idle_with_the_cpu_build(play, monkeypatch, tmp_path, gpu):
    torch(tmp_path / "site", "2.13.0+cpu", 700_000_000)
    finding = examined(play, monkeypatch, tmp_path / "site", gpu)
    assert finding["found"].startswith("CPU, ")
    assert "has an NVIDIA GPU, which this build cannot use: `" in finding["says"]
    assert "cu130" in finding["says"]


NEEDS_TORCH = [["run", "l2_norm", "--cold"], ["bench", "attention"], ["model", "check"], ["verify", "l2_norm"]]


@pytest.fixture(scope="module")
def without_torch(tmp_path_factory):
    """The Python of an environment that has all packages of this one but torch."""
    folder = tmp_path_factory.mktemp("without")
    packages = folder / "packages"
    packages.mkdir()
    for place in filter(os.path.isdir, sys.path):
        if Path(place).name in ("site-packages", "dist-packages"):
            for entry in os.scandir(place):
                link = packages / entry.name
                if not entry.name.startswith(("torch", "functorch")) and not link.is_symlink():
                    link.symlink_to(entry.path)
    venv.create(folder / "venv", with_pip=False)
    (next((folder / "venv").glob("lib/python*/site-packages")) / "all.pth").write_text(f"{packages}\n")
    return folder / "venv/bin/python"


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("broken")
    (folder / "torch").mkdir()
    reason = "libtorch_cpu.so: wrong ELF class: ELFCLASS32"
    (folder / "torch/__init__.py").write_text(f"raise ImportError({reason!r})\n")
    return folder


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    folder = tmp_path_factory.mktemp("old")
    (folder / "torch").mkdir()
    (folder / "torch/__init__.py").write_text("__version__ = '1.4.0'\ndef set_num_threads(n): pass\n")
    return folder


@pytest.mark.parametrize("args", NEEDS_TORCH, ids=" ".join)
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (
            "broken",
            "PyTorch cannot be imported (ImportError: libtorch_cpu.so: wrong ELF class: ELFCLASS32). Install it anew: ",
        ),
        ("old", "PyTorch 1.4.0 is outside the tested range >=2.9,<2.14. Install one that fits: "),
    ],
)
def test_a_command_that_cannot_use_torch_says_in_one_line_how_to_install_it(play, request, kind, says, args, no_gpu):
    play.solve("l2_norm")  # a stub is judged without torch
    done = koans(play, *args, first=request.getfixturevalue(kind), programs=no_gpu)
    present, prefix = pytorch.find(), Path(sys.prefix)
    by = pytorch.installer(prefix, present.installed_by)
    quote = '"' if sys.platform == "win32" else "'"
    command = pytorch.command("cpu", by, present, groups=pytorch.default_groups(prefix), quote=quote)
    assert (done.returncode, done.stderr) == (2, f"koans: {says}{command}\n")


@pytest.mark.needs("links")
@pytest.mark.parametrize("args", NEEDS_TORCH, ids=" ".join)
def test_a_command_that_finds_no_torch_says_in_one_line_how_to_install_it(play, without_torch, args, no_gpu):
    play.solve("l2_norm")
    done = koans(play, *args, python=without_torch, programs=no_gpu)
    says = f"koans: PyTorch is not installed. Install it: `pip install {TORCH} --index-url {CPU}`\n"
    assert (done.returncode, done.stderr) == (2, says)


@pytest.mark.needs("links")
@pytest.mark.parametrize(
    "args", [["list"], ["hint", "softmax"], ["read", "ch06", "--no-questions"], ["cards"], ["facts"]], ids=" ".join
)
def test_what_needs_no_torch_works_without_it(play, without_torch, args):
    done = koans(play, *args, python=without_torch)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.needs("links")
def test_doctor_without_torch_says_how_to_install_it_and_goes_on(play, without_torch, gpu):
    done = koans(play, "doctor", "--json", python=without_torch, programs=gpu)
    assert done.returncode == 1
    findings = {one["part"]: one for one in json.loads(done.stdout)}
    assert findings["torch"]["says"] == f"not installed: `pip install {TORCH} --index-url {CUDA}`"
    assert (findings["torch"]["ok"], findings["build"]["found"], findings["numpy"]["ok"]) == (False, "none", True)


def test_doctor_with_a_torch_that_cannot_be_imported_says_how_to_install_it(play, broken, no_gpu):
    done = koans(play, "doctor", "--json", first=broken, programs=no_gpu)
    torch = next(one for one in json.loads(done.stdout) if one["part"] == "torch")
    reason, command = torch["says"].split("\n")
    assert reason == "tested >=2.9,<2.14; ImportError: libtorch_cpu.so: wrong ELF class: ELFCLASS32"
    assert command == pytorch.here(pytorch.find())


VERSIONS = "import json; from pathlib import Path; from grader.book import requirements; "
VERSIONS += "print(json.dumps(dict(requirements.versions(Path.cwd()))))"


def test_the_tested_versions_come_from_the_workbooks_own_pyproject_or_else_from_the_wheel(tmp_path):
    project = (ROOT / "pyproject.toml").read_text()
    site, learner, clone = tmp_path / "site", tmp_path / "learner", tmp_path / "clone"
    shutil.copytree(ROOT / "grader/book", site / "grader/book", ignore=shutil.ignore_patterns("__pycache__"))
    (site / "grader/__init__.py").touch()
    info = site / "tensor_koans-0.1.0.dist-info"
    for folder in (info, learner, clone, clone / "grader"):
        folder.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: tensor-koans\nVersion: 0.1.0\nRequires-Python: >=3.11\n"
        "Requires-Dist: torch<2.14,>=2.9\nRequires-Dist: triton<3.10,>=3.7; platform_system == 'Linux'\n"
        "Provides-Extra: pdf\nRequires-Dist: numpy>=99; extra == 'pdf'\n"
    )
    (learner / "pyproject.toml").write_text((ROOT / "grader/learn/folder_files/pyproject.toml").read_text())
    (clone / "pyproject.toml").write_text(project.replace('"numpy>=1.26"', '"numpy>=98"'))

    def versions(folder):
        command = [sys.executable, "-c", VERSIONS]
        env = {**os.environ, "PYTHONPATH": str(site)}
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    wheel = {"python": ">=3.11", "torch": ">=2.9,<2.14", "triton": ">=3.7,<3.10"}
    assert versions(learner) == versions(tmp_path) == wheel
    assert versions(clone)["numpy"] == ">=98"
