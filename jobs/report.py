"""Write summary.json and report.html from the per-query values, and print the table."""

from clir import command, experiment, results


def main() -> None:
    settings = experiment.from_command_line(__doc__)
    results.begin(settings)
    # Engines take seconds to load: mistakes are told, and Ctrl-C is heard, before that.
    from ray_app.evaluation import pipeline, report
    from ray_app.training.runs import plan_runs

    _, systems = pipeline.plan(settings, plan_runs(settings))
    report.write(settings, [system.folder for system in systems])
    report.print_table(settings)


if __name__ == "__main__":
    command.run(main)
