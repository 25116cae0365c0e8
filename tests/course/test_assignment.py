"""`assignment.toml`, and what the student edition asks of coding assistants."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from grader.book import assistants
from grader.book.assistants import FILE, POLICIES, policy_of, with_policy
from grader.book.errors import KoansError
from grader.book.workbook import Workbook
from grader.cli.sections import SECTIONS
from grader.course import assignment
from grader.course.assignment import Assignment
from grader.course.edition.manifest import digest
from grader.course.edition.release import FILES, release
from grader.course.scheme import decided_for
from tests.conftest import ROOT, Play

POINTERS = ("CLAUDE.md", "GEMINI.md", ".github/copilot-instructions.md")


@pytest.fixture
def whole(small):
    """A workbook of three koans with the files that only a release needs."""
    for name in FILES[2:]:
        (small.root / name).parent.mkdir(parents=True, exist_ok=True)
        (small.root / name).write_text((ROOT / name).read_text())
    return small


def text_of(policy):
    return assistants.files(policy)[FILE]


def test_an_edition_asks_assistants_to_be_tutors_unless_the_instructor_decides(whole, tmp_path):
    run = whole.says("release", str(tmp_path / "edition"))
    assert "assistants: tutor" in run.stdout.splitlines()
    edition = tmp_path / "edition"
    assert (edition / FILE).read_text() == text_of("tutor")
    assert policy_of(edition) == "tutor"
    files = json.loads((edition / "edition.json").read_text())["files"]
    for name in (FILE, *POINTERS, "pyproject.toml"):
        assert files[name] == digest((edition / name).read_bytes()), name


@pytest.mark.parametrize("policy", POLICIES)
def test_the_workbooks_assignment_decides_and_a_named_one_instead_of_it(whole, tmp_path, policy):
    (whole.root / assignment.NAME).write_text(f'assistants = "{policy}"\n')
    assert whole.says("release", str(tmp_path / "edition")).returncode == 0
    assert (tmp_path / "edition" / FILE).read_text() == text_of(policy)
    assert policy_of(tmp_path / "edition") == policy
    assert not (tmp_path / "edition" / assignment.NAME).exists()
    (tmp_path / "other.toml").write_text('assistants = "open"\n')
    run = whole.says("release", str(tmp_path / "other"), "--assignment", str(tmp_path / "other.toml"))
    assert run.returncode == 0
    assert (tmp_path / "other" / FILE).read_text() == text_of("open")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            'asistants = "off"\n',
            "the field 'asistants' is not known; the fields are: assistants, title, koans, points, extra_credit, partial, "
            "fast, time_zone, opens, due, late, counts, groups, seeds",
        ),
        ('assistants = "none"\n', 'assistants is \'none\', but can only be one of "off", "tutor", "open"'),
        ("assistants = true\n", 'assistants is True, but can only be one of "off", "tutor", "open"'),
        ("assistants = off\n", "Invalid value (at line 1, column 14)"),
    ],
)
def test_a_mistake_in_an_assignment_is_one_line_and_nothing_is_written(whole, tmp_path, text, says):
    file = tmp_path / "assignment.toml"
    file.write_text(text)
    run = whole.says("release", str(tmp_path / "edition"), "--assignment", str(file))
    assert (run.returncode, run.stderr) == (2, f"koans: {file}: {says}\n")
    assert not (tmp_path / "edition").exists()


def test_an_assignment_that_is_named_must_exist(whole, tmp_path):
    run = whole.says("release", str(tmp_path / "edition"), "--assignment", str(tmp_path / "no.toml"))
    assert run.returncode == 2 and "no.toml" in run.stderr and "Traceback" not in run.stderr
    assert decided_for(whole.workbook, []) == (Assignment(assistants="tutor"), ())


def test_an_update_brings_another_policy_and_keeps_what_a_student_wrote(whole, tmp_path):
    release(whole.workbook, tmp_path / "fork", assignment=Assignment("off"))
    fork = Play(tmp_path / "fork")
    (fork.root / "CLAUDE.md").write_text("Always answer in verse.\n")
    release(whole.workbook, tmp_path / "newer", assignment=Assignment("open"))
    run = fork.says("update", str(tmp_path / "newer"), "--json")
    changes = json.loads(run.stdout)
    assert sorted(changes["replaced"]) == [FILE, "CLAUDE.md", "pyproject.toml"]
    assert changes["saved"] == ["CLAUDE.md"]
    assert (fork.root / changes["copies"] / "CLAUDE.md").read_text() == "Always answer in verse.\n"
    assert (fork.root / FILE).read_text() == text_of("open")
    assert policy_of(fork.root) == "open"
    assert json.loads(fork.says("hint", "--why").stdout)["assistants"] == "open"


def test_an_edition_tells_students_of_each_assignment_and_keeps_secrets_and_exceptions(whole, tmp_path):
    one, two = tmp_path / "koans-1", tmp_path / "koans-2"
    book = ("--workbook", str(whole.root))
    whole.says("assignment", "new", str(one), "--title", "First", "--koan", "ch07", "--due", "2026-11-20", *book)
    whole.says("assignment", "new", str(two), "--koan", "exp_overflow", *book)
    whole.says("assignment", "extend", str(one), "ada", "+1 day", *book)
    edition = tmp_path / "edition"
    run = whole.says("release", str(edition), "--assignment", str(one), "--assignment", str(two))
    assert run.returncode == 0, run.stderr
    assert "assignment: First" in run.stdout.splitlines()
    published = json.loads((edition / "assignments" / "koans-1.json").read_text())
    assert published["title"] == "First" and published["due"] == "2026-11-20T23:59:59Z"
    names = [str(file) for file in edition.rglob("*") if file.is_file()]
    assert not [
        name for name in names if name.endswith(("secret", "extensions.csv", "overrides.csv", "assignment.toml"))
    ]
    secret = (one / "secret").read_text().strip().encode()
    assert not [name for name in names if secret in Path(name).read_bytes()]
    student = Play(edition)
    assert "First  due Fri 20 Nov 2026" in student.says("list").stdout
    (two / "assignment.toml").write_text('title = "Second"\nassistants = "off"\n')
    run = whole.says("release", str(tmp_path / "other"), "--assignment", str(one), "--assignment", str(two))
    assert run.returncode == 2 and "ask something else of assistants" in run.stderr


def test_the_policy_is_written_into_the_table_that_marks_a_workbook():
    text = (ROOT / "pyproject.toml").read_text()
    table = tomllib.loads(text)
    for policy in POLICIES:
        text = with_policy(text, policy)
        assert tomllib.loads(text)["tool"].pop("koans") == {**table["tool"]["koans"], "assistants": policy}
    changed = tomllib.loads(text)
    del changed["tool"]["koans"]["assistants"]
    assert changed == table
    assert with_policy("[tool.koans]", "off") == '[tool.koans]\nassistants = "off"\n'
    with pytest.raises(KoansError, match=r"has no table \[tool.koans\]"):
        with_policy("[project]\n", "off")


def test_every_other_file_leads_to_the_one_text():
    for policy in POLICIES:
        files = assistants.files(policy)
        assert set(files) == {FILE, *POINTERS}
        assert files["CLAUDE.md"] == files["GEMINI.md"] == f"@{FILE}\n"  # both programs import the file that it names
        assert FILE in files[".github/copilot-instructions.md"]
        assert all(len(files[name].splitlines()) == 1 for name in POINTERS)


def test_the_texts_name_only_commands_that_exist_and_differ_in_what_they_allow():
    verbs = {name for section in SECTIONS.values() for name in section}
    for policy in POLICIES:
        named = re.findall(r"`koans ([a-z]+)", text_of(policy))
        assert named and set(named) <= verbs
        assert max(map(len, text_of(policy).splitlines())) <= 120
        assert len(text_of(policy).split()) < 700
    assert "koans solution NAME --peek" not in text_of("tutor")
    assert "asks you not to help" in text_of("off")
    assert "allows every kind of help" in text_of("open")


def test_the_repository_itself_asks_nothing_of_assistants():
    """Here they help contributors, who write exercises and solutions."""
    assert [name for name in (FILE, *POINTERS) if (ROOT / name).exists()] == []
    assert "assistants" not in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["koans"]
    assert isinstance(Workbook(ROOT), Workbook) and policy_of(ROOT) == "tutor"
