"""The files by which others join the project: CI, hooks, changelog, forms. GitHub and pre-commit read them, and say little."""

import os
import re
import shlex
import subprocess
import tomllib

import pytest
import yaml

from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMS = sorted(file for file in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if file.name != "config.yml")

# What GitHub's form schema knows; a form with anything else is not shown.
FORM = {"name", "description", "title", "labels", "assignees", "projects", "type", "body"}
ELEMENT = {"type", "id", "attributes", "validations"}
ATTRIBUTES = {
    "markdown": {"value"},
    "input": {"label", "description", "placeholder", "value"},
    "textarea": {"label", "description", "placeholder", "value", "render"},
}


def load(name):
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


@pytest.fixture
def ci():
    return load(".github/workflows/ci.yml")


def test_ci_runs_the_gate_on_pushes_to_main_and_on_pull_requests(ci):
    assert ci[True] == {"push": {"branches": ["main"]}, "pull_request": None}  # YAML takes the key `on` for true
    steps = [step.get("run") for job in ci["jobs"].values() for step in job["steps"]]
    assert steps.count(".ci/run") == 1
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_ci_may_only_read_ends_by_itself_and_gives_way_to_a_newer_push(ci):
    assert ci["permissions"] == {"contents": "read"}
    assert ci["concurrency"]["cancel-in-progress"] is True
    assert ci["concurrency"]["group"].endswith("${{ github.event.pull_request.number || github.sha }}")
    for job in ci["jobs"].values():
        assert "permissions" not in job
        assert 0 < job["timeout-minutes"] <= 60
        checkout = job["steps"][0]
        assert checkout["uses"].startswith("actions/checkout@")
        assert checkout["with"] == {"persist-credentials": False}


def test_ci_runs_whole_on_the_oldest_python_and_in_part_on_newer_ones(ci):
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=")
    setup = ci["jobs"]["whole"]["steps"][1]["with"]
    assert setup == {"python-version": oldest, "cache": "pip"}
    newer = ci["jobs"]["newer"]["strategy"]["matrix"]["python"]
    assert all(tuple(map(int, one.split("."))) > tuple(map(int, oldest.split("."))) for one in newer)


def test_all_workflows_use_an_action_at_the_same_version():
    used = set(re.findall(r"uses: (\S+)", "".join(file.read_text("utf-8") for file in WORKFLOWS)))
    assert len({action.split("@")[0] for action in used}) == len(used), sorted(used)


def test_hooks_are_programs_that_the_dev_extra_installs():
    wanted = {re.split(r"[<>=;]", one)[0] for one in PROJECT["project"]["optional-dependencies"]["dev"]}
    providers = {"ruff": "ruff", "mypy": "mypy", "lint-imports": "import-linter"}
    config = load(".pre-commit-config.yaml")
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    for hook in config["repos"][0]["hooks"]:
        assert hook["language"] == "system", hook["id"]
        words = shlex.split(hook["entry"])
        program = words[2].split()[0] if words[:2] == ["sh", "-c"] else words[0]
        assert program in PROJECT["project"]["scripts"] or providers[program] in wanted, hook["id"]
    assert "pre-commit" in wanted


def test_quick_hooks_run_at_a_commit_and_the_gate_at_a_push():
    config = load(".pre-commit-config.yaml")
    hooks = {hook["name"]: hook.get("stages", config["default_stages"]) for hook in config["repos"][0]["hooks"]}
    assert hooks == {
        "ruff check": ["pre-commit"],
        "ruff format --check": ["pre-commit"],
        "mypy": ["pre-commit"],
        "lint-imports": ["pre-commit"],
        "koans verify --probe --changed": ["pre-push"],
    }
    assert config["default_install_hook_types"] == ["pre-commit", "pre-push"]


def test_a_fragment_of_the_changelog_has_a_kind_that_is_configured_and_says_something():
    kinds = [one["directory"] for one in PROJECT["tool"]["towncrier"]["type"]]
    folder = ROOT / PROJECT["tool"]["towncrier"]["directory"]
    name = re.compile(rf"\+[a-z0-9-]+\.({'|'.join(kinds)})\.md")
    fragments = [file for file in folder.iterdir() if file.name != "README.md"]
    assert [file.name for file in fragments if not name.fullmatch(file.name)] == []
    for file in fragments:
        text = file.read_text("utf-8")
        assert re.fullmatch(r"(?:\S.*\n)+", text), f"{file.name}: one paragraph, please"
    assert re.findall(r"^\| `(\w+)` \|", (folder / "README.md").read_text("utf-8"), re.MULTILINE) == kinds


def test_the_changelog_has_this_version_and_a_place_for_the_next():
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    before, _, after = text.partition(PROJECT["tool"]["towncrier"]["start_string"])
    assert before.startswith("# Changes\n")
    assert re.search(r"^## (\S+) \(", after, re.MULTILINE)[1] == PROJECT["project"]["version"]


@pytest.mark.parametrize("form", FORMS, ids=lambda file: file.stem)
def test_a_form_is_one_that_github_shows(form):
    content = load(form)
    assert {"name", "description", "body"} <= set(content) <= FORM
    assert all(isinstance(content[key], str) for key in ("name", "description", "title"))
    asked = [element for element in content["body"] if element["type"] != "markdown"]
    assert len({element["id"] for element in asked}) == len({e["attributes"]["label"] for e in asked}) == len(asked) > 0
    for element in content["body"]:
        assert set(element) <= ELEMENT
        assert set(element["attributes"]) <= ATTRIBUTES[element["type"]]
        assert all(isinstance(value, str) for value in element["attributes"].values())
        if element["type"] == "markdown":
            assert element["attributes"]["value"]
        else:
            assert re.fullmatch(r"[\w-]+", element["id"])
            assert element["attributes"]["label"]
            assert element.get("validations", {"required": True}) == {"required": True}


def test_forms_ask_for_what_a_maintainer_needs_to_see_the_same():
    asked = {form.stem: [element["id"] for element in load(form)["body"] if "validations" in element] for form in FORMS}
    same = ["koan", "answer", "why", "command", "seed", "doctor", "commit"]
    assert asked == {
        "1-wrong-answer-passes": same,
        "2-honest-answer-refused": same,
        "3-fact-in-doubt": ["fact", "says", "holds", "source"],
        "4-bug": ["command", "expected", "doctor", "commit"],
    }


def test_what_forms_and_pages_point_at_exists():
    pages = [*FORMS, ROOT / ".github/pull_request_template.md", ROOT / "CODE_OF_CONDUCT.md", ROOT / "CHANGELOG.md"]
    text = "".join(page.read_text("utf-8") for page in pages)
    places = re.findall(r"\]\((?:\.\./blob/HEAD/)?([^)#]+)(#\w+)?\)", text)
    assert places == [("SECURITY.md", "#report"), ("changelog.d/README.md", "")]
    assert all((ROOT / name).is_file() for name, _ in places)
    assert "\n## Report\n" in (ROOT / "SECURITY.md").read_text("utf-8")


def test_git_ignores_what_tools_leave_behind_and_nothing_that_it_tracks():
    dropped = [".coverage", ".coverage.host.1", "uv.lock", ".venv/x", ".vscode/settings.json", ".idea/x", ".DS_Store"]
    dropped += ["htmlcov/index.html", "exercises/ch06_numerics/.softmax.py.swp", "exercises/__pycache__/x.pyc"]
    git = ["git", "-C", str(ROOT)]
    asked = subprocess.run(
        [*git, "check-ignore", "--no-index", *dropped, "exercises/ch06_numerics/softmax.py"],
        capture_output=True,
        text=True,
    )
    assert asked.stdout.split() == dropped
    assert subprocess.run([*git, "ls-files", "-ci", "--exclude-standard"], capture_output=True).stdout == b""
