"""Load the experiment's collections into documents, queries and judgments (a Spark job)."""

from clir import command, experiment, results, terminal
from clir.experiment import sources


def main() -> None:
    settings = experiment.from_command_line(__doc__, sources.collections)
    results.begin(settings)
    terminal.give_engines(settings.workspace)
    # Engines take seconds to load: mistakes are told, and Ctrl-C is heard, before that.
    from spark_etl import collection_tables, session

    with session.spark_session(settings.spark) as spark:
        collection_tables.load(spark, settings)
    sources.check_domains(settings)


if __name__ == "__main__":
    command.run(main)
