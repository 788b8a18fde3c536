"""`remote VERB ...`: a verb typed here and run in the project's own job, where a private database is reached."""

import click

from ops.command_line.answers import Answer, answering
from ops.command_line.failures import NotDone
from ops.deployment.inside import run_inside


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option(
    "--job",
    envvar="MICRO_BATCH_JOB",
    metavar="NAME",
    help="projects/P/locations/L/jobs/J, as Terraform's output operator_environment tells (or MICRO_BATCH_JOB).",
)
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="VERB ...")
@answering
def command(job: str | None, words: tuple[str, ...]) -> Answer:
    """Run a verb inside the project, where a private database is."""
    if not job:
        raise NotDone(
            "MICRO_BATCH_JOB is not set: Terraform's output operator_environment tells it, with operations_job"
        )
    return run_inside(job, words)
