"""Turn mined titles, dictionaries and word vectors into the lexicon table (a Spark job)."""

from clir import command, experiment, results, terminal
from clir.experiment import sources


def main() -> None:
    settings = experiment.from_command_line(__doc__, sources.lexicons)
    results.begin(settings)
    terminal.give_engines(settings.workspace)
    # Engines take seconds to load: mistakes are told, and Ctrl-C is heard, before that.
    from spark_etl import lexicon_table, session

    with session.spark_session(settings.spark) as spark:
        lexicon_table.build(spark, settings)


if __name__ == "__main__":
    command.run(main)
