"""``keyturn convert``: the same key in another form, without a server or a database."""

from __future__ import annotations

import click

from keyturn.errors import RefusedUnsafe, UsageError


class HoldsSecrets(RefusedUnsafe):
    """The form holds secrets, and nobody said that this is wanted."""

    code = "holds_secrets"
    default_hint = "Say so: add --private."


@click.command("convert", short_help="Turn a key from any form into any other.")
@click.option("--from", "source", required=True, metavar="FILE", help="The key, or - for stdin.")
@click.option("--to", "form", required=True, metavar="FORM", help="One of the forms below.")
@click.option("--alg", help="What a PEM is for; HS256 takes plain text as a shared secret.")
@click.option("--kid", help="The name of a key that has none.")
@click.option("--pick", metavar="KID", help="Take this one key when there are several.")
@click.option("--private", is_flag=True, help="Allow a form with secrets in it.")
@click.option("--output", "out", metavar="FILE", help="A new file; 0600 when the form is private.")
def command(
    source: str,
    form: str,
    alg: str | None,
    kid: str | None,
    pick: str | None,
    private: bool,
    out: str | None,
) -> None:
    """Read a key in whatever form it is, and write it in another.

    \b
    Reads:   a JWK, a JWKS, GoTrue's JWT_KEYS, the article's JWT_KEYS, PEM (SEC1,
             PKCS#8, SPKI), base64 of a PEM, a line NAME=value of an env file,
             and with --alg HS256 the text of a JWT_SECRET
    Public:  public-jwk · public-jwks · public-pem · public-pem-base64
    Private: private-jwk · private-pem · private-pem-openssl · private-pem-base64
             verifier-jwks · gotrue-jwt-keys · article-jwt-keys

    A public form is made from public halves only; a shared secret has none and is refused.
    """
    from keyturn.cli import handover
    from keyturn.cli.convert_input import read_held
    from keyturn.keyring.handed import DOCUMENTS

    row = DOCUMENTS.get(form)
    if row is None:
        raise UsageError(f"there is no form {form!r}", hint=f"Known: {', '.join(DOCUMENTS)}.")
    if row.private and not private:
        raise HoldsSecrets(f"{form} holds secrets")
    handover.check_output(out, private=row.private)
    keys = read_held(source, alg=alg, kid=kid, pick=pick)
    document = handover.usable(lambda: row.render(keys))
    handover.hand_over(handover.opened(document), out, private=row.private)
