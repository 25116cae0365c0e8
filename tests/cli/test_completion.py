"""What a shell offers after Tab, asked for as each shell asks. The command runs as it does in a terminal."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

PROGRAM = "import sys; from grader.__main__ import main; sys.argv[0] = 'koans'; main()"


def run(play, *args, cwd=None, **variables):
    env = {**os.environ, "PYTHONPATH": str(play.root), "COLUMNS": "200", **variables}
    command = [sys.executable, "-c", PROGRAM, *args]
    return subprocess.run(command, cwd=cwd or play.root, env=env, capture_output=True, text=True, timeout=100)


def bash(play, line, cwd=None):
    """The words that bash offers for the last word of a line."""
    words = line.split(" ")
    done = run(play, cwd=cwd, _KOANS_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offers"),
    [
        ("koans hin", ["hint"]),
        ("koans cards exp", ["export"]),
        ("koans hint row_soft", ["row_softmax_kernel"]),
        ("koans solution ch07_attention/caus", ["ch07_attention/causal_mask"]),
        ("koans reset softmax_by", ["softmax_by_hand"]),
        ("koans debug softmax_by", ["softmax_by_hand"]),
        ("koans trace row_soft", ["row_softmax_kernel"]),
        ("koans again row_soft", ["row_softmax_kernel"]),
        ("koans run softmax row_soft", ["row_softmax_kernel"]),
        ("koans run ch06", ["ch06_numerics"]),
        ("koans verify ch06", ["ch06_numerics"]),
        ("koans list ch06", ["ch06_numerics"]),
        ("koans read ch06", ["ch06_numerics"]),
        ("koans quiz ch06", ["ch06_numerics"]),
        ("koans cheatsheet ch06", ["ch06_numerics"]),
        ("koans notebook export ch06", ["ch06_numerics"]),
        ("koans hint no_such_koan", []),
    ],
)
def test_tab_completes_verbs_koans_and_chapters(play, line, offers):
    assert bash(play, line) == offers


def test_every_name_that_is_offered_means_one_koan(play):
    offers = bash(play, "koans hint ")
    book = play.workbook
    assert [book.koan(name).id for name in offers] == list(book.koans)


def test_a_koan_whose_short_name_is_taken_twice_is_offered_by_its_id(play):
    toml = play.root / "content/ch07_attention/chapter.toml"
    toml.write_text(toml.read_text() + '\n[[koans]]\nname = "softmax"\ntitle = "Again"\nrung = "compute it"\n')
    assert "ch06_numerics/softmax" in bash(play, "koans hint ch06_numerics/softm")
    assert "softmax" not in bash(play, "koans hint softm")
    assert {"ch06_numerics/softmax", "ch07_attention/softmax"} <= set(bash(play, "koans hint ch0"))


def test_outside_a_workbook_nothing_is_offered_and_nothing_said(play, tmp_path):
    assert bash(play, "koans hint soft", cwd=tmp_path) == []


def test_zsh_fish_and_powershell_also_get_the_title(play):
    line = {"_TYPER_COMPLETE_ARGS": "koans hint row_soft"}
    title = play.workbook.koan("row_softmax_kernel").title
    zsh = run(play, _KOANS_COMPLETE="complete_zsh", **line).stdout
    fish = run(play, _KOANS_COMPLETE="complete_fish", _TYPER_COMPLETE_FISH_ACTION="get-args", **line).stdout
    word = {"_TYPER_COMPLETE_WORD_TO_COMPLETE": "row_soft"}
    powershell = run(play, _KOANS_COMPLETE="complete_powershell", **line, **word).stdout
    for shell in (zsh, fish, powershell):
        assert "row_softmax_kernel" in shell
        assert title in shell


def test_completion_imports_no_torch(play):
    program = "import sys; from grader.cli import completion; completion.koans('soft'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=play.root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_it_is_installed_for_the_shell_that_is_named(play, tmp_path):
    homes = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    variables = {**homes, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = run(play, "--install-completion", "bash", **variables)
    assert done.returncode == 0, done.stderr
    assert "bash completion installed in" in done.stdout
    script = next(tmp_path.rglob("koans.sh")).read_text()
    assert "complete -o default -F _koans_completion koans" in script
    assert str(next(tmp_path.rglob("koans.sh"))) in (tmp_path / ".bashrc").read_text()


def test_the_readme_says_how_to_install_it():
    assert "koans --install-completion" in (ROOT / "README.md").read_text("utf-8")
