"""How wide a batch runs, and which user ids workers get, on machines and in containers of every kind."""

import os

import pytest

from grader.book.processes import cores
from grader.judge.sandbox import users

QUOTAS = {
    "no quota": ({"sys/fs/cgroup/a/cpu.max": "max 100000"}, "0::/a", 8),
    "two cores and a half": ({"sys/fs/cgroup/a/cpu.max": "250000 100000"}, "0::/a", 2),
    "less than a core": ({"sys/fs/cgroup/a/cpu.max": "20000 100000"}, "0::/a", 1),
    "more than there are": ({"sys/fs/cgroup/a/cpu.max": "9900000 100000"}, "0::/a", 8),
    "a cgroup above": (
        {"sys/fs/cgroup/a/cpu.max": "300000 100000", "sys/fs/cgroup/a/b/cpu.max": "max 100000"},
        "0::/a/b",
        3,
    ),
    "a container that sees only its own": ({"sys/fs/cgroup/cpu.max": "400000 100000"}, "0::/../../x", 4),
    "version 1": (
        {"sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "150000", "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "50000"},
        "4:memory:/m\n3:cpu,cpuacct:/a\n0::/",
        3,
    ),
    "version 1 without a quota": (
        {"sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000"},
        "3:cpu:/a",
        8,
    ),
    "nonsense": ({"sys/fs/cgroup/a/cpu.max": "what"}, "0::/a", 8),
    "no cgroups": ({}, None, 8),
}


@pytest.mark.parametrize("what", QUOTAS)
def test_a_batch_is_as_wide_as_affinity_and_quota_allow(tmp_path, monkeypatch, what):
    files, own, expected = QUOTAS[what]
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    if own is not None:
        files = {**files, "proc/self/cgroup": own + "\n"}
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert cores(tmp_path) == expected


def test_a_batch_is_as_wide_as_affinity_on_this_machine_at_most():
    assert 1 <= cores() <= len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count()))


ALL = "0 0 4294967295"
MAPS = {
    "a machine": (ALL, ALL, users.UNUSED),
    "a container with a user namespace": ("0 100000 65536", "0 100000 65536", users.OF_SERVICES),
    "a container of an ordinary user": ("0 1000 1\n1 100000 65536", "0 1000 1\n1 100000 65536", users.OF_SERVICES),
    "a container with one user": ("0 1000 1", "0 1000 1", None),
    "a container with one group": ("0 100000 65536", "0 1000 1", None),
}


@pytest.mark.parametrize("what", MAPS)
def test_a_root_grader_takes_ids_that_exist_and_that_nobody_uses(tmp_path, monkeypatch, what):
    uids, gids, within = MAPS[what]
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    (tmp_path / "uid_map").write_text(uids + "\n")
    (tmp_path / "gid_map").write_text(gids + "\n")
    blocks = [users.block(tmp_path) for _ in range(50)]
    if within is None:
        assert [*blocks[0]] == []
    else:
        assert all(len(block) == users.BLOCK and block[0] in within and block[-1] in within for block in blocks)
        assert len({block[0] for block in blocks}) > 1


def test_an_ordinary_user_gives_no_ids(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    assert users.free() is None
