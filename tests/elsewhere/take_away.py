"""Takes from this process what another system lacks. A copy of it is the `sitecustomize` of every process of the suite.

It imports the standard library only. `lacks.json` beside it says what to take away.

Only our own code is deceived: the workbook, its tests, and programs given with -c. On the other system the standard
library and the packages are built for it. Here they need what Linux has, and so they keep it. In the same way only our
own code sees another `sys.platform`, `os.name` and `platform.system()`. Paths stay as they are, since the standard
library decides about them when it is imported.
"""

import builtins
import contextlib
import ctypes
import errno
import importlib
import importlib.abc
import importlib.metadata
import json
import os
import platform  # noqa: F401 - it is looked up by name
import subprocess
import sys
import sysconfig
import types
from pathlib import Path

HERE = os.path.dirname(os.path.abspath(__file__))
LIBRARY = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), os.path.dirname(os.__file__)})
NO_TRITON = ("triton", "libtriton")
OF_LINUX = ("/proc", "/sys/fs/cgroup")
# Functions of the C library that only Linux has.
C_OF_LINUX = ("prctl", "mallopt", "malloc_trim", "mallinfo2", "syscall", "unshare", "setns", "close_range")
# Exit codes on Windows of a process that was ended, by the signal that did it here: STATUS_ACCESS_VIOLATION and others.
CODES = {4: 0xC000001D, 6: 3, 7: 0xC0000006, 8: 0xC0000094, 11: 0xC0000005}
_killpg = os.killpg
SEES = {
    "windows": {"sys.platform": "win32", "os.name": "nt", "platform.system": lambda: "Windows"},
    "macos": {"sys.platform": "darwin", "platform.system": lambda: "Darwin"},
}


def _of_packages(file):
    return "site-packages" in file or "dist-packages" in file


def is_ours(frame):
    """Whether this is a frame of our own code. What asks for the markers of a package sees what our code sees."""
    file = frame.f_code.co_filename
    if _of_packages(file):
        return os.path.join("packaging", "markers") in file
    return not file.startswith((*LIBRARY, "<frozen", HERE))


def asked_by_us(frame):
    """Whether our code is the first outside the standard library among the callers."""
    while frame is not None:
        file = frame.f_code.co_filename
        if _of_packages(file):
            return False
        if is_ours(frame):
            return True
        frame = frame.f_back
    return False


def take_names(lacks, sees):
    """Our own code gets an AttributeError for a name that a module lacks, and sees other values of some."""

    class Partial(types.ModuleType):
        def __new__(cls, *args):  # Python makes new modules by `type(sys)(name)`
            return types.ModuleType(*args)

        def __getattribute__(self, name):
            module = object.__getattribute__(self, "__name__")
            if name in lacks.get(module, ()) and is_ours(sys._getframe(1)):
                raise AttributeError(f"module {module!r} has no attribute {name!r} here", name=name, obj=self)
            whole = f"{module}.{name}"
            if whole in sees and vars(self).get(name) is real[whole] and is_ours(sys._getframe(1)):
                return sees[whole]  # unless a test has set another value
            return object.__getattribute__(self, name)

    real = {name: getattr(sys.modules.get(name.partition(".")[0]), name.partition(".")[2], None) for name in sees}
    for module in {*lacks, *(name.partition(".")[0] for name in sees)}:
        importlib.import_module(module).__class__ = Partial


def take_modules(missing):
    """Our own code cannot import these. Nobody can import Triton."""
    real = builtins.__import__

    def imported(name, globals=None, locals=None, fromlist=(), level=0):
        if level == 0 and name.partition(".")[0] in missing and is_ours(sys._getframe(1)):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, globals, locals, fromlist, level)

    # A finder of ours asks which module imports, and skips the frames of importlib. This function is one of them.
    of_importlib = {**globals(), "__name__": "importlib"}
    builtins.__import__ = types.FunctionType(
        imported.__code__, of_importlib, argdefs=imported.__defaults__, closure=imported.__closure__
    )
    find = importlib.machinery.PathFinder.find_spec

    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in NO_TRITON else find(name, path, target)

    importlib.machinery.PathFinder.find_spec = classmethod(find_spec)
    distribution = importlib.metadata.Distribution.from_name

    def from_name(cls, name):
        if name in NO_TRITON:
            raise importlib.metadata.PackageNotFoundError(name)
        return distribution(name)

    importlib.metadata.Distribution.from_name = classmethod(from_name)


def take_proc():
    """There is no /proc and no control group."""

    def refuse(event, arguments):
        if event in ("open", "os.listdir", "os.scandir", "os.readlink"):
            path = arguments[0]
            if isinstance(path, str) and path.startswith(OF_LINUX) and asked_by_us(sys._getframe(1)):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    sys.addaudithook(refuse)

    def hidden(real):
        def status(path, *args, **options):
            if str(path).startswith(OF_LINUX) and asked_by_us(sys._getframe(1)):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
            return real(path, *args, **options)

        return status

    os.stat, os.lstat = hidden(os.stat), hidden(os.lstat)


def take_c_functions(mode):
    """The C library has other functions on macOS, and cannot be asked for by None on Windows."""
    real = ctypes.CDLL

    class Library:
        def __init__(self, name, *args, **options):
            if mode == "windows" and name is None:
                raise TypeError("argument of type 'NoneType' is not iterable")
            self._library = real(name, *args, **options)

        def __getattr__(self, name):
            if name in C_OF_LINUX:
                raise AttributeError(f"symbol not found: {name}")
            return getattr(self._library, name)

    return {"ctypes.CDLL": Library}


def reach_children(mode):
    """Every process that is started gets this module too. On Windows some options for it do not exist.

    This process does not see the folder in its own PYTHONPATH: a test that sets another PYTHONPATH, and a process that
    it starts, then have equal variables, as they do on the other system.
    """
    given = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place and place != HERE]
    os.environ["PYTHONPATH"] = os.pathsep.join(given)
    if not given:
        del os.environ["PYTHONPATH"]
    start = subprocess.Popen.__init__

    def started(self, args, *rest, **options):
        given = options.get("env")
        env = dict(os.environ if given is None else given)
        places = [place for place in env.get("PYTHONPATH", "").split(os.pathsep) if place and place != HERE]
        options["env"] = env | {"PYTHONPATH": os.pathsep.join([HERE, *places])}
        if mode == "windows" and not isinstance(args, str) and [*args][:3] == ["taskkill", "/F", "/PID"]:
            args = ["kill", "-9", *args[3:]]
        if mode == "windows" and is_ours(sys._getframe(1)):
            if options.get("pass_fds"):
                raise AssertionError("pass_fds not supported on Windows.")
            if options.get("preexec_fn") is not None:
                raise ValueError("preexec_fn is not supported on Windows platforms")
            for ignored in ("start_new_session", "process_group"):
                options.pop(ignored, None)
            flags = options.pop("creationflags", 0)
            if flags & subprocess.CREATE_NEW_PROCESS_GROUP:
                options["process_group"] = 0
            self._ends_as_on_windows = True
        start(self, args, *rest, **options)

    subprocess.Popen.__init__ = started
    handle = subprocess.Popen._handle_exitstatus

    def handled(self, *args, **options):
        handle(self, *args, **options)
        if getattr(self, "_ends_as_on_windows", False) and self.returncode < 0:
            self.returncode = CODES.get(-self.returncode, 1)

    subprocess.Popen._handle_exitstatus = handled


def take_open_files():
    """A file that this process has open can be neither replaced nor removed on Windows. Links need a privilege."""

    def is_open(path):
        try:
            status = os.lstat(path)
            for descriptor in range(3, 64):
                try:
                    other = os.fstat(descriptor)
                except OSError:
                    continue
                if (other.st_dev, other.st_ino) == (status.st_dev, status.st_ino):
                    return True
        except (OSError, ValueError, TypeError):
            pass
        return False

    def careful(real):
        def change(*paths, **options):
            if options.get("dir_fd") is None and asked_by_us(sys._getframe(1)):
                for path in paths:
                    if not os.path.isdir(path) and is_open(path):
                        raise PermissionError(errno.EACCES, "The process cannot access the file", str(path))
            return real(*paths, **options)

        return change

    for name in ("replace", "rename", "unlink", "remove"):
        setattr(os, name, careful(getattr(os, name)))

    symlink = os.symlink

    def no_privilege(source, link, *args, **options):
        if asked_by_us(sys._getframe(1)):
            raise OSError(errno.EINVAL, "A required privilege is not held by the client", str(source))
        return symlink(source, link, *args, **options)

    os.symlink = no_privilege

    import select

    real_select = select.select

    def only_sockets(readable, writable, exceptional, timeout=None):
        if is_ours(sys._getframe(1)):
            for one in (*readable, *writable, *exceptional):
                if not hasattr(one, "getsockname"):
                    raise OSError(errno.ENOTSOCK, "An operation was attempted on something that is not a socket")
        return real_select(readable, writable, exceptional, timeout)

    select.select = only_sockets


class Kernel32:
    """The functions for job objects. A job is the group of the one process that was put into it.

    A method takes and returns numbers only, and a caller also writes types into it. So each is a plain function.
    """

    def __init__(self, name, **options):
        pids = {}  # of each handle of a job or a process

        def handle(pid=None):
            pids[len(pids) + 1] = pid
            return len(pids)

        def assign(job, process):
            pids[job], pids[process] = pids[process], None
            return 1

        def end(job, code=1):
            pid, pids[job] = pids.get(job), None
            if pid is not None:
                with contextlib.suppress(OSError):
                    _killpg(pid, 9)
            return 1

        self.CreateJobObjectW = lambda attributes, name: handle()
        self.SetInformationJobObject = lambda job, kind, data, size: 1
        self.OpenProcess = lambda access, inherit, pid: handle(pid)
        self.AssignProcessToJobObject = assign
        self.TerminateJobObject = end
        self.CloseHandle = lambda one: end(one)


def add_windows():
    """What only Windows has, so that the code for it runs."""
    for name, value in {
        "CREATE_NEW_PROCESS_GROUP": 0x200,
        "CREATE_NO_WINDOW": 0x8000000,
        "DETACHED_PROCESS": 8,
    }.items():
        setattr(subprocess, name, value)


def main():
    lacks = json.loads(Path(HERE, "lacks.json").read_text("utf-8"))
    mode = lacks["mode"]
    sees = SEES[mode] | take_c_functions(mode)
    take_modules(set(lacks["missing"]))
    take_proc()
    reach_children(mode)
    if mode == "windows":
        take_open_files()
        add_windows()
        sees["ctypes.WinDLL"] = Kernel32
    take_names({module: set(names) for module, names in lacks["lacking"].items()}, sees)


main()
