"""Mine bilingual titles from the page and langlinks dumps of the experiment (a Spark job)."""

from clir import command, experiment, results, terminal
from clir.experiment import sources


def main() -> None:
    settings = experiment.from_command_line(__doc__, sources.dumps)
    results.begin(settings)
    terminal.give_engines(settings.workspace)
    # Engines take seconds to load: mistakes are told, and Ctrl-C is heard, before that.
    from spark_etl import session, titles

    with session.spark_session(settings.spark) as spark:
        titles.mine(spark, settings)


if __name__ == "__main__":
    command.run(main)
