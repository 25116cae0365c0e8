"""Which system calls a confined process is refused, and that what honest code does needs none of them."""

import platform
import sys

import numpy as np
import pytest
import torch

from grader.judge.sandbox import seccomp
from tests.judge.test_confine import confined

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in seccomp.ARCHES, reason="not run here: no filter"
)
WHICH = list(seccomp.ARCHES).index(platform.machine()) if platform.machine() in seccomp.ARCHES else 0

# Calls that were allowed once, or that hand out descriptors, memory of the kernel or facts about the machine.
REFUSED = (
    *("pipe", "pipe2", "vmsplice", "splice", "tee", "getsockopt", "setsockopt", "getsockname", "getpeername"),
    *(
        "pidfd_open",
        "pidfd_getfd",
        "sendmsg",
        "recvmsg",
        "socketpair",
        "memfd_create",
        "memfd_secret",
        "io_uring_setup",
    ),
    *("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "statmount", "listmount"),
    *("lsm_set_self_attr", "lsm_list_modules", "capset", "setuid", "setresuid", "setgroups", "setfsuid"),
    *("getxattr", "listxattr", "getxattrat", "listxattrat", "file_getattr", "file_setattr", "cachestat"),
    *("clock_adjtime", "get_robust_list", "fanotify_mark", "open_tree_attr", "name_to_handle_at", "open_by_handle_at"),
    *("fork", "vfork", "execve", "execveat", "unshare", "setns", "ptrace", "kill", "tkill", "bpf", "userfaultfd"),
)
LIBC = "globals().__setitem__('libc', __import__('ctypes').CDLL(None, use_errno=True))"
CALL = "(libc.syscall({}, *[-1] * 6), __import__('ctypes').get_errno())"


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What the calls give in a confined process, as (result, errno)."""
    numbers = [(name, seccomp.REFUSED[name][WHICH]) for name in REFUSED]
    present = [(name, number) for name, number in numbers if number is not None]
    lines = [LIBC, *(CALL.format(number) for _, number in present)]
    results = confined(tmp_path_factory.mktemp("calls"), lines, programs=())[2]
    return dict(zip([name for name, _ in present], results[1:], strict=True))


@pytest.mark.parametrize("name", REFUSED)
def test_a_call_is_refused(answers, name):
    if seccomp.REFUSED[name][WHICH] is not None:
        assert answers[name] == [-1, 1]  # EPERM


@pytest.mark.parametrize("programs", [False, True])
def test_no_call_behind_the_table_exists(tmp_path, programs):
    call = CALL.format(seccomp.UNKNOWN)
    _, _, [_, result] = confined(tmp_path, [LIBC, call], programs=["/usr/bin/git"] if programs else ())
    assert result == [-1, 38]  # ENOSYS


REFUSALS = ("PermissionError", "ZeroDivisionError")
OPTIONS = {
    "a larger pipe": "fcntl.fcntl(write, 1031, 1 << 20)",
    "a lock": "fcntl.lockf(write, fcntl.LOCK_EX | fcntl.LOCK_NB)",
    "a signal when a pipe is ready": "fcntl.fcntl(read, fcntl.F_SETOWN, os.getppid())",
    "the network of a socket": "fcntl.ioctl(read, 0x894C)",
    "a hint on a file": "fcntl.fcntl(read, 1036, bytes(8))",
    "a core of its own": "libc.prctl(62, 1, 0, 0, 0) == 0 or 1 / 0",
    "a table of futexes": "libc.prctl(78, 1, 1 << 10, 0, 0) == 0 or 1 / 0",
    "another death signal": "libc.prctl(1, 0, 0, 0, 0) == 0 or 1 / 0",
    "a filter of its own": "libc.prctl(22, 1, 0, 0, 0) == 0 or 1 / 0",
}


@pytest.mark.parametrize("programs", [(), ("/usr/bin/git",)], ids=["without programs", "with programs"])
def test_options_of_allowed_calls_are_refused(tmp_path, programs):
    _, _, [_, *results] = confined(tmp_path, [LIBC, *OPTIONS.values()], programs=programs)
    worked = [what for what, result in zip(OPTIONS, results, strict=True) if result not in REFUSALS]
    assert worked == []


HONEST = """
import numpy as np, torch

def f(x, array):
    torch.set_num_threads(4)
    y = x @ x.T
    x = x.clone().requires_grad_()
    loss = torch.nn.functional.scaled_dot_product_attention(x[None], x[None], x[None]).logsumexp(-1).sum()
    loss.backward()
    torch.linalg.svd(y)
    torch.fft.rfft(x.detach())
    torch.randn(500, 500, generator=torch.Generator().manual_seed(0)).sort()
    compiled = np.linalg.eigh(array @ array.T)[0], np.einsum("ij,kj->ik", array, array), np.random.default_rng(0).random(3)
    return y, x.grad, compiled[1]
"""


def test_honest_torch_and_numpy_need_no_refused_call(zygote):
    from grader.judge.sandbox import wire
    from grader.judge.sandbox.proxy import SandboxWorker, WorkerLimits

    worker = SandboxWorker(zygote, wire.Load(HONEST, "f.py"), WorkerLimits(seconds=60))
    worker.names()
    x, array = torch.randn(300, 64), np.ones((200, 200))
    y, gradient, product = worker.call("f", (x, array), {})
    worker.close()
    assert torch.allclose(y, x @ x.T, atol=1e-3)
    assert gradient.shape == x.shape and torch.isfinite(gradient).all()
    assert np.array_equal(product, array @ array.T)
