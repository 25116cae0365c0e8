"""A commit of a stranger's git repository is read as it is, and whatever the repository holds, nothing else is."""

import json
import os
import re
import shutil
import subprocess
import sys
import zlib

import pytest

from grader.course.intake import git_objects
from grader.course.intake.git_tree import difference_note, differing, open_repository
from grader.course.intake.tree import Entry, Unreadable
from tests import repositories as make
from tests.conftest import ROOT
from tests.repositories import bare, commit_data, commit_files, fork, git, loose, name_of, pack, point, with_tree

SECRET = "the password of the instructor"
KOAN = ("exercises", "ch06_numerics", "softmax.py")
FILES = {
    "exercises/ch06_numerics/softmax.py": "def softmax(x):\n    ...\n",
    "README.md": "# Mine\n",
    "data/ü.bin": b"\xff\0",
}


def read_all(folder, scratch, seconds=20.0):
    """The commit that HEAD points to, and the bytes of all its files by path."""
    with open_repository(folder, scratch, seconds) as repository:
        commit = repository.head()
        tree = repository.tree(commit)
        return commit, dict(files_below(tree, ()))


def files_below(tree, folder):
    for entry in tree.entries(folder):
        path = (*folder, entry.name)
        if entry.kind == "folder":
            yield from files_below(tree, path)
        elif entry.kind == "file":
            data = tree.read(path, 1 << 20)
            assert len(data) == entry.size
            yield "/".join(path), data


def reason(folder, scratch, seconds=20.0):
    with pytest.raises(Unreadable) as caught:
        read_all(folder, scratch, seconds)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def as_bytes(files):
    return {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}


@pytest.fixture
def scratch(tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture
def honest(tmp_path):
    """A checked-out fork with FILES in one commit."""
    fork(tmp_path / "ada", FILES)
    return tmp_path / "ada"


# --- honest repositories ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stored", ["loose", "packed", "bare", "mirror", "a linked worktree beside it", "reflog off"])
def test_a_commit_is_read_however_git_stores_it(honest, tmp_path, scratch, stored):
    folder = honest
    if stored == "packed":
        for number in range(3):
            commit_files(honest, {"README.md": f"# Mine {number}\n" * 500})
        commit_files(honest, {"README.md": FILES["README.md"]})
        git(honest, "gc", "-q", "--aggressive")
        assert list((honest / ".git/objects/pack").glob("*.pack"))
        assert (honest / ".git/packed-refs").exists()
    elif stored in ("bare", "mirror"):
        folder = tmp_path / "ada.git"
        git(tmp_path, "clone", "-q", f"--{stored}", str(honest), str(folder))
    elif stored == "a linked worktree beside it":
        git(honest, "worktree", "add", "-q", "-b", "other", str(tmp_path / "beside"))
    elif stored == "reflog off":
        shutil.rmtree(honest / ".git/logs")
    commit, files = read_all(folder, scratch)
    assert files == as_bytes(FILES)
    assert (commit.hash, commit.branch, commit.notes) == (git(folder, "rev-parse", "HEAD"), "main", ())


def test_a_commit_has_the_times_of_its_author_and_committer_with_their_offsets(honest, scratch):
    commit, _ = read_all(honest, scratch)
    assert commit.authored == "2023-11-15T03:43:20+05:30"
    assert commit.committed == "2023-11-14T14:15:00-08:00"


def test_a_repository_in_sha256_is_read_too(tmp_path, scratch):
    name = fork(tmp_path / "ada", FILES, "--object-format=sha256")
    commit, files = read_all(tmp_path / "ada", scratch)
    assert (commit.hash, len(name), files) == (name, 64, as_bytes(FILES))


def test_links_submodules_and_lfs_pointers_are_what_they_are_in_the_commit(tmp_path, scratch):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 9\n"
    fork(tmp_path / "ada", {"weights.bin": pointer, ".gitattributes": "*.bin filter=lfs\n"})
    (tmp_path / "ada/link.py").symlink_to("/etc/passwd")
    git(tmp_path / "ada", "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},library")
    git(tmp_path / "ada", "add", "link.py")
    git(tmp_path / "ada", "commit", "-q", "-m", "more")
    with open_repository(tmp_path / "ada", scratch) as repository:
        tree = repository.tree(repository.head())
        assert tree.entries() == [
            Entry(".gitattributes", "file", 17),
            Entry("library", "other"),
            Entry("link.py", "link"),
            Entry("weights.bin", "file", len(pointer)),
        ]
        assert tree.read(("weights.bin",), 1000) == pointer.encode()
        for path in (("link.py",), ("library",), ()):
            with pytest.raises(Unreadable, match="is a link, a folder or another repository: hand in the file itself"):
                tree.read(path, 1000)
        for path in (("link.py",), ("library",), ("weights.bin",), ("library", "x")):
            with pytest.raises(Unreadable, match="is a link, a file or another repository, not a folder"):
                tree.entries(path)
        for path in (("none.py",), ("none", "x.py")):
            with pytest.raises(FileNotFoundError):
                tree.read(path, 1000)
        with pytest.raises(Unreadable, match=r"^weights.bin has 0 KiB; at most 0 KiB are allowed$"):
            tree.read(("weights.bin",), 100)


def test_filters_and_line_ends_of_the_repository_do_not_count(honest, tmp_path, scratch):
    ran = tmp_path / "ran"
    for name in (
        "filter.x.smudge",
        "filter.x.clean",
        "core.fsmonitor",
        "core.sshCommand",
        "core.pager",
        "diff.external",
    ):
        git(honest, "config", name, f"touch {ran}; cat")
    git(honest, "config", "core.autocrlf", "true")
    git(honest, "config", "core.hooksPath", str(tmp_path))
    (honest / ".git/info/attributes").write_text("* filter=x text eol=crlf\n")
    assert read_all(honest, scratch)[1] == as_bytes(FILES)
    assert not ran.exists()


def test_a_damaged_configuration_does_not_matter(honest, scratch):
    (honest / ".git/config").write_text(f"[{SECRET}\n")
    assert read_all(honest, scratch)[1] == as_bytes(FILES)


# --- where HEAD and the branches stand -------------------------------------------------------------------------------


def test_branches_that_are_ahead_are_named_newest_first(honest, scratch):
    git(honest, "branch", "same")
    git(honest, "switch", "-q", "-c", "behind")
    git(honest, "switch", "-q", "-c", "homework")
    commit_files(honest, {"a.py": "1"}, GIT_COMMITTER_DATE="1700000500 +0000")
    for number in range(4):
        git(honest, "switch", "-q", "-c", f"later{number}")
        commit_files(honest, {"b.py": str(number)}, GIT_COMMITTER_DATE=f"{1700001000 + number} +0000")
    git(honest, "switch", "-q", "--orphan", "unrelated")
    commit_files(honest, {"c.py": "2"}, GIT_COMMITTER_DATE="1700009000 +0000")
    git(honest, "switch", "-q", "main")
    commit, _ = read_all(honest, scratch)
    assert commit.notes == (
        *(f"branch `later{n}` is ahead of the graded branch" for n in (3, 2, 1)),
        "2 more branches are ahead of the graded branch",
    )


def test_a_branch_that_is_only_on_a_remote_is_ahead_as_well_and_is_named_once(honest, tmp_path, scratch):
    git(honest, "switch", "-q", "-c", "homework")
    commit_files(honest, {"a.py": "1"})
    git(honest, "switch", "-q", "main")
    git(tmp_path, "clone", "-q", str(honest), "clone")
    git(tmp_path / "clone", "pack-refs", "--all")
    commit, _ = read_all(tmp_path / "clone", scratch)
    assert commit.notes == ("branch `origin/homework` is ahead of the graded branch",)
    git(tmp_path / "clone", "branch", "homework", "origin/homework")
    commit, _ = read_all(tmp_path / "clone", scratch)
    assert commit.notes == ("branch `homework` is ahead of the graded branch",)


def test_a_detached_head_and_a_shallow_repository_are_noted(honest, tmp_path, scratch):
    commit_files(honest, {"a.py": "1"})
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{honest}", "clone")
    git(tmp_path / "clone", "checkout", "-q", "--detach")
    commit, files = read_all(tmp_path / "clone", scratch)
    assert commit.branch == ""
    assert commit.notes == ("HEAD is detached", "the repository is shallow: it holds only a part of the history")
    assert files == as_bytes({**FILES, "a.py": "1"})


def test_a_branch_name_that_is_no_plain_name_is_not_shown(tmp_path, scratch):
    commit = with_tree(tmp_path / "x.git")
    later = loose(tmp_path / "x.git", "commit", commit_data(loose(tmp_path / "x.git", "tree", b""), commit))
    for number, branch in enumerate(["a\x1b[31m", "-rf", "a`b", "b" * 101, "a\u202eb"]):
        folder = tmp_path / f"{number}.git"
        shutil.copytree(tmp_path / "x.git", folder)
        point(folder, later, branch)
        found, _ = read_all(folder, scratch)
        assert (found.branch, found.notes) == ("main", ("a branch is ahead of the graded branch",))
        (folder / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
        if "\x1b" in branch:
            assert reason(folder, scratch) == "its HEAD is damaged"
        else:
            assert read_all(folder, scratch)[0].branch == ""


def test_the_history_is_only_walked_so_far(tmp_path, scratch, monkeypatch):
    monkeypatch.setattr("grader.course.intake.git_tree.MOST_COMMITS", 50)
    commit = with_tree(tmp_path / "x.git")
    for number in range(60):
        empty = loose(tmp_path / "x.git", "tree", b"")
        commit = loose(tmp_path / "x.git", "commit", commit_data(empty, commit, rest=str(number).encode()))
        if number == 40:
            point(tmp_path / "x.git", commit, "near")
    point(tmp_path / "x.git", commit, "far")
    (tmp_path / "x.git/refs/heads/far").rename(tmp_path / "far")
    assert read_all(tmp_path / "x.git", scratch)[0].notes == ("branch `near` is ahead of the graded branch",)
    (tmp_path / "x.git/refs/heads/near").unlink()
    (tmp_path / "far").rename(tmp_path / "x.git/refs/heads/far")
    assert read_all(tmp_path / "x.git", scratch)[0].notes == ()


@pytest.mark.parametrize(
    "time",
    ["", "x", "99999999999 +0000", "-1 +0000", "1700000000", "1700000000 +9900", "1700000000 +0099", "1700000000 0000"],
)
def test_a_time_that_makes_no_sense_is_no_time(tmp_path, scratch, time):
    with_tree(tmp_path / "x.git", author=f"A <a@b> {time}", committer=f"A <a@b> {time}")
    commit, _ = read_all(tmp_path / "x.git", scratch)
    assert (commit.authored, commit.committed) == ("", "")


def test_a_time_in_the_message_is_not_the_authors(tmp_path, scratch):
    with_tree(tmp_path / "x.git", author="A <a@b>", rest=b"author A <a@b> 1700000000 +0000\n")
    assert read_all(tmp_path / "x.git", scratch)[0].authored == ""


# --- a folder that differs from its commit ---------------------------------------------------------------------------


def test_files_of_the_working_folder_are_compared_with_the_commit_whatever_their_line_ends(tmp_path, scratch):
    fork(tmp_path / "ada", {"a.py": "a\nb\n", "dos.py": "a\r\nb\r\n", "b.py": "b\n", "gone.py": "", "dir/x.py": ""})
    with open_repository(tmp_path / "ada", scratch) as repository:
        tree = repository.tree(repository.head())
        same = {("a.py",): b"a\r\nb\r\n", ("b.py",): b"b\n", ("dos.py",): b"a\nb\n", ("none.py",): None}
        assert differing(tree, same) == []
        changed = {("a.py",): b"a\nb", ("b.py",): b"c\n", ("gone.py",): None, ("new.py",): b"", ("dir",): b""}
        assert differing(tree, same | changed) == [("a.py",), ("b.py",), ("gone.py",), ("new.py",), ("dir",)]
    assert difference_note([]) == ()
    assert difference_note([("a.py",)]) == ("1 file differs from the commit",)
    assert difference_note([("a.py",), ("b.py",)]) == ("2 files differ from the commit",)


# --- files that point out of the repository --------------------------------------------------------------------------


@pytest.fixture
def neighbor(tmp_path):
    """A repository with another student's work."""
    fork(tmp_path / "neighbor", {"exercises/ch06_numerics/softmax.py": SECRET})
    return tmp_path / "neighbor"


def test_a_commondir_is_refused(neighbor, tmp_path, scratch):
    bare(tmp_path / "x.git", head=f"{git(neighbor, 'rev-parse', 'HEAD')}\n")
    (tmp_path / "x.git/commondir").write_text(f"{neighbor}/.git\n")
    assert reason(tmp_path / "x.git", scratch) == "its commondir points to another repository"


@pytest.mark.parametrize("relative", [False, True])
def test_alternates_are_refused(neighbor, tmp_path, scratch, relative):
    bare(tmp_path / "x.git", head=f"{git(neighbor, 'rev-parse', 'HEAD')}\n")
    objects = "../../neighbor/.git/objects" if relative else f"{neighbor}/.git/objects"
    (tmp_path / "x.git/objects/info/alternates").write_text(f"{objects}\n")
    assert reason(tmp_path / "x.git", scratch) == "its objects/info/alternates points to another repository"


def test_a_git_file_and_a_linked_git_folder_are_refused(neighbor, tmp_path, scratch):
    folder = tmp_path / "ada"
    folder.mkdir()
    (folder / ".git").write_text(f"gitdir: {neighbor}/.git\n")
    assert reason(folder, scratch) == "its .git is a file that points to another folder"
    (folder / ".git").unlink()
    (folder / ".git").symlink_to(neighbor / ".git")
    assert reason(folder, scratch) == "its .git is a symbolic link"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("HEAD", "its HEAD is a symbolic link"),
        ("packed-refs", "its packed-refs is a symbolic link"),
        ("shallow", "its shallow is a symbolic link"),
        ("refs/heads/main", "its refs hold a symbolic link"),
        ("refs/heads/other", "its refs hold a symbolic link"),
        ("objects/pack/pack-1.idx", "its objects hold a symbolic link"),
        ("objects/info/packs", "its objects hold a symbolic link"),
        ("objects/ab/" + "c" * 38, "its objects hold a symbolic link"),
    ],
)
def test_a_link_to_a_file_is_refused_and_its_text_is_not_shown(honest, tmp_path, scratch, name, why):
    (tmp_path / "secret").write_text(SECRET)
    file = honest / ".git" / name
    file.parent.mkdir(exist_ok=True)
    file.unlink(missing_ok=True)
    file.symlink_to(tmp_path / "secret")
    assert reason(honest, scratch) == why


@pytest.mark.parametrize("name", ["refs", "refs/heads", "objects", "objects/pack", "objects/info", "objects/ab"])
def test_a_link_to_a_folder_is_refused(honest, neighbor, scratch, name):
    folder = honest / ".git" / name
    if folder.is_dir():
        shutil.rmtree(folder)
    folder.symlink_to(neighbor / ".git" / name)
    shown = name.partition("/")[0]
    link = "is a symbolic link" if shown == name else "hold a symbolic link"
    assert reason(honest, scratch) == f"its {shown} {link}"


@pytest.mark.parametrize("name", ["HEAD", "packed-refs", "shallow", "refs/heads/main", "objects/pack/pack-1.idx"])
def test_a_pipe_in_the_place_of_a_file_is_refused_and_nothing_waits_for_it(honest, scratch, name):
    (honest / ".git" / name).unlink(missing_ok=True)
    os.mkfifo(honest / ".git" / name)
    assert "not a plain file" in reason(honest, scratch)


@pytest.mark.parametrize("name", ["HEAD", "packed-refs", "shallow"])
def test_a_folder_in_the_place_of_a_file_is_refused_and_a_file_in_the_place_of_a_folder(honest, scratch, name):
    (honest / ".git" / name).unlink(missing_ok=True)
    (honest / ".git" / name).mkdir()
    assert reason(honest, scratch) == f"its {name} is not a plain file"
    shutil.rmtree(honest / ".git/objects")
    (honest / ".git/objects").write_text(SECRET)
    assert reason(honest, scratch) == "its objects cannot be read"


@pytest.mark.parametrize("text", [SECRET, f"ref: {SECRET}", f"ref: refs/heads/{SECRET}", "ref: ../../x", "", "\xff\0"])
def test_a_damaged_head_is_refused_and_not_shown(honest, scratch, text):
    (honest / ".git/HEAD").write_text(text)
    assert reason(honest, scratch) == "its HEAD is damaged"


def test_damaged_refs_are_refused_and_not_shown(honest, scratch):
    (honest / ".git/packed-refs").write_text(f"{SECRET}\n")
    assert reason(honest, scratch) == "its packed-refs is damaged"
    (honest / ".git/packed-refs").write_text("# pack-refs with: peeled fully-peeled sorted\n" + "x" * (5 << 20))
    assert reason(honest, scratch) == "its packed-refs is too large"
    (honest / ".git/packed-refs").unlink()
    (honest / ".git/refs/heads/other").write_text(SECRET)  # a crash leaves such files: only HEAD's branch matters
    assert read_all(honest, scratch)[1] == as_bytes(FILES)
    (honest / ".git/refs/heads/main").write_text(SECRET)
    assert reason(honest, scratch) == "its HEAD is a branch that is damaged"
    (honest / ".git/refs/heads/main").write_text("ref: refs/heads/loop\n")
    (honest / ".git/refs/heads/loop").write_text("ref: refs/heads/main\n")
    assert reason(honest, scratch) == "its HEAD is a branch that is damaged"


def test_no_repository_an_empty_one_and_one_in_another_format_give_a_reason(tmp_path, scratch):
    (tmp_path / "none").mkdir()
    assert reason(tmp_path / "none", scratch) == "it is not a git repository"
    assert reason(tmp_path / "not there", scratch) == "it is not a git repository"
    git(tmp_path, "init", "-q", "-b", "main", "empty")
    assert reason(tmp_path / "empty", scratch) == "its HEAD is a branch without a commit"
    bare(tmp_path / "new.git")
    (tmp_path / "new.git/reftable").mkdir()
    assert reason(tmp_path / "new.git", scratch).startswith("its refs are in the reftable format")


def test_a_promisor_whose_protocol_is_a_command_runs_nothing(honest, tmp_path, scratch):
    ran = tmp_path / "ran"
    name = git(honest, "rev-parse", "HEAD:README.md")
    (honest / ".git/objects" / name[:2] / name[2:]).unlink()
    with (honest / ".git/config").open("a") as config:
        config.write(
            f'[protocol "ext"]\nallow = always\n[remote "o"]\nurl = ext::sh -c "touch {ran}"\npromisor = true\n'
        )
        config.write("[core]\nrepositoryformatversion = 1\n[extensions]\npartialClone = o\n")
    assert reason(honest, scratch) == "README.md cannot be read: an object is missing or damaged"
    assert not ran.exists()


def test_replaced_objects_and_grafts_do_not_count(honest, scratch):
    name = git(honest, "rev-parse", "HEAD")
    commit_files(honest, {"README.md": "# Later\n"})
    (honest / ".git/info/grafts").write_text(f"{name}\n")
    git(honest, "replace", git(honest, "rev-parse", "HEAD"), name)
    assert read_all(honest, scratch)[1]["README.md"] == b"# Later\n"


# --- hostile objects -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tree", "blob", "tag"])
def test_a_head_that_is_no_commit_is_refused(tmp_path, scratch, kind):
    bare(tmp_path / "x.git", head=f"{name_of(kind, b'')}\n")
    loose(tmp_path / "x.git", kind, b"")
    assert reason(tmp_path / "x.git", scratch) == "its commit cannot be read: it is not a commit"


def test_a_commit_that_is_missing_damaged_or_huge_is_refused(tmp_path, scratch):
    bare(tmp_path / "x.git", head=f"{'1' * 40}\n")
    assert reason(tmp_path / "x.git", scratch) == "an object is missing or damaged"
    (tmp_path / "x.git/HEAD").write_text(loose(tmp_path / "x.git", "commit", SECRET.encode()))
    assert reason(tmp_path / "x.git", scratch) == "its commit cannot be read: an object is damaged"
    (tmp_path / "x.git/HEAD").write_text(loose(tmp_path / "x.git", "commit", b"tree " + b"x" * (8 << 20)))
    assert reason(tmp_path / "x.git", scratch) == "its commit cannot be read: it is too large"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../../x", ".git", ".GIT", b"\xff/..", "twice", "x" * 300])
def test_names_that_git_does_not_check_out_are_refused(tmp_path, scratch, name):
    bare(tmp_path / "x.git")
    blob = loose(tmp_path / "x.git", "blob", SECRET.encode())
    entries = [("100644", name, blob), ("100644", "twice", blob)]
    tree = loose(tmp_path / "x.git", "tree", make.tree_data(*entries))
    point(tmp_path / "x.git", loose(tmp_path / "x.git", "commit", commit_data(tree)))
    why = "an object is damaged" if len(name) > 255 else "it holds a name that git does not check out"
    assert reason(tmp_path / "x.git", scratch) == f"the top folder cannot be read: {why}"


def test_a_name_that_is_not_utf_8_is_named_as_in_a_folder_on_disk(tmp_path, scratch):
    bare(tmp_path / "x.git")
    blob = loose(tmp_path / "x.git", "blob", b"1")
    tree = loose(tmp_path / "x.git", "tree", make.tree_data(("100644", b"\xff.py", blob)))
    point(tmp_path / "x.git", loose(tmp_path / "x.git", "commit", commit_data(tree)))
    assert read_all(tmp_path / "x.git", scratch)[1] == {os.fsdecode(b"\xff.py"): b"1"}


@pytest.mark.parametrize("data", [b"100644", b"100644 a", b"100644 a\0" + b"1" * 19, b"\0" * 50, b"1" * 50])
def test_a_damaged_tree_is_refused(tmp_path, scratch, data):
    bare(tmp_path / "x.git")
    point(tmp_path / "x.git", loose(tmp_path / "x.git", "commit", commit_data(loose(tmp_path / "x.git", "tree", data))))
    assert reason(tmp_path / "x.git", scratch) == "the top folder cannot be read: an object is damaged"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"x" * 40,
        zlib.compress(b"blob 9\0" + b"x" * 5),
        zlib.compress(b"blob 3\0" + b"x" * 5),
        zlib.compress(b"blob 5\0" + b"x" * 5)[:-3],
        zlib.compress(b"blob 99999999999999999999999\0x"),
        zlib.compress(b"commit 5\0xxxxx"),
        zlib.compress(b"tree 5\0xxxxx"),
        zlib.compress(b"blob 5\0other"),  # another text under this name
    ],
)
def test_an_object_that_is_not_what_its_name_says_is_refused_and_the_others_are_read(honest, scratch, raw):
    name = git(honest, "rev-parse", "HEAD:README.md")
    (honest / ".git/objects" / name[:2] / name[2:]).chmod(0o644)
    (honest / ".git/objects" / name[:2] / name[2:]).write_bytes(raw)
    with open_repository(honest, scratch) as repository:
        tree = repository.tree(repository.head())
        assert [entry.name for entry in tree.entries()] == ["README.md", "data", "exercises"]
        for _ in range(2):
            with pytest.raises(Unreadable, match=r"^README.md cannot be read: (an object is|it is not a blob)"):
                tree.read(("README.md",), 1000)
            assert tree.read(KOAN, 1000) == FILES["/".join(KOAN)].encode()


def test_a_commit_of_another_time_cannot_be_put_under_a_name(tmp_path, scratch):
    name = with_tree(tmp_path / "x.git", author="A <a@b> 1700000000 +0000")
    late = commit_data(loose(tmp_path / "x.git", "tree", b""), author="A <a@b> 1900000000 +0000")
    loose(tmp_path / "x.git", "commit", late, name=name)
    assert reason(tmp_path / "x.git", scratch) == "its commit cannot be read: an object is damaged"


@pytest.mark.parametrize("how", ["no index", "cut", "flipped", "empty", "index of another", "index cut"])
def test_a_damaged_pack_is_refused(honest, scratch, how):
    git(honest, "gc", "-q")
    [file] = (honest / ".git/objects/pack").glob("*.pack")
    idx = file.with_suffix(".idx")
    for path in (file, idx):
        path.chmod(0o644)
    data = file.read_bytes()
    if how == "no index":
        idx.unlink()
    elif how == "flipped":
        file.write_bytes(data[:20] + bytes(255 - byte for byte in data[20:-20]) + data[-20:])
    elif how.startswith("index"):
        idx.write_bytes(b"\xfftOc" + idx.read_bytes()[4:100] if how == "index cut" else b"x" * 2000)
    else:
        file.write_bytes(data[:40] if how == "cut" else b"")
    assert reason(honest, scratch).removeprefix("its commit cannot be read: ").startswith("an object is ")


# --- bombs: each is read in a process of its own, so that the memory of its git can be asked ---------------------------

MEASURE = """
import json, resource, sys
from pathlib import Path
from grader.course.intake.git_tree import Unreadable, open_repository
said = []
try:
    with open_repository(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])) as repository:
        tree = repository.tree(repository.head())
        for entry in tree.entries():
            if entry.kind == "file":
                try:
                    said.append(len(tree.read((entry.name,), 1 << 18)))
                except Unreadable as error:
                    said.append(str(error))
except Unreadable as error:
    said.append(str(error))
gits = resource.getrusage(resource.RUSAGE_CHILDREN)
own = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
print(json.dumps([said, max(gits.ru_maxrss, own) >> 10, round(gits.ru_utime + gits.ru_stime, 1)]))
"""


def measured(folder, scratch, seconds=20):
    """The lengths or reasons of the files at the top, the MiB of the largest process, and git's CPU seconds."""
    command = [sys.executable, "-c", MEASURE, str(folder), str(scratch), str(seconds)]
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=50)
    print(done.stdout)  # shown with pytest -s
    return json.loads(done.stdout)


def test_a_tree_of_a_million_names_is_refused_before_it_is_unpacked(tmp_path, scratch):
    bare(tmp_path / "x.git")
    blob = name_of("blob", b"1")
    data = b"".join(b"100644 %07d\0" % number + bytes.fromhex(blob) for number in range(1_000_000))
    tree = name_of("tree", data)
    commit = commit_data(tree)
    entries = {tree: make.packed("tree", data), name_of("commit", commit): make.packed("commit", commit)}
    pack(tmp_path / "x.git", entries)
    point(tmp_path / "x.git", name_of("commit", commit))
    said, mebibytes, _ = measured(tmp_path / "x.git", scratch)
    assert said == ["the top folder cannot be read: it is too large"]
    assert mebibytes < 100


def test_of_a_folder_with_many_names_the_first_are_listed(tmp_path, scratch):
    bare(tmp_path / "x.git")
    blob = loose(tmp_path / "x.git", "blob", b"1")
    names = make.tree_data(*(("100644", f"{number:05}", blob) for number in range(10_000)))
    tree = loose(tmp_path / "x.git", "tree", names)
    point(tmp_path / "x.git", loose(tmp_path / "x.git", "commit", commit_data(tree)))
    with open_repository(tmp_path / "x.git", scratch) as repository:
        tree = repository.tree(repository.head())
        assert tree.entries() == [Entry(f"{number:05}", "file", 1) for number in range(4000)]
        assert tree.read(("09999",), 1) == b"1"


def bombs(folder, chains):
    """A repository with files a, b, …, each the end of a chain of deltas [(size of the result, its instructions)]."""
    bare(folder)
    base = b"\0" * (8 << 20)
    entries = {name_of("blob", base): make.packed("blob", base)}
    ends = []
    for number, chain in enumerate(chains):
        below, size = name_of("blob", base), len(base)
        for step, (result, instructions) in enumerate(chain):
            name = f"{number + 1:020x}{step + 1:020x}"  # nobody knows the true hash before it is unpacked
            entries[name] = make.ref_delta(below, size, result, instructions)
            below, size = name, result
        ends.append(below)
    data = make.tree_data(*(("100644", chr(97 + number), end) for number, end in enumerate(ends)))
    tree, commit = name_of("tree", data), commit_data(name_of("tree", data))
    entries |= {tree: make.packed("tree", data), name_of("commit", commit): make.packed("commit", commit)}
    pack(folder, entries)
    point(folder, name_of("commit", commit))


def test_a_small_file_behind_a_large_delta_does_not_cost_its_memory(tmp_path, scratch):
    huge = 190 * (8 << 20)  # 1.5 GiB
    chain = [(huge, make.copy(0, 8 << 20) * 190), (100, make.copy(0, 100))]
    bombs(tmp_path / "x.git", [chain] * 10)
    said, mebibytes, _ = measured(tmp_path / "x.git", scratch)
    assert said == [f"{chr(97 + n)} cannot be read: an object is too large" for n in range(10)]
    assert mebibytes < 100


def test_a_long_chain_of_deltas_ends_at_the_deadline(tmp_path, scratch):
    step = (8 << 20, make.copy(0, 4 << 20) + make.copy(0, 4 << 20))
    bombs(tmp_path / "x.git", [[step] * 30_000 + [(100, make.copy(0, 100))]] * 2)
    said, mebibytes, _ = measured(tmp_path / "x.git", scratch, 2)
    assert said == [f"{name} cannot be read: reading it takes too long" for name in "ab"]
    assert mebibytes < 200


def test_deltas_in_a_circle_end(tmp_path, scratch):
    one, two = "1" * 40, "2" * 40
    bare(tmp_path / "x.git", head=f"{one}\n")
    entries = {one: make.ref_delta(two, 9, 9, make.copy(0, 9)), two: make.ref_delta(one, 9, 9, make.copy(0, 9))}
    pack(tmp_path / "x.git", entries)
    said, mebibytes, _ = measured(tmp_path / "x.git", scratch)
    assert len(said) == 1
    assert "an object is" in said[0]
    assert mebibytes < 200


def test_a_loose_object_that_unpacks_to_much_is_refused_by_its_size(tmp_path, scratch):
    bare(tmp_path / "x.git")
    packer = zlib.compressobj(1)
    zeros = bytes(1 << 20)
    raw = packer.compress(b"blob %d\0" % (256 << 20)) + b"".join(packer.compress(zeros) for _ in range(256))
    large = loose(tmp_path / "x.git", "blob", b"large", raw=raw + packer.flush())
    lying = loose(tmp_path / "x.git", "blob", b"lying", raw=zlib.compress(b"blob 9\0" + bytes(64 << 20)))
    tree = loose(tmp_path / "x.git", "tree", make.tree_data(("100644", "a", large), ("100644", "b", lying)))
    point(tmp_path / "x.git", loose(tmp_path / "x.git", "commit", commit_data(tree)))
    said, mebibytes, _ = measured(tmp_path / "x.git", scratch)
    assert said == ["a has 262144 KiB; at most 256 KiB are allowed", "b cannot be read: an object is damaged"]
    assert mebibytes < 100


@pytest.mark.parametrize("suffix", [".pack", ".idx", "loose"])
def test_a_file_with_a_hole_of_many_gigabytes_is_not_read_into_memory(honest, scratch, suffix):
    name = git(honest, "rev-parse", "HEAD:README.md")
    if suffix != "loose":
        git(honest, "gc", "-q")
    [file] = (honest / ".git/objects").glob(f"{name[:2]}/{name[2:]}" if suffix == "loose" else f"pack/*{suffix}")
    file.chmod(0o644)
    os.truncate(file, 1 << 36)
    said, mebibytes, _ = measured(honest, scratch)
    shown = "README.md cannot be read: " if suffix == "loose" else ""
    assert said == [f"{shown}an object is missing or damaged"]
    assert mebibytes < 100


def test_the_time_is_for_everything_together(honest, scratch):
    assert reason(honest, scratch, seconds=0) == "reading it takes too long"


def test_no_git_and_a_git_that_does_not_start_give_a_reason(honest, tmp_path, scratch, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert reason(honest, scratch) == "git is not installed, so no repository can be read"
    (tmp_path / "git").write_text("not a program")
    (tmp_path / "git").chmod(0o755)
    assert reason(honest, scratch) == "git could not be started"
    (tmp_path / "git").write_text("#!/bin/sh\nexit 128\n")
    assert reason(honest, scratch) == "git does not work here"


def test_git_gets_no_variable_of_ours_and_is_gone_afterwards(honest, scratch, monkeypatch):
    monkeypatch.setenv("GIT_ALTERNATE_OBJECT_DIRECTORIES", "/elsewhere")
    started = []
    popen = subprocess.Popen

    def start(*args, **options):
        started.append((popen(*args, **options), options["env"]))
        return started[-1][0]

    monkeypatch.setattr(git_objects.subprocess, "Popen", start)
    read_all(honest, scratch)
    assert len(started) == 2
    for process, environment in started:
        assert process.returncode is not None
        assert not {"HOME", "GIT_ALTERNATE_OBJECT_DIRECTORIES"} & set(environment)
        assert environment["GIT_DIR"].startswith(str(scratch))


# --- the fuzzer: in a process of its own, because it asks how much memory the gits took --------------------------------


@pytest.mark.parametrize("options", [("--replay",), ("--seconds", "2", "--seed", "19")])
def test_reading_a_damaged_repository_gives_texts_or_a_reason(options):
    command = [sys.executable, "-m", "tests.fuzz.git", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=55)
    assert done.returncode == 0, done.stdout + done.stderr
    if "--replay" in options:
        assert len(done.stdout.splitlines()) == len(list((ROOT / "tests/fuzz/corpus/git").glob("*.json"))) >= 20
    else:
        assert re.match(r"seed 19\n\d+ repositories, 0 failed\n", done.stdout)
