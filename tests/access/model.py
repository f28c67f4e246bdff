"""Who may look up where, in a page of plain Python: what the machine of test_machine.py is held against.

It knows no database. Moments are hours of its own clock; a jump moves the clock.
"""

from dataclasses import dataclass, field

LONGEST = 72
#: Hours in which a review is made.
REVIEW = 14 * 24


@dataclass
class Contract:
    ceiling: int = 24
    dual: bool = False
    suspended: bool = False
    reviews: list[float] = field(default_factory=list)  # when each that nobody has made is due


@dataclass
class Emergency:
    areas: set[str]
    expires: float
    drill: bool = False
    ended: bool = False
    reviewed: bool = False


@dataclass
class Grant:
    person: str
    contract: str
    emergency: int
    stint: int  # which of the person's times on the roster
    ends: float
    revoked: bool = False


@dataclass
class Waiting:
    """What waits for a second supervisor: people to grant to, or a later end; and what that may reach."""

    emergency: int
    lapses: float
    areas: frozenset[str]
    contract: str = ""
    people: tuple[tuple[str, int], ...] = ()  # with the stint in which it was asked
    until: float = 0  # at the latest
    grants: tuple[Grant, ...] = ()  # that are extended


@dataclass
class Model:
    contracts: dict[str, Contract]
    people: set[str]
    now: float = 0
    on_roster: dict[tuple[str, str], int] = field(default_factory=dict)  # (contract, person): stint
    trained: set[tuple[str, str]] = field(default_factory=set)
    emergencies: dict[int, Emergency] = field(default_factory=dict)
    grants: list[Grant] = field(default_factory=list)
    waiting: dict[int, Waiting] = field(default_factory=dict)
    stints: int = 0
    revoked: dict[str, float] = field(default_factory=dict)  # person: when something was last taken from them

    def join(self, contract: str, person: str, *, trained: bool) -> None:
        self.stints += 1
        self.on_roster[contract, person] = self.stints
        self.trained.discard((contract, person))
        if trained:
            self.trained.add((contract, person))

    def leave(self, person: str) -> None:
        for key in [key for key in self.on_roster if key[1] == person]:
            del self.on_roster[key]

    def needs_two(self, contract: str) -> bool:
        """By its terms, or because a review is overdue: of any contract, for all have one delegate."""
        overdue = any(due <= self.now for one in self.contracts.values() for due in one.reviews)
        return self.contracts[contract].dual or overdue

    def sweep(self) -> None:
        """Opens the reviews of what is over; a drill's makes nobody wait."""
        for number, one in self.emergencies.items():
            if self.is_open(number) or one.reviewed:
                continue
            one.reviewed = True
            for contract in {g.contract for g in self.grants if g.emergency == number and not one.drill}:
                self.contracts[contract].reviews.append(self.now + REVIEW)

    def is_open(self, number: int) -> bool:
        one = self.emergencies[number]
        return not one.ended and one.expires > self.now

    def runs(self, grant: Grant) -> bool:
        """Live, or to become so once its contract is in force: what can be extended and revoked."""
        return (
            not grant.revoked
            and grant.ends > self.now
            and self.is_open(grant.emergency)
            and self.on_roster.get((grant.contract, grant.person)) == grant.stint
        )

    def is_live(self, grant: Grant) -> bool:
        return self.runs(grant) and not self.contracts[grant.contract].suspended

    def live(self) -> set[tuple[str, str, int]]:
        return {(g.person, g.contract, g.emergency) for g in self.grants if self.is_live(g)}

    def reached(self, person: str) -> set[str]:
        """The areas in which the person may look up now."""
        live = [g for g in self.grants if g.person == person and self.is_live(g)]
        return set().union(*(self.emergencies[g.emergency].areas for g in live))

    def permissions(self) -> set[tuple[str, str]]:
        return {(person, area) for person in self.people for area in self.reached(person)}

    def to_grant(self, number: int, contract: str, people) -> tuple[tuple[str, int], ...]:
        """Those of the people, with their stint, who are ready and hold no running grant in it."""
        running = {g.person for g in self.grants if g.emergency == number and self.runs(g)
                   and g.contract == contract}  # fmt: skip
        return tuple((p, self.on_roster[contract, p]) for p in people if (contract, p) in self.on_roster
                     and (contract, p) in self.trained and p not in running)  # fmt: skip

    def not_waiting(self, number: int, contract: str, wanted):
        """Those for whom nobody has asked yet."""
        asked = {
            one
            for waiting in self.waiting.values()
            for one in waiting.people
            if (waiting.emergency, waiting.contract) == (number, contract) and waiting.lapses > self.now
        }
        return tuple(one for one in wanted if one not in asked)

    def not_revoked_lately(self, people) -> list[str]:
        return [p for p in people if p not in self.revoked or self.now - self.revoked[p] >= 24]

    def give(self, number: int, contract: str, wanted, until: float | None = None) -> None:
        """Grants to those (person, stint) who are to be granted still, no longer than `until`."""
        one, ceiling = self.emergencies[number], self.contracts[contract].ceiling
        ends = min(one.expires, self.now + ceiling, one.expires if until is None else until)
        still = self.to_grant(number, contract, [person for person, _stint in wanted])
        for person, stint in set(still) & set(wanted):
            self.grants.append(Grant(person, contract, number, stint, ends))

    def running(self, number: int) -> list[Grant]:
        return [g for g in self.grants if g.emergency == number and self.runs(g)]

    def running_contracts(self, number: int) -> set[str]:
        return {g.contract for g in self.running(number)}

    def extension_waits(self, number: int) -> bool:
        return any(w.grants or not w.people for w in self.waiting.values()
                   if w.emergency == number and w.lapses > self.now)  # fmt: skip

    def opens_more(self, waiting: Waiting) -> bool:
        return bool(self.emergencies[waiting.emergency].areas - waiting.areas)

    def may_extend(self, number: int, until: float, grants: list[Grant]) -> bool:
        ceilings = {self.contracts[g.contract].ceiling for g in grants}
        furthest = self.now + min([*ceilings, LONGEST])
        shorter = any(g.ends < until for g in grants)
        later = until > self.emergencies[number].expires
        return self.is_open(number) and self.now < until <= furthest and (later or shorter)

    def extend(self, number: int, until: float, grants: list[Grant]) -> None:
        one = self.emergencies[number]
        one.expires = max(one.expires, until)
        for grant in grants:
            grant.ends = max(grant.ends, until)

    def revoke(self, chosen, *, with_contract: bool = False) -> int:
        """Revokes those grants that run and that `chosen` picks; says how many."""
        hit = [g for g in self.grants if self.runs(g) and chosen(g)]
        for grant in hit:
            grant.revoked = True
            if not with_contract:
                self.revoked[grant.person] = self.now
        return len(hit)

    def end(self, number: int) -> None:
        self.emergencies[number].ended = True
        self.waiting = {pk: w for pk, w in self.waiting.items() if w.emergency != number}

    def suspend(self, contract: str) -> None:
        self.revoke(lambda g: g.contract == contract, with_contract=True)
        self.contracts[contract].suspended = True
        self.waiting = {pk: w for pk, w in self.waiting.items() if w.contract != contract}
