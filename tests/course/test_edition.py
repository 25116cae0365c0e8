"""A student edition works without solutions, and an update never changes what the learner wrote."""

import json
import shutil
import signal
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from grader.book.errors import KoansError
from grader.book.stubs import parts, strip_markers, stub_of
from grader.book.workbook import Workbook
from grader.course.edition import badges
from grader.course.edition.manifest import digest, read
from grader.course.edition.release import FILES, release
from grader.course.edition.source import FolderSource
from grader.course.edition.tree import Tree
from tests.conftest import ROOT, Play, end_warm
from tests.stopping import fill, interrupt, kill, stopped


@pytest.fixture
def whole(play):
    """A workbook with the files that only a release needs."""
    for name in FILES[2:]:
        (play.root / name).parent.mkdir(parents=True, exist_ok=True)
        (play.root / name).write_text((ROOT / name).read_text())
    return play


@pytest.fixture
def edition(whole, tmp_path):
    run = whole.says("release", str(tmp_path / "edition"))
    assert run.returncode == 0, run.stderr
    yield Play(tmp_path / "edition")
    end_warm(tmp_path / "edition")


def test_an_edition_has_no_solution_in_it_and_its_own_workflow(play, edition):
    assert not (edition.root / "solutions").exists()
    assert not (edition.root / "tests").exists()
    revealed = []
    for koan in play.workbook.koans.values():
        own = [line.text for line in parts(play.workbook.solution(koan).read_text()) if line.part == "solution"]
        answer = "".join(own) if koan.kind == "hunt" else own[0].strip()  # a right line may stand elsewhere in a hunt
        if answer and answer in edition.workbook.exercise(koan).read_text():
            revealed.append(koan.id)
    assert revealed == []
    workflow = (edition.root / ".github/workflows/feedback.yml").read_text()
    assert "contents: read" in workflow
    assert "pull_request" in workflow
    for name in FILES:
        assert (edition.root / name).is_file(), name


def test_an_edition_has_nothing_of_the_maintainers(whole, tmp_path):
    """A fork of the edition would run the maintainers' CI and show their issue forms."""
    theirs = [".ci/run", ".pre-commit-config.yaml", "CHANGELOG.md", "changelog.d/README.md", "CODE_OF_CONDUCT.md"]
    for file in (ROOT / ".github").rglob("*"):
        if file.is_file() and str(file.relative_to(ROOT)) not in FILES:
            theirs.append(str(file.relative_to(ROOT)))
    for name in theirs:
        (whole.root / name).parent.mkdir(parents=True, exist_ok=True)
        (whole.root / name).write_text((ROOT / name).read_text())
    made = release(whole.workbook, tmp_path / "edition").manifest
    assert ".github/workflows/ci.yml" in theirs
    assert {name for name in made.files if name in theirs} == set()
    assert {name for name in made.files if name.startswith(".")} == {
        ".gitignore",
        ".devcontainer/devcontainer.json",
        ".github/copilot-instructions.md",
        ".github/workflows/feedback.yml",
        ".github/workflows/notebooks.yml",
    }


def test_a_learner_can_work_in_an_edition(play, edition):
    koan = edition.workbook.koan("scores")
    assert "not started" in edition.koans("run", "scores").stdout
    edition.write("scores", "def scores(q, k):\n    return q @ k.mT\n")
    assert "failed" in edition.says("run", "scores").stdout
    assert edition.says("reset", "scores").returncode == 0
    assert edition.workbook.exercise(koan).read_text() == stub_of(play.workbook, koan)
    edition.write("scores", strip_markers(play.workbook.solution(koan).read_text()))
    assert "passed" in edition.koans("run", "scores").stdout
    solution = edition.says("solution", "scores")
    assert (solution.returncode, solution.stderr.strip()) == (
        2,
        "koans: ch07_attention/scores: this edition of the workbook has no solutions",
    )
    second = edition.says("release", str(edition.root / "x"))
    assert (second.returncode, "is a student edition itself" in second.stderr) == (2, True)


def test_an_edition_has_the_tracks_and_the_same_minutes_and_an_update_keeps_the_chosen_one(whole, edition, tmp_path):
    assert edition.says("track", "--json").stdout == whole.says("track", "--json").stdout
    assert edition.says("track", "numerics").returncode == 0
    assert edition.says("hint").stdout.startswith("rank_and_size, hint 1 of 3")
    file = whole.root / "content/tracks.toml"
    file.write_text(file.read_text().replace('title = "Numerics"', 'title = "Numbers that fit"'))
    assert whole.says("release", str(tmp_path / "newer")).returncode == 0
    changes = json.loads(edition.says("update", str(tmp_path / "newer"), "--json").stdout)
    assert changes["replaced"] == ["content/tracks.toml"]
    assert edition.says("list", "--track", "numerics").stdout.startswith("Numbers that fit\n")
    assert edition.says("settings", "track").stdout.startswith("track = numerics ")


def test_an_edition_is_not_written_over_something_else(play, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.txt").write_text("mine")
    run = play.says("release", str(tmp_path / "full"))
    assert (run.returncode, "is not empty" in run.stderr) == (2, True)


def test_an_edition_that_will_be_public_opens_its_notebooks_and_is_still_whole(whole, tmp_path):
    made = release(whole.workbook, tmp_path / "public", "ada/koans").manifest
    for name in ("README.md", "content/ch06_numerics/chapter.md"):
        text = (tmp_path / "public" / name).read_text()
        assert "/ada/koans/blob/notebooks/ch06_numerics.ipynb" in text
        assert made.files[name] == digest((tmp_path / "public" / name).read_bytes())
    with Tree(tmp_path / "public") as tree:
        assert read(FolderSource(tree)) == made
    with pytest.raises(KoansError, match="koans release DIR --source"):
        badges.write(Workbook(tmp_path / "public"), "ada/koans")


def _newer(play, folder):
    """The next edition: the stub of one koan and the tests of another have changed, a koan is new, a package is gone."""
    shutil.rmtree(play.root / "grader/model")
    solution = play.workbook.solution(play.workbook.koan("scores"))
    solution.write_text(solution.read_text().replace('"""', '"""Clearer. ', 1))
    test = play.workbook.test_file(play.workbook.koan("causal_mask"))
    test.write_text(test.read_text() + "\n# fixed\n")
    assert play.says("new", "ch07_attention/brand_new").returncode == 0
    assert play.says("release", str(folder)).returncode == 0
    return folder


def test_an_update_brings_what_is_new_and_leaves_what_was_written(play, edition, tmp_path):
    edition.write("causal_mask", "def causal_mask(n_q, n_k):\n    return 'mine'\n")
    edition.write("scores", "def scores(q, k):\n    return 'mine'\n")
    (edition.root / "conftest.py").write_text("# changed by the learner\n")
    (edition.root / "notes.txt").write_text("mine, too")
    (edition.root / "grader/model/__pycache__").mkdir(exist_ok=True)
    (edition.root / "grader/model/__pycache__/old.pyc").write_bytes(b"")
    gone = sorted(p.relative_to(edition.root).as_posix() for p in (edition.root / "grader/model").rglob("*.py"))
    newer = _newer(play, tmp_path / "newer")
    before = {p: p.read_bytes() for p in edition.root.rglob("*.py")}
    assert "would be" in edition.says("update", str(newer), "--dry-run").stdout
    assert {p: p.read_bytes() for p in edition.root.rglob("*.py")} == before

    changes = json.loads(edition.says("update", str(newer), "--json").stdout)
    assert "'mine'" in (edition.root / "exercises/ch07_attention/causal_mask.py").read_text()
    assert "'mine'" in (edition.root / "exercises/ch07_attention/scores.py").read_text()
    assert changes["kept"] == ["exercises/ch07_attention/scores.py"]
    assert "exercises/ch07_attention/brand_new.py" in changes["new"]
    assert "exercises/ch07_attention/test_causal_mask.py" in changes["replaced"]
    assert gone and changes["removed"] == gone
    assert not (edition.root / "grader/model").exists()
    assert changes["saved"] == ["conftest.py"]
    assert (edition.root / changes["copies"] / "conftest.py").read_text() == "# changed by the learner\n"
    assert (edition.root / "conftest.py").read_bytes() == (newer / "conftest.py").read_bytes()
    assert (edition.root / "notes.txt").read_text() == "mine, too"
    assert "Clearer." in edition.says("hint", "scores").stdout or edition.says("reset", "scores").returncode == 0
    assert "Clearer." in (edition.root / "exercises/ch07_attention/scores.py").read_text()
    assert "nothing to do" in edition.says("update", str(newer)).stdout


def test_an_update_comes_from_a_git_address_too_and_a_bad_place_is_one_line(play, edition, tmp_path):
    newer = _newer(play, tmp_path / "newer")
    for args in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
        subprocess.run(["git", *args], cwd=newer, check=True)
    run = edition.says("update", f"file://{newer}")
    assert run.returncode == 0, run.stderr
    assert "exercises/ch07_attention/brand_new.py" in run.stdout
    for place in (str(tmp_path / "nowhere"), str(play.root)):
        bad = edition.says("update", place)
        assert (bad.returncode, len(bad.stderr.strip().splitlines())) == (2, 1), bad.stderr


def test_an_edition_that_names_files_outside_itself_is_refused(edition, tmp_path):
    evil = tmp_path / "evil"
    evil.mkdir()
    (evil / "edition.json").write_text(json.dumps({"version": "9", "files": {"../out.txt": "x"}, "learner": []}))
    run = edition.says("update", str(evil))
    assert (run.returncode, "names a file outside the edition" in run.stderr) == (2, True)


def _tracked(play):
    """Make the workbook a git checkout that has all its files."""
    for args in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
        subprocess.run(["git", *args], cwd=play.root, check=True)


STRAY = [
    "content/ch07_attention/.env",
    "content/ch07_attention/notes.md~",
    "grader/.secret.py",
    "grader/answers.zip",
    "reference/ch07_attention/#scores.py#",
    "reference/ch07_attention/link.py",
    "reference/ch07_attention/scores.py.orig",
]
CAUGHT_BY_GIT_ALONE = ["content/ch07_attention/private.toml", "reference/ch07_attention/copy.py"]


@pytest.mark.parametrize("tracked", [True, False])
def test_an_edition_has_only_the_workbooks_files_and_says_what_was_left_out(whole, tmp_path, tracked):
    if tracked:
        _tracked(whole)
    for name in (*STRAY, *CAUGHT_BY_GIT_ALONE):
        if name.endswith("link.py"):
            (whole.root / name).symlink_to("/etc/hostname")
        else:
            (whole.root / name).write_text("password")
    made = release(whole.workbook, tmp_path / "edition")
    expected = sorted([*STRAY, *(CAUGHT_BY_GIT_ALONE if tracked else [])])
    assert sorted(made.left_out) == expected
    written = {p.relative_to(tmp_path / "edition").as_posix() for p in (tmp_path / "edition").rglob("*")}
    assert written & set(expected) == set()
    shown = whole.says("release", str(tmp_path / "again")).stdout
    reason = "git does not track them" if tracked else "they are not files of a workbook"
    assert f"not copied, because {reason}: {len(expected)}" in shown
    shutil.rmtree(whole.root / ".git", ignore_errors=True)


def test_a_koan_that_git_does_not_have_is_not_released_by_halves(whole, tmp_path):
    _tracked(whole)
    assert whole.says("new", "ch07_attention/brand_new").returncode == 0
    run = whole.says("release", str(tmp_path / "edition"))
    assert (run.returncode, len(run.stderr.splitlines())) == (2, 1)
    assert "ch07_attention/brand_new needs it, but git does not track it" in run.stderr
    assert not (tmp_path / "edition").exists()
    shutil.rmtree(whole.root / ".git")


def test_a_link_in_the_workbook_is_not_released(whole, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for name in ("LICENSE", "exercises/ch07_attention/test_scores.py"):
        old = (whole.root / name).read_bytes()
        (whole.root / name).unlink()
        (whole.root / name).symlink_to(secret)
        run = whole.says("release", str(tmp_path / "edition"))
        assert (run.returncode, f"{name}: is a link, but should be a file" in run.stderr) == (2, True), run.stderr
        assert not (tmp_path / "edition").exists()
        (whole.root / name).unlink()
        (whole.root / name).write_bytes(old)


def test_a_release_never_goes_through_a_link_or_over_a_file(whole, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "link").symlink_to(elsewhere)
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    for name in ("holds", "git"):
        (tmp_path / name).mkdir()
    (tmp_path / "holds/grader").symlink_to(elsewhere)
    (tmp_path / "git/.git").symlink_to(elsewhere)
    (tmp_path / "file").write_text("mine")
    for name, reason in (
        ("link", "is a link"),
        ("dangling", "is a link"),
        ("holds", "is not empty"),
        ("git", "is not empty"),
        ("file", "is not a folder"),
    ):
        run = whole.says("release", str(tmp_path / name))
        assert (run.returncode, reason in run.stderr, len(run.stderr.splitlines())) == (2, True, 1), run.stderr
    assert list(elsewhere.iterdir()) == []
    assert not (tmp_path / "nothing").exists()
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("number", [2, 3, 400, 1500])
def test_a_release_that_was_killed_is_named_and_one_that_failed_leaves_nothing(whole, tmp_path, number):
    (tmp_path / "edition/.git").mkdir(parents=True)
    for stop, end in ((kill, -signal.SIGKILL), (interrupt, 130), (fill, 2)):
        folder = tmp_path / "edition"
        assert stopped(whole, number, stop, "release", str(folder)) == end
        left = {entry.name for entry in folder.iterdir()} - {".git"}
        if stop is kill and left:
            run = whole.says("release", str(folder))
            assert (run.returncode, "contains a release that was stopped" in run.stderr) == (2, True), run.stderr
            for name in left:
                shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink()
        else:
            assert left == set()
    assert whole.says("release", str(folder)).returncode == 0
    assert not (folder / "unfinished-release").exists()


def test_a_release_has_unix_line_ends_and_a_time(whole, tmp_path):
    file = whole.root / "content/ch07_attention/scores.md"
    text = file.read_bytes()
    file.write_bytes(text.replace(b"\n", b"\r\n"))
    made = release(whole.workbook, tmp_path / "edition").manifest
    assert (tmp_path / "edition/content/ch07_attention/scores.md").read_bytes() == text
    assert made.schema == 2
    released = datetime.fromisoformat(made.released)
    assert abs(datetime.now(UTC) - released) < timedelta(hours=1)
