"""The stories that the model learns from: correct sentences, ends that follow from beginnings, and known entropy."""

import math
import random
import re
from itertools import chain, repeat

import pytest

from content.ch15_model import stories
from content.ch15_model.stories import BOYS, GIRLS, HELD_OUT, NUMBERS, TRAIN, entropy, story, tell

SOME = [story(seed) for seed in range(3000)]
NUMBER = "|".join(f"{number}|{number.title()}" for number in NUMBERS[1:])
TEXT = "\n".join(s.text for s in SOME)


def told(indices):
    """The story of these choices, and (options, chosen) for each. The first option is chosen when they run out."""
    rest, made = chain(indices, repeat(0)), []

    def choose(n):
        made.append((n, next(rest) % n))
        return made[-1][1]

    return tell(choose), made


def test_a_seed_tells_the_same_story_on_every_machine():
    assert story(0).text == (
        "There was once a shy young donkey called Ruby, and she lived on a warm island. Because the clouds were dark, "
        "all the lamps were lit. At the market Ruby bought a brown saw. She took it everywhere. Tara, a cheerful girl, "
        "lived next door. A bird brought bad news: a branch had fallen on Tara's gate. People ran here and there. Ruby "
        'had an idea and fetched the brown saw. Quickly Ruby cut the branch in two with the brown saw. "Take good care '
        'of your brown saw!" said Tara. "I like to have a friend as shy as you, my dear donkey," said the girl. By then '
        "the stars were out."
    )


def test_a_story_costs_the_logarithms_of_its_numbers_of_options():
    rng = random.Random(1)
    for _ in range(50):
        tale, made = told([rng.randrange(1000) for _ in range(200)])
        assert tale.nats == pytest.approx(sum(math.log(n) for n, _ in made))


def test_every_choice_shows_in_the_text_so_that_nats_are_the_entropy():
    rng = random.Random(2)
    changed = 0
    for _ in range(25):
        tale, made = told([rng.randrange(1000) for _ in range(200)])
        chosen = [i for _, i in made]
        for at, (n, i) in enumerate(made):
            if n > 1:
                other, _ = told([*chosen[:at], (i + rng.randrange(1, n)) % n, *chosen[at + 1 :]])
                assert other.text != tale.text
                changed += 1
    assert changed > 800


def test_entropy_is_the_mean_over_stories():
    assert entropy(range(3)) == pytest.approx((SOME[0].nats + SOME[1].nats + SOME[2].nats) / 3)


def test_held_out_stories_are_told_in_no_training():
    held_out = {story(seed).text for seed in HELD_OUT}
    assert len(held_out) == len(HELD_OUT) == 2000
    assert sum(story(seed).text in held_out for seed in TRAIN) == 0


def test_stories_are_between_70_and_180_words_long():
    lengths = [len(s.text.split()) for s in SOME]
    assert min(lengths) >= 70 and max(lengths) <= 180
    assert 110 < sum(lengths) / len(lengths) < 120


@pytest.mark.parametrize(
    "wrong",
    [
        r"\ba (?:[aeiou]|honest)",
        r"\ban (?![aeiou]|honest)",
        r"  | [.,!?]|[.!?][A-Z]|[{}_]",
        r"(?:^|[.!?] )[a-z]",
        r"\b(\w+) \1\b",
    ],
    ids=["a before a vowel", "an before a consonant", "spaces and braces", "small letter after a stop", "a word twice"],
)
def test_articles_and_punctuation_are_right(wrong):
    hits = [
        TEXT[max(0, m.start() - 30) : m.end() + 20]
        for m in re.finditer(wrong, TEXT, re.IGNORECASE * (r"\ba" in wrong) | re.MULTILINE)
    ]
    assert hits == []


def test_one_thing_is_singular_and_more_are_plural():
    nouns = {*stories.FOOD, *stories.FINDS, *stories.SEEDS}
    plurals = {stories.plural(noun) for noun in nouns}
    counted = re.findall(rf"\b({NUMBER}) ({'|'.join(sorted(nouns | plurals, key=len, reverse=True))})\b", TEXT)
    assert len(counted) > 1000
    assert [(number, noun) for number, noun in counted if (number.lower() == "one") != (noun in nouns)] == []


def test_quotation_marks_are_in_pairs_with_a_speaker_beside_them():
    for s in SOME:
        quotes = re.findall(r'"[^"]+"', s.text)
        assert s.text.count('"') == 2 * len(quotes)
        for quote in quotes:
            before, _, after = s.text.partition(quote)
            assert before.endswith((" said, ", " asked, ")) or after.startswith((" said ", " asked "))


def test_pronouns_agree_with_the_only_person_of_a_story():
    alone = 0
    for s in SOME:
        names = {word for word in re.findall(r"[A-Z][a-z]+", s.text) if word in {*GIRLS, *BOYS}}
        if len(names) == 1:
            wrong = r"\b(?:he|him|his)\b" if names & {*GIRLS} else r"\b(?:she|her)\b"
            assert not re.search(wrong, s.text, re.IGNORECASE)
            alone += 1
    assert alone > 100


def test_what_is_given_away_and_what_is_left_add_up():
    added = 0
    for s in SOME:
        if re.search(r"Now \w+ had|That made|So there were", s.text):
            numbers = re.findall(rf"\b({NUMBER}) (?!day\b|morning\b|of\b|[A-Z])", s.text)  # "One day" counts nothing
            n, more, total, given, rest = (NUMBERS.index(number.lower()) for number in numbers)
            assert n + more == total == given + rest
            added += 1
    assert added > 200


def test_a_lost_thing_lies_where_it_was_put():
    found = 0
    for s in SOME:
        end = re.search(r"And there, ([^,]+), was the", s.text)
        if end:
            assert s.text.index(end[1]) < end.start()
            found += 1
    assert found > 50


def test_the_trait_of_the_beginning_decides_whether_a_warning_is_heard():
    outcomes = {True: set(), False: set()}
    for s in SOME:
        if re.search("Do not go there|Stay away from|I would not go", s.text):
            trait = re.search(rf"\b({'|'.join((*stories.BOLD, *stories.MILD))})(?: \w+)? (?!valley)", s.text)[1]
            failed = re.search("never got|stayed where it was|home without", s.text) is not None
            outcomes[trait in stories.BOLD].add(failed)
    assert outcomes == {True: {True}, False: {False}}
