"""Load the experiment's collections into documents, queries and judgments (a Spark job)."""

from clir import experiment, results
from clir.errors import run_job
from spark_etl import collection_tables, session


def main() -> None:
    settings = experiment.from_command_line(__doc__)
    results.begin(settings)
    with session.spark_session(settings.spark) as spark:
        collection_tables.load(spark, settings)


if __name__ == "__main__":
    run_job(main)
