"""Write summary.json and report.html from the per-query values, and print the table."""

from clir import command, experiment, results


def main() -> None:
    settings = experiment.from_command_line(__doc__)
    results.begin(settings)
    from ray_app.report import files, table  # it takes seconds to load, see command.run

    files.write(settings)
    table.print_table(settings)


if __name__ == "__main__":
    command.run(main)
