"""Make every method's training pairs: code-switched, shuffled, sharded (a Spark job)."""

from clir import command, experiment, results, terminal
from clir.experiment import sources


def main() -> None:
    settings = experiment.from_command_line(__doc__)
    results.begin(settings)
    sources.check_domains(settings)
    terminal.give_engines(settings.workspace)
    # Engines take seconds to load: mistakes are told, and Ctrl-C is heard, before that.
    from spark_etl import lexicon_card, session, training_pairs

    with session.spark_session(settings.spark) as spark:
        lexicon_card.build(spark, settings)
        training_pairs.build_all(spark, settings)


if __name__ == "__main__":
    command.run(main)
