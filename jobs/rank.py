"""Rank and score with every trained model on every setting, by Ray Data (a Ray job)."""

from clir import command, experiment, results, terminal
from clir.experiment import sources


def main() -> None:
    settings = experiment.from_command_line(__doc__)
    results.begin(settings)
    sources.check_translations(settings)
    terminal.give_engines(settings.workspace)
    # Engines take seconds to load: mistakes are told, and Ctrl-C is heard, before that.
    from ray_app import cluster
    from ray_app.evaluation import pipeline

    with cluster.connection() as connect:
        pipeline.evaluate(connect, settings)


if __name__ == "__main__":
    command.run(main)
