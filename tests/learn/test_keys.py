"""Keys on a Windows console, the learner's editor on each system, and where a reported file is."""

import io
import ntpath
import os
import posixpath
import sys
import types

import pytest

from grader.book import files, terminal
from grader.learn.app import editor
from grader.learn.app.watch import below
from grader.learn.review_ui.keyboard import ENTER, Keyboard


class Console(io.StringIO):
    """A Windows console on which these keys are pressed. Its msvcrt has no other way to read them."""

    def __init__(self, keys):
        super().__init__()
        self.keys = list(keys)

    def isatty(self):
        return True

    def module(self):
        return types.SimpleNamespace(kbhit=lambda: bool(self.keys), getwch=lambda: self.keys.pop(0))


@pytest.fixture
def pressing(monkeypatch):
    """Open a keyboard on a Windows console with these keys pressed."""
    opened = []

    def press(keys):
        console = Console(keys)
        monkeypatch.setattr(sys, "platform", "win32")
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setitem(sys.modules, "msvcrt", console.module())
        monkeypatch.setattr(sys, "stdout", console)
        keyboard = Keyboard(console)
        assert keyboard.live
        opened.append(keyboard.__enter__())
        return keyboard

    yield press
    for keyboard in opened:
        keyboard.__exit__()


def test_on_a_windows_console_keys_come_at_once_and_in_lower_case(pressing):
    keyboard = pressing("3Q\r")
    assert [keyboard.key() for _ in range(3)] == ["3", "q", ENTER]
    assert keyboard.key(timeout=0.01) is None


def test_a_windows_console_can_draw_although_it_sets_no_term(monkeypatch):
    monkeypatch.delenv("TERM", raising=False)
    with monkeypatch.context() as patch:
        patch.setattr(os, "name", "nt")
        draws = terminal.can_draw()
    assert draws


def test_arrows_of_a_windows_console_are_no_answers(pressing):
    assert pressing("\xe0H\x00;2").key() == "2"  # up, F1, then a rating


def test_ctrl_z_ends_the_input_of_a_windows_console_and_ctrl_c_interrupts(pressing):
    keyboard = pressing("\x1a\x03")
    assert keyboard.key() == ""
    with pytest.raises(KeyboardInterrupt):
        keyboard.key()


def test_keys_pressed_too_early_on_a_windows_console_are_forgotten(pressing):
    keyboard = pressing("444")
    keyboard.discard()
    assert keyboard.key(timeout=0.01) is None


@pytest.mark.parametrize(
    ("file", "folder", "flavor", "place"),
    [
        (r"c:\Koans\exercises\ch01\Dot.py", r"C:\koans\exercises", ntpath, "ch01/dot.py"),
        (r"\\?\D:\exercises\ch01\dot.py", r"D:\exercises", ntpath, ""),
        (r"C:\koans\exercises2\ch01\dot.py", r"C:\koans\exercises", ntpath, ""),
        ("C:/koans/exercises/ch01/dot.py", r"C:\koans\exercises", ntpath, "ch01/dot.py"),
        ("/k/exercises/ch01/dot.py", "/k/exercises", posixpath, "ch01/dot.py"),
        ("/k/exercises/ch01/Dot.py", "/k/exercises", posixpath, "ch01/Dot.py"),
        ("/k/exercises", "/k/exercises", posixpath, ""),
    ],
)
def test_a_reported_file_has_its_place_below_the_exercises(file, folder, flavor, place):
    assert below(file, folder, flavor) == place


@pytest.mark.parametrize(("system", "expected"), [("win32", "notepad"), ("darwin", "open -t"), ("linux", "")])
def test_without_an_editor_of_ones_own_the_systems_editor_opens(monkeypatch, system, expected):
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.setattr(sys, "platform", system)
    assert editor.command() == expected
    monkeypatch.setenv("EDITOR", "vim")
    assert editor.command() == "vim"
    monkeypatch.setenv("VISUAL", "code --wait")
    assert editor.command() == "code --wait"


def test_a_windows_path_of_an_editor_keeps_its_backslashes():
    command = r'"C:\Program Files\Notepad++\notepad++.exe" -multiInst'
    assert editor.split(command, windows=True) == [r"C:\Program Files\Notepad++\notepad++.exe", "-multiInst"]
    assert editor.split(r"C:\bin\vim.exe", windows=True) == [r"C:\bin\vim.exe"]
    assert editor.split("code\\ insiders -w", windows=False) == ["code insiders", "-w"]


def test_a_file_that_another_program_has_open_on_windows_is_replaced_a_moment_later(tmp_path, monkeypatch):
    real, tries = os.replace, []

    def busy_twice(draft, target):
        tries.append(target)
        if len(tries) < 3:
            raise PermissionError(13, "The process cannot access the file")
        real(draft, target)

    monkeypatch.setattr(os, "replace", busy_twice)
    monkeypatch.setattr(files.sys, "platform", "win32")
    file = tmp_path / "kept.txt"
    file.write_bytes(b"old")
    files.write_file(file, "new\n")
    assert file.read_bytes() == b"new\n"
    assert len(tries) == 3
