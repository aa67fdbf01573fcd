"""Run the whole way of an experiment: dumps to report. What is finished is skipped.

Data jobs run in a local Spark session, training and evaluation on Ray (the cluster that
RAY_ADDRESS names, or a local one). To run single stages on clusters, submit the other jobs here
with the same arguments.
"""

from rich.markup import escape
from rich.table import Table

from clir import command, experiment, progress, results, stages, terminal
from clir.experiment import sources
from ray_app.models import base_models

CHECKS = (
    sources.dumps,
    sources.collections,
    sources.lexicons,
    sources.tokenizer_texts,
    base_models.check,
)


def main() -> None:
    parser = experiment.command_line(__doc__)
    parser.add_argument(
        "--plan", action="store_true", help="say what is up to date and what would be made"
    )
    arguments = parser.parse_args()
    settings = experiment.load(arguments.config, arguments.set, *CHECKS)
    if arguments.plan:
        print_plan(settings)
        return
    results.begin(settings)
    terminal.give_engines(settings.workspace)
    # Engines take seconds to load: mistakes are told, and Ctrl-C is heard, before that.
    from ray_app import cluster
    from ray_app.evaluation import pipeline
    from ray_app.report import files, table
    from ray_app.training import launch_on_ray, teacher_scores

    prepare_data(settings)
    with cluster.connection() as connect:
        if settings.learns_of_teacher:
            teacher_scores.build(connect, settings)
        launch_on_ray.train(connect, settings)
        pipeline.evaluate(connect, settings)
    files.write(settings)
    table.print_table(settings)


def print_plan(settings: experiment.Experiment) -> None:
    """A look at every stage; nothing is changed."""
    settings.workspace.check()
    table = Table("stage", "", title=str(settings.workspace.output))
    for look in stages.looks(settings):
        name = str(look.stage.folder.relative_to(settings.workspace.output))
        table.add_row(escape(name), escape(look.why or "up to date"))
    progress.show(table)


def prepare_data(settings: experiment.Experiment) -> None:
    from spark_etl import (
        collection_tables,
        lexicon_card,
        lexicon_table,
        session,
        titles,
        training_pairs,
    )

    with session.spark_session(settings.spark) as spark:
        titles.mine(spark, settings)
        # Before the lexicon: word vectors may be trained on these texts.
        collection_tables.load(spark, settings)
        sources.check_domains(settings)
        lexicon_table.build(spark, settings)
        sources.check_translations(settings)
        lexicon_card.build(spark, settings)
        training_pairs.build_all(spark, settings)


if __name__ == "__main__":
    command.run(main)
