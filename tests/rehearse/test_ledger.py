"""What counts: refusals of what worked, interruptions, and what passed that must not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from keyturn.deploy.inventory import Kind
from keyturn.flows.rehearse_ledger import PATIENCE, Act, Intrusion, Ledger, Refusal

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
READS = Act("a user", "reads", Kind.REST)
WRITES = Act("a user", "writes", Kind.REST)


class Movable:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, length: timedelta) -> None:
        self.now += length


def no(act: Act) -> Refusal:
    """Return a refusal."""
    return Refusal(act, "user token", 401, "PGRST301", "No suitable key", "no key fits")


def ledger(clock: Movable, why: str | None = None) -> Ledger:
    """Return one whose first phase has begun."""
    made = Ledger(clock, lambda _: why)
    made.begin("before", "Before")
    return made


def test_what_did_not_work_before_is_not_counted_after() -> None:
    book = ledger(Movable())
    book.passed(READS)
    book.refused(no(WRITES))
    book.begin("phase 1", "One")
    book.refused(no(WRITES))
    book.refused(no(READS))
    book.refused(no(READS))

    assert book.phases[0].refused == 0
    assert dict(book.now.refusals) == {no(READS): 2}
    assert set(book.broken_before) == {WRITES}
    assert book.now.requests == 3


def test_a_refusal_of_what_was_never_tried_before_counts() -> None:
    book = ledger(Movable())
    book.begin("phase 1", "One")
    book.refused(no(READS))
    assert book.now.refused == 1


def test_an_interruption_is_as_long_as_somebody_saw_it() -> None:
    clock = Movable()
    book = ledger(clock)
    book.passed(READS)
    book.begin("phase 1", "One")
    book.away(READS, "user token")
    clock.forward(timedelta(seconds=2))
    book.away(WRITES, "user token")
    clock.forward(timedelta(seconds=1))
    book.passed(READS)

    assert book.now.longest == (Kind.REST, 3.0)
    assert (book.now.interrupted, book.now.refused, book.now.requests) == (2, 0, 3)


def test_an_interruption_that_does_not_end_is_a_refusal_with_its_reason() -> None:
    clock = Movable()
    book = ledger(clock, "rest does not start")
    book.passed(READS)
    book.begin("phase 1", "One")
    book.away(READS, "user token")
    clock.forward(PATIENCE + timedelta(seconds=1))
    book.away(READS, "user token")

    (refusal,) = book.now.refusals
    assert refusal.why == "rest does not start"
    assert book.now.interrupted == 1


def test_what_checks_nobody_before_is_no_intrusion_after() -> None:
    book = ledger(Movable())
    open_one, closed = (Intrusion(kind, "forged", False) for kind in (Kind.FUNCTIONS, Kind.REST))
    book.forged(open_one, accepted=True)
    book.forged(closed, accepted=False)
    book.begin("phase 1", "One")
    book.forged(open_one, accepted=True)
    book.forged(closed, accepted=True)

    assert book.open_before == {Kind.FUNCTIONS}
    assert book.now.intrusions == {closed: 1}
    assert book.now.forged == 2


def test_a_user_who_must_sign_in_again_is_counted() -> None:
    book = ledger(Movable())
    book.signed_out()
    book.begin("phase 1", "One")
    book.signed_out()
    assert [one.signed_out for one in book.phases] == [0, 1]
