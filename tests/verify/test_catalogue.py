"""The catalogue of attacks: every row has a test, and this is where it stands."""

from __future__ import annotations

from importlib import import_module

import pytest
from tests.jose.test_jwk import DAMAGE
from tests.verify.test_attacks_on_claims import ACCEPTED, CONTEXT
from tests.verify.test_attacks_on_encoding import PARSING
from tests.verify.test_attacks_on_keys import ATTACKS

NAMED_ROWS = {
    name.split(maxsplit=1)[0] for name in [*ATTACKS, *PARSING, *CONTEXT, *ACCEPTED]
}  # fmt: skip
WEAK, JWK, JWKS = "jose.test_weak_public_keys", "jose.test_jwk", "jose.test_jwks"
REMOTE, FETCHING = "verifier.test_remote", "verifier.test_fetching"
SERVICES, PUBLISHED = "verifier.test_attacks_on_services", "verifier.test_published"
HITS, BOUNDS = "token_cache.test_hits", "token_cache.test_bounds"
FUNCTIONS: dict[int, tuple[str, ...]] = {
    3: (
        f"{JWK}:test_alg_is_derived_from_the_key_when_the_jwk_names_none",
        f"{JWKS}:test_whatever_the_header_only_the_named_key_with_its_algorithm_is_chosen",
    ),
    7: (f"{SERVICES}:test_7_no_header_causes_a_connection",),
    9: (f"{SERVICES}:test_9_one_kid_of_two_issuers",),
    10: (
        f"{JWKS}:test_two_keys_of_one_name_are_refused",
        f"{PUBLISHED}:test_different_keys_of_one_name_are_all_skipped",
    ),
    11: (
        f"{JWK}:test_a_public_jwk_that_may_not_verify_is_refused",
        f"{JWK}:test_a_private_jwk_is_refused_with",
    ),
    12: (f"{JWK}:test_a_private_jwk_is_refused_with",),
    13: (f"{JWKS}:test_a_parsed_verifier_document_is_the_set_it_was_written_from",),
    17: (
        f"{WEAK}:test_an_rsa_modulus_of_another_size_is_refused",
        f"{WEAK}:test_an_even_modulus_is_refused",
        f"{WEAK}:test_a_modulus_made_as_the_vulnerable_chips_made_it_is_refused",
    ),
    18: (f"{WEAK}:test_an_ed25519_point_of_small_order_is_refused",),
    19: (f"{JWK}:test_a_private_jwk_is_refused_with",),
    20: (
        f"{JWK}:test_an_ec_half_of_another_key_is_refused",
        f"{JWK}:test_an_ed25519_half_of_another_key_is_refused",
        f"{JWK}:test_an_rsa_number_that_does_not_fit_is_refused",
    ),
    22: (
        f"{JWK}:test_a_short_secret_is_refused_unless_it_is_imported_on_purpose",
        "verifier.test_misuse:test_a_secret_that_everybody_knows_is_refused_unless_on_purpose",
    ),
    44: (
        f"{SERVICES}:test_44_only_rejections_and_never_the_token_in_a_log",
        "verify.test_claims:test_whatever_the_claims_are_the_verdict_is_a_rejection_or_none",
    ),
    45: (
        f"{REMOTE}:test_a_flood_of_unknown_keys_makes_one_fetch_per_cooldown",
        f"{REMOTE}:test_a_flood_makes_one_fetch_per_cooldown_also_when_every_fetch_fails",
    ),
    46: (f"{REMOTE}:test_a_broken_document_does_not_displace_good_keys",),
    47: (f"{REMOTE}:test_a_removed_key_is_dead_after_the_next_refresh",),
    48: (
        f"{FETCHING}:test_an_answer_in_drops_ends_at_the_same_deadline",
        f"{FETCHING}:test_a_long_body_is_not_read_to_its_end",
        f"{FETCHING}:test_a_compressed_body_is_refused",
        f"{FETCHING}:test_addresses_that_keys_may_not_come_from",
        f"{SERVICES}:test_48_a_redirect_to_the_cloud_s_address_is_not_followed",
    ),
    49: (f"{PUBLISHED}:test_one_bad_key_does_not_spoil_the_others",),
    50: (f"{REMOTE}:test_an_answer_older_than_a_push_is_thrown_away",),
    51: (f"{SERVICES}:test_51_several_tokens_of_one_request",),
    52: (
        f"{JWKS}:test_publication_keeps_order_and_never_carries_secrets",
        f"{JWKS}:test_the_second_fence_of_publication_stops_what_the_first_let_through",
        "jose.test_no_secrets_shown:test_no_error_shows_key_material_or_a_token",
    ),
    53: (
        f"{HITS}:test_every_character_of_the_token_counts",
        f"{HITS}:test_same_signature_under_other_claims_is_not_the_token",
        f"{HITS}:test_a_key_that_left_the_set_is_gone_at_once",
        f"{HITS}:test_time_is_asked_at_every_hit",
        f"{HITS}:test_what_one_caller_does_to_the_claims_no_other_sees",
        f"{BOUNDS}:test_entries_are_bounded_and_the_used_ones_stay",
    ),
    54: (
        "jose.test_jwt:test_what_json_cannot_carry_is_not_signed",
        "jose.test_jwt:test_times_that_are_no_numbers_are_not_signed",
        "jose.test_jwt:test_the_header_is_byte_for_byte_what_gotrue_writes",
    ),
}


@pytest.mark.parametrize("row", range(1, 55))
def test_every_row_of_the_catalogue_has_a_test(row: int) -> None:
    places = FUNCTIONS.get(row, ())
    assert places or str(row) in NAMED_ROWS
    for place in places:
        module, _, function = place.partition(":")
        assert callable(getattr(import_module(f"tests.{module}"), function))


def test_the_rows_about_keys_are_in_the_table_of_damaged_keys() -> None:
    about = {
        11: ("use for encryption", "key_ops for encryption", "key_ops for encryption too"),
        12: ("alg of another curve", "alg that does not exist", "oct for AES", "alg none"),
        17: ("exponent 1", "exponent 3", "even exponent", "enormous exponent"),
        19: ("the point (0, 0)", "x of 31 bytes", "x of 33 bytes", "x beyond the field"),
    }
    assert [name for names in about.values() for name in names if name not in DAMAGE] == []
