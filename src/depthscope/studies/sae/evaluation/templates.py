"""Sentences by templates of our own, in pairs that differ in one property and in nothing else that a template can help."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Rng = np.random.Generator
Pair = Callable[[Rng], tuple[str, str]]  # a sentence with the property, and one without


class Verb(NamedTuple):
    """Forms: to open, opens, opened, has opened, is opening."""

    base: str
    third: str
    past: str
    participle: str
    gerund: str


def _verb(base: str, past: str = "", participle: str = "") -> Verb:
    stem = base[:-1] if base.endswith("e") else base
    third = base + ("es" if base.endswith(("s", "sh", "ch", "x", "o")) else "s")
    past = past or f"{stem}ed"
    return Verb(base, third, past, participle or past, f"{stem}ing")


VERBS = [
    *map(
        _verb,
        ["open", "paint", "clean", "watch", "follow", "mend", "collect", "cover", "lift", "pull", "push", "touch"],
    ),
    *map(_verb, ["describe", "measure", "move", "examine", "remove", "admire", "guard", "count", "visit", "finish"]),
    _verb("take", "took", "taken"),
    _verb("hide", "hid", "hidden"),
    _verb("see", "saw", "seen")._replace(gerund="seeing"),
    _verb("break", "broke", "broken"),
    _verb("find", "found"),
    _verb("buy", "bought"),
    _verb("bring", "brought"),
    _verb("sell", "sold"),
]
PEOPLE = [
    *[
        "keeper",
        "teacher",
        "sailor",
        "doctor",
        "farmer",
        "baker",
        "painter",
        "clerk",
        "soldier",
        "student",
        "neighbour",
    ],
    *["gardener", "singer", "judge", "porter", "miller", "driver", "weaver", "tailor", "visitor", "stranger", "cousin"],
]
THINGS = [
    *["gate", "table", "basket", "lamp", "letter", "carpet", "bottle", "ladder", "mirror", "window", "wagon", "kettle"],
    *["drawer", "picture", "blanket", "barrel", "candle", "fence", "hammer", "jacket", "needle", "pillow", "ribbon"],
    *["saddle", "trunk", "umbrella", "violin", "clock", "coat", "door", "engine", "glass", "helmet", "oven", "rope"],
]
KINDS = [
    *["old", "small", "heavy", "red", "broken", "dusty", "narrow", "golden", "wooden", "strange", "plain", "bright"],
    *["worn", "clean", "black", "white", "round", "cheap", "empty", "modern"],
]
PLACES = [
    *["in the garden", "near the bridge", "behind the house", "at the market", "by the river", "in the yard"],
    *["beside the road", "at the station", "under the trees", "in the hall", "on the hill", "at the corner"],
]
TIMES = ["after lunch", "on Monday", "before noon", "in the rain", "that week", "once more", "at last", "for an hour"]
WOMEN = [
    *["Margaret", "Clara", "Helen", "Ruth", "Agnes", "Judith", "Martha", "Sophie", "Laura", "Emily", "Nora", "Alice"],
    *["Edith", "Irene", "Susan"],
]
MEN = [
    *["Edward", "Arthur", "George", "Henry", "Walter", "Oscar", "Philip", "Martin", "Simon", "Peter", "Hugo", "Albert"],
    *["Ralph", "Victor", "Daniel"],
]
ADVERBS = ["slowly", "quickly", "quietly", "carefully", "suddenly", "gladly", "calmly", "politely", "gently", "firmly"]
SMALL = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve"]


def one_of(rng: Rng, words: list[str]) -> str:
    """A word of a list."""
    return words[int(rng.integers(len(words)))]


def verb(rng: Rng) -> Verb:
    """A verb."""
    return VERBS[int(rng.integers(len(VERBS)))]


def thing(rng: Rng) -> str:
    """A thing, with or without an adjective."""
    noun = one_of(rng, THINGS)
    return noun if rng.random() < 0.5 else f"{one_of(rng, KINDS)} {noun}"


def ending(rng: Rng) -> str:
    """A place, a time, both or neither, with a space before each."""
    where = f" {one_of(rng, PLACES)}" if rng.random() < 0.6 else ""
    when = f" {one_of(rng, TIMES)}" if rng.random() < 0.4 else ""
    return where + when


def sentence(words: str) -> str:
    """With a capital at its beginning."""
    return words[0].upper() + words[1:]


def article(noun: str) -> str:
    """``a`` or ``an``."""
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _past(rng: Rng) -> tuple[str, str]:
    who, what, did, end = one_of(rng, PEOPLE), thing(rng), verb(rng), ending(rng)
    return sentence(f"the {who} {did.past} the {what}{end}."), sentence(f"the {who} {did.third} the {what}{end}.")


def _future(rng: Rng) -> tuple[str, str]:
    who, what, did, end = one_of(rng, PEOPLE), thing(rng), verb(rng), ending(rng)
    will = f"will {did.base}" if rng.random() < 0.5 else f"is going to {did.base}"
    past = f"has {did.participle}" if rng.random() < 0.5 else f"had to {did.base}"
    return sentence(f"the {who} {will} the {what}{end}."), sentence(f"the {who} {past} the {what}{end}.")


def _plural(rng: Rng) -> tuple[str, str]:
    who, what, did, end = one_of(rng, PEOPLE), thing(rng), verb(rng), ending(rng)
    return sentence(f"the {who}s {did.past} the {what}{end}."), sentence(f"the {who} {did.past} the {what}{end}.")


def _negated(rng: Rng) -> tuple[str, str]:
    who, what, did, end = one_of(rng, PEOPLE), thing(rng), verb(rng), ending(rng)
    no = [f"never {did.past}", f"did not {did.base}", f"no longer {did.past}", f"could not {did.base}"]
    yes = [f"always {did.past}", f"did indeed {did.base}", f"once more {did.past}", f"could soon {did.base}"]
    return sentence(f"the {who} {one_of(rng, no)} the {what}{end}."), sentence(
        f"the {who} {one_of(rng, yes)} the {what}{end}."
    )


def _question(rng: Rng) -> tuple[str, str]:
    who, what, did, end = one_of(rng, PEOPLE), thing(rng), verb(rng), ending(rng)
    asked = [f"did the {who} {did.base}", f"has the {who} {did.participle}", f"when will the {who} {did.base}"]
    said = [f"the {who} did {did.base}", f"the {who} has {did.participle}", f"then the {who} will {did.base}"]
    # without its mark, which would tell by itself
    return sentence(f"{one_of(rng, asked)} the {what}{end}"), sentence(f"{one_of(rng, said)} the {what}{end}")


def _passive(rng: Rng) -> tuple[str, str]:
    who, what, did, end = one_of(rng, PEOPLE), thing(rng), verb(rng), ending(rng)
    return (
        sentence(f"the {what} was {did.participle} by the {who}{end}."),
        sentence(f"the {who} was {did.gerund} the {what}{end}."),
    )


GOOD = [
    "delicious",
    "wonderful",
    "lovely",
    "excellent",
    "charming",
    "delightful",
    "splendid",
    "perfect",
    "superb",
    "pleasant",
]
BAD = [
    "awful",
    "terrible",
    "horrible",
    "dreadful",
    "disgusting",
    "miserable",
    "boring",
    "poor",
    "unpleasant",
    "disappointing",
]
JUDGED = [
    "soup",
    "room",
    "service",
    "film",
    "play",
    "journey",
    "hotel",
    "music",
    "evening",
    "dinner",
    "story",
    "weather",
]


def _positive(rng: Rng) -> tuple[str, str]:
    first, second = one_of(rng, JUDGED), one_of(rng, JUDGED)
    frames = ["The {0} was {a}, and we found the {1} quite {b}.", "What {0}! It was {a}, and the {1} looked {b} too."]
    frames += ["We thought that the {0} was {a} and the {1} {b}.", "Everybody called the {0} {a}; the {1} seemed {b}."]
    frame = one_of(rng, frames)
    good, bad = ([words[i] for i in rng.choice(len(words), 2, replace=False)] for words in (GOOD, BAD))
    return frame.format(first, second, a=good[0], b=good[1]), frame.format(first, second, a=bad[0], b=bad[1])


def _quoted(rng: Rng) -> tuple[str, str]:
    who, what, did, end = one_of(rng, PEOPLE), thing(rng), verb(rng), ending(rng)
    words = f"we {did.past} the {what}{end}"
    return f'"{sentence(words)}," said the {who}.', f"{sentence(words)}, as the {who} said."


def _first_person(rng: Rng) -> tuple[str, str]:
    what, did, end = thing(rng), verb(rng), ending(rng)
    mine, theirs = one_of(rng, ["I", "we"]), one_of(rng, ["they", "she", "he"])
    lead = one_of(rng, ["", "Yesterday ", "Of course ", "In the end "])
    return sentence(f"{lead}{mine} {did.past} the {what}{end}."), sentence(
        f"{lead}{theirs} {did.past} the {what}{end}."
    )


def _she(rng: Rng) -> tuple[str, str]:
    what, did, end, who = thing(rng), verb(rng), ending(rng), one_of(rng, PEOPLE)
    frame = one_of(
        rng,
        ["The {w} said that {s} {d} the {t}{e}.", "{S} {d} the {t}{e}.", "The {w} left, and {s} {d} {p} {t}{e}."],
    )
    return tuple(
        frame.format(w=who, s=s, S=s.capitalize(), p=p, d=did.past, t=what, e=end)
        for s, p in (("she", "her"), ("he", "his"))
    )  # type: ignore[return-value]


def _named(rng: Rng) -> tuple[str, str]:
    who, what, did, end = one_of(rng, PEOPLE), thing(rng), verb(rng), ending(rng)
    name, lead = one_of(rng, WOMEN + MEN), one_of(rng, ["Later ", "In the end ", "So ", "At first "])
    return f"{lead}{name} {did.past} the {what}{end}.", f"{lead}the {who} {did.past} the {what}{end}."


def _woman(rng: Rng) -> tuple[str, str]:
    what, did, end = thing(rng), verb(rng), ending(rng)
    return f"{one_of(rng, WOMEN)} {did.past} the {what}{end}.", f"{one_of(rng, MEN)} {did.past} the {what}{end}."


def _digits(rng: Rng) -> tuple[str, str]:
    who, what, did, end = one_of(rng, PEOPLE), one_of(rng, THINGS), verb(rng), ending(rng)
    number, word = str(rng.integers(2, 400)), one_of(rng, [*SMALL, "several", "many"])
    return (
        sentence(f"the {who} {did.past} {number} {what}s{end}."),
        sentence(f"the {who} {did.past} {word} {what}s{end}."),
    )


TOPICS = {
    "sea": [
        "sailor",
        "harbour",
        "anchor",
        "deck",
        "tide",
        "captain",
        "waves",
        "mast",
        "pier",
        "shipwreck",
        "lighthouse",
        "coast",
    ],
    "kitchen": [
        "flour",
        "oven",
        "butter",
        "spoon",
        "recipe",
        "dough",
        "pepper",
        "kettle",
        "pan",
        "cook",
        "onions",
        "stove",
    ],
    "court": [
        "judge",
        "jury",
        "lawyer",
        "verdict",
        "witness",
        "trial",
        "sentence",
        "prosecutor",
        "law",
        "appeal",
        "oath",
        "guilt",
    ],
    "music": [
        "violin",
        "concert",
        "melody",
        "orchestra",
        "piano",
        "singer",
        "rhythm",
        "choir",
        "drum",
        "flute",
        "song",
        "stage",
    ],
    "medicine": [
        "nurse",
        "fever",
        "patient",
        "pulse",
        "surgeon",
        "clinic",
        "wound",
        "vaccine",
        "tablet",
        "illness",
        "cough",
        "bandage",
    ],
    "money": [
        "bank",
        "loan",
        "interest",
        "market",
        "price",
        "profit",
        "debt",
        "budget",
        "coin",
        "salary",
        "shares",
        "tax",
    ],
}
ABOUT = [
    "They talked about the {0} and the {1}{e}.",
    "She remembered the {0}, the {1} and the {2}{e}.",
    "The {0} was not far from the {1}{e}.",
    "Nobody had said anything of the {0} or the {1}{e}.",
    "He wrote a page about the {0} and its {1}{e}.",
]


def topic(about: str) -> Pair:
    """Sentences about one of the topics, or about one of the others."""
    others = [name for name in TOPICS if name != about]

    def pair(rng: Rng) -> tuple[str, str]:
        frame, end = one_of(rng, ABOUT), ending(rng)
        words = (TOPICS[about], TOPICS[one_of(rng, others)])
        return tuple(frame.format(*rng.permutation(one)[:3], e=end) for one in words)  # type: ignore[return-value]

    return pair


def _early_letter(rng: Rng) -> tuple[str, str]:
    who, did = one_of(rng, PEOPLE), verb(rng)
    early, late = ([noun for noun in THINGS if (noun[0] < "m") is half] for half in (True, False))
    lead = f"the {who} {did.past} the {one_of(rng, KINDS)}"
    return sentence(f"{lead} {one_of(rng, early)}"), sentence(f"{lead} {one_of(rng, late)}")


def _long(rng: Rng) -> tuple[str, str]:
    who, did, what = one_of(rng, PEOPLE), verb(rng), thing(rng)
    more = (
        f" {one_of(rng, PLACES)} {one_of(rng, TIMES)}, and the {one_of(rng, PEOPLE)} {verb(rng).past} the {thing(rng)}"
    )
    return sentence(f"the {who} {did.past} the {what}{more}."), sentence(f"the {who} {did.past} the {what}.")


def _comparative(rng: Rng) -> tuple[str, str]:
    first, second = (THINGS[i] for i in rng.choice(len(THINGS), 2, replace=False))
    kind = one_of(
        rng, ["old", "small", "dark", "cheap", "long", "short", "tall", "clean", "bright", "warm", "cold", "light"]
    )
    end = ending(rng)
    return f"The {first} was {kind}er than the {second}{end}.", f"The {first} was as {kind} as the {second}{end}."


def _modal(rng: Rng) -> tuple[str, str]:
    who, what, did, end = one_of(rng, PEOPLE), thing(rng), verb(rng), ending(rng)
    modal = one_of(rng, ["must", "should", "might", "may", "could", "ought to"])
    plain = one_of(rng, ["wants to", "has to", "tries to", "began to", "hopes to", "used to"])
    return sentence(f"the {who} {modal} {did.base} the {what}{end}."), sentence(
        f"the {who} {plain} {did.base} the {what}{end}."
    )


def _exclaimed(rng: Rng) -> tuple[str, str]:
    who, what, did, end = one_of(rng, PEOPLE), thing(rng), verb(rng), ending(rng)
    words = sentence(f"the {who} {did.past} the {what}{end}")
    return f"{words}!", f"{words}."


NAMES = ["total", "index", "value", "items", "result", "count", "name", "path", "size", "row", "key", "buffer"]


def _code(rng: Rng) -> tuple[str, str]:
    a, b, c = (NAMES[i] for i in rng.choice(len(NAMES), 3, replace=False))
    number, did = int(rng.integers(2, 99)), verb(rng).base
    forms = [
        f"for {a} in range({number}):\n    {b} += {c}[{a}]",
        f"def {did}({a}, {b}):\n    return {a} * {number} + {b}",
        f"if {a} is None:\n    {b} = {c}.get('{did}', {number})",
        f"const {a} = {b}.map(({c}) => {c}.{did} + {number});",
        f"while ({a} < {number}) {{ {b} = {did}({c}); {a}++; }}",
        f"SELECT {a}, {b} FROM {did} WHERE {c} > {number};",
    ]
    prose = sentence(
        f"the {one_of(rng, PEOPLE)} {verb(rng).past} the {a} and the {b} of {number} {one_of(rng, THINGS)}s{ending(rng)}."
    )
    return one_of(rng, forms), prose


def _conditional(rng: Rng) -> tuple[str, str]:
    who, other, what, did = one_of(rng, PEOPLE), one_of(rng, PEOPLE), thing(rng), verb(rng)
    rest = f"the {who} {did.third} the {what}{ending(rng)}, the {other} is glad"
    return f"{one_of(rng, ['If', 'Unless'])} {rest}.", f"{one_of(rng, ['When', 'Because'])} {rest}."


def _listed(rng: Rng) -> tuple[str, str]:
    who, did, end = one_of(rng, PEOPLE), verb(rng), ending(rng)
    first, second, third = (THINGS[i] for i in rng.choice(len(THINGS), 3, replace=False))
    return (
        sentence(f"the {who} {did.past} the {first}, the {second} and the {third}{end}."),
        sentence(f"the {who} {did.past} the {first} that stood by the {second}{end}."),
    )


def _please(rng: Rng) -> tuple[str, str]:
    did, what, end, how = verb(rng), thing(rng), ending(rng), one_of(rng, ADVERBS)
    polite = [f"please {did.base} the {what}{end}.", f"would you kindly {did.base} the {what}{end}?"]
    return sentence(one_of(rng, polite)), sentence(f"{how} {did.base} the {what}{end}.")


def _indefinite(rng: Rng) -> tuple[str, str]:
    who, what, did, end = one_of(rng, PEOPLE), thing(rng), verb(rng), ending(rng)
    return (
        sentence(f"{article(who)} {did.past} {article(what)}{end}."),
        sentence(f"the {who} {did.past} the {what}{end}."),
    )


def _capitals(rng: Rng) -> tuple[str, str]:
    who, what, did, end = one_of(rng, PEOPLE), thing(rng), verb(rng), ending(rng)
    words = f"the {who} {did.past} the {what}{end}."
    return words.upper(), sentence(words)


def _morning(rng: Rng) -> tuple[str, str]:
    who, what, did = one_of(rng, PEOPLE), thing(rng), verb(rng)
    early = one_of(rng, ["at dawn", "before breakfast", "at sunrise", "early in the morning", "when the cock crowed"])
    late = one_of(rng, ["at dusk", "after supper", "at sunset", "late in the evening", "when the stars came out"])
    words = f"the {who} {did.past} the {what}"
    if rng.random() < 0.5:
        return sentence(f"{early} {words}."), sentence(f"{late} {words}.")
    return sentence(f"{words} {early}."), sentence(f"{words} {late}.")


ANIMALS = [
    "horse",
    "dog",
    "cat",
    "fox",
    "bear",
    "goat",
    "monkey",
    "crow",
    "donkey",
    "wolf",
    "rabbit",
    "lion",
    "goose",
    "pig",
]


def _animal(rng: Rng) -> tuple[str, str]:
    place, kind = one_of(rng, PLACES), one_of(rng, ["old", "young", "tired", "quiet", "large", "small", "hungry"])
    does = one_of(
        rng, ["slept", "waited", "sat down", "looked about", "ran away", "ate an apple", "came back", "stood still"]
    )
    return tuple(
        sentence(f"the {kind} {one_of(rng, who)} {does} {place} {one_of(rng, TIMES)}.") for who in (ANIMALS, PEOPLE)
    )  # type: ignore[return-value]


def _grammatical(rng: Rng) -> tuple[str, str]:
    who, what, did, end = one_of(rng, PEOPLE), thing(rng), verb(rng), ending(rng)
    words = f"the {who} {did.past} the {what}{end}".split()
    mixed = list(words)
    while mixed == words:
        mixed = [words[i] for i in rng.permutation(len(words))]
    return sentence(" ".join(words)) + ".", sentence(" ".join(mixed)) + "."


FRENCH = (
    [
        "Le jardinier",
        "La voisine",
        "Le facteur",
        "Ma tante",
        "Le vieux marin",
        "La petite fille",
        "Mon frère",
        "Le maire",
    ],
    ["regarde", "cherche", "ouvre", "a trouvé", "a vendu", "porte", "peint", "a perdu", "achète", "nettoie"],
    ["la porte", "le panier", "une lettre", "le chapeau", "la lampe", "un vieux livre", "le bateau", "la bouteille"],
    ["dans le jardin", "près du pont", "ce matin", "devant la maison", "au marché", "pendant la nuit", "avec soin"],
)
GERMAN = (
    [
        "Der Gärtner",
        "Die Nachbarin",
        "Der Lehrer",
        "Meine Tante",
        "Der alte Seemann",
        "Das Mädchen",
        "Mein Bruder",
        "Der Wirt",
    ],
    ["sucht", "öffnet", "trägt", "malt", "findet", "verkauft", "kauft", "reinigt", "zeigt", "vergisst"],
    ["die Tür", "den Korb", "einen Brief", "den Hut", "die Lampe", "ein altes Buch", "das Boot", "die Flasche"],
    ["im Garten", "an der Brücke", "heute Morgen", "vor dem Haus", "auf dem Markt", "in der Nacht", "mit Sorgfalt"],
)


def foreign(parts: tuple[list[str], ...]) -> Pair:
    """Sentences of another language, or of English."""

    def pair(rng: Rng) -> tuple[str, str]:
        words = " ".join(one_of(rng, part) for part in parts)
        english = f"the {one_of(rng, PEOPLE)} {verb(rng).past} the {thing(rng)} {one_of(rng, PLACES)}"
        return f"{words}.", sentence(f"{english}.")

    return pair


PAIRS: dict[str, Pair] = {
    "french": foreign(FRENCH),
    "german": foreign(GERMAN),
    "past tense": _past,
    "future": _future,
    "plural subject": _plural,
    "negation": _negated,
    "question": _question,
    "passive": _passive,
    "positive": _positive,
    "direct speech": _quoted,
    "first person": _first_person,
    "she": _she,
    "proper name": _named,
    "woman's name": _woman,
    "digits": _digits,
    **{f"about {name}": topic(name) for name in TOPICS},
    "last word before m": _early_letter,
    "long": _long,
    "comparative": _comparative,
    "modal verb": _modal,
    "exclamation": _exclaimed,
    "code": _code,
    "condition": _conditional,
    "list of three": _listed,
    "request": _please,
    "indefinite": _indefinite,
    "capitals": _capitals,
    "morning": _morning,
    "animal": _animal,
    "grammatical": _grammatical,
}
