"""Write summary.json and report.html from the per-query values, and print the table."""

from clir import experiment
from clir.errors import run_job
from ray_app.evaluation import report


def main() -> None:
    settings = experiment.from_command_line(__doc__)
    evaluations = sorted((settings.output / "evaluation").glob("*/manifest.json"))
    report.write(settings, [path.parent for path in evaluations])
    report.print_table(settings)


if __name__ == "__main__":
    run_job(main)
