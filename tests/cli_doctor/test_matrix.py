"""The matrix: what a cell means, when an observation contradicts the files, and how it looks."""

from __future__ import annotations

import pytest
from tests.cli_doctor.conftest import Says
from tests.support.deployments import NOW
from tests.support.inventories import inventory

from keyturn.cli.doctor_matrix_text import matrix_text
from keyturn.deploy.inventory import VERIFIERS, Kind
from keyturn.doctor.facts import Answer, ProbeFacts
from keyturn.doctor.matrix import HOSTILE, Cell, Judgement, Matrix, matrix
from keyturn.doctor.matrix_symbols import symbol
from keyturn.profiles.request import Credential, CredentialKind
from keyturn.profiles.verdict import Outcome, Step, Verdict

ALL = inventory({kind: {} for kind in VERIFIERS})
CREDENTIALS: dict[CredentialKind, Credential] = {
    kind: Credential(kind, "key", None) for kind in CredentialKind
}
REFUSED = Verdict(
    Outcome.REFUSED, (Step("rest", "No key has this kid.", False),), None, 401, "PGRST301", "No key"
)


def built(says: Says, probes: ProbeFacts | None = None) -> Matrix:
    """The matrix of all five services under predictions of our own."""
    return matrix(ALL, CREDENTIALS, NOW, probes=probes, follow=says)


def answer(
    service: Kind, credential: CredentialKind, accepted: bool | None, **more: object
) -> Answer:
    """One observation."""
    status = {True: 200, False: 401, None: 502}[accepted]
    made = {"status": status, "websocket": service is Kind.REALTIME, **more}
    return Answer(service, credential, accepted=accepted, **made)  # type: ignore[arg-type]


@pytest.mark.parametrize("hostile", [True, False])
@pytest.mark.parametrize("outcome", Outcome)
def test_what_an_outcome_means(outcome: Outcome, hostile: bool) -> None:
    kind = CredentialKind.FORGED if hostile else CredentialKind.USER_ES256
    expected = {
        Outcome.ACCEPTED: Judgement.BAD if hostile else Judgement.GOOD,
        Outcome.REFUSED: Judgement.GOOD if hostile else Judgement.BAD,
        Outcome.DOWNGRADED: Judgement.NEUTRAL if hostile else Judgement.BAD,
        Outcome.DOWN: Judgement.BAD,
    }.get(outcome, Judgement.NEUTRAL)
    assert Cell(Kind.REST, kind, Verdict(outcome)).judgement is expected


@pytest.mark.parametrize(
    ("outcome", "accepted", "differs"),
    [
        (Outcome.ACCEPTED, True, False),
        (Outcome.ACCEPTED, False, True),
        (Outcome.ACCEPTED, None, False),
        (Outcome.REFUSED, False, False),
        (Outcome.REFUSED, True, True),
        (Outcome.DOWNGRADED, True, False),
        (Outcome.OPEN, False, True),
        (Outcome.DOWN, True, True),
        (Outcome.UNKNOWN, True, False),
        (Outcome.ABSENT, False, False),
    ],
)
def test_a_difference_is_told_only_where_both_are_known(
    outcome: Outcome, accepted: bool | None, differs: bool
) -> None:
    seen = answer(Kind.REST, CredentialKind.FORGED, accepted)
    assert Cell(Kind.REST, CredentialKind.FORGED, Verdict(outcome), seen).differs is differs


def test_silence_differs_from_a_service_that_should_be_up() -> None:
    silent = Answer(Kind.REST, CredentialKind.FORGED, None)
    assert Cell(Kind.REST, CredentialKind.FORGED, REFUSED, silent).differs
    down = Cell(Kind.REST, CredentialKind.FORGED, Verdict(Outcome.DOWN), silent)
    assert not down.differs


def test_past_the_gateway_an_sb_key_may_be_refused() -> None:
    for kind in (CredentialKind.PUBLISHABLE, CredentialKind.SECRET):
        assert Cell(Kind.REST, kind, REFUSED).judgement is Judgement.BAD
        assert Cell(Kind.REST, kind, REFUSED, direct=True).judgement is Judgement.NEUTRAL


def test_an_observation_outranks_the_prediction() -> None:
    seen = answer(Kind.REST, CredentialKind.FORGED, True)
    cell = Cell(Kind.REST, CredentialKind.FORGED, REFUSED, seen)
    assert (cell.judgement, symbol(cell)) == (Judgement.BAD, "401≠ok")


def test_rows_are_the_services_that_exist(says: Says) -> None:
    some = inventory({Kind.STORAGE: {}, Kind.AUTH: {}, Kind.STUDIO: {}})
    found = matrix(some, CREDENTIALS, NOW, follow=says)
    assert found.services == (Kind.AUTH, Kind.STORAGE)


def test_what_the_deployment_does_not_have_is_no_cell_and_says_why(says: Says) -> None:
    held = {**CREDENTIALS}
    del held[CredentialKind.SECRET]
    missing = {CredentialKind.SECRET: "SUPABASE_SECRET_KEY is not set"}
    found = matrix(ALL, held, NOW, missing=missing, follow=says)
    assert found.cell(Kind.AUTH, CredentialKind.SECRET) is None
    text = matrix_text(found)
    assert "- secret: SUPABASE_SECRET_KEY is not set" in text
    assert found.as_dict()["missing"] == {"secret": "SUPABASE_SECRET_KEY is not set"}


def test_realtime_is_compared_by_its_socket_and_nothing_by_direct_answers(says: Says) -> None:
    kind = CredentialKind.USER_ES256
    probes = ProbeFacts(
        "http://x",
        (
            answer(Kind.REALTIME, kind, False, websocket=False),
            answer(Kind.REALTIME, kind, True),
            answer(Kind.REST, kind, False, direct=True),
        ),
    )
    found = built(says, probes)
    realtime, rest = found.cell(Kind.REALTIME, kind), found.cell(Kind.REST, kind)
    assert realtime is not None
    assert rest is not None
    assert realtime.accepted is True
    assert rest.observed is None


def test_when_nothing_answered_nothing_is_compared(says: Says) -> None:
    silent = tuple(Answer(kind, CredentialKind.FORGED, None) for kind in VERIFIERS)
    assert not built(says, ProbeFacts("http://x", silent)).observed


def test_the_table_fits_80_columns_even_when_everything_differs(says: Says) -> None:
    says.outcomes = {(s, k): REFUSED for s in VERIFIERS for k in CredentialKind}
    probes = ProbeFacts(
        "http://x", tuple(answer(s, k, True) for s in VERIFIERS for k in CredentialKind)
    )
    text = matrix_text(built(says, probes))
    assert text.count("401≠ok!") == len(VERIFIERS) * len(HOSTILE)
    assert max(map(len, text.splitlines())) <= 82
    says.outcomes = {}
    assert max(map(len, matrix_text(built(says)).splitlines())) <= 80


def test_the_reason_of_every_bad_cell_stands_below_once(says: Says) -> None:
    bad = {(kind, CredentialKind.USER_ES256): REFUSED for kind in (Kind.REST, Kind.STORAGE)}
    says.outcomes = bad
    text = matrix_text(built(says))
    assert text.count("No key has this kid.") == 1
    assert "rest, storage × user ES256: refused, 401 PGRST301 No key" in text
    assert text.count("401!") == 2


def test_json_has_every_cell_with_its_steps(says: Says) -> None:
    says.outcomes = {(Kind.REST, CredentialKind.USER_ES256): REFUSED}
    document = built(says).as_dict()
    cells = document["cells"]
    assert isinstance(cells, list)
    assert len(cells) == len(VERIFIERS) * len(CredentialKind)
    refused = [c for c in cells if c["predicted"]["outcome"] == "refused" and not _hostile(c)]
    assert [(c["service"], c["credential"], c["judgement"]) for c in refused] == [
        ("rest", "user ES256", "bad")
    ]
    assert refused[0]["predicted"]["steps"] == [
        {"at": "rest", "text": "No key has this kid.", "ok": False}
    ]


def _hostile(cell: dict[str, object]) -> bool:
    return cell["credential"] in {kind.value for kind in HOSTILE}
