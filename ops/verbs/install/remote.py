"""`remote VERB ...`: a verb typed here and run in the project's own job, where a private database is reached."""

import click

from ops.command_line.answers import Answer, answering
from ops.deployment.inside import run_inside


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option(
    "--job",
    envvar="MICRO_BATCH_JOB",
    required=True,
    metavar="NAME",
    help="projects/P/locations/L/jobs/J, as Terraform's output operator_environment tells (or MICRO_BATCH_JOB).",
)
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="VERB ...")
@answering
def command(job: str, words: tuple[str, ...]) -> Answer:
    """Run a verb inside the project and end as it ended: remote migrate --check, remote cut-over --all --yes."""
    return run_inside(job, words)
