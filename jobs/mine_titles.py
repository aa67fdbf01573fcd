"""Mine bilingual titles from the page and langlinks dumps of the experiment (a Spark job)."""

from clir import command, experiment, results, sources
from spark_etl import session, titles


def main() -> None:
    settings = experiment.from_command_line(__doc__, sources.dumps)
    results.begin(settings)
    with session.spark_session(settings.spark) as spark:
        titles.mine(spark, settings)


if __name__ == "__main__":
    command.run(main)
