"""What the stand-in reads from its environment, and how it refuses nonsense."""

from __future__ import annotations

import pytest

from keyturn.errors import UsageError
from keyturn.secret import Secret
from keyturn.wiring.rest import rest_settings

URL = {"KEYTURN_REST_DATABASE_URL": "postgresql://authenticator:pw@127.0.0.1/postgres"}


def test_defaults_are_those_of_self_hosted_supabase() -> None:
    settings = rest_settings(URL)
    assert settings.database_url == Secret(URL["KEYTURN_REST_DATABASE_URL"])
    assert settings.service.schemas == ("public",)
    assert settings.service.max_rows == 1000
    assert (settings.tokens.anonymous_role, settings.tokens.audience) == ("anon", None)
    assert "pw" not in repr(settings)


def test_names_of_postgrest_are_understood() -> None:
    settings = rest_settings(
        {
            "PGRST_DB_URI": "postgresql://x",
            "PGRST_DB_SCHEMAS": "api, public",
            "PGRST_DB_MAX_ROWS": "50",
            "PGRST_DB_ANON_ROLE": "",
            "PGRST_JWT_AUD": "here",
            "PGRST_DB_EXTRA_SEARCH_PATH": 'a, "b',
            "PGRST_DB_POOL": "3",
        }
    )
    assert settings.service.schemas == ("api", "public")
    assert (settings.service.max_rows, settings.pool_size) == (50, 3)
    assert (settings.tokens.anonymous_role, settings.tokens.audience) == (None, "here")
    assert settings.search_path == '"a", """b"'


@pytest.mark.parametrize("value", ["many", "-1", "0", "1.5", "9999999999", "٣"])
def test_nonsense_is_refused_by_name(value: str) -> None:
    for name in ("PGRST_DB_MAX_ROWS", "PGRST_DB_POOL"):
        with pytest.raises(UsageError, match=name) as refusal:
            rest_settings({**URL, name: value})
        assert value not in refusal.value.message.replace("from 1 to 999999999", "")


def test_a_database_is_needed() -> None:
    with pytest.raises(UsageError, match="KEYTURN_REST_DATABASE_URL is not set"):
        rest_settings({})
