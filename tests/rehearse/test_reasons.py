"""How a local service says which rule refused a request: word for word, in a header."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from keyturn.flows.ports.rehearsal import WHY_HEADER, why_in
from keyturn.standins.reasons import because

KID = 'PGRST_JWT_SECRET has no key with kid "uPQwFKY6yuQhuy9rYf-Q0z4a…" – 100 % sure.'


def test_a_sentence_arrives_as_it_was_said() -> None:
    assert why_in(because(KID)) == KID
    assert why_in({}) == why_in(because("")) == ""


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_sentence_breaks_the_header(why: str) -> None:
    headers = because(why)
    assert why_in(headers) == why
    assert headers.get(WHY_HEADER, "").isascii()
    assert not set("\r\n\0") & set(headers.get(WHY_HEADER, ""))
