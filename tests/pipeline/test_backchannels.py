import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.backchannels import has_words, is_backchannel, without_noise
from pipeline.flow_words import SMALL_WORDS

LISTENING = {
    "en": "mhm|Uh-huh.|mm|mm-hmm|ok|Okay!|right|yeah|yes yes|I see|sure|of course|got it|OK, right, yeah|hmm|Hmmmm|ah|ahh okay"
    "|all right|oh|[laughter]|(coughs)|<noise>|*sighs*|[cough] okay|that's right|exactly|really?|uh huh, uh huh",
    "es": "sí|Sí, sí.|ajá|claro|vale|ya|ok|mhm|hmm|claro que sí|de acuerdo|por supuesto|ya veo|muy bien|bueno|perfecto|ah vale"
    "|[risas]|(tos)|entiendo|eso es",
    "fr": "oui|Oui, oui.|ouais|d'accord|D\u2019accord|ok|mhm|hmm|bien sûr|je vois|très bien|c'est ça|ah bon|voilà|euh"
    "|[rires]|(toux)|tout à fait|exactement",
    "de": "ja|Ja, ja.|jaja|genau|aha|mhm|hm|ok|okay|alles klar|ach so|verstehe|ich verstehe|gut|sehr gut|richtig|stimmt|ah ja"
    "|[Lachen]|(hustet)|in Ordnung|na klar",
}
SPEAKING = {
    "en": "no|stop|wait|no no|ok but wait|yes but|hold on|okay monday|right so how much is it|yes please monday|sorry|hello"
    "|I|I see a problem|what|excuse me|mhm no|[laughter] stop|one moment|goodbye",
    "es": "no|espera|espere|para|sí pero|un momento|vale pero el lunes|perdón|oiga|claro que no|hola|qué|eso no|mhm no|basta",
    "fr": "non|attends|attendez|oui mais|stop|un instant|d'accord mais lundi|pardon|bonjour|quoi|c'est faux|mhm non",
    "de": "nein|stopp|warte|warten Sie|ja aber|moment|okay aber Montag|Entschuldigung|hallo|was|das stimmt nicht|mhm nein|halt",
}


@pytest.mark.parametrize(
    ("language", "text"), [(language, text) for language in LISTENING for text in LISTENING[language].split("|")]
)
def test_listening_takes_no_turn(language: str, text: str) -> None:
    assert is_backchannel(text, language)


@pytest.mark.parametrize(
    ("language", "text"), [(language, text) for language in SPEAKING for text in SPEAKING[language].split("|")]
)
def test_any_other_word_does(language: str, text: str) -> None:
    assert not is_backchannel(text, language)


@pytest.mark.parametrize("language", SMALL_WORDS)
def test_a_denial_is_never_a_backchannel(language: str) -> None:
    assert [sentence for sentence in SMALL_WORDS[language].no_sentences if is_backchannel(sentence, language)] == []


def test_another_language_has_sounds_only() -> None:
    assert [is_backchannel(text, "it") for text in ("mhm", "ok", "certo")] == [True, True, False]


@pytest.mark.parametrize(
    ("text", "words"),
    [("", False), (" .,", False), ("[laughter]", False), ("(coughs) <noise>", False), ("mhm", True), ("[cough] no", True)],
)
def test_noise_is_no_word(text: str, words: bool) -> None:
    assert has_words(text) is words


@given(st.text(max_size=200), st.sampled_from([*SMALL_WORDS, "it", ""]))
def test_any_text_is_judged_and_what_has_no_words_takes_no_turn(text: str, language: str) -> None:
    assert is_backchannel(text, language) or has_words(text)


@given(st.sampled_from(list(SMALL_WORDS)), st.data())
def test_case_marks_and_repetition_change_nothing(language: str, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([*LISTENING[language].split("|"), *SPEAKING[language].split("|")]))
    assert is_backchannel(f"{text.upper()}! {text}, {text}...", language) is is_backchannel(text, language)


@given(st.text(alphabet="[]()<>* ab", max_size=60))
def test_noise_goes_whole_or_not_at_all(text: str) -> None:
    assert len(without_noise(text)) <= len(text)
