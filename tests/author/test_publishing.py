"""What a release must be like: its tag, its version, its changes and its files agree."""

import io
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from grader.author import publishing
from grader.book.errors import KoansError
from tests.conftest import ROOT

WORKFLOW = ".github/workflows/release.yml"


@pytest.fixture
def project(tmp_path):
    """What a release reads and writes, with one change that waits."""
    root = tmp_path / "project"
    (root / "changelog.d").mkdir(parents=True)
    for name in ("pyproject.toml", "CHANGELOG.md", "CITATION.cff", "changelog.d/README.md"):
        shutil.copy(ROOT / name, root / name)
    set_version(root, "0.1.0", "2026-11-22")
    (root / "changelog.d/+new-hint.koan.md").write_text("The hint of `softmax` is shorter.\n")
    return root


def set_version(root, version, date):
    for name, pattern, line in (
        ("pyproject.toml", r'^version = ".*"$', f'version = "{version}"'),
        ("CITATION.cff", r"^version: .*$", f"version: {version}"),
        ("CITATION.cff", r"^date-released: .*$", f'date-released: "{date}"'),
    ):
        text = (root / name).read_text()
        (root / name).write_text(re.sub(pattern, line, text, count=1, flags=re.MULTILINE))
    (root / "CHANGELOG.md").write_text(f"# Changes\n\n{publishing.START}\n\n## {version} ({date})\n\nThe first one.\n")


def test_a_prepared_release_can_be_released_and_its_notes_are_the_changes(project):
    publishing.prepare(project, "0.2.0", "2027-01-31")
    section = publishing.check(project, "v0.2.0")
    assert section == ("0.2.0", "2027-01-31", "### Koans and cards\n\n- The hint of `softmax` is shorter.")
    assert [file.name for file in (project / "changelog.d").iterdir()] == ["README.md"]
    assert 'version = "0.2.0"\n' in (project / "pyproject.toml").read_text()
    citation = yaml.safe_load((project / "CITATION.cff").read_text())
    assert (citation["version"], citation["date-released"]) == ("0.2.0", "2027-01-31")
    assert "## 0.1.0 (2026-11-22)\n\nThe first one.\n" in (project / "CHANGELOG.md").read_text()


def test_only_lines_with_the_version_change_in_other_files(project):
    before = {name: (project / name).read_text().splitlines() for name in ("pyproject.toml", "CITATION.cff")}
    publishing.prepare(project, "0.2.0", "2027-01-31")
    changed = {
        name: [new for old, new in zip(lines, (project / name).read_text().splitlines(), strict=True) if old != new]
        for name, lines in before.items()
    }
    assert changed == {
        "pyproject.toml": ['version = "0.2.0"'],
        "CITATION.cff": ["version: 0.2.0", 'date-released: "2027-01-31"'],
    }


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("0.1.0", "0.1.0 is not later than 0.1.0"),
        ("0.0.9", "0.0.9 is not later than 0.1.0"),
        ("0.1.0rc1", "0.1.0rc1 is not later than 0.1.0"),
        ("v0.2.0", "'v0.2.0' is not a version such as 0.2.0"),
        ("0.2", "'0.2' is not a version"),
        ('0.2.0"', "is not a version"),
    ],
)
def test_a_version_that_is_malformed_or_not_later_changes_nothing(project, version, says):
    before = {file: file.read_bytes() for file in project.rglob("*") if file.is_file()}
    with pytest.raises(KoansError, match=re.escape(says)):
        publishing.prepare(project, version, "2027-01-31")
    assert {file: file.read_bytes() for file in project.rglob("*") if file.is_file()} == before


def test_after_a_candidate_comes_the_version_itself(project):
    publishing.prepare(project, "0.2.0rc1", "2027-01-30")
    (project / "changelog.d/+more.misc.md").write_text("A change after the candidate.\n")
    publishing.prepare(project, "0.2.0", "2027-01-31")
    assert publishing.check(project, "v0.2.0").notes == "### The project\n\n- A change after the candidate."


def test_a_tag_that_is_not_the_version_is_refused(project):
    publishing.prepare(project, "0.2.0", "2027-01-31")
    for tag in ("v0.2.1", "0.2.0", "v0.2.0rc1"):
        with pytest.raises(KoansError, match=f"the tag is {tag}, but .* the tag must be v0.2.0"):
            publishing.check(project, tag)


def test_changes_that_wait_are_refused(project):
    with pytest.raises(KoansError, match=r"1 changes that are not in CHANGELOG.md, such as \+new-hint.koan.md"):
        publishing.check(project, "v0.1.0")


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("CHANGELOG.md", "## 0.2.0", "## 0.2.1", "CHANGELOG.md begins with 0.2.1, but pyproject.toml has"),
        (
            "CHANGELOG.md",
            "(2027-01-31)",
            "(2027-02-01)",
            "CITATION.cff must have version 0.2.0 and date-released 2027-02-01",
        ),
        (
            "CHANGELOG.md",
            "\n### Koans and cards\n\n- The hint of `softmax` is shorter.\n",
            "",
            "says nothing about 0.2.0",
        ),
        ("CITATION.cff", "version: 0.2.0", "version: 0.1.0", "CITATION.cff must have version 0.2.0"),
    ],
)
def test_a_file_with_another_version_or_date_is_refused(project, name, old, new, says):
    publishing.prepare(project, "0.2.0", "2027-01-31")
    text = (project / name).read_text()
    assert old in text
    (project / name).write_text(text.replace(old, new))
    with pytest.raises(KoansError, match=re.escape(says)):
        publishing.check(project, "v0.2.0")


def wheel(folder, name="tensor_koans-0.2.0-py3-none-any.whl", extra="", size=10):
    file = folder / name
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("grader/__init__.py", b"x" * size)
        if extra:
            archive.writestr(extra, b"x")
    return file


def sdist(folder, name="tensor_koans-0.2.0.tar.gz", extra=""):
    file = folder / name
    with tarfile.open(file, "w:gz") as archive:
        for path in filter(None, ["tensor_koans-0.2.0/README.md", extra]):
            archive.addfile(tarfile.TarInfo(path), io.BytesIO())
    return file


def test_clean_small_files_of_the_version_are_accepted_and_measured(tmp_path):
    both = [wheel(tmp_path), sdist(tmp_path, extra="tensor_koans-0.2.0/.ci/run")]
    first, second = publishing.files(both, "0.2.0")
    assert re.fullmatch(r"tensor_koans-0\.2\.0-py3-none-any\.whl: 0\.00 MB, 1 files", first)
    assert second.endswith(": 0.00 MB, 2 files")


@pytest.mark.parametrize(
    "left",
    [
        "grader/__pycache__/a.cpython-311.pyc",
        ".koans/progress.db",
        "x/.git/HEAD",
        "grader/a.pyc",
        ".pytest_cache/README.md",
    ],
)
def test_what_a_tool_left_behind_is_refused_in_either_file(tmp_path, left):
    for both in ([wheel(tmp_path, extra=left), sdist(tmp_path)], [wheel(tmp_path), sdist(tmp_path, extra=left)]):
        with pytest.raises(KoansError, match=f"holds {re.escape(left)}, which a tool left behind"):
            publishing.files(both, "0.2.0")


def test_a_file_that_is_too_large_is_refused(tmp_path):
    with pytest.raises(KoansError, match="more than 6000000"):
        publishing.files([wheel(tmp_path, size=publishing.LARGEST), sdist(tmp_path)], "0.2.0")


def test_files_of_another_version_one_alone_or_damaged_are_refused(tmp_path):
    with pytest.raises(KoansError, match=r"expected tensor_koans-0\.2\.1-py3-none-any\.whl and .*, found"):
        publishing.files([wheel(tmp_path), sdist(tmp_path)], "0.2.1")
    with pytest.raises(KoansError, match="expected"):
        publishing.files([wheel(tmp_path)], "0.2.0")
    sdist(tmp_path).write_bytes(b"no archive")
    with pytest.raises(KoansError, match=r"tar\.gz cannot be read"):
        publishing.files([wheel(tmp_path), tmp_path / "tensor_koans-0.2.0.tar.gz"], "0.2.0")


def test_the_command_needs_nothing_but_the_standard_library():
    """A workflow runs it before anything is installed."""
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path[:0] = [{str(ROOT)!r}]; import runpy; "
        "sys.argv = ['publishing', 'check', 'v9.9.9']; runpy.run_module('grader.author.publishing', run_name='__main__')",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"publishing: the tag is v9\.9\.9, but pyproject\.toml has the version \S+: .*\n", done.stderr)


# The workflow. GitHub runs it, so here it is only read.


@pytest.fixture
def release():
    return yaml.safe_load((ROOT / WORKFLOW).read_text("utf-8"))


def steps(job):
    return "\n".join(step.get("run", step.get("uses", "")) for step in job["steps"])


def test_a_release_starts_with_a_tag_and_nothing_else(release):
    assert release[True] == {"push": {"tags": ["v*"]}}  # YAML takes the key `on` for true


def test_each_job_may_do_only_what_it_needs(release):
    assert release["permissions"] == {"contents": "read"}
    allowed = {name: job.get("permissions") for name, job in release["jobs"].items()}
    assert allowed == {
        "build": None,
        "smoke": None,
        "publish": {"id-token": "write"},
        "github": {"contents": "write"},
    }
    assert {name for name, job in release["jobs"].items() if "environment" in job} == {"publish"}
    assert release["jobs"]["publish"]["environment"] == "pypi"


def test_what_is_published_is_what_was_checked_and_tried(release):
    jobs = release["jobs"]
    assert [jobs[name].get("needs") for name in ("build", "smoke", "publish", "github")] == [
        None,
        "build",
        "smoke",
        "publish",
    ]
    built = [name for name, job in jobs.items() if "python -m build" in steps(job)]
    assert built == ["build"]
    order = [
        steps(jobs["build"]).index(part)
        for part in ("publishing check", "-m build", "twine check --strict", "publishing files")
    ]
    assert order == sorted(order)
    for name in ("smoke", "publish", "github"):
        assert "actions/download-artifact" in steps(jobs[name])
    assert all(0 < job["timeout-minutes"] <= 20 for job in jobs.values())


def test_there_is_no_password_and_no_name_of_the_tag_in_a_script(release):
    text = (ROOT / WORKFLOW).read_text("utf-8")
    assert "secrets." not in text
    assert "password" not in str(release)
    scripts = [step["run"] for job in release["jobs"].values() for step in job["steps"] if "run" in step]
    assert scripts
    assert [script for script in scripts if "${{" in script] == []  # the shell would run what a tag is called


def test_the_job_that_publishes_runs_no_code_of_ours_and_signs_the_files(release):
    (download, publish) = release["jobs"]["publish"]["steps"]
    assert download["uses"].startswith("actions/download-artifact@")
    assert publish["uses"] == "pypa/gh-action-pypi-publish@release/v1"
    assert publish["with"] == {"attestations": True}


def test_the_oldest_python_is_among_those_that_try_the_wheel(release):
    oldest = re.search(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text())[1]
    assert release["jobs"]["smoke"]["strategy"]["matrix"]["python"][0] == oldest
    script = ROOT / ".ci/smoke"
    assert ".ci/smoke dist/*.whl" in steps(release["jobs"]["smoke"])
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(script)], check=True)
    koans = re.search(r"^for koan in (.*); do$", script.read_text(), re.MULTILINE)[1].split()
    assert [len(list((ROOT / "exercises").glob(f"*/{koan}.py"))) for koan in koans] == [1, 1, 1]


def test_the_citation_has_what_its_format_asks_for_and_the_version_of_the_changelog():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    newest = re.search(r"^## (\S+) \((\S+)\)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert set(citation) == {
        *(
            "cff-version",
            "message",
            "type",
            "title",
            "abstract",
            "authors",
            "version",
            "date-released",
            "license",
            "keywords",
        )
    }
    assert citation["cff-version"] == "1.2.0"
    assert citation["authors"] == [{"name": "Tensor Koans maintainers"}]
    assert (citation["version"], citation["date-released"]) == newest.groups()


def test_the_license_and_the_description_are_those_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["license"] == project["license"]
    assert citation["abstract"].rstrip(".") == project["description"]
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in project["authors"]]
    assert Path(ROOT / "LICENSE").is_file()
