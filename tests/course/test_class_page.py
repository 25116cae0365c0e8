"""The page for a class tells a lecturer what to teach, who has moved, and nobody's name where names are hidden."""

import html.parser
import re
import types

import msgspec
import pytest

from grader.book.verdict import Status
from grader.course.classroom import Entry, Grades
from grader.course.grade import Class, Grade
from grader.course.mark import Line, Mark
from grader.course.report import as_json, read_json
from grader.course.report.page import page
from grader.course.since import compare, in_a_line
from tests.browser import CHROMIUM, Browser
from tests.classes import SAYS, a_class, a_hostile_class, grade, verdict

KOAN = "ch06_numerics/softmax"
OTHER = "ch07_attention/causal_mask"
UNNAMED = "ch01_tensors/l2_norm"  # a koan that the text of its chapter does not name
VOID = {"meta", "link", "br", "input", "wbr"}
NAMES = ["Ada Lovelace", "Ben Ali", "Chen Wei", "Dana Ivanova"]


class Element:
    """An element of a page: its tag, its attributes, what it contains, and its text."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag, self.attributes = tag, attributes
        self.children: list[Element | str] = []

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, tag: str = "", **attributes: str) -> "list[Element]":
        """Every element within, with this tag and these attributes (`class_` is a class, `data_k` is data-k)."""
        wanted = {name.strip("_").replace("_", "-"): value for name, value in attributes.items()}
        found = []
        for child in self.children:
            if isinstance(child, Element):
                has = (value in child.attributes.get(name, "").split() for name, value in wanted.items())
                found += [child] if tag in ("", child.tag) and all(has) else []
                found += child.all(tag, **attributes)
        return found

    def one(self, tag: str = "", **attributes: str) -> "Element":
        [found] = self.all(tag, **attributes)
        return found


class Page(html.parser.HTMLParser):
    """A page as a tree."""

    def __init__(self, *args: object) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Element("", {})]
        self.feed("".join(page(*args)))
        self.close()
        assert len(self.open) == 1
        self.whole = self.open[0]

    def handle_starttag(self, tag, attributes):
        element = Element(tag, {name: value or "" for name, value in attributes})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attributes):
        self.open[-1].children.append(Element(tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop().tag == tag

    def handle_data(self, data):
        self.open[-1].children.append(data)

    def section(self, name: str) -> Element:
        return self.whole.one("section", id=name)


def failing(book, name, answer="", text="", koan=KOAN, names=("no_max",), **more) -> Grade:
    """A student who fails one koan, and has solved no other."""
    return grade(book, name, [verdict(koan, Status.failed, names=names, text=text)], answers={koan: answer}, **more)


def passing(book, name, *koans, **more) -> Grade:
    """A student who passes these koans and has not started the others."""
    wanted = [verdict(koan, Status.passed if koan in koans else Status.not_started) for koan in book.koans]
    return grade(book, name, wanted, **more)


def of(*grades: Grade) -> Class:
    return Class("Numerics", 7, grades)


@pytest.fixture(scope="module")
def week(book) -> tuple[Class, Class]:
    """A class, and its result of the week before."""
    before = of(
        passing(book, "Ada Lovelace", UNNAMED),
        passing(book, "Ben Ali", KOAN, student="u2"),
        passing(book, "Chen Wei"),
        failing(book, "Dana Ivanova", names=["nan"]),
        passing(book, "Emil Okafor"),
    )
    now = of(
        passing(book, "Ada Lovelace", UNNAMED, OTHER, KOAN),
        passing(book, "Benjamin", OTHER, student="U2", folder="elsewhere"),
        passing(book, "Chen Wei", folder="week 2/Chen Wei"),
        failing(book, "Dana Ivanova"),
        passing(book, "Fatima Noor"),
    )
    return now, before


# Every reader


def test_every_table_has_a_caption_and_headings_with_a_scope(book, week):
    tables = Page(week[0], book, week[1]).whole.all("table")
    assert len(tables) == 3 + len({koan.partition("/")[0] for koan in book.koans})
    for table in tables:
        assert table.children[0].tag == "caption" and table.children[0].text.strip()
        assert all(head.attributes["scope"] in ("col", "row") for head in table.all("th"))
        for row in table.one("tbody").all("tr"):
            assert row.children[0].tag == "th" and len(row.children) == len(table.one("thead").all("th"))


def test_without_a_script_everything_but_the_filters_is_there(book, week):
    whole = Page(week[0], book, week[1]).whole
    assert [element.attributes["id"] for element in whole.all() if "hidden" in element.attributes] == ["controls"]


def test_no_text_of_a_hostile_class_becomes_an_element(book):
    tags = {element.tag for element in Page(a_class(book), book, a_hostile_class(book)).whole.all()}
    assert {element.tag for element in Page(a_hostile_class(book), book, a_hostile_class(book)).whole.all()} <= tags | {
        "wbr"
    }


def test_a_page_of_a_file_of_results_is_the_page_that_grading_writes(book, week, tmp_path):
    now, before = week
    files = []
    for i, found in enumerate((now, before)):
        files.append(tmp_path / f"{i}.json")
        files[-1].write_text("".join(as_json.classroom(found)))
    read = [read_json.read(file) for file in files]
    assert "".join(page(now, book, before)) == "".join(page(read[0], book, read[1]))


def test_both_results_are_gone_through_one_grade_at_a_time(book, week):
    alive = {"now": 0, "before": 0}

    class Watched(Grades):
        """Counts the grades that were taken and are not yet done with."""

        def __init__(self, which: str, found: Class) -> None:
            super().__init__(map(Entry, found.grades))
            self.which = which

        def __iter__(self):
            for entry in self.entries:
                alive[self.which] += 1
                yield entry.grade()
                alive[self.which] -= 1

    now, before = (msgspec.structs.replace(one, grades=Watched(w, one)) for one, w in zip(week, alive, strict=True))
    for _ in page(now, book, before):
        assert max(alive.values()) <= 1


# What the class gets wrong


def mistake(found: Page, koan: str = KOAN) -> Element:
    return found.section("mistakes").all("li", data_k=koan)[0]


def blocks(element: Element, title: str) -> list[str]:
    """The blocks of code below a heading."""
    parts = {part.all("h3")[0].text: part for part in element.one(class_="parts").all("div")}
    return [pre.text for pre in parts[title].all("pre")]


def test_the_smallest_input_of_the_class_shows_a_mistake(book):
    def message(*inputs: int) -> str:
        return (
            f"softmax: 1 of 3 elements differ\n\n  softmax(x)\n    x = tensor({list(inputs)})\n  expected tensor([0.5])"
        )

    texts = [message(*range(9)), message(1, 2), message(*range(5)), message(1, 2, 3)]
    found = Page(of(*(failing(book, name, text=text) for name, text in zip(NAMES, texts, strict=True))), book)
    [shown] = blocks(mistake(found), "Smallest input that shows it")
    assert "x = tensor([1, 2])\n" in shown and "this looks like" not in shown


def test_a_failure_that_looks_like_one_mistake_shows_it_better_than_one_that_looks_like_several(book):
    clear = failing(book, "Ada", text="f differs\n\n  f(x)\n    x = [1, 2, 3, 4]\n  expected 1")
    unclear = failing(book, "Ben", text="f differs\n\n  f(x)\n    x = [1]\n  expected 1", names=["no_max", "nan"])
    [shown] = blocks(mistake(Page(of(unclear, clear), book)), "Smallest input that shows it")
    assert "x = [1, 2, 3, 4]" in shown


def test_a_message_without_a_name_shows_a_mistake_better_than_a_smaller_one_with_a_name(book):
    named = failing(book, "Ada Lovelace", text="f differs\n\n  f(x)\n    x = 1\n  actual ValueError: ask Ada")
    clear = failing(book, "Ben Ali", text="f differs\n\n  f(x)\n    x = [1, 2]\n  actual 3")
    [shown] = blocks(mistake(Page(of(named, clear), book)), "Smallest input that shows it")
    assert "x = [1, 2]" in shown
    [private] = mistake(Page(of(named), book)).all("pre", class_="private")
    assert "ask Ada" in private.text


def test_two_answers_are_shown_that_differ_in_more_than_names(book):
    answers = [
        "def f(x):\n    e = g(x)\n    return e",
        "def f(x):\n    power = g(x)\n    return power",
        "def f(x):\n    return g(x)",
        "def f(x):\n    return 1 / g(x)",
    ]
    found = Page(of(*(failing(book, name, answer) for name, answer in zip(NAMES, answers, strict=True))), book)
    assert blocks(mistake(found), "Answers with it, without names") == [answers[0], answers[2]]
    assert "2 submissions like this" in mistake(found).text


def test_an_answer_that_has_this_mistake_for_sure_comes_before_one_that_has_it_perhaps(book):
    perhaps = [failing(book, name, "def f(x):\n    return 1", names=["no_max", "nan"]) for name in NAMES[:3]]
    found = Page(of(*perhaps, failing(book, NAMES[3], "def f(x):\n    return g(x) + 2")), book)
    [shown] = [one for one in found.section("mistakes").all("li") if SAYS.replace("`", "") in one.text]
    assert blocks(shown, "Answers with it, without names")[0] == "def f(x):\n    return g(x) + 2"


def test_an_answer_with_a_name_of_the_class_in_a_text_is_not_shown(book):
    answers = [
        "def f(x):\n    raise ValueError('ask Ben')",
        "def f(x):\n    return 0",
        "",
        "def f…\n… 90 more characters",
    ]
    found = Page(of(*(failing(book, name, answer) for name, answer in zip(NAMES, answers, strict=True))), book)
    assert blocks(mistake(found), "Answers with it, without names") == ["def f(x):\n    return 0"]


def test_the_paragraph_that_names_the_koan_is_there_to_reread(book):
    found = mistake(
        Page(of(failing(book, "Ada", koan=OTHER, names=["the mask was aligned at the first key"])), book), OTHER
    )
    assert "Reread content/ch07_attention/chapter.md, “Which keys a token may see”" in found.text
    assert "A common mistake is to align the\nmask at the top left." in found.text


def test_a_paragraph_of_the_same_section_is_shown_if_it_is_clearly_about_the_mistake(book):
    found = mistake(Page(of(failing(book, "Ada")), book))
    assert SAYS.replace("`", "") in found.text
    assert "Reread content/ch06_numerics/chapter.md, “exp, the one steep function”" in found.text
    assert "The cure for softmax does not change the result: subtract each row's maximum." in found.text


def test_a_koan_that_no_text_names_has_its_second_hint(book):
    found = mistake(Page(of(failing(book, "Ada", koan=UNNAMED, names=["squares were not added"])), book), UNNAMED)
    assert f"Reread content/{UNNAMED}.md, “Hint 2”" in found.text
    assert book.notes(book.koans[UNNAMED]).hints[1].split("\n")[0].replace("`", "") in found.text


def test_every_koan_has_something_to_reread(book):
    found = Page(of(grade(book, "Ada", [verdict(koan, Status.failed, names=["wrong"]) for koan in book.koans])), book)
    told = {one.attributes["data-k"]: one.text for one in found.section("mistakes").all("li")}
    assert set(told) == set(book.koans)
    for koan, text in told.items():
        [where] = re.findall(r"Reread content/(\S+)\.md", text)
        assert where in (koan, f"{koan.partition('/')[0]}/chapter")


def test_without_a_workbook_the_page_has_all_the_rest(book):
    found = mistake(Page(of(failing(book, "Ada", "def f(x):\n    return 0"))))
    assert blocks(found, "Answers with it, without names") and "Reread" not in found.text


# How far everybody is


def column(found: Page, title: str, section: str = "students") -> list[str]:
    table = found.section(section).one("table")
    at = [head.text for head in table.one("thead").all("th")].index(title)
    return [row.children[at].text for row in table.one("tbody").all("tr")]


def test_the_furthest_koan_is_the_last_that_passes_in_the_order_of_the_workbook(book):
    one = passing(book, "Ada", OTHER, UNNAMED)
    found = Page(of(msgspec.structs.replace(one, koans=one.koans[::-1]), passing(book, "Ben")), book)
    assert column(found, "furthest") == [OTHER, "none yet"]
    assert column(found, "at")[1] == next(iter(book.koans))


def test_when_work_was_handed_in_is_shown_where_it_is_known(book):
    times = ["2026-11-21T20:05:00Z", "2026-11-21T21:05:59+01:30", "2026-11-21 20:05", "on Monday", ""]
    found = Page(of(*(passing(book, f"s{i}", handed_in=time) for i, time in enumerate(times))), book)
    shown = ["2026-11-21 20:05 UTC", "2026-11-21 21:05 +0130", "2026-11-21 20:05", "on Monday", "–"]
    assert column(found, "handed in") == shown
    assert "handed in" not in Page(of(passing(book, "Ben")), book).section("students").text


def test_the_histogram_counts_everybody_once(book):
    everything = tuple(book.koans)
    found = Page(
        of(
            passing(book, "Ada", *everything),
            passing(book, "Ben"),
            passing(book, "Chen"),
            grade(book, "Dan", [], problem="no folder"),
        ),
        book,
    )
    figure = found.section("points").one("figure")
    assert [bar.one("b").text for bar in figure.all("li")] == ["2", *["0"] * 8, "1"]
    assert (
        figure.one("figcaption").text
        == f"3 students by points, of {sum(k.points for k in book.koans.values())}; 1 without a grade"
    )


# Assignments


def marked(one: Grade, *marks: Mark) -> Grade:
    return msgspec.structs.replace(one, marks=marks)


@pytest.fixture(scope="module")
def term(book) -> Class:
    """Two students with marks for two assignments."""
    when = {"handed_in": "2026-11-21T20:05:00+01:00"}
    first = Mark("Numerics", 2.5, 4, (Line(KOAN, 4, 2.5),), days_late=2, deducted=0.5, notes=("with Ben Ali",))
    second = Mark("Attention", 3, 6, (Line(OTHER, 6, 3),))
    return of(marked(passing(book, "Ada", KOAN, **when), first, second), marked(passing(book, "Ben", **when), second))


def test_each_assignment_has_its_points_and_what_decided_about_them(book, term):
    found = Page(term, book)
    assert column(found, "points") == ["5.5 / 10", "3 / 6"]
    assert column(found, "Numerics", "points") == ["2.5 / 42 days late, 0.5 deductedwith Ben Ali", "–"]
    assert column(found, "Attention", "points") == ["3 / 6", "3 / 6"]
    captions = [figure.one("figcaption").text for figure in found.section("points").all("figure")]
    assert captions == [
        "Numerics: 1 student by points, of 4; 1 without a grade",
        "Attention: 2 students by points, of 6",
    ]


def test_there_is_a_filter_for_assignments_only_if_there_are_several(book, term):
    options = Page(term, book).whole.one("select", id="assignment").all("option")
    assert [option.text for option in options] == ["all", "Numerics", "Attention"]
    assert [option.attributes.get("data-koans") for option in options] == [None, KOAN, OTHER]
    one = of(*(msgspec.structs.replace(student, marks=student.marks[-1:]) for student in term.grades))
    assert not Page(one, book).whole.all("select", id="assignment")
    assert column(Page(one, book), "points") == ["3 / 6", "3 / 6"]


# Hidden names


def public(element: Element) -> str:
    """What stays of an element while names are hidden."""
    if "private" in element.attributes.get("class", "").split() or "data-s" in element.attributes:
        return " "
    return "".join(child if isinstance(child, str) else public(child) for child in element.children)


def test_no_name_is_left_where_names_are_hidden(book, week, term):
    named = of(
        failing(book, "Qabcd", notes=("of Qabcd",), commit="a1", branch="Qabcd"),
        grade(book, "Qefgh", [verdict(KOAN, Status.broken, text="Qabcd helped")], problem="forks/Qefgh: no folder"),
        failing(book, "Qijkl", names=["no_max", "nan"]),
    )
    named = msgspec.structs.replace(named, notes=tuple(f"Qabcd, note {i}" for i in range(5)))
    for found in (Page(named, book, named), Page(week[0], book, week[1]), Page(term, book)):
        people = [name for one in (named, *week, term) for name in (grade.submission for grade in one.grades)]
        text = public(found.whole.one("main"))
        assert len(text) > 1000 and [name for name in people if re.search(rf"\b{name}\b", text)] == []
        titles = [one for one in found.whole.all() if "title" in one.attributes]
        assert {one.tag for one in titles if re.search("|".join(people), one.attributes["title"])} <= {"th"}
        assert all(
            one.all(data_s=one.all("bdi")[0].attributes["data-s"])
            for one in titles
            if one.tag == "th" and one.all("bdi")
        )


def test_each_student_has_one_number_which_does_not_follow_the_order_of_names(book):
    grades = [failing(book, f"s{i:02}", seconds=i / 7) for i in range(30)]
    drawn = Page(of(*grades), book)
    numbers = {}
    for one in drawn.whole.all("bdi"):
        numbers.setdefault(one.text, set()).add(int(one.attributes["data-s"]))
    assert sorted(numbers) == [one.submission for one in grades]
    given = [number for name in sorted(numbers) for number in numbers[name]]
    assert sorted(given) == list(range(1, 31)) and given != sorted(given)
    again = Page(of(*(msgspec.structs.replace(one, seconds=1.5) for one in grades)), book)
    assert [one.attributes["data-s"] for one in again.section("students").all("bdi")] != [str(one) for one in given]


# Since last time


def test_a_student_is_found_again_by_id_by_place_or_by_a_name_that_nobody_else_has(week):
    changes = compare(*week)
    ada, ben, chen, dana, fatima = changes.students
    assert (ada.passed, ada.lost) == ((KOAN, OTHER), ())
    assert (ben.passed, ben.lost) == ((OTHER,), (KOAN,))
    assert (chen.moved, dana.moved, fatima) == (False, False, None)
    assert changes.still == [2, 3] and changes.left == 1


def test_two_students_of_one_name_without_ids_are_not_mixed_up(book):
    before = of(passing(book, "Ada", folder="a"), passing(book, "Ada", KOAN, folder="b"))
    now = of(passing(book, "Ada", KOAN, folder="b"), passing(book, "Ada", folder="c"))
    assert [one and one.passed for one in compare(now, before).students] == [(), None]
    other = of(passing(book, "Ada", student="u1", folder="x"))
    assert compare(other, of(passing(book, "Ada", student="u2", folder="x"))).students == (None,)


def test_points_are_compared_without_the_rules_of_an_assignment(book):
    mark = Mark("Numerics", 1, 100, (Line(KOAN, 100, 1),))
    [change] = compare(of(marked(passing(book, "Ada", KOAN), mark)), of(passing(book, "Ada"))).students
    assert change.points == book.koans[KOAN].points


def test_who_has_passed_everything_is_not_among_those_who_have_not_moved(book):
    one = of(passing(book, "Ada", *book.koans), passing(book, "Ben"))
    assert compare(one, one).still == [1]


def test_the_changes_of_a_class_fit_into_a_line(week):
    assert in_a_line(compare(*week)) == (
        "since 2026-11-22: 2 of 4 students passed 3 more koans; 1 koan does not pass any more; nothing has changed for "
        "2 students; 1 student had no result then; 1 student had one and has none now"
    )


def test_the_line_obeys_no_escape_of_a_file(week):
    now, before = week
    hostile = (msgspec.structs.replace(one, started="\x1b[2J\n\u202e") for one in before.grades)
    assert in_a_line(compare(now, of(*hostile))).startswith("since �: 2 of 4")


def test_the_page_shows_who_has_moved_and_where_progress_was_last(book, week):
    found = Page(week[0], book, week[1])
    rows = [[cell.text for cell in row.children] for row in found.section("changes").one("tbody").all("tr")]
    points = {koan: book.koans[koan].points for koan in (KOAN, OTHER)}
    assert rows == [
        ["Ada Lovelace", f"+{sum(points.values())}", "softmax, causal_mask", "–"],
        ["Benjamin", f"{points[OTHER] - points[KOAN]:+d}", "causal_mask", "softmax"],
    ]
    assert column(found, "new") == ["2", "1", "0", "0", "–"]
    assert column(found, "last progress") == [OTHER, OTHER, "no koan", "no koan", "no earlier result"]
    assert "Nothing has changed for 2 students: Chen Wei, Dana Ivanova" in found.section("changes").text


def test_a_mistake_says_how_many_made_it_last_time(book):
    before = of(*(failing(book, name) for name in NAMES), failing(book, "E", names=["nan"], koan=OTHER))
    now = of(failing(book, "Ada Lovelace"), failing(book, "Ben Ali", koan=UNNAMED))
    found = Page(now, book, before)
    assert [one.one(class_="since").text for one in found.section("mistakes").all("li")] == ["new", "last time 4"]
    [gone] = found.section("changes").all("li")
    assert (
        gone.attributes["data-k"] == OTHER and "1 mistake that nobody makes any more" in found.section("changes").text
    )
    assert not Page(now, book).whole.all(class_="since")


# The commands


def test_grade_and_report_compare_with_an_earlier_result(play, tmp_path):
    fork = tmp_path / "forks/ada"
    for week, solved in (("1", ()), ("2", ("causal_mask",))):
        play.body("softmax", "# by Ada", "e = torch.exp(x)", "return e / e.sum(dim, keepdim=True)")
        for koan in solved:
            play.solve(koan)
        play.hand_in(tmp_path / week)
    (tmp_path / "1").rename(tmp_path / "ada")
    run = play.says("grade", str(tmp_path / "ada"), "--seed", "1", "--format", f"json={tmp_path}/1.json")
    assert run.returncode == 0, run.stderr
    (tmp_path / "ada").rename(fork.parent.with_name("old"))
    (tmp_path / "2").rename(tmp_path / "ada")
    files = ("--format", f"json={tmp_path}/2.json", "--format", f"html={tmp_path}/a.html")
    run = play.says("grade", str(tmp_path / "ada"), "--seed", "1", "--since", f"{tmp_path}/1.json", *files)
    assert run.returncode == 0 and "1 of 1 student passed 1 more koan" in run.stderr, run.stderr
    report = ("report", f"{tmp_path}/2.json", "--since", f"{tmp_path}/1.json", "--format")
    assert play.says(*report, f"html={tmp_path}/b.html").returncode == 0
    direct, later = (re.sub("<(title|h1)>.*", "", (tmp_path / name).read_text()) for name in ("a.html", "b.html"))
    assert direct == later and "def softmax(x, dim=-1):\n    e = torch.exp(x)\n" in direct and "by Ada" not in direct
    refused = play.says(*report, f"html={tmp_path}/1.json")
    assert refused.returncode == 2 and "this command reads this file" in refused.stderr
    missing = play.says("grade", str(tmp_path / "ada"), "--since", f"{tmp_path}/3.json")
    assert missing.returncode == 2 and len(missing.stderr.splitlines()) == 1 and "3.json" in missing.stderr


# In a browser

BROWSER = pytest.mark.skipif(CHROMIUM is None, reason="not run here: needs chromium")
SHOWN = "[...document.querySelectorAll({!r})].filter(one => one.checkVisibility()).map(one => one.textContent)"


@pytest.fixture
def opened(book, week, term, tmp_path):
    """Opens the page of a class in a browser: `opened(week or term)`."""
    with Browser(tmp_path / "profile") as browser:

        def open_page(now, before=None, fragment=""):
            file = tmp_path / "class.html"
            file.write_text("".join(page(now, book, before)))
            browser.looks()
            browser.open(types.SimpleNamespace(as_uri=lambda: file.as_uri() + fragment))
            return browser

        yield open_page
        assert browser.complaints == []


def shown(browser, what):
    return browser.run(SHOWN.format(what))


def set_input(browser, name, value):
    browser.run(
        f"(one => {{ one.{'checked' if isinstance(value, bool) else 'value'} = {str(value).lower() if isinstance(value, bool) else repr(value)};"
        f"one.dispatchEvent(new Event('input', {{bubbles: true}})) }})(document.getElementById({name!r}))"
    )


@BROWSER
def test_a_chapter_hides_columns_rows_and_mistakes_of_the_others(book, week, opened):
    browser = opened(*week)
    assert len(shown(browser, "#matrix thead th.k")) == len(book.koans)
    set_input(browser, "chapter", "ch07_attention")
    own = [koan.name for koan in book.chapter("7").koans]
    assert shown(browser, "#matrix thead th.k") == own
    assert shown(browser, "#koans tbody th") == [f"ch07_attention/{name}" for name in own]
    assert shown(browser, "#mistakes li") == []
    assert shown(browser, "#students tbody th") == [one.submission for one in week[0].grades]
    set_input(browser, "chapter", "")
    assert (
        len(shown(browser, "#matrix thead th.k")) == len(book.koans)
        and len(shown(browser, "#mistakes .held > li")) == 1
    )


@BROWSER
def test_an_assignment_hides_other_points_and_koans(term, opened):
    browser = opened(term)
    set_input(browser, "assignment", "0")
    assert shown(browser, "#points thead th[data-a]") == ["Numerics"]
    assert shown(browser, "#matrix thead th.k") == ["softmax"] and shown(browser, "#koans tbody th") == [KOAN]
    assert len(shown(browser, "#points figure")) == 1


@BROWSER
def test_a_search_finds_students_koans_and_mistakes(book, week, opened):
    browser = opened(*week)
    set_input(browser, "find", "ada l")
    assert shown(browser, "#students tbody th") == ["Ada Lovelace"]
    assert (
        set(shown(browser, "#matrix tbody th")) == {"Ada Lovelace"} and len(shown(browser, "#matrix thead th.k")) > 100
    )
    set_input(browser, "find", "causal_m")
    assert shown(browser, "#matrix thead th.k") == ["causal_mask"] and len(shown(browser, "#matrix tbody th")) == 5
    assert shown(browser, "#koans tbody th") == [OTHER]
    assert browser.run("document.getElementById('shown').textContent") == (
        f"shown: 0 of 1 mistakes, 2 of 5 submissions, 1 of {len(book.koans)} koans"
    )


@BROWSER
def test_hidden_names_are_nowhere_and_rows_follow_the_numbers(week, opened):
    browser = opened(*week)
    set_input(browser, "hide", True)
    assert shown(browser, "#students tbody th") == [f"student {i}" for i in range(1, 6)]
    visible = browser.run("document.body.innerText + [...document.querySelectorAll('[title]')].map(one => one.title)")
    assert not [one.submission for one in week[0].grades if one.submission in visible]
    set_input(browser, "hide", False)
    assert shown(browser, "#students tbody th") == [one.submission for one in week[0].grades]
    assert "Ada Lovelace" in browser.run("[...document.querySelectorAll('[title]')].map(one => one.title).join()")


@BROWSER
def test_the_address_keeps_the_filters_and_hidden_names(week, opened):
    browser = opened(*week, fragment="#chapter=ch06_numerics&find=student%203&names=hidden")
    assert shown(browser, "#students tbody th") == ["student 3"]
    assert browser.run("document.getElementById('chapter').value") == "ch06_numerics"
    browser.run("document.getElementById('all').click()")
    assert browser.run("location.hash") == "#names=hidden" and len(shown(browser, "#students tbody th")) == 5


@BROWSER
@pytest.mark.parametrize("kind", ["week", "term"])
def test_everything_is_open_on_paper_and_nothing_is_wider_than_a_sheet(week, term, opened, kind):
    browser = opened(*(week if kind == "week" else (term, term)))
    closed = browser.run("document.querySelectorAll('details:not([open])').length")
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert closed and browser.run("document.querySelectorAll('details:not([open])').length") == 0
    browser.call("Emulation.setEmulatedMedia", media="print")
    browser.looks(width=720)  # A4 at 96 dots for each inch, without margins
    browser.call("Emulation.setEmulatedMedia", media="print")
    widest = (
        "Math.max(...[...document.querySelectorAll('table, pre, p')].map(one => one.getBoundingClientRect().right))"
    )
    assert browser.run(widest) <= 720
    assert browser.run("getComputedStyle(document.getElementById('controls')).display") == "none"
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.run("document.querySelectorAll('details:not([open])').length") == closed
