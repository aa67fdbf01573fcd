"""Rank and score with every trained model on every setting, by Ray Data (a Ray job)."""

from clir import command, experiment, results, sources
from ray_app import cluster
from ray_app.evaluation import ray_pipeline
from ray_app.training.runs import plan_runs


def main() -> None:
    settings = experiment.from_command_line(__doc__)
    results.begin(settings)
    output = settings.output
    sources.check_translations(settings, output / "collections", output / "lexicon")
    with cluster.connected():
        ray_pipeline.evaluate(settings, plan_runs(settings))


if __name__ == "__main__":
    command.run(main)
