"""Messages about a kernel, or the process that has the GPU, that failed."""

from __future__ import annotations

import signal

LINES = 4  # of the output of a process that ended, from its end
ADDRESS = "an address outside its tensors can cause this"
# CUDA's errors for a kernel that reads or writes outside its tensors.
STRAY = ("illegal memory access", "illegal address", "misaligned address", "invalid address space")
STRAY_SIGNALS = ("SIGSEGV", "SIGBUS", "SIGABRT")


def one_line(error: BaseException) -> str:
    """An exception as one line: the first line of an error of CUDA, the last line of any other."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    text = lines[0] if "CUDA" in lines[0] else lines[-1]
    line = f"{type(error).__name__}: {text}"
    return f"{line}: {ADDRESS}" if any(word in text for word in STRAY) else line


def process_end(code: int, stderr: str) -> str:
    """How a process ended, by its exit code (negative: a signal), and the last lines that it wrote."""
    name = _signal_name(-code)
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    name = next((one.name for one in signal.Signals if one == -code), "")  # Windows has few of them
    line = f"the process with the GPU ended with {how}"
    if any(word in stderr for word in STRAY) or name in STRAY_SIGNALS:
        line += f": {ADDRESS}"
    elif name == "SIGKILL":
        line += ": it may have used too much memory"
    last = [text for text in stderr.splitlines() if text.strip()][-LINES:]
    return "\n".join([line, *(f"  {text.rstrip()}" for text in last)])


def _signal_name(number: int) -> str:
    """The name of a signal. Windows has no SIGKILL, for example. Empty if it is none here."""
    return signal.Signals(number).name if number in set(signal.Signals) else ""
