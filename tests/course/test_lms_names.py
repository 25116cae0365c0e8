"""The names that learning platforms give to files tell whose they are, which they are and when they came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.course.intake.lms_names import Handed, blackboard_user, gradescope, parse, without_number


def told(name):
    found = parse(name)
    return found and (found.platform, found.learner, found.student, found.file, found.late, found.handed_in)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("lovelaceada_12345_678_hw.zip", ("Canvas", "lovelaceada", "12345", "hw.zip", False, "")),
        ("lovelaceada_LATE_12345_678_hw-2.ipynb", ("Canvas", "lovelaceada", "12345", "hw-2.ipynb", True, "")),
        ("müllerjürgen_7_1234_my hw (1).py", ("Canvas", "müllerjürgen", "7", "my hw (1).py", False, "")),
        ("lovelaceada_12345_678_a_1_2_b.py", ("Canvas", "lovelaceada", "12345", "a_1_2_b.py", False, "")),
        ("ไม้เอก_89_901_hw.py", ("Canvas", "ไม้เอก", "89", "hw.py", False, "")),
        ("_12345_678_hw.py", ("Canvas", "12345", "12345", "hw.py", False, "")),
        ("lovelace_ada_12345_678_hw.py", ("Canvas", "lovelace_ada", "12345", "hw.py", False, "")),
        ("lovelaceada_12345_text.html", ("Canvas", "lovelaceada", "12345", "text.html", False, "")),
        ("lovelaceada_LATE_12345_link.html", ("Canvas", "lovelaceada", "12345", "link.html", True, "")),
        ("anon_jv2Ez_678_hw.py", ("Canvas", "anon_jv2Ez", "jv2Ez", "hw.py", False, "")),
        ("LATE_anon_12345_678_hw.py", ("Canvas", "anon_12345", "12345", "hw.py", True, "")),
        ("anonymous_jv2Ez_678_hw.py", ("Canvas", "anonymous_jv2Ez", "jv2Ez", "hw.py", False, "")),
        ("Ada Lovelace_123_assignsubmission_file", ("Moodle", "Ada Lovelace", "123", "", False, "")),
        ("Ada Lovelace_123_assignsubmission_file_", ("Moodle", "Ada Lovelace", "123", "", False, "")),
        ("Ada Lovelace_123_assignsubmission_file_/a/b.py", ("Moodle", "Ada Lovelace", "123", "a/b.py", False, "")),
        ("Ada Lovelace_123_assignsubmission_file_hw_1.py", ("Moodle", "Ada Lovelace", "123", "hw_1.py", False, "")),
        (
            "Ada Lovelace_123_assignsubmission_onlinetext_/onlinetext.html",
            ("Moodle", "Ada Lovelace", "123", "onlinetext.html", False, ""),
        ),
        ("Participant_123_assignsubmission_file_/hw.py", ("Moodle", "Participant 123", "123", "hw.py", False, "")),
        ("Participant 123_assignsubmission_file_/hw.py", ("Moodle", "Participant 123", "123", "hw.py", False, "")),
        ("Group A_9_assignsubmission_file_/hw.py", ("Moodle", "Group A", "9", "hw.py", False, "")),
        ("Default group_assignsubmission_file_/hw.py", ("Moodle", "Default group", "", "hw.py", False, "")),
        (
            "HW 1_ada_attempt_2026-11-20-10-11-12_hw.zip",
            ("Blackboard", "ada", "ada", "hw.zip", False, "2026-11-20T10:11:12"),
        ),
        ("HW_1_ada_attempt_2026-11-20-10-11-12.txt", ("Blackboard", "ada", "ada", "", False, "2026-11-20T10:11:12")),
        ("HW_ada_attempt_2026-13-20-10-11-12_hw.py", ("Blackboard", "ada", "ada", "hw.py", False, "")),
        (
            "397063-2557369 - Mary-Ann Smith - Sep 24, 2026 926 PM",
            ("Brightspace", "Mary-Ann Smith", "397063", "", False, "2026-09-24T21:26:00"),
        ),
        (
            "397063-2557369 - A - B - Sep 4, 2026 1226 AM/hw.py",
            ("Brightspace", "A - B", "397063", "hw.py", False, "2026-09-04T00:26:00"),
        ),
        (
            "27236-46025 - 23304308 Angood - 05 March 2026 612 PM",
            ("Brightspace", "23304308 Angood", "27236", "", False, "2026-03-05T18:12:00"),
        ),
        ("27236-46025 - Ada - Feb 31, 2026 1011 AM", ("Brightspace", "Ada", "27236", "", False, "")),
        ("submission_123456/hw.py", ("Gradescope", "submission_123456", "", "hw.py", False, "")),
    ],
)
def test_the_names_of_each_platform_are_understood(name, expected):
    assert told(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ada",
        "hw.py",
        "hw_1_2_solution.ipynb",
        "ch06_numerics.ipynb",
        "submission_x",
        "Ada_12345_678_hw.py",
        "x" * 2000,
    ],
)
def test_other_names_are_not_taken_for_a_platforms(name):
    assert parse(name) is None


@pytest.mark.parametrize(
    "hostile, owner",
    [
        ("cyd_9_1003_x_8_assignsubmission_file_y.py", ("Canvas", "9")),
        ("cyd_9_1003_HW_bob_attempt_2026-11-20-10-11-12_y.py", ("Canvas", "9")),
        ("cyd_9_1003_bob-x_8_1001_hw.py", ("Canvas", "9")),  # no name in Canvas has a hyphen
        ("cyd_9_1003_Bob_8_1001_hw.py", ("Canvas", "9")),
        ("Cyd_9_assignsubmission_file_bob_8_assignsubmission_file_y.py", ("Moodle", "9")),
        ("Cyd_9_assignsubmission_file_HW_bob_attempt_2026-11-20-10-11-12_y.py", ("Moodle", "9")),
        ("HW_cyd_attempt_2026-11-20-10-11-12_HW_bob_attempt_2026-11-20-10-11-12_y.py", ("Blackboard", "cyd")),
        ("1-2 - Cyd - Nov 20, 2026 1011 AM - 8-2 - Bob - Nov 20, 2026 1011 AM", ("Brightspace", "1")),
    ],
)
def test_a_file_that_is_called_like_the_work_of_another_stays_with_its_owner(hostile, owner):
    found = parse(hostile)
    assert (found.platform, found.student) == owner


@pytest.mark.parametrize(
    "name",
    [
        "bob_8_999_1002_hw.py",  # bob_8 with the id 999, or bob with the id 8
        "lovelaceada_12345_678_xzip_666_777_hw.zip",
        "cyd_9_1003_bob_8_1001_hw.py",
        "anon_12345_678_999_hw.py",
        "bob_8_999_text.html",
        "bob_8_999_link.html",
        "lovelaceada_12345_678_b_9_link.html",
    ],
)
def test_a_name_of_canvas_that_can_be_read_in_two_ways_is_nobodys(name):
    found = parse(name)
    assert (found.platform, found.student, found.learner) == ("Canvas", "", name)


@pytest.mark.parametrize("file, plain", [("hw-2.py", "hw.py"), ("a-1-2.zip", "a-1.zip"), ("hw.py", "hw.py"), ("", "")])
def test_the_number_of_an_upload_is_taken_off(file, plain):
    assert without_number(file) == plain


METADATA = """---
submission_11:
  :submitters:
  - :name: Ada Lovelace
    :sid: '7'
    :email: ada@x.org
  - :name: Bob
    :sid: '8'
  :created_at: 2026-11-20 10:11:12.123456000 -08:00
  :score: 1.0
  :history:
  - :id: 3
    :created_at: 2020-01-01 00:00:00 Z
    :name: nobody
submission_12:
  :created_at: 2026-11-20 18:11:12 Z
  :submitters:
  - :name: "Cyd"
    :sid:
    :email: cyd@x.org
submission_13:
"""


def test_the_metadata_of_gradescope_tells_whose_a_folder_is():
    found = gradescope(METADATA)
    told = [(folder, one.learner, one.student, one.handed_in) for folder, team in found.items() for one in team]
    assert told == [
        ("submission_11", "Ada Lovelace", "7", "2026-11-20T10:11:12-08:00"),
        ("submission_11", "Bob", "8", "2026-11-20T10:11:12-08:00"),
        ("submission_12", "Cyd", "cyd@x.org", "2026-11-20T18:11:12+00:00"),
        ("submission_13", "submission_13", "", ""),
    ]


@given(st.lists(st.sampled_from(METADATA.splitlines(True)) | st.text(max_size=9)).map("".join))
def test_every_metadata_has_a_value(text):
    assert all(team and {one.owner for one in team} == {folder} for folder, team in gradescope(text).items())


@pytest.mark.parametrize(
    "line, user",
    [
        ("Name: Ada Lovelace (ada)\r", "ada"),
        ("Name: Mal (ada) (x_ada)", "x_ada"),
        ("Name: Mal (x_ada) and so on", ""),
        ("Comments: Name: Mal (ada)", ""),
        ("", ""),
    ],
)
def test_the_first_line_of_blackboards_text_file_tells_the_user(line, user):
    assert blackboard_user(line) == user


PIECES = ["_", " - ", "/", "12345", "7", "LATE_", "anon_", "_assignsubmission_file_", "_attempt_", "2026-11-20-10-11-12",
          "Nov 20, 2026 1011 AM", "submission_", "text.html", "ada", "Zoë", ".py", "-2", "\0", "\ud800", "٣"]  # fmt: skip
odd = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=8).map("".join)


@given(odd | st.text())
def test_every_text_has_a_value(name):
    found = parse(name)
    assert found is None or isinstance(found, Handed)
