"""`koans verify --changed` finds the koans that a change touches."""

import subprocess

import pytest

from grader.author import changed
from grader.book.errors import KoansError
from grader.book.workbook import Workbook

GIT = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")


@pytest.fixture
def repository(play):
    git(play, "init", "-q", "-b", "main")
    git(play, "add", "-A")
    git(play, "commit", "-qm", "all of it")
    return play


def git(play, *words):
    subprocess.run(["git", *GIT, *words], cwd=play.root, check=True, capture_output=True)


def touched(play, revision="HEAD"):
    return [koan.id for koan in changed.since(Workbook(play.root), revision).koans]


def add(file, text):
    file.write_text(file.read_text() + text)


def test_each_file_of_a_koan_touches_it_and_what_imports_the_file(repository):
    assert touched(repository) == []
    files = {
        "ch06_numerics/softmax": "exercises/ch06_numerics/softmax.py",
        "ch06_numerics/exp_overflow": "exercises/ch06_numerics/test_exp_overflow.py",
        "ch07_attention/scores": "solutions/ch07_attention/scores.py",
        "ch07_attention/causal_mask": "reference/ch07_attention/causal_mask.py",
        "ch01_tensors/dot": "content/ch01_tensors/dot.md",
    }
    for file in files.values():
        add(repository.root / file, "\n")
    found = touched(repository)
    assert set(files) <= set(found)
    assert "ch06_numerics/logsumexp" not in found


def test_a_module_that_references_import_touches_the_koans_of_these(repository):
    add(repository.root / "reference/baselines.py", "\n# more\n")
    kernels = touched(repository)
    assert "ch13_triton/flash_forward" in kernels
    assert "ch13_triton/vector_add" not in kernels
    assert {k.partition("/")[0] for k in kernels} == {"ch13_triton"}


def test_the_decorators_of_oracles_touch_every_koan(repository):
    add(repository.root / "reference/__init__.py", "\n# more\n")
    assert touched(repository) == list(Workbook(repository.root).koans)


def test_an_entry_in_chapter_toml_touches_its_koan_alone(repository):
    file = repository.root / "content/ch06_numerics/chapter.toml"
    file.write_text(file.read_text().replace('forbids = ["softmax"]', 'forbids = ["softmax", "exp"]', 1))
    assert touched(repository) == ["ch06_numerics/softmax"]


def test_changes_count_from_the_revision_and_new_files_count(repository):
    add(repository.root / "solutions/ch01_tensors/dot.py", "\n")
    git(repository, "commit", "-qam", "dot")
    assert touched(repository) == []
    assert touched(repository, "HEAD~1") == ["ch01_tensors/dot"]
    (repository.root / "reference/ch06_numerics/helper.py").write_text("ONE = 1\n")
    add(repository.root / "reference/ch07_attention/scores.py", "\nfrom reference.ch06_numerics import helper\n")
    git(repository, "commit", "-qam", "scores")
    (repository.root / "reference/ch06_numerics/helper.py").write_text("ONE = 1.0\n")
    assert "ch07_attention/scores" in touched(repository)


def test_the_machine_touches_no_koan_and_is_named(repository):
    add(repository.root / "grader/book/verdict.py", "\n")
    change = changed.since(Workbook(repository.root), "HEAD")
    assert (change.koans, change.machine) == ((), ("grader/book/verdict.py",))


def test_the_command_gates_only_these_koans_and_says_what_it_leaves_out(repository):
    add(repository.root / "content/ch07_attention/causal_mask.md", "\n")
    add(repository.root / "grader/book/verdict.py", "\n")
    done = repository.koans("verify", "--seeds", "1", "--changed")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 koans touched: ch07_attention/causal_mask" in done.stdout
    assert "1 files of grader/ changed" in done.stdout
    assert "1 koans, 1" in done.stdout


def test_where_nothing_changed_it_says_that_no_koan_was_run(repository):
    result = repository.says("verify", "--changed")
    assert (result.returncode, result.stdout) == (
        0,
        "0 koans touched: none\nno koan was run; nothing is wrong with the files\n",
    )


@pytest.mark.parametrize("revision", ["no-such-branch", "--output=stolen"])
def test_a_revision_that_is_none_is_one_line(repository, revision):
    with pytest.raises(KoansError, match="git rev-parse"):
        changed.since(Workbook(repository.root), revision)
    assert not (repository.root / "stolen").exists()


def test_outside_a_repository_it_says_so(play, tmp_path):
    with pytest.raises(KoansError, match="--changed"):
        changed.since(Workbook(play.root), "HEAD")
