"""Who is who: people, their groups and other names; agents, their owners and principals."""

from collections import Counter

from pydantic import Field, model_validator

from counterseal.core.action import Name
from counterseal.core.errors import Refused
from counterseal.core.model import Kept


class Person(Kept):
    """Somebody who may answer. ``aliases`` are other identities of the same human."""

    id: Name
    name: str = Field(default="", max_length=200)
    aliases: tuple[Name, ...] = ()
    groups: tuple[Name, ...] = ()

    @property
    def names(self) -> set[str]:
        """Everything this person is known by, in one case."""
        return {name.casefold() for name in (self.id, *self.aliases)}


class Agent(Kept):
    """Something that may ask. ``principals`` limits on whose behalf; empty means anyone's."""

    id: Name
    owner: Name | None = None
    labels: tuple[Name, ...] = ()
    principals: tuple[Name, ...] = ()


class Roster(Kept):
    """Everyone a tenant knows. IDs and aliases are unique over all people."""

    people: tuple[Person, ...] = ()
    agents: tuple[Agent, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> "Roster":
        names = Counter(
            name.casefold() for person in self.people for name in (person.id, *person.aliases)
        )
        twice = {name for name, times in names.items() if times > 1}
        if twice:
            raise ValueError(f"{', '.join(sorted(twice))} names more than one person")
        agents = [agent.id for agent in self.agents]
        if len({*agents}) < len(agents):
            raise ValueError("an agent is listed twice")
        return self

    def person(self, name: str) -> Person | None:
        """Find a person by ID or alias."""
        wanted = name.casefold()
        return next((one for one in self.people if wanted in one.names), None)

    def agent(self, agent_id: str) -> Agent:
        """Find an agent; one that is not listed has no owner, labels or pinned principals."""
        return next((one for one in self.agents if one.id == agent_id), Agent(id=agent_id))

    def every_name(self, *names: str | None) -> tuple[str, ...]:
        """Name everything these identities are known by, themselves included."""
        found: dict[str, None] = {}
        for name in filter(None, names):
            found[name] = None
            if (person := self.person(name)) is not None:
                found |= dict.fromkeys((person.id, *person.aliases))
        return tuple(found)


class UnknownPrincipal(Refused):
    """An agent named a principal whom it may not act for."""

    code = "unknown-principal"

    def __init__(self, agent: str, principal: str) -> None:
        super().__init__(
            f"{agent} may not act on behalf of {principal}; ask an operator to add them to the "
            "agent's principals, or name one who is."
        )
