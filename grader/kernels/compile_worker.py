"""The process that compiles kernels: `python -m grader.kernels.compile_worker`.

It reads one job a line from stdin and writes one report a line to stdout. It imports Triton and
not torch. From the learner's file it gets only the checked text of the kernels.
"""

from __future__ import annotations

import contextlib
import io
import json
import linecache
import os
import re
import subprocess
import sys
import tempfile
from typing import Any, Literal

Kind = Literal["text", "machine", "unknown"]
OF_THE_TEXT = "PassManager::run failed", "error encountered during parsing"  # the second: types do not fit
LACKS = re.compile(r"no space left|out of memory|cannot allocate|memory exhausted", re.IGNORECASE)


def main() -> None:
    os.environ |= {"TRITON_DUMP_PTXAS_LOG": "1", "TRITON_DEFAULT_FP_FUSION": "1"}
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # other output must not mix with the answers
    for line in sys.stdin.buffer:
        log = io.StringIO()
        os.environ.pop("TMPDIR", None)
        tempfile.tempdir = None
        with tempfile.TemporaryDirectory(prefix="koans-compile-") as folder:
            os.environ |= {"TRITON_CACHE_DIR": folder, "TMPDIR": folder}
            tempfile.tempdir = folder
            try:
                with contextlib.redirect_stdout(log):
                    report = compile_kernel(json.loads(line))
            except Exception as error:  # an error of Triton or of ptxas is the answer
                said = f"{type(error).__name__}: {str(error).strip()}"
                kind = kind_of(error)
                report = {"lack": said} if kind == "machine" else {"error": said, "final": kind == "text"}
        answers.write(json.dumps({"log": log.getvalue(), **report}) + "\n")
        answers.flush()


def kind_of(error: BaseException) -> Kind:
    """What an error is about: the text, so it comes again each time, or the machine, which lacks something just now."""
    from triton.compiler.errors import CompilationError
    from triton.runtime.errors import PTXASError

    cause: BaseException | None = error
    while cause is not None:  # Triton wraps every error in one about the line it was at
        if isinstance(cause, MemoryError | OSError | ImportError | subprocess.SubprocessError):
            return "machine"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, PTXASError):  # 255 is how ptxas ends when it does not accept its input
        accepted = "Internal Triton PTX codegen error" not in str(error) or LACKS.search(str(error))
        return "machine" if accepted else "text"
    if isinstance(error, CompilationError) or any(said in str(error) for said in OF_THE_TEXT):
        return "text"
    return "unknown"


def compile_kernel(job: dict[str, Any]) -> dict[str, Any]:
    import triton
    import triton.language as tl
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    source, file = job["source"], "<kernel>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    namespace: dict[str, Any] = {"triton": triton, "tl": tl, "__name__": "kernel"}
    exec(compile(source, file, "exec"), namespace)
    attrs = {(i,): [["tt.divisibility", 16]] for i in job["divisible"]}
    kernel = ASTSource(namespace[job["kernel"]], job["signature"], job["constants"], attrs)
    compiled = triton.compile(kernel, target=GPUTarget("cuda", job["arch"], 32), options=job["options"])
    ptx = compiled.asm["ptx"]
    # mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32, wgmma.mma_async.sync.aligned.m64n64k32.f32.e4m3.e4m3
    operands = re.findall(r"\bwgmma\.mma_async\S*?\.f\d+\.(\w+)\.\w+|\bmma\.sync\S*?\.col\.f\d+\.(\w+)", ptx)
    return {
        "shared": compiled.metadata.shared,
        "wgmma": "wgmma.mma_async" in ptx,
        "mma": bool(re.search(r"(?<!wg)mma\.sync", ptx)),
        "operands": sorted({a or b for a, b in operands}),
    }


if __name__ == "__main__":
    main()
