"""Turn mined titles, dictionaries and word vectors into the lexicon table (a Spark job)."""

from clir import experiment, results
from clir.errors import run_job
from spark_etl import lexicon_table, session


def main() -> None:
    settings = experiment.from_command_line(__doc__)
    results.begin(settings)
    with session.spark_session(settings.spark) as spark:
        lexicon_table.build(spark, settings, settings.output / "titles")


if __name__ == "__main__":
    run_job(main)
