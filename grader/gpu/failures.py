"""What went wrong with a kernel or with the process that has the GPU, in words."""

from __future__ import annotations

import signal

LINES = 4  # of a dead process's last words
ADDRESS = "an address outside its tensors does that"
# What CUDA says when a kernel reads or writes where it must not.
STRAY = ("illegal memory access", "illegal address", "misaligned address", "invalid address space")
STRAY_SIGNALS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT)


def told(error: BaseException) -> str:
    """An exception as one line. CUDA says first what happened, a compiler says it last."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    says = lines[0] if "CUDA" in lines[0] else lines[-1]
    line = f"{type(error).__name__}: {says}"
    return f"{line}: {ADDRESS}" if any(word in says for word in STRAY) else line


def ended(code: int, stderr: str) -> str:
    """How a process ended, by its exit code (negative: a signal), and what it wrote last."""
    what = f"signal {-code}" if code < 0 else f"exit code {code}"
    line = f"the process with the GPU ended with {what}"
    if any(word in stderr for word in STRAY) or -code in STRAY_SIGNALS:
        line += f": {ADDRESS}"
    elif -code == signal.SIGKILL:
        line += ": it may have used up the memory"
    last = [text for text in stderr.splitlines() if text.strip()][-LINES:]
    return "\n".join([line, *(f"  {text.rstrip()}" for text in last)])
