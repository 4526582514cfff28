"""Envelopes open only where and as what they were sealed; master keys come from safe places."""

from __future__ import annotations

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.adapters.master_key import (
    BadMasterKey,
    MasterKeyExposed,
    MasterKeyMissing,
    ensure_master_key_file,
    parse_master_keys,
    read_master_key_file,
)
from keyturn.adapters.sealing import BrokenSeal, Sealer, SealError, UnknownMasterKey
from keyturn.errors import KeyturnError
from keyturn.secret import Secret
from keyturn.secret_access import reveal

ONE, TWO = Secret(bytes(range(32))), Secret(bytes(range(1, 33)))


@given(plain=st.binary(max_size=200), kid=st.text(max_size=20), alg=st.text(max_size=8))
def test_what_is_sealed_comes_back_only_under_its_own_name(
    plain: bytes, kid: str, alg: str
) -> None:
    sealer = Sealer([ONE])
    envelope = sealer.seal(Secret(plain), kid=kid, alg=alg)
    assert reveal(sealer.unseal(envelope, kid=kid, alg=alg)) == plain
    for other_kid, other_alg in ((kid + "x", alg), (kid, alg + "x"), (kid[:-1], kid[-1:] + alg)):
        if (other_kid, other_alg) != (kid, alg):
            with pytest.raises(BrokenSeal):
                sealer.unseal(envelope, kid=other_kid, alg=other_alg)


@given(position=st.integers(0, 200), bit=st.integers(0, 7))
def test_every_flipped_bit_is_noticed(position: int, bit: int) -> None:
    sealer = Sealer([ONE])
    envelope = bytearray(sealer.seal(Secret(b"the private half"), kid="k", alg="ES256"))
    envelope[position % len(envelope)] ^= 1 << bit
    with pytest.raises(SealError):
        sealer.unseal(bytes(envelope), kid="k", alg="ES256")


def test_the_first_master_key_seals_and_all_unseal() -> None:
    old, both, new = Sealer([ONE]), Sealer([TWO, ONE]), Sealer([TWO])
    before = old.seal(Secret(b"secret"), kid="k", alg="ES256")
    after = both.seal(Secret(b"secret"), kid="k", alg="ES256")
    assert reveal(both.unseal(before, kid="k", alg="ES256")) == b"secret"
    assert reveal(new.unseal(after, kid="k", alg="ES256")) == b"secret"
    with pytest.raises(UnknownMasterKey):
        new.unseal(before, kid="k", alg="ES256")


def test_no_two_envelopes_share_a_nonce() -> None:
    sealer = Sealer([ONE])
    nonces = {sealer.seal(Secret(b"x"), kid="k", alg="ES256")[11:23] for _ in range(200)}
    assert len(nonces) == 200


@pytest.mark.parametrize("envelope", [b"", b"KT", b"XX" + bytes(60), b"KT\x02" + bytes(60)])
def test_what_is_no_envelope_is_refused(envelope: bytes) -> None:
    with pytest.raises(BrokenSeal):
        Sealer([ONE]).unseal(envelope, kid="k", alg="ES256")


RAW = bytes(range(200, 232))
TEXT = base64.b64encode(RAW).decode()


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.rstrip("="),
        base64.urlsafe_b64encode(RAW).decode(),
        RAW.hex(),
        RAW.hex().upper(),
        f"  {TEXT}\n",
    ],
)
def test_a_master_key_may_be_written_in_base64_or_hex(text: str) -> None:
    assert [reveal(key) for key in parse_master_keys(Secret(text), source="X")] == [RAW]


def test_a_list_keeps_its_order() -> None:
    other = base64.b64encode(bytes(32)).decode()
    keys = parse_master_keys(Secret(f"{TEXT}, {other}"), source="X")
    assert [reveal(key) for key in keys] == [RAW, bytes(32)]


@pytest.mark.parametrize("text", ["", ",", "correct horse battery staple", TEXT[:-8], TEXT * 2])
def test_anything_else_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(BadMasterKey) as refused:
        parse_master_keys(Secret(text), source="KEYTURN_MASTER_KEY")
    assert "KEYTURN_MASTER_KEY" in refused.value.message
    assert not text.strip(",") or text not in f"{refused.value.message} {refused.value.hint}"


def test_processes_that_start_at_once_share_one_new_master_key(tmp_path: Path) -> None:
    path = tmp_path / "data" / "master.key"
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: ensure_master_key_file(path), range(16)))
    assert len({reveal(keys[0]) for keys in found}) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["master.key"]


def test_a_master_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    ensure_master_key_file(path)
    path.chmod(0o640)
    with pytest.raises(MasterKeyExposed, match="0640"):
        read_master_key_file(path)


def test_a_missing_master_key_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyMissing, match=r"nowhere\.key"):
        read_master_key_file(tmp_path / "nowhere.key")
    (tmp_path / "folder").mkdir()
    with pytest.raises(KeyturnError):
        read_master_key_file(tmp_path / "folder")
