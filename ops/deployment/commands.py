"""What a deployment needs beside Terraform: look at the plan, try the result, take it back.

    python -m ops.deployment.commands review PLAN.json        refuse a plan that would lose something
    python -m ops.deployment.commands smoke OUTPUTS.json      health, then one check through the topic
    python -m ops.deployment.commands rollback OUTPUTS.json   pause the schedule, list what is under way

PLAN.json is `terraform show -json PLAN`, OUTPUTS.json is `terraform output -json`. The last two
read the database of DATABASE_URL, or of the Cloud SQL settings.
"""

import argparse
import json
import os
import sys
from contextlib import closing
from pathlib import Path

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError

from ops.deployment.installation import Installation, tasks_client
from ops.deployment.plan_review import objections
from ops.deployment.rollback import SCHEDULER_URL, RollbackFailedError, list_under_way, pause_schedule
from ops.deployment.smoke_test import DEFAULT_PATIENCE, Patience, SmokeFailedError, smoke
from shared.errors import DatabaseUnavailable, SettingsInvalid
from shared.outside.database import connect
from shared.settings import load_database_settings

DONE, REFUSED, TRY_AGAIN = 0, 1, 3


def review(options: argparse.Namespace) -> int:
    """Print every objection to the plan; 1 if there is one."""
    problems = objections(json.loads(options.file.read_text()), options.allow)
    for problem in problems:
        print(f"deploy: refused: {problem}", file=sys.stderr)
    if problems:
        print("deploy: if it is meant, name it: --allow ADDRESS (make: ALLOW=ADDRESS)", file=sys.stderr)
    return REFUSED if problems else DONE


def smoke_test(options: argparse.Namespace) -> int:
    """Try the deployment once; 1 when it does not work."""
    installation = Installation.read(json.loads(options.file.read_text()))
    patience = Patience(options.health_s, options.check_s, options.poll_s)
    with closing(connect(load_database_settings(os.environ))) as connection:
        smoke(installation, connection, tasks=tasks_client(), patience=patience)
    return DONE


def rollback(options: argparse.Namespace) -> int:
    """Pause the schedule and list what is under way; 1 when it still runs."""
    installation = Installation.read(json.loads(options.file.read_text()))
    pause_schedule(installation.scheduler_job, options.scheduler_url)
    print(f"paused: {installation.scheduler_job}")
    print("set paused = true in the .tfvars as well: the next apply would resume it", flush=True)
    # Only now the database, which may be what the rollback is for.
    with closing(connect(load_database_settings(os.environ))) as connection:
        list_under_way(installation, connection, tasks=tasks_client())
    return DONE


def parser() -> argparse.ArgumentParser:
    """The command line."""
    root = argparse.ArgumentParser(
        prog="python -m ops.deployment.commands",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = root.add_subparsers(required=True)
    one = commands.add_parser("review", help=review.__doc__)
    one.add_argument("--allow", action="append", default=[], metavar="ADDRESS")
    one.set_defaults(run=review)
    two = commands.add_parser("smoke", help=smoke_test.__doc__)
    two.add_argument("--health-s", type=float, default=DEFAULT_PATIENCE.health_s)
    two.add_argument("--check-s", type=float, default=DEFAULT_PATIENCE.check_s)
    two.add_argument("--poll-s", type=float, default=DEFAULT_PATIENCE.poll_s)
    two.set_defaults(run=smoke_test)
    three = commands.add_parser("rollback", help=rollback.__doc__)
    three.add_argument("--scheduler-url", default=SCHEDULER_URL, help="Cloud Scheduler's API")
    three.set_defaults(run=rollback)
    for command in (one, two, three):
        command.add_argument("file", type=Path)
    return root


def main(arguments: list[str] | None = None) -> int:
    """0 done; 1 refused or failed, a person must look; 3 something did not answer, try again."""
    options = parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except (DatabaseUnavailable, GoogleAPIError, GoogleAuthError, TimeoutError) as error:
        return _end(TRY_AGAIN, f"{type(error).__name__}: {error}")
    except (SmokeFailedError, RollbackFailedError, SettingsInvalid, ValueError, OSError) as error:
        return _end(REFUSED, str(error))
    return code


def _end(code: int, message: str) -> int:
    print(f"deploy: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
