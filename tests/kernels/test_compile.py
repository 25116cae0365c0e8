"""Kernels compiled for an H100 with no GPU here, and the checks `traffic` and `compiles`."""

import contextlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from triton.compiler.errors import CompilationError
from triton.runtime.errors import PTXASError

from grader.book import verdict as verdicts
from grader.checks import Disagreement, compiles, traffic
from grader.kernels import compile as compiling
from grader.kernels import compile_worker, compiler
from grader.kernels.compiler import Compiler
from grader.kernels.kernel_function import launched
from grader.kernels.kernel_text import read
from reference import Moves, oracle, unwritten
from reference.ch13_triton.flash_forward import flash_forward
from tests.conftest import ROOT

KERNEL = """
import triton
import triton.language as tl
CONFIG = {CONFIG}
@triton.jit
def matmul(a_ptr, b_ptr, out_ptr, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    columns = tl.program_id(1) * BN + tl.arange(0, BN)
    inner = tl.arange(0, BK)
    total = tl.zeros((BM, BN), tl.float32)
    for k in range(0, K, BK):
        a = tl.load(a_ptr + rows[:, None] * K + k + inner, mask=(rows[:, None] < M) & (k + inner < K), other=0)
        b_mask = (k + inner[:, None] < K) & (columns < N)
        b = tl.load(b_ptr + (k + inner[:, None]) * N + columns, mask=b_mask, other=0)
        total = DOT
    tl.store(out_ptr + rows[:, None] * N + columns, total, mask=(rows[:, None] < M) & (columns < N))
"""
CONFIG = "{'BM': 128, 'BN': 128, 'BK': 64, 'num_warps': 8, 'num_stages': 3}"
DOT = "tl.dot(a, b, total)"


@oracle
def matmul(a, b):
    return (a.double() @ b.double()).float()


@matmul.launcher
def launch(kernels, config, a, b):
    (m, k), n = a.shape, b.shape[1]
    out = unwritten(m, n, dtype=torch.float32)
    grid = -(-m // config["BM"]), -(-n // config["BN"])
    kernels.matmul[grid](a, b, out, m, n, k, **config)
    return out


@matmul.traffic
def moves(config, a, b):
    blocks = -(-b.shape[1] // config["BN"])
    loads = {"a_ptr": a.nbytes * blocks, "b_ptr": b.nbytes * -(-a.shape[0] // config["BM"])}
    return Moves(loads, {"out_ptr": 4 * a.shape[0] * b.shape[1]})


def kernel(config=CONFIG, dot=DOT, **changes):
    text = KERNEL.replace("{CONFIG}", config).replace("DOT", dot)
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    return launched(matmul, text, "<test>")


def inputs(dtype=torch.bfloat16, m=256, n=256, k=128):
    return torch.zeros(m, k, dtype=dtype), torch.zeros(k, n, dtype=dtype)


def test_a_good_kernel_uses_the_tensor_cores_and_no_memory_for_registers():
    (report,) = kernel().compiled("sm_90", *inputs())
    assert (report.error, report.wgmma, report.spills, report.fits) == ("", True, 0, True)
    assert 64 <= report.registers <= 255
    assert report.shared == 3 * 2 * 64 * (128 + 128)  # three stages of a tile of A and a tile of B
    assert any("wgmma, at full rate" in line for line in report.explained())
    compiles(kernel(), *inputs(), with_=matmul, wgmma=True)


@pytest.mark.parametrize(
    ("config", "dot", "says"),
    [
        ("{'BM': 256, 'BN': 256, 'BK': 32, 'num_warps': 4, 'num_stages': 2}", DOT, "matmul spills"),
        ("{'BM': 16, 'BN': 64, 'BK': 64, 'num_warps': 4, 'num_stages': 2}", DOT, "no wgmma"),
        ("{'BM': 128, 'BN': 256, 'BK': 64, 'num_warps': 8, 'num_stages': 6}", DOT, "bytes of shared memory, more than"),
        (
            "{'BM': 64, 'BN': 64, 'BK': 16, 'num_warps': 4, 'num_stages': 1}",
            "tl.dot(a.to(tl.float32), b.to(tl.float32), total, input_precision='ieee')",
            "does not use the H100's tensor cores (give",
        ),
        ("{'BM': 16, 'BN': 16, 'BK': 8, 'num_warps': 4, 'num_stages': 1}", "tl.dot(a, b, a)", "does not compile"),
    ],
)
def test_an_unfit_kernel_is_told_why(config, dot, says):
    with pytest.raises(Disagreement) as caught:
        compiles(kernel(config, dot), *inputs(), with_=matmul, wgmma=True)
    assert says in str(caught.value)


def test_a_tile_too_small_for_wgmma_is_named():
    text = (ROOT / "solutions/ch13_triton/flash_forward.py").read_text().replace('"BLOCK_M": 128', '"BLOCK_M": 32')
    with pytest.raises(Disagreement, match="BLOCK_M 32: wgmma needs 64 rows and 4 warps"):
        compiles(
            launched(flash_forward, text, "<test>"),
            *[torch.ones(1, 128, 64).half()] * 3,
            with_=flash_forward,
            wgmma=True,
        )


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """An empty folder for what was compiled."""
    folder = tmp_path / "compiled"
    monkeypatch.setattr(compiling, "_cache", lambda: folder)
    return folder


SMALL = "{'BM': 64, 'BN': 32, 'BK': 16, 'num_warps': 4, 'num_stages': 1}"


def test_what_was_compiled_is_kept(monkeypatch, kept):
    first = kernel().compiled("sm_90", *inputs())
    monkeypatch.setattr(compiling.COMPILER, "ask", lambda job: pytest.fail("compiled again"))
    assert kernel().compiled("sm_90", *inputs()) == first


def test_an_error_about_the_text_is_kept(monkeypatch, kept):
    wrong = kernel(SMALL, "tl.dot(a, b, a)")
    (first,) = wrong.compiled("sm_90", *inputs())
    assert "CompilationError" in first.error
    monkeypatch.setattr(compiling.COMPILER, "ask", lambda job: pytest.fail("compiled again"))
    assert wrong.compiled("sm_90", *inputs()) == [first]


SCRIPT = """
import json, os, sys, time
for line in sys.stdin:
    {}
"""
FAILURES = {
    "os.kill(os.getpid(), 9)": "the compiling process ended with -9: nothing said",
    "raise SystemExit('no module named triton')": "the compiling process ended with 1: no module named triton",
    "print('{', flush=True)": "the compiling process gave no answer within 0.5 s",
    "time.sleep(60)": "the compiling process gave no answer within 0.5 s",
    "print(json.dumps({'lack': 'MemoryError: '}), flush=True)": "MemoryError: ",
}


def stand_in(monkeypatch, tmp_path, action):
    """Another program instead of the one that compiles."""
    script = tmp_path / "worker.py"
    script.write_text(SCRIPT.format(action))
    monkeypatch.setattr(compiler, "module", lambda *names: [str(script)])
    monkeypatch.setattr(compiler, "PATIENCE", 0.5)
    monkeypatch.setattr(compiling, "COMPILER", Compiler())


@pytest.mark.parametrize("action", FAILURES)
def test_a_compiler_that_fails_is_no_mistake_of_the_kernel_and_is_not_kept(monkeypatch, tmp_path, kept, action):
    stand_in(monkeypatch, tmp_path, action)
    with pytest.raises(pytest.skip.Exception) as caught:
        compiles(kernel(), *inputs(), with_=matmul, wgmma=True)
    assert str(caught.value) == f"not run here: the kernel could not be compiled: {FAILURES[action]}"
    assert not kept.exists()


def test_a_compiler_that_does_not_start_is_no_mistake_of_the_kernel(monkeypatch, kept):
    monkeypatch.setattr(compiling, "COMPILER", Compiler())
    monkeypatch.setattr(sys, "executable", "/none/python")
    with pytest.raises(pytest.skip.Exception, match="the compiling process does not start: No such file or directory"):
        compiles(kernel(), *inputs(), with_=matmul)


def test_a_koan_whose_kernel_cannot_be_compiled_is_not_run_here():
    """The verdict of a test that was skipped is not a pass, whatever else passes."""
    passed = verdicts.TestResult("test_a", "a", verdicts.Status.passed)
    lack = "the kernel could not be compiled: MemoryError"
    tests = [passed, verdicts.TestResult("test_b", "b", verdicts.Status.not_run_here, message=lack)]
    end = verdicts.Exit(finished=True)
    verdict = verdicts.judge("ch13_triton/flash_bf16", "learner", tests, "", end, seconds=1.0, seed=0, output="")
    assert (verdict.status, verdict.passed, verdict.message) == (verdicts.Status.not_run_here, False, lack)


def raised(error, cause):
    try:
        try:
            raise cause
        except type(cause):
            raise error from None
    except type(error) as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (CompilationError("x", None, "ValueError('type fp8e4nv not supported')"), "text"),
        (raised(CompilationError("x", None, "MemoryError()"), MemoryError()), "machine"),
        (raised(CompilationError("x", None, "OSError()"), OSError(28, "No space left on device")), "machine"),
        (PTXASError("Internal Triton PTX codegen error\n`ptxas` stderr:\nsyntax error"), "text"),
        (PTXASError("Internal Triton PTX codegen error\n`ptxas` stderr:\nNo space left on device"), "machine"),
        (PTXASError("`ptxas` failed with error code -9"), "machine"),
        (RuntimeError("PassManager::run failed"), "text"),
        (ImportError("libcuda.so"), "machine"),
        (subprocess.TimeoutExpired("ptxas", 1), "machine"),
        (ValueError("something else"), "unknown"),
    ],
    ids=str,
)
def test_an_error_is_about_the_text_or_the_machine(error, kind):
    assert compile_worker.kind_of(error) == kind


def test_an_error_of_unknown_cause_is_shown_and_not_kept(monkeypatch, tmp_path, kept):
    stand_in(monkeypatch, tmp_path, "print(json.dumps({'error': 'ValueError: x', 'final': False}), flush=True)")
    (report,) = kernel().compiled("sm_90", *inputs())
    assert report.error == "ValueError: x"
    assert not kept.exists()


@pytest.mark.parametrize("spoil", [b"", b"{", b"\xff\0", b"[]", b"{}", b'{"kernel": "matmul", "arch": "x"}'])
def test_a_spoiled_entry_is_compiled_again(kept, spoil):
    first = kernel(SMALL).compiled("sm_90", *inputs())
    (entry,) = kept.iterdir()
    whole = entry.read_bytes()
    entry.write_bytes(spoil)
    assert kernel(SMALL).compiled("sm_90", *inputs()) == first
    assert entry.read_bytes() == whole


def test_a_folder_that_cannot_be_written_does_no_harm(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(compiling, "_cache", lambda: tmp_path / "file" / "compiled")
    (report,) = kernel(SMALL).compiled("sm_90", *inputs())
    assert report.error == ""


def test_a_full_disk_leaves_no_half_entry(monkeypatch, kept):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compiling.os, "replace", full)
    (report,) = kernel(SMALL).compiled("sm_90", *inputs())
    assert report.error == ""
    assert list(kept.iterdir()) == []


def test_several_writers_of_one_entry_leave_a_whole_one(kept):
    file, texts = kept / "entry.json", [bytes([65 + i]) * 100_000 for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: [compiling._keep(file, text) for _ in range(20)], texts))
    assert file.read_bytes() in texts
    assert [f.name for f in kept.iterdir()] == ["entry.json"]


OURS = ("compile.py", "compiler.py", "compile_worker.py")


@pytest.mark.parametrize("change", ["triton", "python", *OURS, "arch", "option", "constant", "source"])
def test_the_key_of_a_report_has_everything_that_it_rests_on(monkeypatch, tmp_path, change):
    def key(arch=90, source="a", constants=None, options=None):
        job = {"source": source, "arch": arch, "constants": constants or {"B": 1}, "options": options or {}}
        return compiling._key(job)

    before = key()
    assert key() == before
    if change == "triton":
        monkeypatch.setattr(compiling.importlib.metadata, "version", lambda name: "9.9")
        after = key()
    elif change == "python":
        monkeypatch.setattr(compiling.platform, "python_version", lambda: "9.9")
        after = key()
    elif change in OURS:
        for name in OURS:
            (tmp_path / name).write_text((ROOT / "grader/kernels" / name).read_text() + "#" * (name == change))
        monkeypatch.setattr(compiling, "__file__", str(tmp_path / "compile.py"))
        after = key()
    else:
        changes = {"arch": {"arch": 80}, "option": {"options": {"num_warps": 8}}}
        changes |= {"constant": {"constants": {"B": 2}}, "source": {"source": "b"}}
        after = key(**changes[change])
    assert after != before


def test_a_folder_of_another_user_is_not_used(monkeypatch, tmp_path):
    folder = tmp_path / "theirs"
    assert compiling._own_folder(folder) == folder  # it will be made
    folder.mkdir(mode=0o700)
    assert compiling._own_folder(folder) == folder
    folder.chmod(0o777)
    assert not compiling._own_folder(folder).exists()
    folder.chmod(0o700)
    monkeypatch.setattr(compiling.os, "getuid", lambda: folder.stat().st_uid + 1)
    assert not compiling._own_folder(folder).exists()


def test_a_kernel_text_is_checked_before_it_is_compiled():
    with pytest.raises(SyntaxError):
        read(KERNEL.replace("{CONFIG}", CONFIG).replace("DOT", "tl.inline_asm_elementwise('', '', [a])"), "<test>")


def test_traffic_holds_a_kernel_to_what_was_derived():
    traffic(kernel("{'BM': 32, 'BN': 32, 'BK': 16}"), *inputs(m=64, n=50, k=40), with_=matmul)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "total = DOT",
            "a = tl.load(a_ptr + rows[:, None] * K + k + inner)\n        total = DOT",
            "a_ptr is read 4 times; twice is enough",
        ),
        (
            "    tl.store(",
            "    tl.store(out_ptr + rows[:, None] * N + columns, total, mask=columns < 8)\n    tl.store(",
            "512 of 4096 elements of out_ptr are written more than once; the first is at [0, 0]",
        ),
    ],
)
def test_traffic_says_what_is_read_or_written_too_often(old, new, says):
    text = KERNEL.replace(old, new).replace("{CONFIG}", "{'BM': 32, 'BN': 32, 'BK': 16}").replace("DOT", DOT)
    with pytest.raises(Disagreement) as caught:
        traffic(launched(matmul, text, "<test>"), *inputs(m=64, n=64, k=32), with_=matmul)
    assert says in str(caught.value)
    assert "needed" in str(caught.value)


def test_what_is_never_written_is_said():
    text = KERNEL.replace("{CONFIG}", "{'BM': 32, 'BN': 32, 'BK': 16}").replace("DOT", DOT)
    text = text.replace("total, mask=(rows[:, None] < M)", "total, mask=(rows[:, None] < M - 1)")
    with pytest.raises(Disagreement, match=r"2 of 4 elements of out_ptr are never written; the first is at \[1, 0\]"):
        traffic(launched(matmul, text, "<test>"), *inputs(m=64, n=64, k=32), with_=matmul)


@pytest.mark.parametrize(
    ("koan", "shapes"),
    [
        ("flash_bf16", [(2, 512, 128)] * 3),
        ("flash_backward_kernel", [(2, 512, 64)] * 4),
        ("matmul_kernel", [(512, 512)] * 2),
    ],
)
def test_all_tiles_that_a_model_kernel_may_be_tuned_to_fit_an_h100(koan, shapes):
    """At the widths that are timed there are no spills, tensor cores run at full rate, and shared memory suffices."""

    from grader.book.oracles import oracles
    from grader.book.workbook import Workbook
    from grader.judge import targets

    book = Workbook(ROOT)
    found = book.koan(koan)
    text = targets.source(book, found, targets.Target("solutions"))
    fn = launched(oracles(found)[koan], text, "<model>")
    plain = dict(fn.config)
    for choice in ({}, *fn.text.choices):
        fn.config.update(plain | choice)
        for report in fn.compiled("sm_90", *(torch.empty(shape, dtype=torch.bfloat16) for shape in shapes)):
            assert (report.error, report.spills, report.wgmma, report.fits) == ("", 0, True, True), (choice, report)


PRODUCT = """
@triton.jit
def product(a_ptr, b_ptr, out_ptr, M: tl.constexpr):
    i, j = tl.arange(0, M)[:, None], tl.arange(0, M)[None, :]
    tl.store(out_ptr + i * M + j, tl.dot(tl.load(a_ptr + i * M + j), tl.load(b_ptr + i * M + j)))
"""


@pytest.mark.parametrize(
    ("arch", "kind", "refused", "fp8"),
    [(80, "fp8e4nv", True, False), (80, "fp8e5", False, False), (89, "fp8e4nv", False, True)],
)
def test_ada_multiplies_fp8_on_tensor_cores_and_ampere_does_not(arch, kind, refused, fp8):
    signature = {"a_ptr": f"*{kind}", "b_ptr": f"*{kind}", "out_ptr": "*fp32", "M": "constexpr"}
    job = {"source": PRODUCT, "kernel": "product", "arch": arch, "signature": signature, "constants": {"M": 64}}
    report = Compiler().ask({**job, "divisible": [], "options": {}})
    assert (f"type {kind} not supported in this architecture" in report.get("error", "")) == refused
    if not refused:
        assert (report["mma"], any(kind.startswith("e") for kind in report["operands"])) == (
            True,
            fp8,
        )  # E5M2 on an A100: converted to fp16 first


def test_the_compiling_process_finds_what_stands_on_pythonpath(tmp_path, monkeypatch):
    """A Triton on PYTHONPATH is found, and the workbook comes before it."""
    from grader.book.processes import FOLDER
    from grader.kernels.compiler import Compiler

    (tmp_path / "sitecustomize.py").write_text(
        f"import sys; open({str(tmp_path / 'path')!r}, 'w').write('\\n'.join(sys.path))"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with contextlib.suppress(RuntimeError):
        Compiler().ask({})
    found = (tmp_path / "path").read_text().splitlines()
    assert found.index(str(FOLDER)) < found.index(str(tmp_path))
