"""A system-call filter for a process that only computes.

The process may start threads, but no processes or programs. It may open no sockets and send no signals. Refused calls
fail with EPERM, so that honest code gets an exception instead of being killed. `clone3` fails with ENOSYS, because a
filter cannot inspect its flags. The C library then uses `clone`, whose flags a filter can inspect.

A wider filter is for a process that must run programs: it may also start processes, and pipe data between them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
ALLOW, REFUSE, KILL = 0x7FFF_0000, 0x0005_0000, 0x8000_0000
LOAD, JUMP_EQUAL, JUMP_GREATER_EQUAL, JUMP_SET, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCH, ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
CLONE_THREAD = 0x0001_0000
# Flags of clone for new namespaces, for a sibling instead of a child, and for tracing.
CLONE_REFUSED = 0x7E02_0000 | 0x0000_8000 | 0x0000_2000
X32 = 0x4000_0000

ARCHES = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}

# The call's numbers on (x86_64, aarch64), from the kernel's tables. None if the architecture has no such call.
Numbers = tuple[int | None, int | None]
REFUSED: dict[str, Numbers] = {
    # processes and programs
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "unshare": (272, 97), "setns": (308, 268), "ptrace": (101, 117), "kcmp": (312, 272),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "process_madvise": (440, 440),
    "process_mrelease": (448, 448), "personality": (135, 92), "seccomp": (317, 277), "get_robust_list": (274, 100),
    # its own user, groups and capabilities, which it has no reason to change
    "setuid": (105, 146), "setgid": (106, 144), "setreuid": (113, 145), "setregid": (114, 143),
    "setresuid": (117, 147), "setresgid": (119, 149), "setfsuid": (122, 151), "setfsgid": (123, 152),
    "setgroups": (116, 159), "capset": (126, 91), "lsm_set_self_attr": (460, 460),
    # signals, and descriptors of processes
    "kill": (62, 129), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "pidfd_getfd": (438, 438),
    # pipes, which hold memory that no limit counts
    "pipe": (22, None), "pipe2": (293, 59), "vmsplice": (278, 75), "splice": (275, 76), "tee": (276, 77),
    # sockets and other ways to communicate; options of the one socket there is give a descriptor of its other end
    "getsockopt": (55, 209), "setsockopt": (54, 208), "getsockname": (51, 204), "getpeername": (52, 205),
    "socket": (41, 198), "socketpair": (53, 199), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202),
    "accept4": (288, 242), "connect": (42, 203), "sendto": (44, 206), "sendmsg": (46, 211), "recvmsg": (47, 212),
    "sendmmsg": (307, 269), "recvmmsg": (299, 243), "mq_open": (240, 180), "msgget": (68, 186), "semget": (64, 190),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "semctl": (66, 191), "semop": (65, 193),
    "semtimedop": (220, 192), "msgctl": (71, 187), "msgsnd": (69, 189), "msgrcv": (70, 188), "mq_unlink": (241, 181),
    "memfd_create": (319, 279), "remap_file_pages": (216, 234), "memfd_secret": (447, 447),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    # changes to files that do not open them, which Landlock does not stop
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "lchown": (94, None), "fchown": (93, 55), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "setxattrat": (463, 463), "removexattrat": (466, 466), "truncate": (76, 45), "sync": (162, 81),
    "syncfs": (306, 267), "file_setattr": (469, 469), "fallocate": (285, 47), "file_getattr": (468, 468),
    "getxattr": (191, 8), "lgetxattr": (192, 9), "listxattr": (194, 11), "llistxattr": (195, 12),
    "getxattrat": (464, 464), "listxattrat": (465, 465),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263), "cachestat": (451, 451), "lookup_dcookie": (212, 18),
    "inotify_add_watch": (254, 27), "flock": (73, 32),
    # resources with a limit for the whole machine or user
    "inotify_init": (253, None), "inotify_init1": (294, 26), "io_setup": (206, 0),
    "landlock_create_ruleset": (444, 444), "landlock_add_rule": (445, 445), "landlock_restrict_self": (446, 446),
    # mounts
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    "swapon": (167, 224), "swapoff": (168, 225), "statmount": (457, 457), "listmount": (458, 458),
    "ustat": (136, None), "sysfs": (139, None), "nfsservctl": (180, 42),
    # the kernel itself, and the scheduling of other processes
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "keyctl": (250, 219),
    "add_key": (248, 217), "request_key": (249, 218), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142),
    "syslog": (103, 116), "acct": (163, 89), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "adjtimex": (159, 171), "clock_adjtime": (305, 266), "lsm_list_modules": (461, 461),
    "vhangup": (153, 58), "uselib": (134, None), "_sysctl": (156, None), "create_module": (174, None),
    "get_kernel_syms": (177, None), "query_module": (178, None),
    "sethostname": (170, 161), "setdomainname": (171, 162), "iopl": (172, None),
    "ioperm": (173, None), "modify_ldt": (154, None), "setrlimit": (160, 164), "setpriority": (141, 140),
    "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274),
    "sched_setaffinity": (203, 122), "ioprio_set": (251, 30), "migrate_pages": (256, 238), "move_pages": (279, 239),
}  # fmt: skip
# What a process that runs programs may do nevertheless. `kill` and `tkill` only where signals stay inside.
PROGRAMS = ("fork", "vfork", "execve", "pipe", "pipe2")
SIGNALS = ("kill", "tkill")
# Such processes stay in the process group of the first one, so that all of them can be ended together.
GROUPS: dict[str, Numbers] = {"setsid": (112, 157), "setpgid": (109, 154)}
UNKNOWN = 470  # the first number after this table, which is Linux 6.17's
CLONE, CLONE3 = (56, 220), (435, 435)
TGKILL, PRLIMIT, FCNTL, IOCTL, PRCTL = (234, 131), (302, 261), (72, 25), (16, 29), (157, 167)
# The kernel keeps a shared mapping (1) until its last page goes, and no limit counts it. A mapping that grows down
# (0x100) counts as stack, which the limit on data does not see.
MMAP, REFUSED_MAPPING = (9, 222), 0x101
# F_SETOWN, F_SETSIG and F_SETOWN_EX send a signal to another process when a file is ready. F_SETLEASE makes every
# process that opens a file wait. F_NOTIFY watches a folder. Each lock (F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW)
# takes memory that no limit counts, as does F_SETPIPE_SZ. F_SET_RW_HINT and F_SET_FILE_RW_HINT change others' files.
REFUSED_FCNTL = (8, 10, 15, 1024, 1026, 6, 7, 37, 38, 1031, 1036, 1038)
# TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX. Other requests change terminals, or change files that are
# open only for reading, or hand out descriptors (SIOCGSKNS).
ALLOWED_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_GET_SECCOMP, PR_CAPBSET_READ, PR_GET_TIMERSLACK, PR_SET_NO_NEW_PRIVS,
# PR_GET_NO_NEW_PRIVS, PR_GET_THP_DISABLE, PR_SVE_GET_VL, PR_SET_VMA. Others would let it outlive the zygote
# (PR_SET_PDEATHSIG), slow down its neighbors (PR_SCHED_CORE) or take memory that no limit counts (PR_FUTEX_HASH).
ALLOWED_PRCTL = (3, 15, 16, 21, 23, 30, 38, 39, 42, 51, 0x5356_4D41)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def install(*, programs: bool = False, signals: bool = False) -> str:
    """Filter the system calls of this process and its children from now on. Raises OSError.

    "No new privileges" must be set before. With `programs` it may start processes. With `signals` these may send
    signals to each other: then something else must keep the signals inside.
    """
    code = program(platform.machine(), os.getpid(), programs=programs, signals=programs and signals)
    buffer = ctypes.create_string_buffer(code, len(code))
    struct_ = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(struct_), 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return ""


def program(machine: str, pid: int, *, programs: bool = False, signals: bool = False) -> bytes:
    """The filter as BPF. Raises OSError for an architecture whose call numbers are not known here."""
    if machine not in ARCHES:
        raise OSError(0, f"no filter for {machine}")
    which = list(ARCHES).index(machine)
    refuse, allow = (RETURN, 0, 0, REFUSE | errno.EPERM), (RETURN, 0, 0, ALLOW)
    code: list[tuple[int, int, int, int]] = [
        (LOAD, 0, 0, ARCH),
        (JUMP_EQUAL, 1, 0, ARCHES[machine]),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
    ]
    if machine == "x86_64":
        code += [(JUMP_GREATER_EQUAL, 0, 1, X32), refuse]
    code += [(JUMP_GREATER_EQUAL, 0, 1, UNKNOWN), (RETURN, 0, 0, REFUSE | errno.ENOSYS)]  # as in an older kernel
    allowed = (*(PROGRAMS if programs else ()), *(SIGNALS if signals else ()))
    for name, numbers in {**REFUSED, **(GROUPS if programs else {})}.items():
        number = numbers[which]
        if number is not None and name not in allowed:
            code += [(JUMP_EQUAL, 0, 1, number), refuse]
    code += [(JUMP_EQUAL, 0, 1, CLONE3[which]), (RETURN, 0, 0, REFUSE | errno.ENOSYS)]
    flags = (JUMP_SET, 0, 1, CLONE_REFUSED) if programs else (JUMP_SET, 1, 0, CLONE_THREAD)
    code += _when(CLONE[which], [(LOAD, 0, 0, ARGUMENT), flags, refuse, allow])
    if not signals:
        code += _when(TGKILL[which], [(LOAD, 0, 0, ARGUMENT), (JUMP_EQUAL, 1, 0, pid), refuse, allow])
    code += _when(MMAP[which], [(LOAD, 0, 0, ARGUMENT + 24), (JUMP_SET, 0, 1, REFUSED_MAPPING), refuse, allow])
    new_limit = ARGUMENT + 16  # the third argument: a pointer, or null if no limit changes
    halves = [(LOAD, 0, 0, new_limit), (JUMP_EQUAL, 1, 0, 0), refuse]
    halves += [(LOAD, 0, 0, new_limit + 4), (JUMP_EQUAL, 1, 0, 0), refuse, allow]
    code += _when(PRLIMIT[which], halves)
    for call, argument, values, if_listed, otherwise in (
        (FCNTL, 1, REFUSED_FCNTL, refuse, allow),
        (IOCTL, 1, ALLOWED_IOCTL, allow, refuse),
        (PRCTL, 0, ALLOWED_PRCTL, allow, refuse),
    ):
        tests = [step for value in values for step in ((JUMP_EQUAL, 0, 1, value), if_listed)]
        code += _when(call[which], [(LOAD, 0, 0, ARGUMENT + 8 * argument), *tests, otherwise])
    code.append(allow)
    return b"".join(struct.pack("=HBBI", *step) for step in code)


def _when(number: int, body: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Run `body`, which must return, if the call is `number`. Otherwise the number stays loaded for the next step."""
    return [(JUMP_EQUAL, 0, len(body), number), *body]
