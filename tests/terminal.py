"""Runs the command on a new terminal (a pty), as a person would use it."""

import os
import re
import select
import subprocess
import sys
import time

try:
    import fcntl
    import pty
    import termios
except ImportError:  # Windows; tests that use this file need a pty
    pass


def _take_terminal() -> None:
    """Make the terminal on stdin the controlling terminal of this process."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """The command on a new terminal. `seen` is the text that `until` has not consumed yet."""

    def __init__(self, play, *args, term="xterm"):
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (30, 90))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "grader", *args],
            cwd=play.root,
            env={**os.environ, "PYTHONPATH": str(play.root), "TERM": term, "PAGER": "cat"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        self.slave = slave
        self.seen = ""

    def until(self, text, patience=90.0):
        """Read until this text is on the screen. Returns what came before it, and consumes both."""
        deadline = time.monotonic() + patience
        while text not in self.seen:
            remaining = deadline - time.monotonic()
            assert remaining > 0 and select.select([self.master], [], [], remaining)[0], (
                f"never came: {text}\n{self.seen}"
            )
            self.seen += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", os.read(self.master, 4096).decode(errors="replace"))
        before, _, self.seen = self.seen.partition(text)
        return before

    def press(self, keys):
        os.write(self.master, keys.encode())

    def end(self):
        """Wait for the end. Returns the exit code and whether the terminal still echoes what is typed."""
        code = self.process.wait(60)
        echo = bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)
        os.close(self.slave)
        os.close(self.master)
        return code, echo
