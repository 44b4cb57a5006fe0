"""`ragstream env`: the local stack's address and password, as a shell's variables."""

import shlex

import click

from services.cli import connect
from services.cli.session import Session, data_dir_option, json_option, pass_session


@click.command
@json_option
@data_dir_option
@pass_session
def env(session: Session) -> None:
    """Print where the local stack's Redis is, and its password, as variables for a shell.

    Programs of your own find the stack by them: those in examples/ do, and redis-cli, which takes
    its password from REDISCLI_AUTH. The commands of `ragstream` obey them, too. A stack that is
    started anew may have another port: then do it again.

    \b
    Examples:
      eval "$(ragstream env)"
      redis-cli -u "$RAGSTREAM_REDIS_URL" XLEN rag:answers
      ragstream env --json | jq -r .RAGSTREAM_REDIS_URL

    Exit status: 0, 6 no stack runs.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    folder = session.folder()
    running, password = connect.running(folder), folder.read_password()
    variables = {
        connect.URL: running.redis_url,
        connect.PASSWORD: password,
        connect.NAMESPACE: running.namespace,
        "REDISCLI_AUTH": password,
    }
    if session.json:
        session.show(variables)
        return
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")
