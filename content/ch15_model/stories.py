"""Short stories told by a grammar: the text that the model of chapter 15 learns from.

A story has a hero with a name, a kind and a trait, maybe friends, things that have an owner and a place, and one of ten
plots. What a story says early decides what it must say later: who is "she", where the kite lies, how many plums are
left, whose tracks are wet. A model that sees three tokens cannot know that. A model that sees the whole story can.

The stories are new: no sentence is taken from a book. Only Python's standard library is used, and a seed gives the same
story on every machine.
"""

import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

T = TypeVar("T")

TRAIN = range(30_000)
HELD_OUT = range(1_000_000, 1_002_000)

# ---------------------------------------------------------------------------------------------------------------- words


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


GIRLS = words(
    "Amy Anna Clara Dora Ella Emma Hana Ida Jane Kira Lena Lily Lucy Mara Maya Mia Mina Nina Nora Olive Pia Rosa Ruby "
    "Sara Tara Tilda Una Vera Wanda Zoe"
)
BOYS = words(
    "Adam Ben Bo Carl Dan Eli Finn Fred Gino Hugo Ivan Jack Juan Kai Leo Max Milo Nico Noah Omar Otto Paul Pete Rafi "
    "Rolf Sam Theo Tim Tom Will"
)
ANIMALS = words(
    "badger bear beaver cat crow deer dog donkey duck elephant fox frog goat goose hedgehog horse mole monkey mouse "
    "otter owl pig rabbit sheep sparrow squirrel turtle wolf"
)
BOLD = words("brave curious proud cheerful clever wild")
MILD = words("shy careful gentle patient kind quiet honest")
SIZES = words("little young small tall")

COLORS = words("red blue green yellow white black brown silver golden orange")
TOYS = words(
    "ball kite drum doll boat train puppet flute violin hoop cart sled puzzle balloon ring coin bell box book hat "
    "scarf coat cap glove boot ribbon watch mirror spoon bowl cup candle pillow pencil"
)
FOOD = words("apple pear plum nut carrot egg bun cookie orange lemon potato onion peach turnip")
FINDS = words("shell stone feather button acorn marble stamp leaf flower bead stick nail cork")
SEEDS = words("apple pear plum pumpkin bean cherry lemon peach melon tomato")
PLURALS = {"potato": "potatoes", "leaf": "leaves", "peach": "peaches", "cherry": "cherries", "tomato": "tomatoes"}
NUMBERS = words("no one two three four five six seven eight nine ten")
ORDINALS = words("first second third")

BESIDE = ("behind", "beside", "near")
# The words for where something is, for each place.
PLACES = {
    f"the {noun}": wheres
    for wheres, nouns in (
        (BESIDE, "barn, well, mill, school, shop, bakery, tower, fence, gate, church, stable"),
        (("under", *BESIDE), "bridge, oak, willow, bench, hedge, apple tree"),
        (("in", *BESIDE), "garden, cave, shed, tent, cabin, kitchen, old ship"),
        (("on", "behind"), "hill, rock, wall, island, haystack, sand dune"),
        (("in", "near"), "tall grass, reeds, meadow, hollow tree, corn field, pine wood"),
        (("by", "near"), "pond, river, lake, sea"),
    )
    for noun in nouns.split(", ")
}
HOMES = (
    ("in", "small house"),
    ("near", "green wood"),
    ("by", "wide river"),
    ("in", "quiet valley"),
    ("on", "busy farm"),
    ("on", "high hill"),
    ("near", "old bridge"),
    ("by", "blue lake"),
    ("in", "little town"),
    ("in", "sunny village"),
    ("behind", "long hedge"),
    ("at the end of", "narrow road"),
    ("on", "warm island"),
    ("under", "old oak"),
    ("near", "deep forest"),
    ("beside", "noisy mill"),
)
HOBBIES = (
    ("to sing", "sang a song"),
    ("to paint", "painted a picture"),
    ("to swim", "swam in the lake"),
    ("to climb trees", "climbed a tree"),
    ("to dance", "danced around the table"),
    ("to count the stars", "counted the stars"),
    ("to bake bread", "baked some bread"),
    ("to read", "read a long book"),
    ("to watch the clouds", "watched the clouds"),
    ("to draw maps", "drew a map"),
    ("to tell jokes", "told a joke"),
    ("to plant flowers", "planted a flower"),
    ("to cook", "cooked a pot of soup"),
    ("to write letters", "wrote a letter"),
    ("to catch fish", "caught a fish"),
    ("to walk", "took a long walk"),
)
# What happened, what that did, and how it is in the evening.
WEATHER = (
    ("it had rained all night", "the path was wet", "the path was dry again"),
    ("the wind was strong", "the leaves flew through the air", "the wind was calm"),
    ("it had snowed", "the roofs were white", "the snow was melting"),
    ("the sun was hot", "everyone stayed in the shade", "the air was cool"),
    ("there was a thick fog", "nobody could see very far", "the fog was gone"),
    ("it was very cold", "there was ice on the puddles", "the ice was gone"),
    ("there had been a storm", "a tree lay across the road", "the road was clear again"),
    ("it was market day", "the streets were full", "the streets were empty"),
    ("it was a holiday", "the school was closed", "the holiday was over"),
    ("the river was high", "the lower fields were under water", "the river was low again"),
    ("the clouds were dark", "all the lamps were lit", "the stars were out"),
    ("it was harvest time", "everyone was busy", "the work was done"),
)
FAMILY = words("mother father aunt uncle grandmother grandfather sister brother cousin")
DAYS = words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
# A tool, a trouble that {b} is in, and how {a} helps with the tool {o}.
TROUBLES = (
    ("rope", "{b} had fallen into a deep pit", "{a} let down the {o} and pulled {b.him} out"),
    ("lamp", "{b} was lost in a dark cave", "{a} lit the {o}, and {b} followed the light"),
    ("ladder", "{b} was stuck on a high roof", "{a} brought the {o}, and {b} climbed down"),
    ("boat", "{b} was alone on a small island", "{a} rowed over in the {o} and brought {b.him} back"),
    ("blanket", "{b} was cold and could not sleep", "{a} put the {o} around {b}, and soon {b.he} was warm"),
    ("spade", "snow had blocked {b}'s front door", "{a} cleared the door with the {o}"),
    ("key", "{b} was locked in the cellar", "{a} tried the {o}, and the door opened"),
    ("needle", "{b} had torn {b.his} best coat", "{a} mended the coat with the {o}"),
    ("bucket", "there was a fire in {b}'s kitchen", "{a} filled the {o} with water and put out the fire"),
    ("whistle", "{b} was lost in the woods", "{a} blew the {o}, and {b} walked toward the sound"),
    ("umbrella", "{b} could not go home in the rain", "{a} opened the {o}, and there was room for two under it"),
    ("net", "{b} had dropped {b.his} hat in a pond", "{a} fished the hat out with the {o}"),
    ("saw", "a branch had fallen on {b}'s gate", "{a} cut the branch in two with the {o}"),
    ("map", "{b} did not know the way to the market", "{a} unfolded the {o} and showed {b} the way"),
    ("basket", "{b} had more plums than {b.he} could carry", "{a} put the plums in the {o} and carried them"),
    ("jug", "{b} was thirsty and too tired to walk", "{a} filled the {o} at the well, and {b} drank"),
)
# Where someone has been, and what the tracks look like.
TRACKS = (
    ("at the pond", "wet", "water"),
    ("in the mill", "white", "flour"),
    ("in the garden", "brown", "mud"),
    ("by the chimney", "black", "soot"),
    ("in the hay", "yellow", "straw"),
    ("on the beach", "gray", "sand"),
)
CONTESTS = (
    ("run to {the_p} and back", "fastest"),
    ("jump over the ditch {p}", "best jumper"),
    ("throw a stone over the tree {p}", "best thrower"),
    ("swim across the pool {p}", "best swimmer"),
    ("climb the pole {p}", "best climber"),
    ("carry a full cup of water to {the_p}", "most careful"),
    ("stand on one leg {p}", "steadiest"),
    ("build a tower of stones {p}", "best builder"),
)
SLIPS = (
    "stopped to talk to a bee",
    "fell asleep in the sun",
    "tripped over a root",
    "had eaten too much cake",
    "laughed so much that {b.he} had to sit down",
    "looked at a butterfly",
    "got a fly in {b.his} eye",
    "sneezed",
)
DANGERS = (
    ("the ground there is soft", "sank into the mud up to {a.his} knees"),
    ("there are bees there", "was stung on the nose"),
    ("the stones there are loose", "slipped and hurt {a.his} foot"),
    ("there are thorns there", "came back with many scratches"),
    ("it is easy to get lost there", "needed hours to find the way back"),
    ("a grumpy goose lives there", "had to run from a grumpy goose"),
    ("the wind is too strong there", "lost {a.his} hat to the wind"),
    ("the branches there break easily", "fell down from a branch"),
)
FEELINGS = words("glad happy pleased thankful")


def with_article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' or words.startswith('honest') else 'a'} {words}"


def plural(noun: str) -> str:
    return PLURALS.get(noun, f"{noun}s")


def count(n: int, noun: str) -> str:
    """one apple, two apples"""
    return f"{NUMBERS[n]} {noun if n == 1 else plural(noun)}"


def capital(text: str) -> str:
    """The text with a capital letter at its start, also behind a quotation mark."""
    at = 1 if text.startswith('"') else 0
    return text[:at] + text[at].upper() + text[at + 1 :]


@dataclass(frozen=True)
class Story:
    """A text, and the negative logarithm of the probability of the choices that led to it, in nats."""

    text: str
    nats: float


@dataclass(frozen=True)
class Person:
    name: str
    he: str
    him: str
    his: str
    kind: str
    trait: str
    size: str

    def __str__(self) -> str:
        return self.name

    @property
    def He(self) -> str:  # noqa: N802  # as it stands at the start of a sentence
        return self.he.capitalize()

    @property
    def described(self) -> str:
        """a shy little fox"""
        return with_article(" ".join(word for word in (self.trait, self.size, self.kind) if word))


@dataclass(frozen=True)
class Thing:
    color: str
    noun: str

    def __str__(self) -> str:
        return f"{self.color} {self.noun}"

    @property
    def a(self) -> str:
        return with_article(str(self))


class Teller:
    """Makes the choices of one story, adds up their nats, and collects its sentences.

    `choose(n)` gives a number from 0 to n - 1. All choices are uniform, so that a choice among n costs ln n nats.
    A value in `world` may be a function: the choice is then made when a sentence first needs it. So no choice is made
    that the text does not show.
    """

    def __init__(self, choose: Callable[[int], int]) -> None:
        self.choose = choose
        self.nats = 0.0
        self.sentences: list[str] = []
        self.world: dict[str, object] = {"feeling": partial(self.pick, FEELINGS)}

    def pick(self, options: Sequence[T], but: Iterable[T] = ()) -> T:
        """One of the options, without those in `but`."""
        taken = set(but)
        left = [option for option in options if option not in taken] if taken else options
        self.nats += math.log(len(left))
        return left[self.choose(len(left))]

    def __getitem__(self, name: str) -> object:
        value = self.world[name]
        if callable(value):
            value = self.world[name] = value()
        return value

    def fill(self, frame: str) -> str:
        """The frame with the world's values in its fields."""
        return frame.format_map(self)

    def say(self, *frames: str) -> None:
        """One of these sentences."""
        self.sentences.append(capital(self.fill(self.pick(frames))))

    def maybe(self, *frames: str) -> None:
        """One of these sentences, or, as often as not, none."""
        if self.pick((False, True)):
            self.say(*frames)

    def person(self, but: Sequence[Person] = ()) -> Person:
        """Somebody whose name and kind nobody in `but` has."""
        she = self.pick((False, True))
        name = self.pick(GIRLS if she else BOYS, [other.name for other in but])
        child = "girl" if she else "boy"
        kinds = [other.kind for other in but]
        human = child not in kinds and self.pick((False, True))
        kind = child if human else self.pick(ANIMALS, kinds)
        trait = self.pick((*BOLD, *MILD), [other.trait for other in but])
        size = self.pick(("", *SIZES)) if not but else ""
        return Person(name, *(("she", "her", "her") if she else ("he", "him", "his")), kind, trait, size)

    def thing(self, nouns: Sequence[str], but: Sequence[Thing] = ()) -> Thing:
        noun = self.pick(nouns, [other.noun for other in but])
        return Thing(self.pick(COLORS, [other.color for other in but]), noun)

    def places(self, *names: str) -> None:
        """New places: `{p}` becomes "under the oak" and `{the_p}` "the oak" for the name p. All are different."""

        def noun() -> str:
            taken = {self.world[f"the_{name}"] for name in names}
            return self.pick([noun for noun in PLACES if noun not in taken])

        def place(name: str) -> str:
            the = str(self[f"the_{name}"])
            return f"{self.pick(PLACES[the])} {the}"

        self.world |= {f"the_{name}": noun for name in names}
        self.world |= {name: partial(place, name) for name in names}

    def speak(self, who: str, *lines: str) -> None:
        """The person under this name in the world says one of the lines. The speaker comes before or after it."""
        person = self.world[who]
        assert isinstance(person, Person)
        line = capital(self.fill(self.pick(lines)))
        verb = "asked" if line.endswith("?") else "said"
        name = self.pick((person.name, f"the {person.kind}"))
        if self.pick((False, True)):
            self.sentences.append(capital(f'{name} {verb}, "{line}"'))
        else:
            self.sentences.append(f'"{line[:-1]},"' if line.endswith(".") else f'"{line}"')
            self.sentences[-1] += f" {verb} {name}."


# ------------------------------------------------------------------------------------------------- beginnings and ends


def begin(t: Teller) -> None:
    """The hero {a}, where {a} lives, maybe what {a} likes, and what day or weather it is."""
    a = t.world["a"] = t.person()
    where, noun = t.pick(HOMES)
    t.world |= {"home": f"{where} {with_article(noun)}", "the_home": f"{where} the {noun}"}
    t.say(
        "Once upon a time, {a.described} named {a} lived {home}.",
        "{a} was {a.described} who lived {home}.",
        "There was once {a.described} called {a}, and {a.he} lived {home}.",
        "{home}, there lived {a.described} named {a}.",
        "{a.described} named {a} had a home {home}.",
        "Long ago, {a} lived {home}. {a.He} was {a.described}.",
        "Do you know {a}, {a.described} who lived {home}?",
    )
    assert isinstance(a, Person)
    if t.pick((False, True)):
        t.world["hobby"], t.world["hobby_done"] = t.pick(HOBBIES)
        t.say("{a} loved {hobby}.", "Most of all, {a.he} liked {hobby}.", "What {a} liked best was {hobby}.")
    if t.pick((False, True)):
        t.world["cause"], t.world["effect"], t.world["later"] = t.pick(WEATHER)
        t.say(
            "One day {cause}, so {effect}.",
            "One day {effect}, because {cause}.",
            "Because {cause}, {effect}.",
            "One morning {effect}. The reason was that {cause}.",
        )
    else:
        day = t.pick(range(7))
        t.world |= {"day": DAYS[day], "next_day": DAYS[(day + 1) % 7]}
        t.say(
            "It all began on a {day}.",
            "One {day}, {a} got up with the sun.",
            "On {day}, {a} had nothing to do.",
            "It was {day} morning.",
        )


def meet(t: Teller, who: str) -> None:
    """A friend comes into the story."""
    t.world[who] = t.person([p for p in t.world.values() if isinstance(p, Person)])
    frames = (
        "{a} had a friend named {b}, {b.described}.",
        "Not far away lived {b}, {b.described}.",
        "Then {b} came along, {b.described}.",
        "{b.described} named {b} was there, too.",
        "{a} liked to play with {b}, {b.described}.",
        "{b}, {b.described}, lived next door.",
        "One of {a.his} friends was {b}, {b.described}.",
        "{a} also knew {b}, {b.described}.",
    )
    t.say(*(frame.replace("{b", f"{{{who}") for frame in frames))


def end(t: Teller, praise: bool) -> None:
    """Two endings that depend on what the story said: the trait, the home, the hobby, the weather or the day."""
    endings = {
        "home": (
            "{a} was glad to be home again {the_home}.",
            "That night {a} slept well {the_home}.",
            "Soon {a} was home again {the_home}.",
            "Back {the_home}, {a} fell asleep at once.",
        ),
        "hobby": ("Then {a} {hobby_done}.", "Before bedtime {a} {hobby_done}.", "To end the day, {a} {hobby_done}."),
        "later": (
            "In the evening {later}.",
            "When it was time for bed, {later}.",
            "By then {later}.",
            "At last {later}.",
        ),
        "day": (
            "{a} never forgot that {day}.",
            "What a {day} that was!",
            "The next day was {next_day}, and {a} slept late.",
            "Now {a} waits for every {day}.",
            "{a} told everybody about it on {next_day}.",
        ),
    }
    options = [key for key in endings if key in t.world]
    if praise and "b" in t.world and t.pick((False, True)):
        t.speak(
            "b",
            "You are a very {a.trait} {a.kind}, {a}.",
            "I like to have a friend as {a.trait} as you, my dear {a.kind}.",
            "Nobody is as {a.trait} as {a} the {a.kind}!",
        )
    first = t.pick(options)
    t.say(*endings[first])
    if t.pick((False, True)):
        t.say(*endings[t.pick(options, [first])])


# ------------------------------------------------------------------------ ten plots; each returns whether it ended well


def lost(t: Teller) -> bool:
    """{a} forgets where a thing lies, and finds it where it was put."""
    o = t.world["o"] = t.thing(TOYS)
    t.world["noun"] = o.noun
    t.places("p", "q", "r")
    t.world["relative"] = t.pick(FAMILY)
    t.say(
        "{a} had {o.a} from {a.his} {relative}.",
        "{a.his} {relative} had given {a.him} {o.a}.",
        "The best thing {a} had was {o.a}, a present from {a.his} {relative}.",
    )
    t.say(
        "{a} put the {noun} {p} and went to {the_q}.",
        "{a} played with it, left it {p}, and then ran to {the_q}.",
        "In the morning {a} went to {the_q}, but the {noun} stayed {p}.",
    )
    meet(t, "b")
    t.say(
        "They played near {the_q} until noon.",
        "{a} and {b} talked for a long time.",
        "Together they ate {b.his} lunch.",
        "{b} knew a new game, and {a} won it.",
    )
    t.say(
        "Later {a} wanted the {o}, but {a.he} did not know where it was.",
        "Then {a} thought of the {o}. Where was it?",
        "When {b} asked to see the {o}, {a} could not find it.",
    )
    t.maybe(
        "{a.he} looked {r}, but it was not there.",
        "{r} there was nothing.",
        "They looked {r} first and found only dust.",
    )
    if t.pick((False, True)):
        t.speak("b", "Did you not leave it {p}?", "Was it not {p} this morning?", "I think it is {p}.")
    t.say(
        "And there, {p}, was the {o}.",
        "{a} ran to {the_p}, and there lay the {noun}.",
        "They found the {noun} {p}, where {a} had put it.",
    )
    t.say(
        "{a.his} {relative} would have been sad to hear that it was lost.",
        "{a} promised {a.his} {relative} to take better care of it.",
        "{a} thanked {b} and held the {noun} tight.",
        "From then on the {noun} stayed in {a.his} bag.",
    )
    return True


def counting(t: Teller) -> bool:
    """{a} finds more of something and gives some of it away."""
    noun = t.pick((*FOOD, *FINDS))
    n, more = t.pick(range(1, 7)), t.pick(range(1, 5))
    t.places("p", "q")
    t.world |= {"some": count(n, noun), "more": NUMBERS[more], "all": count(n + more, noun), "them": plural(noun)}
    t.say(
        "{a} had {some} in a bag.",
        "{p}, {a} found {some}.",
        "{a} had only {some}.",
        "{a} counted what {a.he} had: {some}.",
    )
    t.say(
        "Then {a.he} found {more} more {q}.",
        "{q} there were {more} more.",
        "A kind neighbor gave {a.him} {more} more.",
    )
    t.say("Now {a} had {all}.", "That made {all}.", "So there were {all} in the bag.")
    meet(t, "b")
    t.speak("b", "I have no {them} at all.", "May I have some of your {them}?", "I would like to have {them}, too.")
    given = t.pick(range(1, n + more))
    rest = n + more - given
    t.world |= {"given": count(given, noun), "rest": count(rest, noun), "were": "was" if rest == 1 else "were"}
    t.say(
        "{a} gave {b} {given}.",
        "So {b} got {given} from {a}.",
        'Then {a} said, "Here, take {given}."',
    )
    t.say("{rest} {were} left.", "{a} still had {rest}.", "Now there {were} only {rest} in {a.his} bag.")
    if t.pick((False, True)):
        t.speak("b", "Thank you for the {them}!", "I will never forget this.", "That is what I call a friend!")
    if given == rest:
        t.say("Now both had the same number.", "That was fair, because each had as many as the other.")
    elif given > rest:
        t.say("{b} had more than {a} now.", "{a} had fewer than {b}, but that was all right.")
    else:
        t.say("{a} had more than {b}, and still {b} was happy.", "{b} had fewer than {a}, but did not mind.")
    return True


def trouble(t: Teller) -> bool:
    """{b} is in trouble, and the tool that {a} has had all along helps."""
    tool, trouble, rescue = t.pick(TROUBLES)
    t.world["o"] = Thing(t.pick(COLORS), tool)
    t.places("p")
    t.say(
        "{a} found {o.a} {p}.",
        "At the market {a} bought {o.a}.",
        "{p} lay {o.a}, and {a} took it along.",
        "{a.his} grandfather gave {a.him} {o.a}.",
    )
    t.say(
        "Everyone laughed at it.",
        '"What do you want with that?" asked the neighbors.',
        "{a} did not know what it was good for.",
        "{a.he} took it everywhere.",
    )
    meet(t, "b")
    t.world |= {"trouble": t.fill(trouble), "Trouble": capital(t.fill(trouble)), "a_tool": with_article(tool)}
    t.say(
        "One evening there was trouble: {trouble}.",
        "Then something happened. {Trouble}.",
        "A bird brought bad news: {trouble}.",
    )
    t.maybe("Nobody knew what to do.", "People ran here and there.", "There was no time to lose.")
    if t.pick((False, True)):
        t.speak("b", "Help me, {a}!", "Can anybody help me?", "What shall I do now?")
    t.say(
        "Then {a} remembered the {o}.",
        "{a} had an idea and fetched the {o}.",
        "How good that {a} had the {o}!",
    )
    t.say(rescue + ".", "Quickly {a} " + rescue.removeprefix("{a} ") + ".")
    t.say(
        "Now everybody wished for {a_tool}.",
        "The next day {b} bought {o.a}, too.",
        "{b} was safe, and all because of {a_tool}.",
        '"Take good care of your {o}!" said {b}.',
    )
    return True


def trade(t: Teller) -> bool:
    """{a} wants to trade; {b} agrees or not, and at the end each has what follows from that."""
    o = t.thing(TOYS)
    u = t.thing(TOYS, [o])
    t.world |= {"o": o, "u": u}
    t.say("{a} had {o.a}.", "{a} was carrying {o.a}.", "In {a.his} bag {a} had {o.a}.")
    meet(t, "b")
    t.say("{b} had {u.a}.", "{b} was holding {u.a}.", "{b} was proud of {u.a}.")
    t.say(
        "{a} liked the {u} very much.",
        "{a} had always wanted something like that.",
        "{a} could not stop looking at it.",
    )
    t.speak(
        "a",
        "Will you give me your {u.noun} for my {o.noun}?",
        "My {o.noun} for your {u.noun}: what do you think?",
        "Let us trade, your {u.noun} for my {o.noun}.",
    )
    if t.pick((False, True)):
        t.speak("b", "Yes, with pleasure.", "Good, here is my {u.noun}.", "I like your {o.noun}, so it is a deal.")
        t.say(
            "So {a} went away with the {u}, and {b} kept the {o}.",
            "{b} took the {o}, and {a} took the {u}.",
            "Now the {o} was {b}'s and the {u} was {a}'s.",
        )
        t.maybe("The {u} was even better than it looked.", "{a} showed the {u} to everyone.")
        t.say("Both of them were {feeling}.")
    else:
        t.speak("b", "No, I want to keep my {u.noun}.", "I am sorry, but no.", "My {u.noun} is not for trade.")
        t.say(
            "So {b} kept the {u}, and {a} went away with the {o}.",
            "{a} was sad, but the {o} was still {a.his} own.",
            "So everything stayed as it was: the {o} with {a}, the {u} with {b}.",
        )
        t.maybe("The next week {b} let {a} play with the {u}.", "Later {a} forgot all about the {u}.")
        t.say("They stayed friends.", "A friend is worth more than a {u.noun}, anyway.")
    return True


def hidden(t: Teller) -> bool:
    """{a} hides a birthday present, and {b} guesses where it is."""
    t.world["o"] = t.thing(TOYS)
    t.places("p", "q", "r")
    meet(t, "b")
    t.say("It was {b}'s birthday.", "Soon {b} would have {b.his} birthday.", "{a} wanted to surprise {b}.")
    t.say(
        "{a} bought {o.a} and hid it {p}.",
        "{a} made {o.a}. It was a secret, so {a.he} put it {p}.",
        "{p} nobody ever looked, and there {a} hid {o.a}.",
    )
    t.speak("a", "There is something for you.", "Guess where your present is!", "Can you find your present?")
    t.speak("b", "Is it {q}?", "Did you put it {q}?", "Must I look {q}?")
    t.speak("a", "No, it is not {q}.", "No, try again.", "Not there, but you are close.")
    if t.pick((False, True)):
        t.speak("b", "Then it is {r}.", "What about {r}?")
        t.speak("a", "No, not {r}.", "Wrong again!")
    t.speak("b", "Then it must be {p}!", "Maybe it is {p}?", "Aha, {p}!")
    t.say(
        "And so it was: {b} found the {o}.",
        "{b} ran there and came back with the {o}.",
        "{a} nodded, and {b} fetched the {o}.",
    )
    t.speak("b", "{o.a}! Just what I wanted.", "I never had such a fine {o.noun}.", "This {o.noun} is for me?")
    t.maybe("They played with it until dark.", "Then there was cake for {a} and {b}.", "{b} smiled all day long.")
    return True


def journey(t: Teller) -> bool:
    """{a} passes three places, loses something at one of them, and comes back the other way round."""
    o = t.world["o"] = t.thing(TOYS)
    t.places("p", "q", "r")
    t.world["relative"] = t.pick(FAMILY)
    t.world |= {"noun": o.noun, "a_noun": with_article(o.noun)}
    t.say(
        "{a} wanted to bring {o.a} to {a.his} {relative}.",
        "{a.his} {relative} had asked for {o.a}, so {a} took it there.",
        "With {o.a} in {a.his} bag, {a} set out to see {a.his} {relative}.",
    )
    t.say(
        "{a.he} went past {the_p}, past {the_q} and past {the_r}.",
        "First came {the_p}, then {the_q}, and last {the_r}.",
        "The way led to {the_p}, from there to {the_q}, and then to {the_r}.",
    )
    t.say(
        "When {a.he} arrived, the bag was empty.",
        "But where was the {noun}? It had fallen out.",
        "At the door {a.he} saw that the {noun} was gone.",
    )
    t.speak("a", "I had it this morning!", "Oh no, I have lost it.", "It must be somewhere on the way.")
    t.say("So {a} went all the way back.", "{a} turned around at once.", "There was only one thing to do: go back.")
    way_back = ("r", "q", "p")
    at = t.pick(range(3))
    for place, more in zip(way_back[:at], ("", ", either"), strict=False):
        t.world["s"] = t[place]
        t.say("{s} there was nothing" + more + ".", "{a} looked {s} and found nothing" + more + ".")
    t.world["s"] = t[way_back[at]]
    t.say(
        "But {s} lay the {o}.",
        "Then, {s}, {a} saw something {o.color}: the {noun}!",
        "It was {s} that {a} found the {noun}.",
    )
    t.say(
        "That evening {a.his} {relative} got the {o} after all.",
        '"What a long way for {a_noun}!" said {a.his} {relative}.',
        "{a.his} {relative} was very {feeling}.",
    )
    return True


def tracks(t: Teller) -> bool:
    """A thing is gone, and the tracks on the ground say who took it."""
    o = t.world["o"] = t.thing(TOYS)
    t.world["noun"] = o.noun
    t.places("p")
    meet(t, "b")
    meet(t, "c")
    one = t.pick(TRACKS)
    other = t.pick(TRACKS, [one])
    t.world |= {"at_b": one[0], "at_c": other[0]}
    t.say("{a} had {o.a}. It always lay {p}.", "{p} {a} kept {o.a}.", "{a} had left {o.a} {p}.")
    t.say(
        "That morning {b} was {at_b}, and {c} was {at_c}.",
        "{b} spent the morning {at_b}. {c} spent it {at_c}.",
        "While {b} played {at_b}, {c} worked {at_c}.",
    )
    t.say("At noon the {noun} was gone!", "When {a} came back, there was no {noun}.", "Then somebody took the {noun}.")
    guilty, looks, stuff = t.pick((("b", *one[1:]), ("c", *other[1:])))
    t.world |= {"d": t.world[guilty], "looks": looks, "stuff": stuff, "e": t.world["c" if guilty == "b" else "b"]}
    t.say(
        "On the ground there were {looks} tracks of {stuff}.",
        "But there was {stuff} on the grass, and the tracks were {looks}.",
        "{a} saw {looks} spots on the ground. It was {stuff}.",
    )
    t.maybe("{a} thought for a while.", "{a} looked closely and smiled.", "That was easy.")
    t.speak("a", "{d} was here!", "It was not {e}, it was {d}.", "Where is my {noun}, {d}?")
    t.speak("d", "I only borrowed it.", "I am sorry, I wanted to play with it.", "How did you know that?")
    t.say(
        "{d} gave the {o} back.",
        "{d} brought back the {noun} and {a} forgave {d.him}.",
        "So the {o} came back to {the_p}.",
    )
    return True


def contest(t: Teller) -> bool:
    """Two friends compete. One of them makes a mistake, so the other one wins the prize."""
    t.world["o"] = t.thing(TOYS)
    t.places("p")
    meet(t, "b")
    task, best = t.pick(CONTESTS)
    t.world |= {"task": t.fill(task), "best": best}
    t.speak("b", "I am the {best} of all.", "Nobody can beat me.", "Who wants to play against me?")
    t.speak("a", "Let us see who can {task}.", "Then try to {task}!", "We will both {task}, and then we will know.")
    t.say("The prize was {o.a}.", "The winner was to get {o.a}.", "There was {o.a} to win.")
    t.maybe("Many friends came to watch.", "They counted to three.", "{a} took a deep breath.")
    loser, winner = t.pick((("a", "b"), ("b", "a")))
    t.world |= {"l": t.world[loser], "w": t.world[winner]}
    t.world["slip"] = t.fill(t.pick(SLIPS).replace("{b.", "{l."))
    t.say(
        "But {l} {slip}, so {w} won.",
        "Because {l} {slip}, it was {w} who won.",
        "{w} won, because {l} {slip}.",
    )
    t.say("So {w} got the {o}.", "The {o} went to {w}.", "{w} held up the {o} for all to see.")
    t.speak("l", "Next time I will win.", "Well done, {w}!", "You were better today.")
    t.maybe(
        "{w} let {l} play with the {o.noun}, too.",
        "{l} was sad, but not for long.",
        "They tried it again, and {l} was the {best} this time.",
    )
    return True


def garden(t: Teller) -> bool:
    """{a} plants a seed. What grows depends on whether it gets water."""
    noun = t.pick(SEEDS)
    t.places("p")
    days = t.pick(range(3, 7))
    t.world |= {"noun": noun, "a_seed": with_article(f"{noun} seed"), "them": plural(noun), "days": NUMBERS[days]}
    t.say(
        "{a} had {a_seed} and planted it {p}.",
        "{p}, {a} made a small hole and put {a_seed} into it.",
        "{a} wanted to have {them}, so {a.he} put {a_seed} into the ground {p}.",
    )
    meet(t, "b")
    t.speak("b", "It needs water every day.", "Do not forget the water!", "Without water nothing grows.")
    cared = t.pick((False, True))
    if cared:
        t.say("Every day {a} brought water.", "{a} watered it each morning.", "So {a} filled the can again and again.")
    else:
        t.say("But {a} forgot it.", "But {a} had other things to do.", "{a} did not listen and went to play.")
    for number in range(t.pick(range(1, 4))):
        t.world["nth"] = ORDINALS[number]
        t.say("On the {nth} day nothing happened.", "The {nth} day passed.", "Nothing could be seen on the {nth} day.")
    if cared:
        n = t.pick(range(2, 9))
        t.world |= {"some": count(n, noun), "one_less": count(n - 1, noun), "others": NUMBERS[n - 1]}
        t.say("After {days} weeks there was a green plant.", "After {days} weeks the plant was as tall as {a}.")
        t.say("Soon it had {some}.", "{some} hung on it in the end.", "{a} picked {some}.")
        t.say(
            "{a} ate one and {b} got the other {others}.",
            "{a} gave one to {b} and kept {one_less}.",
            "{a} and {b} ate them all, and nothing was left of the {some}.",
        )
        t.maybe("They were the best {them} in the land.", "And {a} kept a seed for the next year.")
    else:
        t.say(
            "After {days} weeks there was still only dry earth.", "After {days} weeks {a} looked: no plant, no {them}."
        )
        t.speak("a", "Why did nothing grow?", "Where are my {them}?", "I wanted to eat {them}!")
        t.speak("b", "Because you gave it no water.", "It was too dry.", "You forgot the water.")
        t.say("Next year {a} will do better.", "So {b} gave {a} some of {b.his} own {them}.", "Now {a} knows better.")
    return cared


def warning(t: Teller) -> bool:
    """{b} warns {a}. The brave and the curious go anyway; the careful and the shy stay."""
    a = t.world["a"]
    assert isinstance(a, Person)
    o = t.world["o"] = t.thing(TOYS)
    t.places("p")
    t.world["noun"] = o.noun
    meet(t, "b")
    reason, harm = t.pick(DANGERS)
    t.world |= {"reason": reason, "Reason": capital(reason), "harm": t.fill(harm)}
    t.say("{a} saw {o.a} {p}.", "There was {o.a} {p}, and {a} wanted it.", "{p} {a} could see {o.a}.")
    t.speak("b", "Do not go there, {reason}.", "Stay away from {the_p}, because {reason}.", "I would not go. {Reason}.")
    if a.trait in BOLD:
        t.say(
            "But {a} was too {a.trait} to listen.",
            "{a} was {a.trait} and went there at once.",
            "A {a.trait} {a.kind} does not wait, so {a} went.",
        )
        t.say("{a} {harm}.", "And what happened? {a} {harm}.", "It ended badly: {a} {harm}.")
        t.speak("a", "You were right, {b}.", "I should have listened to you.", "I will not do that again.")
        t.say("The {o} stayed where it was.", "So {a} never got the {noun}.", "{b} took {a} home without the {noun}.")
    else:
        t.say(
            "{a} was {a.trait} and stayed at home.",
            "Because {a} was {a.trait}, {a.he} did not go.",
            "As {a.trait} as ever, {a} listened and waited.",
        )
        t.say(
            "The next day somebody brought the {noun} to {a.him}.",
            "Later {b} brought the {o} with a long stick.",
            "Then the owner came, and {a} got the {noun} as a present.",
        )
        t.speak("b", "It was good that you waited.", "You did the right thing.", "Now you have it without any harm.")
        t.say("{a} played with the {o} all day.", "{a} was {feeling} about the {o}.")
    return a.trait in MILD


PLOTS = (lost, counting, trouble, trade, hidden, journey, tracks, contest, garden, warning)


def tell(choose: Callable[[int], int]) -> Story:
    """The story that these choices make. `choose(n)` returns a number from 0 to n - 1."""
    t = Teller(choose)
    begin(t)
    plot = t.pick(PLOTS)
    ended_well = plot(t)
    end(t, praise=ended_well)
    return Story(" ".join(t.sentences), t.nats)


def story(seed: int) -> Story:
    """The story of this seed, the same on every machine.

    `nats` is −ln of the probability of the choices made. Two ways to one text would make the text more probable than
    that, so the mean of `nats` is an upper bound of the grammar's entropy. No such text was found: of 2,686 changes of
    one choice and 58,884 changes of two choices that are near each other, each changed the text.
    """
    draw = random.Random(seed).random  # the only method whose numbers Python promises to keep
    return tell(lambda n: int(draw() * n))


def entropy(seeds: Iterable[int]) -> float:
    """The mean nats of these stories: an estimate of the grammar's entropy per story."""
    nats = [story(seed).nats for seed in seeds]
    return sum(nats) / len(nats)
