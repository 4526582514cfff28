"""A command of a plan as one sentence for people; every surface says it in the same words."""

from __future__ import annotations

from keyturn.migrate.commands import Command, Probe, describe


def in_words(command: Command) -> str:
    """Return one line; it holds no value of a setting."""
    if not isinstance(command, Probe):
        return describe(command)
    arguments = {name: value.replace(",", ", ") for name, value in command.arguments.items()}
    match command.name:
        case "accept" | "refuse":
            who = arguments.get("services", "every service")
            verb = "accept" if command.name == "accept" else "refuse"
            plural = "" if "services" in arguments else "s"
            whose = {"yes": ", and the newest standby's"}.get(arguments.get("newest", ""), "")
            by = arguments.get("by")
            whose += f", and signed by {by}, which signs next" if by else ""
            former = " of the former keys" if arguments.get("old") == "only" else ""
            return f"prove: {who} {verb}{plural} {arguments['kinds']}{whose}{former}"
        case "publish":
            return f"prove: the JWKS publishes {arguments['kids']}"
        case "sign":
            return f"prove: a sign-in and a refresh give {arguments['alg']} tokens"
        case _:
            return describe(command)
