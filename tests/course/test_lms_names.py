"""The names that learning platforms give to files tell whose they are, which they are and when they came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.course.intake.lms_names import Handed, gradescope, group, parse, without_number


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


def grouped(*names):
    return [(g.learner, g.student, [handed.file for _, handed in g.files]) for g in group(names)]


def test_the_files_of_one_learner_are_joined_and_the_newest_of_an_upload_comes_last():
    names = ["lovelaceada_7_1005_hw-2.py", "bob_8_1001_hw.py", "lovelaceada_7_999_hw.py", "lovelaceada_7_1004_b.py"]
    assert grouped(*names) == [("lovelaceada", "7", ["hw.py", "b.py", "hw-2.py"]), ("bob", "8", ["hw.py"])]
    assert group(names)[0].notes == ("hw-2.py was handed in 2 times: the newest counts",)
    assert group(names)[1].notes == ()


def test_the_latest_attempt_gives_the_time_and_one_late_file_makes_the_work_late():
    attempts = [f"HW_ada_attempt_2026-11-{day}-10-11-12_hw.py" for day in (21, 20)]
    (only,) = group(attempts)
    assert [name for name, _ in only.files] == attempts[::-1]
    assert only.handed_in == "2026-11-21T10:11:12"
    assert only.notes == ("hw.py was handed in 2 times: the newest counts",)
    (late,) = group(["ada_7_1001_a.py", "ada_LATE_7_1002_b.py"])
    assert late.late


def test_two_learners_with_one_name_are_told_apart_by_their_ids():
    assert len(group(["smithjo_7_1001_hw.py", "smithjo_8_1002_hw.py"])) == 2
    assert len(group(["Jo Smith_7_assignsubmission_file_/a.py", "Jo Smith_8_assignsubmission_file_/a.py"])) == 2
    assert len(group(["Participant_7_assignsubmission_file_/a.py", "Participant_8_assignsubmission_file_/a.py"])) == 2


def test_user_names_with_underscores_on_blackboard_are_told_apart():
    times = "attempt_2026-11-20-10-11-12_hw.py"
    assert grouped(f"HW_1_a_smith_{times}", f"HW_1_b_smith_{times}") == [
        ("a_smith", "a_smith", ["hw.py"]),
        ("b_smith", "b_smith", ["hw.py"]),
    ]


@pytest.mark.parametrize(
    "hostile, owner",
    [
        ("cyd_9_1003_x_8_assignsubmission_file_y.py", ("Canvas", "9")),
        ("cyd_9_1003_HW_bob_attempt_2026-11-20-10-11-12_y.py", ("Canvas", "9")),
        ("cyd_9_1003_bob_8_1001_hw.py", ("Canvas", "9")),
        ("Cyd_9_assignsubmission_file_bob_8_assignsubmission_file_y.py", ("Moodle", "9")),
        ("Cyd_9_assignsubmission_file_HW_bob_attempt_2026-11-20-10-11-12_y.py", ("Moodle", "9")),
        ("HW_cyd_attempt_2026-11-20-10-11-12_HW_bob_attempt_2026-11-20-10-11-12_y.py", ("Blackboard", "cyd")),
        ("1-2 - Cyd - Nov 20, 2026 1011 AM - 8-2 - Bob - Nov 20, 2026 1011 AM", ("Brightspace", "1")),
    ],
)
def test_a_file_that_is_called_like_the_work_of_another_stays_with_its_owner(hostile, owner):
    found = parse(hostile)
    assert (found.platform, found.student) == owner


def test_a_learner_called_like_another_with_their_id_is_joined_to_nobody():
    names = ["bob_8_1001_hw.py", "bob_8_9_1002_hw.py", "bob_8_99_1002_hw.py", "bob_8_999_1002_hw.py"]
    assert [(g.student, len(g.files)) for g in group(names)] == [("8", 1), ("9", 1), ("99", 1), ("", 1)]
    assert group(names)[3].notes == ("whose 1002_hw.py is cannot be told: the name has three numbers",)


def test_files_that_no_platform_named_stay_alone_and_none_is_lost():
    groups = group(["hw.py", "ada_7_1001_hw.py", "notes.txt"])
    assert [(g.platform, g.learner) for g in groups] == [("", "hw.py"), ("Canvas", "ada"), ("", "notes.txt")]


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
    assert [(folder, one.learner, one.student, one.handed_in) for folder, one in found.items()] == [
        ("submission_11", "Ada Lovelace, Bob", "7", "2026-11-20T10:11:12-08:00"),
        ("submission_12", "Cyd", "cyd@x.org", "2026-11-20T18:11:12+00:00"),
        ("submission_13", "submission_13", "", ""),
    ]


@given(st.lists(st.sampled_from(METADATA.splitlines(True)) | st.text(max_size=9)).map("".join))
def test_every_metadata_has_a_value(text):
    assert all(folder == one.owner for folder, one in gradescope(text).items())


PIECES = ["_", " - ", "/", "12345", "7", "LATE_", "anon_", "_assignsubmission_file_", "_attempt_", "2026-11-20-10-11-12",
          "Nov 20, 2026 1011 AM", "submission_", "text.html", "ada", "Zoë", ".py", "-2", "\0", "\ud800", "٣"]  # fmt: skip
odd = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=8).map("".join)


@given(odd | st.text())
def test_every_text_has_a_value(name):
    found = parse(name)
    assert found is None or isinstance(found, Handed)


@given(st.lists(odd, max_size=6))
def test_every_name_is_in_one_group_and_no_group_has_two_owners(names):
    groups = group(names)
    assert sorted(name for g in groups for name, _ in g.files) == sorted(names)
    assert all(len({handed.owner for _, handed in g.files}) == 1 for g in groups)


@given(st.sets(st.tuples(st.sampled_from("ab"), st.integers(0, 30)), max_size=6), st.sampled_from(["Canvas", "Moodle"]))
def test_learners_with_different_ids_are_never_joined(learners, platform):
    form = "{}_{}_1234_hw.py" if platform == "Canvas" else "{}_{}_assignsubmission_file_/hw.py"
    groups = group(form.format(name, number) for name, number in sorted(learners))
    assert {g.student for g in groups} == {str(number) for _, number in learners}
    assert all(g.platform == platform for g in groups)
