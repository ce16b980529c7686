"""The data are what their sheets say."""

import csv
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from sklearn.metrics import cohen_kappa_score

DATA = Path(__file__).resolve().parents[2] / "data"
SHEET = (DATA / "README.md").read_text(encoding="utf-8")


def rows(name):
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


MESSAGES = rows("harbour_bank_messages.csv")
SECOND = {row["id"]: row for row in rows("harbour_bank_second_labels.csv")}
ALLOWED = {
    "language": {"en", "es", "fr", "de", "pt"},
    "sentiment": {"positive", "neutral", "negative", "mixed"},
    "queue": {"cards", "payments", "accounts", "loans", "fraud", "digital", "complaints", "general"},
    "needs_person": {"yes", "no"},
    "pii": {"yes", "no"},
}


def test_there_are_enough_messages_and_none_twice():
    assert len(MESSAGES) >= 600
    assert len({row["id"] for row in MESSAGES}) == len({row["text"] for row in MESSAGES}) == len(MESSAGES)


def test_every_slice_is_large_enough_to_report():
    counts = Counter(row["slice"] for row in MESSAGES)
    assert len(counts) == 11
    assert min(counts.values()) >= 40, counts


@pytest.mark.parametrize("column", ALLOWED)
def test_labels_are_those_of_the_guideline(column):
    assert {row[column] for row in MESSAGES} == ALLOWED[column]


def test_every_message_of_distress_needs_a_person():
    assert all(row["needs_person"] == "yes" for row in MESSAGES if row["slice"] == "distress")


@pytest.mark.parametrize("label", ["sentiment", "queue", "needs_person"])
def test_the_agreement_in_the_sheet_is_the_agreement_in_the_data(label):
    first, second = ([row[label] for row in MESSAGES], [SECOND[row["id"]][label] for row in MESSAGES])
    same = sum(a == b for a, b in zip(first, second, strict=True)) / len(first)
    kappa = cohen_kappa_score(first, second)
    assert f"| `{label}` | {100 * same:.1f} % | {kappa:.2f} |" in SHEET


def test_the_agreement_on_distress_is_the_one_in_the_sheet():
    distress = [row for row in MESSAGES if row["slice"] == "distress"]
    second = [SECOND[row["id"]]["sentiment"] for row in distress]
    kappa = cohen_kappa_score([row["sentiment"] for row in distress], second)
    assert f"on the sentiment of `distress` kappa is {kappa:.2f}" in SHEET


def test_personal_data_is_of_the_kind_that_belongs_to_nobody():
    for row in MESSAGES:
        for address in re.findall(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", row["text"]):
            assert re.search(r"@(?:[\w-]+\.)*example\.(?:com|org|net)$", address.rstrip(".")), (row["id"], address)


TICKETS = rows("tern_logistics_tickets.csv")
SECOND_QUEUES = {row["id"]: row["queue"] for row in rows("tern_logistics_second_labels.csv")}


def test_tickets_are_in_order_and_none_twice():
    assert len({row["id"] for row in TICKETS}) == len({row["text"].lower() for row in TICKETS}) == len(TICKETS) == 1100
    assert [row["id"] for row in TICKETS] == sorted(row["id"] for row in TICKETS)
    assert [row["received"] for row in TICKETS] == sorted(row["received"] for row in TICKETS)


def test_queues_and_months_are_those_of_the_sheet():
    for queue, count in Counter(row["queue"] for row in TICKETS).items():
        assert f"| {queue} | {count} |" in SHEET
    months = Counter(row["received"][:7] for row in TICKETS)
    late = months["2026-08"], months["2026-09"]
    assert f"{1100 - sum(late)} tickets until the end of July, {late[0]} in August, {late[1]} in September" in SHEET


def test_new_words_come_with_august():
    new = re.compile(r"\b(locker|terntrack|e-invoice)", re.I)
    early = [row for row in TICKETS if row["received"] < "2026-08-01"]
    assert sum(bool(new.search(row["text"])) for row in early) <= 2
    assert sum(bool(new.search(row["text"])) for row in TICKETS) >= 40


def test_the_agreement_on_queues_is_the_one_in_the_sheet():
    queues = {row["id"]: row["queue"] for row in TICKETS}
    first, second = [queues[one] for one in SECOND_QUEUES], list(SECOND_QUEUES.values())
    same = sum(a == b for a, b in zip(first, second, strict=True)) / len(first)
    kappa = cohen_kappa_score(first, second)
    assert len(first) == 120
    assert f"agree on {100 * same:.1f} % of them, Cohen's kappa {kappa:.2f}" in SHEET


FLIGHTS = rows("flights.csv")


def test_flights_are_those_of_the_sheet():
    assert f"{len(FLIGHTS):,} flights" in SHEET
    cells = Counter((row["origin"], int(row["month"])) for row in FLIGHTS)
    assert len(cells) == 36
    assert all(count == (250 if month <= 8 else 400) for (_, month), count in cells.items())
    assert [row["id"] for row in FLIGHTS] == [f"F{number:05}" for number in range(1, len(FLIGHTS) + 1)]
    order = [tuple(int(row[name]) for name in ("month", "day", "scheduled_departure")) for row in FLIGHTS]
    assert order == sorted(order)


def test_late_is_the_line_that_the_sheet_draws():
    assert all(int(row["late"]) == (int(row["arrival_delay"]) >= 15) for row in FLIGHTS)
    share = 100 * sum(row["late"] == "1" for row in FLIGHTS) / len(FLIGHTS)
    assert f"{share:.1f} per cent late in the file" in SHEET
    autumn = Counter(row["origin"] for row in FLIGHTS if row["late"] == "1" and row["month"] in ("9", "10", "11"))
    assert f"({min(autumn.values())} to {max(autumn.values())} for each airport from September to November)" in SHEET


def test_what_is_missing_in_flights_is_what_the_sheet_says():
    without = [row for row in FLIGHTS if not row["seats"]]
    fleet = [row for row in without if row["carrier"] in ("AA", "MQ")]
    assert f"{len(fleet):,} of {len(without):,} rows without a plane" in SHEET
    weather, wind = (sum(not row[name] for row in FLIGHTS) for name in ("temperature", "wind_speed"))
    assert f"The weather is missing in {weather} rows, the wind in {wind}" in SHEET
    assert all(not row["temperature"] for row in FLIGHTS if (row["month"], row["day"]) == ("12", "31"))
    assert f"{sum(0 < int(row['seats'] or 0) < 20 for row in FLIGHTS)} rows have fewer than 20 seats" in SHEET
    assert f"and {sum(row['seats'] == '20' for row in FLIGHTS)} have exactly 20" in SHEET
    assert not any(row[name] == "" for row in FLIGHTS for name in ("departure_delay", "air_time", "arrival_delay"))


QUESTIONS = json.loads((DATA / "ai103_questions.json").read_text(encoding="utf-8"))
OUTLINE = {row["id"]: row for row in rows("ai103_outline.csv")}


@pytest.mark.parametrize("one", QUESTIONS, ids=lambda one: one["id"])
def test_a_question_has_words_that_decide_and_a_reason_for_each_choice(one):
    assert OUTLINE[one["row"]]["domain"] == one["domain"]
    assert all(part in one["case"] and 3 <= len(part.split()) <= 12 for part in one["constraint"])
    assert one["asks"].endswith("?")
    assert list(one["options"]) == list(one["why"]) == ["a", "b", "c", "d"] and one["right"] in one["options"]
    assert len(set(one["options"].values())) == len(set(one["why"].values())) == 4
    assert all(len(said.split()) <= 20 for said in one["options"].values())
    assert one["source"].startswith("https://learn.microsoft.com/")


def test_questions_cannot_be_answered_by_their_form():
    assert len({one["id"] for one in QUESTIONS}) == len({one["case"] for one in QUESTIONS}) == len(QUESTIONS)
    letters = Counter(one["right"] for one in QUESTIONS)
    assert len(letters) == 4 and max(letters.values()) <= len(QUESTIONS) / 3
    longest = [one for one in QUESTIONS if one["options"][one["right"]] == max(one["options"].values(), key=len)]
    assert len(longest) <= len(QUESTIONS) / 3, "the right answer is too often the longest"


def test_a_few_questions_are_plain():
    assert f"{sum(not one['constraint'] for one in QUESTIONS)} of them are plain".replace("3 of", "three of") in SHEET


def test_questions_are_spread_over_the_domains_as_the_exam_is():
    asked = Counter(one["domain"] for one in QUESTIONS)
    for row in OUTLINE.values():
        low, high = (int(row[name]) / 100 * len(QUESTIONS) for name in ("weight_low", "weight_high"))
        assert low - 0.5 <= asked[row["domain"]] <= high + 0.5


def test_fields_of_questions_are_those_of_the_sheet():
    section = SHEET.partition("## ai103_questions.json")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", section, re.M)))) == set(QUESTIONS[0])
    assert all(set(one) == set(QUESTIONS[0]) for one in QUESTIONS)
    assert f"{len({one['row'] for one in QUESTIONS})} of {len(OUTLINE)} rows".replace("15 of", "fifteen of") in SHEET
