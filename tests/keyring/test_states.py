"""The table of states: what it allows, what it refuses, and that the documentation shows it."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from keyturn.keyring.errors import IllegalTransition
from keyturn.keyring.states import STATES, TRANSITIONS, KeyState, Verb, Wait, transition

SOURCES: tuple[KeyState | None, ...] = (None, *KeyState)


def test_every_pair_that_is_not_in_the_table_is_refused_and_named() -> None:
    legal = {(row.verb, row.source) for row in TRANSITIONS}
    for verb, source in product(Verb, SOURCES):
        if (verb, source) in legal:
            assert transition(verb, source, kid="k1").verb is verb
            continue
        with pytest.raises(IllegalTransition) as refused:
            transition(verb, source, kid="k1")
        assert "k1" in refused.value.message
        assert (source.value if source else "not in the ring") in refused.value.message


def test_only_one_step_leads_to_signing_and_it_waits() -> None:
    """Whatever signs has been published before, except in an empty ring."""
    leading = [row for row in TRANSITIONS if row.target is KeyState.IN_USE]
    assert {(row.verb, row.source, row.wait) for row in leading} == {
        (Verb.START, None, None),
        (Verb.PROMOTE, KeyState.STANDBY, Wait.PUBLISHED),
    }


def test_the_key_in_use_can_only_become_previously_used() -> None:
    leaving = [row.target for row in TRANSITIONS if row.source is KeyState.IN_USE]
    assert leaving == [KeyState.PREVIOUSLY_USED]


def test_no_way_back_to_trust_once_revoked() -> None:
    assert [row.target for row in TRANSITIONS if row.source is KeyState.REVOKED] == [None]


def test_the_documentation_shows_the_tables() -> None:
    """`docs/reference/keys.md` has exactly one line per state and per transition."""
    text = (Path(__file__).parents[2] / "docs/reference/keys.md").read_text()
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    rows = [cells for cells in lines if cells and cells[0].startswith("`")]
    yes = {True: "yes", False: "no"}
    states = [
        [f"`{s.state}`", yes[s.verifies], yes[s.signs], yes[s.private_half], s.meaning]
        for s in STATES.values()
    ]
    moves = [
        [f"`{r.verb}`", r.source or "—", r.target or "—", r.wait or "—", r.meaning]
        for r in TRANSITIONS
    ]
    assert [row for row in rows if len(row) == 5] == states + moves
