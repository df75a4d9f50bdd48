"""Which language texts are in, how sure that is, and what is asked."""

import pytest

import depthscope as ds
from depthscope.stimuli.language import find_language, listed_languages, targets_language

# a few sentences of our own in each, as short as stimuli are
TEXTS = {
    "en": ["The new lawyer is a shark.", "His silence became a wall.", "Patience is always the key."],
    "de": ["Der neue Anwalt ist ein Hai.", "Sein Schweigen wurde eine Mauer.", "Geduld ist immer der Schlüssel."],
    "fr": ["L’avocat de la ville est un requin.", "Son silence est devenu un mur.", "La patience est la clé de tout."],
    "it": ["Il nuovo avvocato è uno squalo.", "Il suo silenzio è diventato un muro.", "L’amicizia è un ponte."],
    "nl": ["De nieuwe advocaat is een haai.", "Zijn zwijgen werd een muur.", "Geduld is altijd de sleutel."],
    "pt": ["O novo advogado é um tubarão.", "O seu silêncio tornou-se um muro.", "A paciência é a chave."],
    "nb": ["Den nye advokaten er en hai.", "Tausheten hans ble til en mur.", "Tålmodighet er alltid nøkkelen."],
    "ja": ["新しい弁護士はサメだ。", "彼の沈黙は壁になった。"],
    "zh": ["新来的律师是一条鲨鱼。", "他的沉默变成了一堵墙，谁也过不去。", "耐心就是钥匙。"],
    "ru": ["Новый адвокат просто акула.", "Его молчание стало стеной.", "Терпение всегда было ключом ко всему."],
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_few_short_sentences_show_their_language(language):
    assert targets_language(TEXTS[language]) == language
    assert language in listed_languages()


def test_the_built_in_set_is_english_beyond_doubt():
    found = find_language(ds.read_stimuli("builtin")["text"])
    assert (found.code, found.others, found.certain) == ("en", 0, True)
    assert found.probability > 0.999


@pytest.mark.parametrize(
    "texts", [["A wall."], ["x shark x", "x wall x"], ["12 34 56"], [""], TEXTS["en"] + TEXTS["de"]]
)
def test_what_is_not_certain_is_asked_for(texts, refuses):
    with refuses("the language of the texts", "not certain", "--language CODE"):
        targets_language(texts)


def test_two_languages_are_not_taken_for_one(refuses):
    with refuses("not certain", "25 % of the texts are of another"):
        targets_language(TEXTS["de"] * 1 + TEXTS["en"][:1])


def test_a_language_without_a_list_of_words_is_named(refuses):
    with refuses("the language of the texts is la", "no word frequencies", "column log_frequency"):
        targets_language(["Novus advocatus pisciculus est.", "Silentium eius murus factus est."])
