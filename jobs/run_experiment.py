"""Run the whole way of an experiment: dumps to report. What is finished is skipped.

Data jobs run in a local Spark session, training and evaluation on Ray (the cluster that
RAY_ADDRESS names, or a local one). To run single stages on clusters, submit the other jobs here
with the same arguments.
"""

from pathlib import Path

from clir import command, experiment, results
from clir.experiment import sources
from ray_app.models import base_models


def main() -> None:
    settings = experiment.from_command_line(
        __doc__,
        sources.dumps,
        sources.collections,
        sources.lexicons,
        sources.tokenizer_texts,
        base_models.check,
    )
    results.begin(settings)
    # Engines take seconds to load: mistakes are told, and Ctrl-C is heard, before that.
    from ray_app import cluster
    from ray_app.evaluation import pipeline, report
    from ray_app.training import ray_launcher

    prepare_data(settings)
    with cluster.connected():
        runs = ray_launcher.train(settings)
        evaluations = pipeline.evaluate(settings, runs)
    report.write(settings, evaluations)
    report.print_table(settings)


def prepare_data(settings: experiment.Experiment) -> Path:
    from spark_etl import (
        collection_tables,
        lexicon_card,
        lexicon_table,
        session,
        titles,
        training_pairs,
    )

    with session.spark_session(settings.spark) as spark:
        mined = titles.mine(spark, settings)
        # Before the lexicon: word vectors may be trained on these texts.
        texts = collection_tables.load(spark, settings)
        sources.check_domains(settings, texts)
        lexicon = lexicon_table.build(spark, settings, mined)
        sources.check_translations(settings, texts, lexicon)
        lexicon_card.build(spark, settings, texts, lexicon)
        for method in settings.methods:
            training_pairs.build(spark, settings, method, texts, lexicon)
    return settings.output


if __name__ == "__main__":
    command.run(main)
