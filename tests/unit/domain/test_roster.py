"""Who is who."""

import pytest

from domain.roster import Agent, Person, Roster, UnknownPrincipal

ROSTER = Roster(
    people=(
        Person(id="ada", aliases=("ada@home", "U123"), groups=("treasury",)),
        Person(id="grace"),
    ),
    agents=(Agent(id="agent:paybot", owner="ada"),),
)


def test_a_person_is_found_by_every_name() -> None:
    for name in ("ada", "ada@home", "U123"):
        person = ROSTER.person(name)
        assert person is not None
        assert person.id == "ada"


def test_nobody_is_found_by_a_name_that_nobody_has() -> None:
    assert ROSTER.person("ad") is None


def test_every_name_of_everyone_named_is_named_once() -> None:
    assert ROSTER.every_name("U123", None, "ada", "grace", "stranger") == (
        "U123",
        "ada",
        "ada@home",
        "grace",
        "stranger",
    )


def test_an_agent_that_is_not_listed_has_no_owner() -> None:
    assert ROSTER.agent("agent:paybot").owner == "ada"
    assert ROSTER.agent("agent:new") == Agent(id="agent:new")


@pytest.mark.parametrize(
    "people",
    [
        (Person(id="ada"), Person(id="ada")),
        (Person(id="ada"), Person(id="eve", aliases=("ada",))),
        (Person(id="ada", aliases=("x",)), Person(id="eve", aliases=("x",))),
        (Person(id="ada", aliases=("ada",)),),
    ],
)
def test_a_name_belongs_to_one_person(people: tuple[Person, ...]) -> None:
    with pytest.raises(ValueError, match="names more than one person"):
        Roster(people=people)


def test_an_agent_is_listed_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        Roster(agents=(Agent(id="a"), Agent(id="a")))


def test_a_large_roster_is_read() -> None:
    people = tuple(Person(id=f"p{nth}", aliases=(f"q{nth}",)) for nth in range(20_000))
    assert len(Roster(people=people).people) == 20_000


def test_a_refused_principal_is_told_what_would_work() -> None:
    refusal = UnknownPrincipal("agent:paybot", "paul")
    assert refusal.code == "unknown-principal"
    assert "operator" in refusal.sentence
