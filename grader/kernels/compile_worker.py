"""The process that compiles kernels: `python -m grader.kernels.compile_worker`.

It reads one job a line from stdin and writes one report a line to stdout. It imports Triton without the interpreter,
which cannot be switched off after the import, and it does not import torch. From the learner's file it gets only the
checked text of the kernels.
"""

from __future__ import annotations

import contextlib
import io
import json
import linecache
import os
import re
import sys
import tempfile
from typing import Any


def main() -> None:
    os.environ |= {"TRITON_DUMP_PTXAS_LOG": "1", "TRITON_DEFAULT_FP_FUSION": "1"}
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # other output must not mix with the answers
    for line in sys.stdin:
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
                report = {"error": f"{type(error).__name__}: {str(error).strip()}"}
        answers.write(json.dumps({"log": log.getvalue(), **report}) + "\n")
        answers.flush()


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
