"""``keyturn standin-rest``: the local stand-in for PostgREST."""

from __future__ import annotations

import click

from keyturn.cli.output import reports_errors


@click.command("standin-rest")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=3000, show_default=True, help="Port."
)
@click.option("--data-dir", help="Folder of a running `keyturn up` whose key ring to use.")
@reports_errors
def command(host: str, port: int, data_dir: str | None) -> None:
    """Answer like PostgREST on the database of KEYTURN_REST_DATABASE_URL.

    A stand-in for one machine: it decides about tokens and errors as PostgREST 13 and later do,
    and knows enough of the query language for real clients. It trusts the keys of the ring in
    KEYTURN_DATABASE_URL, so a revoked key is refused at once. For anything else than local work
    run PostgREST itself: docs/reference/rest-stand-in.md says how.
    """
    from keyturn.wiring.rest import run

    run(host, port, data_dir)
